//! An animation that is cut, or made smaller: every frame is drawn, shrunk, and written as far as it differs from what is
//! seen already.

use gif::{DisposalMethod, Encoder, EncodingError, Frame, Repeat};

use super::{Attempt, palette::Palette, too_large};
use crate::domain::Dimensions;
use crate::imaging::{
    Unusable,
    decode::{Canvas, open_gif},
    patience::{BoundedWriter, Patience},
    pixels::check_dimensions,
    shrink::Cut,
};

/// Writes every frame of a file, cut, until they take too many bytes.
pub fn redraw(
    bytes: &[u8],
    cut: Cut,
    palette: &mut Palette,
    frames: u64,
    most: usize,
    patience: &Patience<'_>,
) -> Result<Attempt, Unusable> {
    let mut decoder = open_gif(bytes, patience)?;
    let size = check_dimensions(decoder.width().into(), decoder.height().into())?;
    let mut canvas = Canvas::new(size);
    let mut writer = BoundedWriter::new(most, patience);
    let mut film = match Film::begin(&mut writer, cut.target, palette, decoder.repeat()) {
        Ok(film) => film,
        Err(error) => return too_large(&error, 0, frames, most),
    };
    let mut done = 0;
    while let Some(delay) = canvas.draw_next(&mut decoder, patience)? {
        let shrunk = (!cut.is_whole(size)).then(|| cut.applied(canvas.pixels()));
        let seen = shrunk.as_ref().unwrap_or(canvas.pixels());
        let numbers = seen.data().as_chunks::<4>().0.iter().map(|&pixel| palette.number_of(pixel));
        if let Err(error) = film.show(numbers.collect(), delay) {
            return too_large(&error, done, frames, most);
        }
        done += 1;
    }
    if let Err(error) = film.end() {
        return too_large(&error, done, frames, most);
    }
    Ok(Attempt::Fits(writer.into_bytes()))
}

/// What is written. A frame waits until the next one is known, because it is the earlier one that says whether it is taken
/// away, as it must be if something becomes transparent.
struct Film<'a, 'b> {
    encoder: Encoder<&'a mut BoundedWriter<'b>>,
    transparent: u8,
    width: usize,
    /// What was seen before the waiting frame.
    before: Vec<u8>,
    waiting: Option<(Vec<u8>, u16)>,
}

impl<'a, 'b> Film<'a, 'b> {
    fn begin(
        writer: &'a mut BoundedWriter<'b>,
        size: Dimensions,
        palette: &Palette,
        repeat: Repeat,
    ) -> Result<Self, EncodingError> {
        let short = |side: u32| u16::try_from(side).expect("a GIF has no longer sides");
        let (width, height) = (short(size.width), short(size.height));
        let mut encoder = Encoder::new(writer, width, height, &palette.table())?;
        encoder.set_repeat(repeat)?;
        Ok(Self {
            encoder,
            transparent: palette.transparent(),
            width: width.into(),
            before: vec![palette.transparent(); usize::from(width) * usize::from(height)],
            waiting: None,
        })
    }

    fn show(&mut self, next: Vec<u8>, delay: u16) -> Result<(), EncodingError> {
        if let Some((waiting, its_delay)) = self.waiting.take() {
            let vanishes = |(&before, &after): (&u8, &u8)| {
                before != self.transparent && after == self.transparent
            };
            if waiting.iter().zip(&next).any(vanishes) {
                self.write(&waiting, its_delay, DisposalMethod::Background)?;
                self.before.fill(self.transparent);
            } else {
                self.write(&waiting, its_delay, DisposalMethod::Keep)?;
                self.before = waiting;
            }
        }
        self.waiting = Some((next, delay));
        Ok(())
    }

    fn end(mut self) -> Result<(), EncodingError> {
        if let Some((waiting, delay)) = self.waiting.take() {
            self.write(&waiting, delay, DisposalMethod::Keep)?;
        }
        self.encoder.into_inner()?;
        Ok(())
    }

    /// Writes what differs from before; if it is to be taken away, as large as the whole, so that all of it goes.
    fn write(
        &mut self,
        seen: &[u8],
        delay: u16,
        dispose: DisposalMethod,
    ) -> Result<(), EncodingError> {
        let mut changes: Vec<u8> = seen
            .iter()
            .zip(&self.before)
            .map(|(&seen, &before)| if seen == before { self.transparent } else { seen })
            .collect();
        let mut part = Part { left: 0, top: 0, width: self.width, height: seen.len() / self.width };
        if dispose == DisposalMethod::Keep {
            part = Part::around(&changes, self.width, self.transparent);
            changes = part.of(&changes, self.width);
        }
        let side = |side: usize| u16::try_from(side).expect("a part is no larger than the whole");
        self.encoder.write_frame(&Frame {
            delay,
            dispose,
            transparent: Some(self.transparent),
            left: side(part.left),
            top: side(part.top),
            width: side(part.width),
            height: side(part.height),
            buffer: changes.into(),
            ..Frame::default()
        })
    }
}

/// A part of a frame.
struct Part {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
}

impl Part {
    /// The smallest with all that is not transparent; a pixel if everything is, so that there is a frame.
    fn around(numbers: &[u8], width: usize, transparent: u8) -> Self {
        let mut part = Self { left: 0, top: 0, width: 1, height: 1 };
        let is_used = |row: &[u8]| row.iter().any(|&number| number != transparent);
        let mut rows = numbers.chunks_exact(width).enumerate().filter(|(_, row)| is_used(row));
        let Some((top, first)) = rows.next() else { return part };
        let (mut left, mut right, mut bottom) = (width, 0, top);
        for (row, numbers) in std::iter::once((top, first)).chain(rows) {
            bottom = row;
            let is_seen = |&number: &u8| number != transparent;
            left = left.min(numbers.iter().position(is_seen).unwrap_or(width));
            right = right.max(numbers.iter().rposition(is_seen).unwrap_or(0));
        }
        part.left = left;
        part.top = top;
        part.width = right + 1 - left;
        part.height = bottom + 1 - top;
        part
    }

    fn of(&self, numbers: &[u8], width: usize) -> Vec<u8> {
        let rows = numbers.chunks_exact(width).skip(self.top).take(self.height);
        rows.flat_map(|row| &row[self.left..self.left + self.width]).copied().collect()
    }
}
