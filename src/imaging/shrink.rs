//! Cutting to a shape, and making smaller, with a good filter (Lanczos), which takes how opaque each pixel is into account.
//! Nothing is ever made larger.

use fast_image_resize::{
    FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer,
    images::{Image, ImageRef},
};

use super::limits::{
    AVATAR_SIDE, HEADER_RATIO, HEADER_WIDTH, LONGEST_KEPT_SIDE, MOST_SMALL_PIXELS,
};
use super::pixels::{Channels, Pixels, area};
use super::{Dimensions, PicturePurpose};

/// A part of a picture, and how large it is to become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    left: u32,
    top: u32,
    /// Of what is cut out.
    pub part: Dimensions,
    /// Of what it becomes; on neither side larger than the part.
    pub target: Dimensions,
}

impl Cut {
    /// What is kept of a picture for a purpose.
    pub fn of(dimensions: Dimensions, purpose: PicturePurpose) -> Self {
        let Dimensions { width, height } = dimensions;
        let part = match purpose {
            PicturePurpose::Post => dimensions,
            PicturePurpose::Avatar => {
                let side = width.min(height);
                Dimensions { width: side, height: side }
            }
            PicturePurpose::Header => Dimensions {
                width: width.min(height.saturating_mul(HEADER_RATIO)),
                height: height.min((width / HEADER_RATIO).max(1)),
            },
        };
        let target = match purpose {
            PicturePurpose::Post => within_side(part, LONGEST_KEPT_SIDE),
            PicturePurpose::Avatar => within_side(part, AVATAR_SIDE),
            PicturePurpose::Header if part.width > HEADER_WIDTH => {
                Dimensions { width: HEADER_WIDTH, height: HEADER_WIDTH / HEADER_RATIO }
            }
            PicturePurpose::Header => part,
        };
        let (left, top) = ((width - part.width) / 2, (height - part.height) / 2);
        Self { left, top, part, target }
    }

    /// The same part, so many thousandths as wide and high.
    #[must_use]
    pub fn scaled(self, thousandths: u64) -> Self {
        Self { target: resized(self.target, thousandths, 1_000), ..self }
    }

    /// Whether it changes nothing of a picture.
    pub fn is_whole(self, dimensions: Dimensions) -> bool {
        self.part == dimensions && self.target == dimensions
    }

    /// The part, in its new size.
    pub fn applied(self, pixels: &Pixels) -> Pixels {
        let channels = pixels.channels();
        let kind = match channels {
            Channels::Grey => PixelType::U8,
            Channels::Rgb => PixelType::U8x3,
            Channels::Rgba => PixelType::U8x4,
        };
        let Dimensions { width, height } = pixels.dimensions();
        let source = ImageRef::new(width, height, pixels.data(), kind).expect("pixels are filled");
        let mut target = Image::new(self.target.width, self.target.height, kind);
        let options =
            ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3)).crop(
                self.left.into(),
                self.top.into(),
                self.part.width.into(),
                self.part.height.into(),
            );
        Resizer::new()
            .resize(&source, &mut target, &options)
            .expect("both have the same channels, and the part is within the picture");
        Pixels::new(self.target, channels, target.into_vec())
    }
}

/// The picture, cut.
pub fn cut(pixels: Pixels, cut: Cut) -> Pixels {
    if cut.is_whole(pixels.dimensions()) { pixels } else { cut.applied(&pixels) }
}

/// The picture, so many thousandths as wide and high.
pub fn scaled(pixels: &Pixels, thousandths: u64) -> Pixels {
    whole(pixels.dimensions()).scaled(thousandths).applied(pixels)
}

/// The picture, in at most so many pixels as small versions have.
pub fn small(pixels: Pixels) -> Pixels {
    within_area(pixels, MOST_SMALL_PIXELS)
}

/// The picture, in at most so many pixels.
pub fn within_area(pixels: Pixels, most: u64) -> Pixels {
    let dimensions = pixels.dimensions();
    if area(dimensions) <= most {
        return pixels;
    }
    // The square root, in parts of 65,536.
    let parts = ((most << 32) / area(dimensions)).isqrt();
    let target = resized(dimensions, parts, 1 << 16);
    Cut { target, ..whole(dimensions) }.applied(&pixels)
}

