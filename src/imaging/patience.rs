//! How long the work on a picture may go on. The caller is asked (there is no clock here), between the steps and by what
//! reads and writes the bytes, so that no file holds a decoder up for long. Once the answer was no, it stays no.

use std::{
    cell::Cell,
    io::{self, BufRead, Read, Seek, SeekFrom, Write},
};

use zune_core::bytestream::{ZByteIoError, ZByteReaderTrait, ZSeekFrom};

use super::Unusable;

/// The caller's patience.
pub struct Patience<'a> {
    goes_on: &'a dyn Fn() -> bool,
    is_over: Cell<bool>,
}

impl<'a> Patience<'a> {
    /// As long as the caller says so.
    pub fn new(goes_on: &'a dyn Fn() -> bool) -> Self {
        Self { goes_on, is_over: Cell::new(false) }
    }

    /// Whether the work goes on.
    pub fn lasts(&self) -> bool {
        if !self.is_over.get() && !(self.goes_on)() {
            self.is_over.set(true);
        }
        !self.is_over.get()
    }

    /// Ends the work if it does not go on.
    pub fn check(&self) -> Result<(), Unusable> {
        if self.lasts() { Ok(()) } else { Err(Unusable::TookTooLong) }
    }

    /// What a failure means, which may only be that time was up.
    pub fn or_damaged(&self, what: impl std::fmt::Display) -> Unusable {
        if self.is_over.get() { Unusable::TookTooLong } else { Unusable::damaged(what) }
    }
}

fn time_is_up() -> io::Error {
    io::Error::other("time is up")
}

/// Bytes for the decoders of PNG, GIF and WebP.
pub struct PatientReader<'a> {
    bytes: &'a [u8],
    position: usize,
    patience: &'a Patience<'a>,
}

impl<'a> PatientReader<'a> {
    /// So much is read before the caller is asked again: a fraction of a millisecond's work.
    const WINDOW: usize = 4_096;

    pub fn new(bytes: &'a [u8], patience: &'a Patience<'a>) -> Self {
        Self { bytes, position: 0, patience }
    }
}

impl Read for PatientReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let length = available.len().min(buffer.len());
        buffer[..length].copy_from_slice(&available[..length]);
        self.consume(length);
        Ok(length)
    }
}

impl BufRead for PatientReader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if !self.patience.lasts() {
            return Err(time_is_up());
        }
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        Ok(&rest[..rest.len().min(Self::WINDOW)])
    }

    fn consume(&mut self, length: usize) {
        self.position += length;
    }
}

impl Seek for PatientReader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(offset) => usize::try_from(offset).ok(),
            SeekFrom::End(offset) => moved(self.bytes.len(), offset),
            SeekFrom::Current(offset) => moved(self.position, offset),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position as u64)
    }
}

fn moved(position: usize, offset: i64) -> Option<usize> {
    position.checked_add_signed(isize::try_from(offset).ok()?)
}

/// Bytes for the decoder of JPEG, which has a trait of its own for them. When time is up, there are no more bytes.
pub struct PatientJpegReader<'a> {
    bytes: &'a [u8],
    position: usize,
    calls: u8,
    patience: &'a Patience<'a>,
}

impl<'a> PatientJpegReader<'a> {
    /// After so many calls the caller is asked again. Few, since a pass over the whole picture can be a few bytes.
    const CALLS: u8 = 32;

    pub fn new(bytes: &'a [u8], patience: &'a Patience<'a>) -> Self {
        Self { bytes, position: 0, calls: 0, patience }
    }

    fn rest(&mut self) -> &'a [u8] {
        self.calls += 1;
        if self.calls >= Self::CALLS {
            self.calls = 0;
            if !self.patience.lasts() {
                self.bytes = &[];
            }
        }
        self.bytes.get(self.position..).unwrap_or_default()
    }
}

impl ZByteReaderTrait for PatientJpegReader<'_> {
    fn read_byte_no_error(&mut self) -> u8 {
        let byte = self.rest().first().copied().unwrap_or_default();
        self.position += 1;
        byte
    }

    fn read_exact_bytes(&mut self, buffer: &mut [u8]) -> Result<(), ZByteIoError> {
        self.peek_exact_bytes(buffer)?;
        self.position += buffer.len();
        Ok(())
    }

    fn read_bytes(&mut self, buffer: &mut [u8]) -> Result<usize, ZByteIoError> {
        let length = self.peek_bytes(buffer)?;
        self.position += length;
        Ok(length)
    }

    fn peek_bytes(&mut self, buffer: &mut [u8]) -> Result<usize, ZByteIoError> {
        let rest = self.rest();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }

    fn peek_exact_bytes(&mut self, buffer: &mut [u8]) -> Result<(), ZByteIoError> {
        let rest = self.rest();
        let bytes = rest
            .get(..buffer.len())
            .ok_or(ZByteIoError::NotEnoughBytes(rest.len(), buffer.len()))?;
        buffer.copy_from_slice(bytes);
        Ok(())
    }

    fn z_seek(&mut self, from: ZSeekFrom) -> Result<u64, ZByteIoError> {
        let position = match from {
            ZSeekFrom::Start(offset) => usize::try_from(offset).ok(),
            ZSeekFrom::End(offset) => moved(self.bytes.len(), offset),
            ZSeekFrom::Current(offset) => moved(self.position, offset),
        };
        self.position = position.ok_or(ZByteIoError::SeekError("before the beginning"))?;
        Ok(self.position as u64)
    }

    fn is_eof(&mut self) -> Result<bool, ZByteIoError> {
        Ok(self.rest().is_empty())
    }

    fn z_position(&mut self) -> Result<u64, ZByteIoError> {
        Ok(self.position as u64)
    }

    fn read_remaining(&mut self, sink: &mut Vec<u8>) -> Result<usize, ZByteIoError> {
        let rest = self.rest();
        sink.extend_from_slice(rest);
        self.position += rest.len();
        Ok(rest.len())
    }
}

/// What is encoded, up to a limit. Writing more fails, which spares the encoder the rest of its work.
pub struct BoundedWriter<'a> {
    bytes: Vec<u8>,
    most: usize,
    asked_at: usize,
    patience: &'a Patience<'a>,
}

impl<'a> BoundedWriter<'a> {
    pub fn new(most: usize, patience: &'a Patience<'a>) -> Self {
        Self { bytes: Vec::new(), most, asked_at: 0, patience }
    }

    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

impl Write for BoundedWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.most {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        if self.bytes.len() >= self.asked_at {
            self.asked_at = self.bytes.len() + PatientReader::WINDOW;
            if !self.patience.lasts() {
                return Err(time_is_up());
            }
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
