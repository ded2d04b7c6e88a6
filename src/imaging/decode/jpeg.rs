//! JPEG, by way of `zune-jpeg`: baseline and progressive, in grey, colour, or the four colours of a printer (which become
//! three).

use zune_core::{colorspace::ColorSpace, options::DecoderOptions};
use zune_jpeg::{JpegDecoder, errors::DecodeErrors};

use super::Decoded;
use crate::domain::Dimensions;
use crate::imaging::{
    Unusable,
    limits::{LONGEST_UPLOADED_SIDE, MOST_DECODER_BYTES, MOST_SCANS},
    orientation::Orientation,
    patience::{Patience, PatientJpegReader},
    pixels::{Channels, Pixels, area, check_dimensions},
    profile::Profile,
};

/// Reads a picture.
pub fn decode(bytes: &[u8], patience: &Patience<'_>) -> Result<Decoded, Unusable> {
    let file = File::walk(bytes, patience)?;
    let channels = if file.components == 1 { Channels::Grey } else { Channels::Rgb };
    let options = DecoderOptions::default()
        .set_strict_mode(false)
        .set_max_width(LONGEST_UPLOADED_SIDE as usize)
        .set_max_height(LONGEST_UPLOADED_SIDE as usize)
        .jpeg_set_max_scans(MOST_SCANS)
        .jpeg_set_out_colorspace(match channels {
            Channels::Grey => ColorSpace::Luma,
            Channels::Rgb | Channels::Rgba => ColorSpace::RGB,
        });
    let reader = PatientJpegReader::new(&file.pixels_only, patience);
    let mut decoder = JpegDecoder::new_with_options(reader, options);
    decoder.decode_headers().map_err(|error| refusal(&error, patience))?;
    let size = decoder.dimensions().map(|(width, height)| (width as u64, height as u64));
    let expected = (file.dimensions.width.into(), file.dimensions.height.into());
    if size != Some(expected) {
        return Err(Unusable::damaged("it has two sizes"));
    }
    let mut data = vec![0; usize_of(area(file.dimensions)) * channels.count()];
    decoder.decode_into(&mut data).map_err(|error| refusal(&error, patience))?;
    let pixels = Pixels::new(file.dimensions, channels, data);
    Ok(Decoded {
        pixels: file.orientation.applied(pixels),
        profile: Profile::new(&file.profile, channels),
        is_lossless: false,
    })
}

fn usize_of(pixels: u64) -> usize {
    usize::try_from(pixels).expect("the most pixels are few")
}

fn refusal(error: &DecodeErrors, patience: &Patience<'_>) -> Unusable {
    match error {
        DecodeErrors::Unsupported(what) => Unusable::Unsupported(format!("{what:?}")),
        error => patience.or_damaged(format!("{error:?}")),
    }
}

/// What a file consists of.
struct File {
    dimensions: Dimensions,
    components: u8,
    orientation: Orientation,
    /// Empty if there is none.
    profile: Vec<u8>,
    /// The same file without all that says nothing of the pixels.
    pixels_only: Vec<u8>,
}

const START_OF_IMAGE: u8 = 0xd8;
const END_OF_IMAGE: u8 = 0xd9;
const PROGRESSIVE_FRAME: u8 = 0xc2;
const START_OF_SCAN: u8 = 0xda;
/// Has no length, nor has any of the restarts between `RESTARTS`.
const TEMPORARY: u8 = 0x01;
const RESTARTS: std::ops::RangeInclusive<u8> = 0xd0..=0xd7;

impl File {
    /// Walks from segment to segment. It takes one walk over the bytes and as much memory as they have.
    fn walk(bytes: &[u8], patience: &Patience<'_>) -> Result<Self, Unusable> {
        let mut frame = None;
        let mut scans = 0;
        let mut file = Self {
            dimensions: Dimensions { width: 0, height: 0 },
            components: 0,
            orientation: Orientation::default(),
            profile: Vec::new(),
            pixels_only: vec![0xff, START_OF_IMAGE],
        };
        let mut rest = &bytes[2..];
        loop {
            patience.check()?;
            let (marker, after) = next_marker(rest)?;
            if marker == END_OF_IMAGE {
                // Whatever comes after it goes.
                file.pixels_only.extend_from_slice(&[0xff, END_OF_IMAGE]);
                break;
            }
            if marker == TEMPORARY || RESTARTS.contains(&marker) {
                rest = after;
                continue;
            }
            let (segment, after) = next_segment(after)?;
            rest = after;
            let mut kept = segment.to_vec();
            match marker {
                0xc0..=0xc2 if frame.is_none() => {
                    let read = Frame::read(&mut kept, marker == PROGRESSIVE_FRAME)?;
                    file.dimensions = read.dimensions;
                    file.components = read.components;
                    frame = Some(read);
                }
                0xc0..=0xc2 => return Err(Unusable::damaged("it has two frames")),
                0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                    return Err(Unusable::Unsupported("arithmetic or lossless JPEG".to_owned()));
                }
                0xe1 if segment.starts_with(b"Exif\0\0") => {
                    file.orientation = Orientation::of_exif(segment);
                }
                0xe2 => file.profile.extend_from_slice(profile_part(segment)),
                START_OF_SCAN => {
                    let frame = frame.as_ref().ok_or_else(|| Unusable::damaged("no frame"))?;
                    let holds_all = segment.first() == Some(&frame.components);
                    frame.check_memory(holds_all)?;
                    scans += 1;
                    if scans > MOST_SCANS {
                        return Err(Unusable::Unsupported(format!("{MOST_SCANS} passes and more")));
                    }
                }
                _ => {}
            }
            // Of what applications write, only Adobe's word for the colours matters.
            if !matches!(marker, 0xe0..=0xed | 0xef | 0xfe) {
                file.keep(marker, &kept);
            }
            if marker == START_OF_SCAN {
                let scan = scan_length(rest)?;
                file.pixels_only.extend_from_slice(&rest[..scan]);
                rest = &rest[scan..];
            }
        }
        if scans == 0 {
            return Err(Unusable::damaged("it ends before the picture begins"));
        }
        Ok(file)
    }

    fn keep(&mut self, marker: u8, segment: &[u8]) {
        let length = u16::try_from(segment.len() + 2).expect("it had such a length");
        self.pixels_only.extend_from_slice(&[0xff, marker]);
        self.pixels_only.extend_from_slice(&length.to_be_bytes());
        self.pixels_only.extend_from_slice(segment);
    }
}

