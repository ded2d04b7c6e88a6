//! An animation with the same frames and colours, decoded and encoded.

use gif::{Encoder, EncodingError};

use super::{Attempt, too_large};
use crate::imaging::{
    Unusable,
    decode::open_gif,
    patience::{BoundedWriter, Patience, PatientReader},
};

/// Writes every frame of a file anew, until they take too many bytes.
pub fn rewrite(
    bytes: &[u8],
    frames: u64,
    most: usize,
    patience: &Patience<'_>,
) -> Result<Attempt, Unusable> {
    let mut decoder = open_gif(bytes, patience)?;
    let mut writer = BoundedWriter::new(most, patience);
    let mut encoder = match begin(&decoder, &mut writer) {
        Ok(encoder) => encoder,
        Err(error) => return too_large(&error, 0, frames, most),
    };
    let mut done = 0;
    while let Some(frame) = {
        patience.check()?;
        decoder.read_next_frame().map_err(|error| patience.or_damaged(error))?
    } {
        let mut frame = frame.clone();
        // The decoder has put the rows in order, and nobody is there to press a key.
        frame.interlaced = false;
        frame.needs_user_input = false;
        if let Err(error) = encoder.write_frame(&frame) {
            return too_large(&error, done, frames, most);
        }
        done += 1;
    }
    drop(encoder);
    Ok(Attempt::Fits(writer.into_bytes()))
}

fn begin<'a, 'b>(
    decoder: &gif::Decoder<PatientReader<'_>>,
    writer: &'a mut BoundedWriter<'b>,
) -> Result<Encoder<&'a mut BoundedWriter<'b>>, EncodingError> {
    let palette = decoder.global_palette().unwrap_or_default();
    let mut encoder = Encoder::new(writer, decoder.width(), decoder.height(), palette)?;
    encoder.set_repeat(decoder.repeat())?;
    Ok(encoder)
}
