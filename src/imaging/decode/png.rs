//! PNG, by way of `png`: every colour type and depth; of an animated PNG, the still that everybody sees who knows no
//! animated ones.

use std::io::Read;

use flate2::read::ZlibDecoder;

use super::Decoded;
use crate::imaging::{
    Unusable,
    limits::{MOST_DECODER_BYTES, MOST_PROFILE_BYTES},
    orientation::Orientation,
    patience::{Patience, PatientReader},
    pixels::{Channels, Pixels, check_dimensions},
    profile::Profile,
};

const SIGNATURE_BYTES: usize = 8;

/// Reads a picture.
pub fn decode(bytes: &[u8], patience: &Patience<'_>) -> Result<Decoded, Unusable> {
    let file = File::walk(bytes, patience)?;
    let limits =
        png::Limits { bytes: usize::try_from(MOST_DECODER_BYTES).expect("memory is that large") };
    let reader = PatientReader::new(&file.pixels_only, patience);
    let mut decoder = png::Decoder::new_with_limits(reader, limits);
    decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::STRIP_16);
    let mut reader = decoder.read_info().map_err(|error| patience.or_damaged(error))?;
    let dimensions = check_dimensions(reader.info().width, reader.info().height)?;
    let size = reader.output_buffer_size().ok_or(Unusable::TooMuchMemory)?;
    let mut data = vec![0; size];
    reader.next_frame(&mut data).map_err(|error| patience.or_damaged(error))?;
    let (channels, data) = match reader.output_color_type().0 {
        png::ColorType::Grayscale => (Channels::Grey, data),
        png::ColorType::Rgb => (Channels::Rgb, data),
        png::ColorType::Rgba => (Channels::Rgba, data),
        png::ColorType::GrayscaleAlpha => (Channels::Rgba, coloured(&data)),
        png::ColorType::Indexed => return Err(Unusable::damaged("its palette is missing")),
    };
    let pixels = Pixels::new(dimensions, channels, data).without_needless_alpha();
    Ok(Decoded {
        profile: file.profile(pixels.channels()),
        pixels: file.orientation.applied(pixels),
        is_lossless: true,
    })
}

/// From a grey and how opaque it is, to four channels.
fn coloured(data: &[u8]) -> Vec<u8> {
    data.as_chunks().0.iter().flat_map(|&[grey, alpha]| [grey, grey, grey, alpha]).collect()
}

/// What a file consists of.
struct File {
    orientation: Orientation,
    /// Still compressed.
    profile: Option<Vec<u8>>,
    /// The same file without all that says nothing of the pixels.
    pixels_only: Vec<u8>,
}

impl File {
    /// Walks from chunk to chunk. It takes one walk over the bytes and as much memory as they have.
    fn walk(bytes: &[u8], patience: &Patience<'_>) -> Result<Self, Unusable> {
        let (signature, mut rest) = bytes.split_at(SIGNATURE_BYTES);
        let mut file = Self {
            orientation: Orientation::default(),
            profile: None,
            pixels_only: signature.to_vec(),
        };
        for number in 0.. {
            patience.check()?;
            let (name, data, chunk, after) = next_chunk(rest)?;
            rest = after;
            if (number == 0) != (name == b"IHDR") {
                return Err(Unusable::damaged("its header is not where it belongs"));
            }
            match name {
                b"IHDR" => check_header(data)?,
                b"eXIf" => file.orientation = Orientation::of_exif(data),
                b"iCCP" => file.profile = Some(data.to_vec()),
                _ => {}
            }
            if matches!(name, b"IHDR" | b"PLTE" | b"tRNS" | b"IDAT" | b"IEND") {
                file.pixels_only.extend_from_slice(chunk);
            }
            if name == b"IEND" {
                break;
            }
        }
        Ok(file)
    }

    /// The colour profile, of which no more is decompressed than may be kept.
    fn profile(&self, channels: Channels) -> Option<Profile> {
        let chunk = self.profile.as_ref()?;
        let name = chunk.iter().position(|&byte| byte == 0)?;
        // After the name and the number of the method, of which there is one.
        let compressed = chunk.get(name + 2..)?;
        let mut profile = Vec::new();
        let most = MOST_PROFILE_BYTES as u64 + 1;
        ZlibDecoder::new(compressed).take(most).read_to_end(&mut profile).ok()?;
        Profile::new(&profile, channels)
    }
}

/// The name, the data and all bytes of a chunk, and what follows it.
type Chunk<'a> = (&'a [u8], &'a [u8], &'a [u8], &'a [u8]);

fn next_chunk(bytes: &[u8]) -> Result<Chunk<'_>, Unusable> {
    let cut_off = || Unusable::damaged("the end is missing");
    let length =
        bytes.first_chunk().map(|length| u32::from_be_bytes(*length)).ok_or_else(cut_off)?;
    let end = usize::try_from(length).ok().and_then(|length| length.checked_add(12));
    let (chunk, after) = end.and_then(|end| bytes.split_at_checked(end)).ok_or_else(cut_off)?;
    Ok((&chunk[4..8], &chunk[8..chunk.len() - 4], chunk, after))
}

fn check_header(header: &[u8]) -> Result<(), Unusable> {
    let side = |at: usize| header.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
    let (Some(width), Some(height)) = (side(0), side(4)) else {
        return Err(Unusable::damaged("its header is too short"));
    };
    check_dimensions(width, height).map(drop)
}
