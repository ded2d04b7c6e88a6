//! A picture in memory: eight bits a channel, row after row, in as few channels as it needs.

use super::limits::{LONGEST_UPLOADED_SIDE, MOST_PIXELS};
use super::{Dimensions, Unusable};

/// What there is of every pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channels {
    /// One byte.
    Grey,
    /// Red, green, blue.
    Rgb,
    /// And how opaque it is.
    Rgba,
}

impl Channels {
    /// So many bytes has a pixel.
    pub const fn count(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::Rgb => 3,
            Self::Rgba => 4,
        }
    }
}

/// A picture in memory. *Filled*: `data` has exactly the bytes of all pixels, and there is at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pixels {
    dimensions: Dimensions,
    channels: Channels,
    data: Vec<u8>,
}

impl Pixels {
    /// A picture of these bytes, which are as many as it takes.
    pub fn new(dimensions: Dimensions, channels: Channels, data: Vec<u8>) -> Self {
        assert!(dimensions.width > 0 && dimensions.height > 0, "a picture has pixels");
        assert_eq!(data.len() as u64, area(dimensions) * channels.count() as u64, "it is filled");
        Self { dimensions, channels, data }
    }

    /// How large it is.
    pub const fn dimensions(&self) -> Dimensions {
        self.dimensions
    }

    /// What there is of every pixel.
    pub const fn channels(&self) -> Channels {
        self.channels
    }

    /// The bytes of all pixels.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The bytes of all pixels, to be changed.
    pub fn data_mut(&mut self) -> &mut [u8] {
        &mut self.data
    }

    /// The rows from top to bottom.
    pub fn rows(&self) -> std::slice::ChunksExact<'_, u8> {
        self.data.chunks_exact(self.dimensions.width as usize * self.channels.count())
    }

    /// The same without a channel that says nothing: one in which every pixel is opaque.
    #[must_use]
    pub fn without_needless_alpha(mut self) -> Self {
        let is_opaque = |pixel: &[u8; 4]| pixel[3] == u8::MAX;
        if self.channels != Channels::Rgba || !self.data.as_chunks().0.iter().all(is_opaque) {
            return self;
        }
        let pixels = self.data.len() / 4;
        for pixel in 1..pixels {
            self.data.copy_within(pixel * 4..pixel * 4 + 3, pixel * 3);
        }
        self.data.truncate(pixels * 3);
        self.data.shrink_to_fit();
        Self { channels: Channels::Rgb, ..self }
    }
}

/// How many pixels there are.
pub fn area(dimensions: Dimensions) -> u64 {
    u64::from(dimensions.width) * u64::from(dimensions.height)
}

/// Refuses what is larger than pictures may be, before anything is allocated for it.
pub fn check_dimensions(width: u32, height: u32) -> Result<Dimensions, Unusable> {
    let dimensions = Dimensions { width, height };
    if width == 0 || height == 0 {
        return Err(Unusable::damaged("it has no pixels"));
    }
    if width.max(height) > LONGEST_UPLOADED_SIDE || area(dimensions) > MOST_PIXELS {
        return Err(Unusable::TooManyPixels { width, height });
    }
    Ok(dimensions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alpha_goes_only_if_every_pixel_is_opaque() {
        let dimensions = Dimensions { width: 2, height: 1 };
        let opaque = vec![1, 2, 3, 255, 4, 5, 6, 255];
        let pixels = Pixels::new(dimensions, Channels::Rgba, opaque).without_needless_alpha();
        assert_eq!(pixels, Pixels::new(dimensions, Channels::Rgb, vec![1, 2, 3, 4, 5, 6]));
        let clear = Pixels::new(dimensions, Channels::Rgba, vec![1, 2, 3, 255, 4, 5, 6, 254]);
        assert_eq!(clear.clone().without_needless_alpha(), clear);
    }

    #[test]
    fn a_picture_at_its_limits_is_no_larger() {
        assert!(check_dimensions(7_680, 4_320).is_ok());
        assert!(check_dimensions(1, 16_384).is_ok());
        for (width, height) in [(7_681, 4_320), (16_385, 1), (1, 16_385), (u32::MAX, u32::MAX)] {
            let refused = check_dimensions(width, height);
            assert_eq!(refused, Err(Unusable::TooManyPixels { width, height }));
        }
        assert!(matches!(check_dimensions(0, 1), Err(Unusable::Damaged(_))));
    }
}
