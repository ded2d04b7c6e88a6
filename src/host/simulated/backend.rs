//! A database file on a simulated disk.

use std::{io, path::Path};

use redb::StorageBackend;

use super::{Machine, open_file::OpenFile, with};
use crate::host::random_access::RandomAccessFile as _;

/// What redb reads and writes.
#[derive(Debug)]
pub struct SimulatedFile {
    opened: OpenFile,
}

impl SimulatedFile {
    /// Opens the file at `path`, or makes one.
    pub fn open(machine: Machine, path: &Path) -> io::Result<Self> {
        let opened = OpenFile::open_or_create(machine, path)?;
        if std::mem::replace(&mut opened.file.lock().is_open, true) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Self { opened })
    }
}

impl StorageBackend for SimulatedFile {
    fn len(&self) -> Result<u64, io::Error> {
        self.opened.length()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        self.opened.read_at(offset, out)
    }

    fn set_len(&self, length: u64) -> Result<(), io::Error> {
        self.opened.set_length(length)
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        self.opened.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        self.opened.write_at(offset, data)
    }

    fn close(&self) -> Result<(), io::Error> {
        if with(|world| world.lives(self.opened.life)) {
            self.opened.file.lock().is_open = false;
        }
        Ok(())
    }
}