fn whole(dimensions: Dimensions) -> Cut {
    Cut { left: 0, top: 0, part: dimensions, target: dimensions }
}

/// In the same shape, with no side longer than that.
fn within_side(dimensions: Dimensions, longest: u32) -> Dimensions {
    let side = dimensions.width.max(dimensions.height);
    if side <= longest {
        return dimensions;
    }
    resized(dimensions, longest.into(), side.into())
}

/// Each side so many parts of so many of what it was, but at least a pixel.
fn resized(dimensions: Dimensions, parts: u64, of: u64) -> Dimensions {
    let side = |side: u32| {
        let side = (u64::from(side) * parts / of).max(1);
        u32::try_from(side).expect("it becomes no longer")
    };
    Dimensions { width: side(dimensions.width), height: side(dimensions.height) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(width: u32, height: u32) -> Dimensions {
        Dimensions { width, height }
    }

    #[test]
    fn each_purpose_has_its_shape_and_nothing_becomes_larger() {
        let shapes = [
            (PicturePurpose::Post, (5_000, 2_500), (4_096, 2_048)),
            (PicturePurpose::Post, (640, 480), (640, 480)),
            (PicturePurpose::Post, (1, 16_384), (1, 4_096)),
            (PicturePurpose::Avatar, (1_000, 500), (400, 400)),
            (PicturePurpose::Avatar, (30, 50), (30, 30)),
            (PicturePurpose::Avatar, (1, 16_384), (1, 1)),
            (PicturePurpose::Header, (3_000, 3_000), (1_500, 500)),
            (PicturePurpose::Header, (4_000, 3_000), (1_500, 500)),
            (PicturePurpose::Header, (900, 100), (300, 100)),
            (PicturePurpose::Header, (1, 1), (1, 1)),
            (PicturePurpose::Header, (16_384, 1), (3, 1)),
        ];
        for (purpose, (width, height), (new_width, new_height)) in shapes {
            let cut = Cut::of(size(width, height), purpose);
            assert_eq!(cut.target, size(new_width, new_height), "{purpose:?} {width} × {height}");
        }
    }

    #[test]
    fn a_cut_takes_the_middle() {
        // A white column on each side of three that are black.
        let row = [255, 0, 0, 0, 255];
        let pixels = Pixels::new(size(5, 3), Channels::Grey, row.repeat(3));
        let middle = cut(pixels, Cut::of(size(5, 3), PicturePurpose::Avatar));
        assert_eq!(middle, Pixels::new(size(3, 3), Channels::Grey, vec![0; 9]));
    }

    #[test]
    fn colours_of_transparent_pixels_do_not_shine_through() {
        let red_beside_invisible_green = [255, 0, 0, 255, 0, 255, 0, 0].repeat(32 * 16);
        let pixels = Pixels::new(size(32, 32), Channels::Rgba, red_beside_invisible_green);
        let smaller = scaled(&pixels, 500);
        assert_eq!(smaller.dimensions(), size(16, 16));
        for pixel in smaller.data().as_chunks::<4>().0 {
            assert!(pixel[1] < 8 && pixel[3] > 64, "{pixel:?}");
        }
    }

    #[test]
    fn small_versions_keep_their_shape_within_their_area() {
        for (width, height) in [(4_000, 3_000), (641, 360), (16_384, 15), (100, 4_096), (20, 30)] {
            let pixels = Pixels::new(
                size(width, height),
                Channels::Grey,
                vec![7; (width * height) as usize],
            );
            let small = small(pixels.clone()).dimensions();
            assert!(area(small) <= MOST_SMALL_PIXELS, "{small:?}");
            let shape = |size: Dimensions| f64::from(size.width) / f64::from(size.height);
            let change = shape(small) / shape(pixels.dimensions());
            assert!((0.9..1.1).contains(&change), "{small:?}");
        }
    }
}