/// The next marker, and what follows it.
fn next_marker(bytes: &[u8]) -> Result<(u8, &[u8]), Unusable> {
    let start = bytes.iter().position(|&byte| byte == 0xff).ok_or_else(cut_off)?;
    let fill = bytes[start..].iter().position(|&byte| byte != 0xff).ok_or_else(cut_off)?;
    match &bytes[start + fill..] {
        [0, ..] => Err(Unusable::damaged("data where a marker belongs")),
        [marker, after @ ..] => Ok((*marker, after)),
        [] => Err(cut_off()),
    }
}

/// What belongs to a marker, and what follows that.
fn next_segment(bytes: &[u8]) -> Result<(&[u8], &[u8]), Unusable> {
    let length = bytes.first_chunk().map(|length| usize::from(u16::from_be_bytes(*length)));
    let length = length.ok_or_else(cut_off)?;
    if length < 2 {
        return Err(Unusable::damaged("a segment without a length"));
    }
    let segment = bytes.get(2..length).ok_or_else(cut_off)?;
    Ok((segment, &bytes[length..]))
}

/// How many bytes of compressed data there are until the next marker that is no restart.
fn scan_length(bytes: &[u8]) -> Result<usize, Unusable> {
    let ends = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0 | 0xff | 0xd0..=0xd7);
    bytes.windows(2).position(ends).ok_or_else(cut_off)
}

/// The part of a colour profile that is in a segment. Parts that are out of order make a profile that is refused later.
fn profile_part(segment: &[u8]) -> &[u8] {
    segment
        .strip_prefix(b"ICC_PROFILE\0")
        .and_then(|numbered| numbered.get(2..))
        .unwrap_or_default()
}

fn cut_off() -> Unusable {
    Unusable::damaged("the end is missing")
}

/// How the pixels are laid out.
struct Frame {
    dimensions: Dimensions,
    components: u8,
    is_progressive: bool,
    /// How many blocks of each component there are to one of the coarsest, in all.
    samples: u64,
    /// How many there are of the finest component.
    most_samples: u64,
}

impl Frame {
    /// Reads a segment. The sampling factors of a single component mean nothing, and are set to one.
    fn read(segment: &mut [u8], is_progressive: bool) -> Result<Self, Unusable> {
        let &[bits, high, low, left, right, components, ref specifications @ ..] = &*segment else {
            return Err(cut_off());
        };
        if bits != 8 {
            return Err(Unusable::Unsupported(format!("JPEG of {bits} bits")));
        }
        let height = u16::from_be_bytes([high, low]);
        let width = u16::from_be_bytes([left, right]);
        let dimensions = check_dimensions(width.into(), height.into())?;
        if !matches!(components, 1 | 3 | 4) || specifications.len() != usize::from(components) * 3 {
            return Err(Unusable::Unsupported(format!("JPEG of {components} components")));
        }
        if components == 1 {
            segment[7] = 0x11;
        }
        let (mut samples, mut across, mut down) = (0, 0, 0);
        for specification in segment[6..].chunks_exact(3) {
            let (horizontal, vertical) = (specification[1] >> 4, specification[1] & 15);
            // What the decoder gets wrong otherwise, without a word.
            if !(1..=2).contains(&horizontal) || !(1..=2).contains(&vertical) {
                return Err(Unusable::Unsupported(format!("{horizontal}:{vertical} subsampling")));
            }
            samples += u64::from(horizontal * vertical);
            across = across.max(horizontal);
            down = down.max(vertical);
        }
        // Otherwise the decoder leaves rows out.
        if segment[7] != (across << 4 | down) {
            return Err(Unusable::Unsupported(
                "JPEG whose colours are finer than its light".to_owned(),
            ));
        }
        let most_samples = u64::from(across * down);
        Ok(Self { dimensions, components, is_progressive, samples, most_samples })
    }

    /// Refuses what the decoder would need too much memory for: all coefficients, of two bytes, unless it can write pixels
    /// as it reads them; and the pixels.
    fn check_memory(&self, scan_holds_all: bool) -> Result<(), Unusable> {
        let pixels = area(self.dimensions);
        let coefficients = if self.is_progressive || !scan_holds_all {
            2 * pixels * self.samples / self.most_samples
        } else {
            0
        };
        if coefficients + pixels * u64::from(self.components.min(3)) > MOST_DECODER_BYTES {
            return Err(Unusable::TooMuchMemory);
        }
        Ok(())
    }
}
