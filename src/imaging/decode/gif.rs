//! GIF, by way of `gif`: what there is of an animation without decoding it, and its frames, each put on what the ones
//! before it have left.

use gif::{ColorOutput, DecodeOptions, Decoder, DisposalMethod, Frame, MemoryLimit};

use super::Decoded;
use crate::domain::Dimensions;
use crate::imaging::{
    Unusable,
    limits::{MOST_ANIMATED_PIXELS, MOST_FRAMES, MOST_PIXELS},
    patience::{Patience, PatientReader},
    pixels::{Channels, Pixels, area, check_dimensions},
};

/// What there is of a file.
pub struct Overview {
    /// Of the whole picture.
    pub dimensions: Dimensions,
    /// How many frames, if that is known: no more than are kept.
    pub frames: Option<u64>,
    /// Whether every frame is within the picture.
    pub is_consistent: bool,
}

/// Looks at a file without decoding its frames. It ends early if there are more of them than are kept.
pub fn overview(bytes: &[u8], patience: &Patience<'_>) -> Result<Overview, Unusable> {
    let mut options = options();
    options.skip_frame_decoding(true);
    let reader = PatientReader::new(bytes, patience);
    let mut decoder = options.read_info(reader).map_err(|error| patience.or_damaged(error))?;
    let dimensions = check_dimensions(decoder.width().into(), decoder.height().into())?;
    let mut overview = Overview { dimensions, frames: None, is_consistent: true };
    let (mut frames, mut pixels) = (0, 0);
    while let Some(frame) = decoder.next_frame_info().map_err(|error| patience.or_damaged(error))? {
        frames += 1;
        let covered = u64::from(frame.width) * u64::from(frame.height);
        pixels += area(dimensions).max(covered);
        overview.is_consistent &= is_within(frame, dimensions);
        if frames > MOST_FRAMES || pixels > MOST_ANIMATED_PIXELS {
            return Ok(overview);
        }
    }
    if frames == 0 {
        return Err(Unusable::damaged("it has no frames"));
    }
    overview.frames = Some(frames);
    Ok(overview)
}

/// Opens a file to read its frames, as numbers of colours.
pub fn open<'a>(
    bytes: &'a [u8],
    patience: &'a Patience<'a>,
) -> Result<Decoder<PatientReader<'a>>, Unusable> {
    let reader = PatientReader::new(bytes, patience);
    options().read_info(reader).map_err(|error| patience.or_damaged(error))
}

fn options() -> DecodeOptions {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    // One frame in memory: no larger than any other picture, of a byte a pixel.
    let most = MOST_PIXELS.try_into().expect("it is not zero");
    options.set_memory_limit(MemoryLimit::Bytes(most));
    options
}

fn is_within(frame: &Frame<'_>, dimensions: Dimensions) -> bool {
    let right = u32::from(frame.left) + u32::from(frame.width);
    let bottom = u32::from(frame.top) + u32::from(frame.height);
    frame.width > 0 && frame.height > 0 && right <= dimensions.width && bottom <= dimensions.height
}

/// The first frame.
pub fn decode_first(bytes: &[u8], patience: &Patience<'_>) -> Result<Decoded, Unusable> {
    // Reads the file to its end, and so refuses what is incomplete.
    overview(bytes, patience)?;
    let mut decoder = open(bytes, patience)?;
    let dimensions = check_dimensions(decoder.width().into(), decoder.height().into())?;
    let mut canvas = Canvas::new(dimensions);
    canvas.draw_next(&mut decoder, patience)?;
    Ok(Decoded { pixels: canvas.pixels.without_needless_alpha(), profile: None, is_lossless: true })
}

/// What is seen of an animation, frame after frame.
pub struct Canvas {
    pixels: Pixels,
    /// What is to be done before the next frame.
    disposal: Disposal,
}

/// What becomes of a frame before the next one.
enum Disposal {
    Keep,
    /// This part becomes transparent again.
    Clear(Area),
    /// What was there before comes back.
    Restore(Pixels),
}

/// A part of a picture, within it.
#[derive(Clone, Copy)]
struct Area {
    left: usize,
    right: usize,
    top: usize,
    bottom: usize,
}

impl Canvas {
    /// Nothing yet.
    pub fn new(dimensions: Dimensions) -> Self {
        let bytes = usize::try_from(area(dimensions)).expect("it is no larger than pictures are");
        let data = vec![0; bytes * Channels::Rgba.count()];
        let pixels = Pixels::new(dimensions, Channels::Rgba, data);
        Self { pixels, disposal: Disposal::Keep }
    }

    /// What is seen, in four channels.
    pub const fn pixels(&self) -> &Pixels {
        &self.pixels
    }

    /// Draws the next frame, if there is one, and tells for how many hundredths of a second it is seen.
    pub fn draw_next(
        &mut self,
        decoder: &mut Decoder<PatientReader<'_>>,
        patience: &Patience<'_>,
    ) -> Result<Option<u16>, Unusable> {
        patience.check()?;
        let global = decoder.global_palette().unwrap_or_default().to_vec();
        let next = decoder.read_next_frame().map_err(|error| patience.or_damaged(error))?;
        let Some(frame) = next else { return Ok(None) };
        let palette = frame.palette.as_deref().unwrap_or(&global);
        match std::mem::replace(&mut self.disposal, Disposal::Keep) {
            Disposal::Keep => {}
            Disposal::Clear(area) => self.clear(area),
            Disposal::Restore(pixels) => self.pixels = pixels,
        }
        let Dimensions { width, height } = self.pixels.dimensions();
        let end = |start: u16, length: u16, most: u32| {
            (usize::from(start) + usize::from(length)).min(most as usize)
        };
        let area = Area {
            left: usize::from(frame.left),
            right: end(frame.left, frame.width, width),
            top: usize::from(frame.top),
            bottom: end(frame.top, frame.height, height),
        };
        self.disposal = match frame.dispose {
            DisposalMethod::Any | DisposalMethod::Keep => Disposal::Keep,
            DisposalMethod::Background => Disposal::Clear(area),
            DisposalMethod::Previous => Disposal::Restore(self.pixels.clone()),
        };
        self.draw(frame, area, palette);
        Ok(Some(frame.delay))
    }

    fn draw(&mut self, frame: &Frame<'_>, area: Area, palette: &[u8]) {
        let colours = palette.as_chunks::<3>().0;
        let width = self.pixels.dimensions().width as usize;
        let (Some(columns), Some(rows)) =
            (area.right.checked_sub(area.left), area.bottom.checked_sub(area.top))
        else {
            return;
        };
        let canvas = self.pixels.data_mut().as_chunks_mut::<4>().0;
        let lines = frame.buffer.chunks_exact(usize::from(frame.width).max(1));
        for (row, line) in lines.take(rows).enumerate() {
            let start = (area.top + row) * width + area.left;
            for (pixel, &number) in canvas[start..start + columns].iter_mut().zip(line) {
                if frame.transparent == Some(number) {
                    continue;
                }
                if let Some(&[red, green, blue]) = colours.get(usize::from(number)) {
                    *pixel = [red, green, blue, u8::MAX];
                }
            }
        }
    }

    fn clear(&mut self, area: Area) {
        let width = self.pixels.dimensions().width as usize;
        let canvas = self.pixels.data_mut().as_chunks_mut::<4>().0;
        for row in area.top..area.bottom {
            let row = row * width;
            if let Some(line) = canvas.get_mut(row + area.left..row + area.right.max(area.left)) {
                line.fill([0; 4]);
            }
        }
    }
}
