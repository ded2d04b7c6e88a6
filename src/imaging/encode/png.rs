//! PNG, by way of `png`: with a palette if there are few colours, which is what screenshots and drawings have.

use std::io::Write;

use png::{BitDepth, ColorType, Encoder, EncodingError, Filter, Info};

use super::{Attempt, Request};
use crate::imaging::{
    Unusable,
    patience::{BoundedWriter, Patience},
    pixels::{Channels, Pixels},
};

/// Writes a picture.
pub fn encode(
    pixels: &Pixels,
    request: &Request<'_>,
    patience: &Patience<'_>,
) -> Result<Attempt, Unusable> {
    patience.check()?;
    let dimensions = pixels.dimensions();
    let mut info = Info::with_size(dimensions.width, dimensions.height);
    info.bit_depth = BitDepth::Eight;
    info.icc_profile = request.profile.map(|profile| profile.as_bytes().into());
    info.color_type = match pixels.channels() {
        Channels::Grey => ColorType::Grayscale,
        Channels::Rgb => ColorType::Rgb,
        Channels::Rgba => ColorType::Rgba,
    };
    let palette = Palette::of(pixels);
    if let Some(palette) = &palette {
        info.color_type = ColorType::Indexed;
        info.palette = Some(palette.colours().into());
        info.trns = palette.opacities().map(Into::into);
    }
    let mut rows = 0;
    let mut writer = BoundedWriter::new(request.most, patience);
    let written = write(&mut writer, info, pixels, palette.as_ref(), &mut rows, patience);
    patience.check()?;
    match written {
        Ok(()) => Ok(Attempt::Fits(writer.into_bytes())),
        // Nothing else can fail than writing more than the limit.
        Err(EncodingError::IoError(_)) => {
            let needed = request.most as u64 * u64::from(dimensions.height) / rows.max(1);
            Ok(Attempt::TooLarge(needed))
        }
        Err(error) => unreachable!("pixels can be written as PNG: {error}"),
    }
}

/// Writes row by row, counting them.
fn write(
    writer: &mut BoundedWriter<'_>,
    info: Info<'_>,
    pixels: &Pixels,
    palette: Option<&Palette>,
    rows: &mut u64,
    patience: &Patience<'_>,
) -> Result<(), EncodingError> {
    let mut encoder = Encoder::with_info(writer, info)?;
    // Differences between numbers of colours say nothing.
    encoder.set_filter(if palette.is_some() { Filter::NoFilter } else { Filter::Adaptive });
    let mut header = encoder.write_header()?;
    let mut stream = header.stream_writer()?;
    let count = pixels.channels().count();
    for row in pixels.rows() {
        if !patience.lasts() {
            return Err(std::io::Error::other("time is up").into());
        }
        match palette {
            Some(palette) => {
                let numbers = row.chunks_exact(count).map(|pixel| palette.number_of(pixel));
                stream.write_all(&numbers.collect::<Vec<u8>>())?;
            }
            None => stream.write_all(row)?,
        }
        *rows += 1;
    }
    stream.finish()?;
    header.finish()
}

/// The colours of a picture that has few, found by hashing.
struct Palette {
    /// In the order of their numbers, of four channels.
    colours: Vec<[u8; 4]>,
    /// By a hash of the colour: its number and one, or else zero; the next place if that is another's.
    places: Box<[u16; Self::PLACES]>,
}

impl Palette {
    const MOST: usize = 256;

    /// A power of two, at most a quarter full.
    const PLACES: usize = 4 * Self::MOST;

    /// Those of a picture of several channels, unless there are too many of them.
    fn of(pixels: &Pixels) -> Option<Self> {
        if pixels.channels() == Channels::Grey {
            return None;
        }
        let mut palette = Self { colours: Vec::new(), places: Box::new([0; Self::PLACES]) };
        let mut last = None;
        for pixel in pixels.data().chunks_exact(pixels.channels().count()) {
            if last == Some(pixel) {
                continue;
            }
            last = Some(pixel);
            let colour = four_channels(pixel);
            if let Err(place) = palette.place(colour) {
                if palette.colours.len() == Self::MOST {
                    return None;
                }
                palette.colours.push(colour);
                palette.places[place] =
                    u16::try_from(palette.colours.len()).expect("there are few");
            }
        }
        Some(palette)
    }

    /// Where the colour is, or else where it would be.
    fn place(&self, colour: [u8; 4]) -> Result<usize, usize> {
        let hash = u32::from_le_bytes(colour).wrapping_mul(0x9e37_79b1) >> 22;
        let mut place = hash as usize;
        loop {
            match self.places[place] {
                0 => return Err(place),
                number if self.colours[usize::from(number) - 1] == colour => return Ok(place),
                _ => place = (place + 1) % Self::PLACES,
            }
        }
    }

    fn number_of(&self, pixel: &[u8]) -> u8 {
        let place = self.place(four_channels(pixel)).expect("every colour is in the palette");
        u8::try_from(self.places[place] - 1).expect("there are few")
    }

    fn colours(&self) -> Vec<u8> {
        self.colours.iter().flat_map(|&[red, green, blue, _]| [red, green, blue]).collect()
    }

    /// Of each colour, unless all are opaque.
    fn opacities(&self) -> Option<Vec<u8>> {
        let opacities: Vec<u8> = self.colours.iter().map(|colour| colour[3]).collect();
        opacities.iter().any(|&opacity| opacity < u8::MAX).then_some(opacities)
    }
}

fn four_channels(pixel: &[u8]) -> [u8; 4] {
    match *pixel {
        [red, green, blue] => [red, green, blue, u8::MAX],
        [red, green, blue, alpha] => [red, green, blue, alpha],
        _ => unreachable!("only pixels of several channels have a palette"),
    }
}
