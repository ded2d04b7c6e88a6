//! How a camera was held: found in the EXIF of a picture, applied to its pixels, and then forgotten with all the rest.

use super::{Dimensions, pixels::Pixels};

/// The tag of the orientation, among those of EXIF.
const ORIENTATION_TAG: u16 = 0x0112;

/// So many bytes has an entry of a directory of EXIF.
const ENTRY_BYTES: usize = 12;

/// What is to be done with the pixels so that the picture is upright: `transpose` first, then the flips.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Orientation {
    transpose: bool,
    flip_horizontally: bool,
    flip_vertically: bool,
}

impl Orientation {
    /// What EXIF says, with or without the word `Exif` before it; upright if it says nothing that can be understood.
    pub fn of_exif(exif: &[u8]) -> Self {
        let tiff = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
        Self::numbered(tag(tiff).unwrap_or(1))
    }

    /// The orientations have numbers from 1 to 8.
    fn numbered(number: u16) -> Self {
        let (transpose, flip_horizontally, flip_vertically) = match number {
            2 => (false, true, false),
            3 => (false, true, true),
            4 => (false, false, true),
            5 => (true, false, false),
            6 => (true, true, false),
            7 => (true, true, true),
            8 => (true, false, true),
            _ => (false, false, false),
        };
        Self { transpose, flip_horizontally, flip_vertically }
    }

    /// The picture, upright.
    pub fn applied(self, pixels: Pixels) -> Pixels {
        let mut pixels = if self.transpose { transposed(&pixels) } else { pixels };
        let count = pixels.channels().count();
        match (self.flip_horizontally, self.flip_vertically) {
            (false, false) => {}
            (true, false) => flip_rows(&mut pixels),
            (false, true) => flip_columns(&mut pixels),
            (true, true) => reverse(pixels.data_mut(), count),
        }
        pixels
    }
}

/// The number of the orientation, of the first directory.
fn tag(tiff: &[u8]) -> Option<u16> {
    let is_little = match tiff.get(..4)? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let short = |at: usize| {
        let bytes = tiff.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if is_little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    };
    let long = |at: usize| {
        let bytes = tiff.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if is_little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    };
    let directory = usize::try_from(long(4)?).ok()?;
    let entries = usize::from(short(directory)?);
    (0..entries)
        .map_while(|entry| directory.checked_add(2 + entry * ENTRY_BYTES))
        .find(|&at| short(at) == Some(ORIENTATION_TAG))
        .and_then(|at| short(at.checked_add(8)?))
}

/// Columns become rows.
fn transposed(pixels: &Pixels) -> Pixels {
    // Read and written in squares, of which both sides stay in the processor's cache.
    const SQUARE: usize = 32;
    let Dimensions { width, height } = pixels.dimensions();
    let (columns, rows, count) = (width as usize, height as usize, pixels.channels().count());
    let source = pixels.data();
    let mut data = vec![0; source.len()];
    for top in (0..rows).step_by(SQUARE) {
        for left in (0..columns).step_by(SQUARE) {
            for column in left..columns.min(left + SQUARE) {
                for row in top..rows.min(top + SQUARE) {
                    let from = (row * columns + column) * count;
                    let to = (column * rows + row) * count;
                    data[to..to + count].copy_from_slice(&source[from..from + count]);
                }
            }
        }
    }
    Pixels::new(Dimensions { width: height, height: width }, pixels.channels(), data)
}

fn flip_rows(pixels: &mut Pixels) {
    let count = pixels.channels().count();
    let row = pixels.dimensions().width as usize * count;
    for row in pixels.data_mut().chunks_exact_mut(row) {
        reverse(row, count);
    }
}

fn flip_columns(pixels: &mut Pixels) {
    let row = pixels.dimensions().width as usize * pixels.channels().count();
    let data = pixels.data_mut();
    let rows = data.len() / row;
    for top in 0..rows / 2 {
        let (above, below) = data.split_at_mut((rows - 1 - top) * row);
        above[top * row..(top + 1) * row].swap_with_slice(&mut below[..row]);
    }
}

/// Turns the order of pixels of `count` bytes round.
fn reverse(data: &mut [u8], count: usize) {
    let pixels = data.len() / count;
    for left in 0..pixels / 2 {
        let right = pixels - 1 - left;
        for channel in 0..count {
            data.swap(left * count + channel, right * count + channel);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imaging::pixels::Channels;

    #[test]
    fn each_of_the_eight_orientations_puts_the_first_pixel_where_it_belongs() {
        // 1 2 3
        // 4 5 6
        let pixels =
            Pixels::new(Dimensions { width: 3, height: 2 }, Channels::Grey, (1..=6).collect());
        let turned: [(u16, &[u8]); 10] = [
            (0, &[1, 2, 3, 4, 5, 6]),
            (1, &[1, 2, 3, 4, 5, 6]),
            (2, &[3, 2, 1, 6, 5, 4]),
            (3, &[6, 5, 4, 3, 2, 1]),
            (4, &[4, 5, 6, 1, 2, 3]),
            (5, &[1, 4, 2, 5, 3, 6]),
            (6, &[4, 1, 5, 2, 6, 3]),
            (7, &[6, 3, 5, 2, 4, 1]),
            (8, &[3, 6, 2, 5, 1, 4]),
            (9, &[1, 2, 3, 4, 5, 6]),
        ];
        for (number, expected) in turned {
            let upright = Orientation::numbered(number).applied(pixels.clone());
            assert_eq!(upright.data(), expected, "{number}");
            assert_eq!(upright.dimensions().width, if (5..=8).contains(&number) { 2 } else { 3 });
        }
    }

    #[test]
    fn exif_is_read_in_both_byte_orders_and_nonsense_is_upright() {
        let little = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0";
        let big = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0";
        assert_eq!(Orientation::of_exif(little), Orientation::numbered(6));
        assert_eq!(Orientation::of_exif(big), Orientation::numbered(6));
        let nonsense: [&[u8]; 4] =
            [b"", b"Exif\0\0", b"II*\0\xff\xff\xff\xff", &little[..little.len() - 4]];
        for nonsense in nonsense {
            assert_eq!(Orientation::of_exif(nonsense), Orientation::default());
        }
    }
}
