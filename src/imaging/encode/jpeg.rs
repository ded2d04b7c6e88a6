//! JPEG, by way of `jpeg-encoder`: baseline, which every program reads, with colours at half the resolution, as cameras
//! write it.

use std::{borrow::Cow, io};

use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, Encoder, EncodingError, SamplingFactor};

use super::{Attempt, Request};
use crate::imaging::{
    Unusable,
    patience::{BoundedWriter, Patience},
    pixels::{Channels, Pixels},
};

/// Rows of so many pixels are written together: two blocks, because of the colours.
const BAND: usize = 16;

/// Of so many bands, one is written to estimate the rest.
const SAMPLED: usize = 8;

/// Writes a picture.
pub fn encode(
    pixels: &Pixels,
    quality: u8,
    request: &Request<'_>,
    patience: &Patience<'_>,
) -> Result<Attempt, Unusable> {
    write(&Rows::all(pixels), quality, request, patience)
}

/// About how many bytes a picture takes.
pub fn estimate(
    pixels: &Pixels,
    quality: u8,
    request: &Request<'_>,
    patience: &Patience<'_>,
) -> Result<u64, Unusable> {
    let (sample, all) = (Rows::sampled(pixels), Rows::all(pixels));
    let without_limit = Request { most: usize::MAX / 2, profile: None, ..*request };
    match write(&sample, quality, &without_limit, patience)? {
        Attempt::Fits(bytes) => {
            let profile = request.profile.map_or(0, |profile| profile.as_bytes().len());
            let bytes = bytes.len() * usize::from(all.height) / usize::from(sample.height);
            Ok((bytes + profile) as u64)
        }
        Attempt::TooLarge(bytes) => Ok(bytes),
    }
}

fn write(
    rows: &Rows<'_>,
    quality: u8,
    request: &Request<'_>,
    patience: &Patience<'_>,
) -> Result<Attempt, Unusable> {
    patience.check()?;
    let mut writer = BoundedWriter::new(request.most, patience);
    let mut encoder = Encoder::new(&mut writer, quality);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
    if let Some(profile) = request.profile {
        encoder.add_icc_profile(profile.as_bytes()).expect("it is short");
    }
    match encoder.encode(&rows.data, rows.width, rows.height, rows.colours) {
        Ok(()) => Ok(Attempt::Fits(writer.into_bytes())),
        Err(EncodingError::IoError(error)) if error.kind() == io::ErrorKind::FileTooLarge => {
            Ok(Attempt::TooLarge(request.most as u64 + 1))
        }
        Err(EncodingError::IoError(_)) => Err(Unusable::TookTooLong),
        Err(error) => unreachable!("pixels can be written as JPEG: {error}"),
    }
}

/// The rows of a picture, or some of them.
struct Rows<'a> {
    data: Cow<'a, [u8]>,
    width: u16,
    height: u16,
    colours: ColorType,
}

impl<'a> Rows<'a> {
    fn all(pixels: &'a Pixels) -> Self {
        let side = |side| u16::try_from(side).expect("no side is longer");
        Self {
            data: pixels.data().into(),
            width: side(pixels.dimensions().width),
            height: side(pixels.dimensions().height),
            colours: match pixels.channels() {
                Channels::Grey => ColorType::Luma,
                Channels::Rgb => ColorType::Rgb,
                Channels::Rgba => ColorType::Rgba,
            },
        }
    }

    /// One band of each group of them; all if there are few.
    fn sampled(pixels: &'a Pixels) -> Self {
        let all = Self::all(pixels);
        let band = BAND * usize::from(all.width) * pixels.channels().count();
        let middles = pixels.data().chunks_exact(band).skip(SAMPLED / 2).step_by(SAMPLED);
        let data: Vec<u8> = middles.flatten().copied().collect();
        let bands = data.len() / band;
        if bands < 2 {
            return all;
        }
        let height = u16::try_from(bands * BAND).expect("it is a part of the height");
        Self { data: data.into(), height, ..all }
    }
}
