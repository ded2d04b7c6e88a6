//! An open file on a simulated disk, as one life of a machine has it: when that ends, it changes
//! nothing any more.

use std::{io, path::Path};

use super::{
    Life, Machine,
    files::{self, SharedFile},
    with,
};
use crate::host::random_access::RandomAccessFile;

/// What is read and written at an offset.
#[derive(Debug)]
pub struct OpenFile {
    pub(super) life: Life,
    pub(super) file: SharedFile,
}

impl OpenFile {
    /// Opens the file at `path`.
    pub fn open(machine: Machine, path: &Path) -> io::Result<Self> {
        Ok(Self { life: machine.life(), file: files::open(machine, path)? })
    }

    /// The same, and makes it if there is none.
    pub fn open_or_create(machine: Machine, path: &Path) -> io::Result<Self> {
        Ok(Self { life: machine.life(), file: files::open_or_create(machine, path)? })
    }

    /// Gives it another length.
    pub fn set_length(&self, length: u64) -> io::Result<()> {
        let grows = index(length) > self.file.lock().len();
        self.may_change(grows)?;
        self.file.lock().set_length(index(length));
        Ok(())
    }

    fn may_change(&self, grows: bool) -> io::Result<()> {
        with(|world| world.disk_accepts(self.life, grows))
    }
}

fn index(number: u64) -> usize {
    usize::try_from(number).expect("files are small")
}

impl RandomAccessFile for OpenFile {
    fn length(&self) -> io::Result<u64> {
        Ok(self.file.lock().len() as u64)
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.lock().read(index(offset), out)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let grows = index(offset) + bytes.len() > self.file.lock().len();
        self.may_change(grows)?;
        self.file.lock().write(index(offset), bytes);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.may_change(false)?;
        self.file.lock().sync();
        Ok(())
    }
}
