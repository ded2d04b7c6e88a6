//! A database file on a simulated disk.

use std::{io, path::Path};

use redb::StorageBackend;

use super::{
    Life, Machine,
    files::{self, SharedFile},
    with,
};

/// What redb reads and writes.
#[derive(Debug)]
pub struct SimulatedFile {
    life: Life,
    file: SharedFile,
}

impl SimulatedFile {
    /// Opens the file at `path`, or makes one.
    pub fn open(machine: Machine, path: &Path) -> io::Result<Self> {
        let file = files::open_or_create(machine, path)?;
        if std::mem::replace(&mut file.lock().is_open, true) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Self { life: machine.life(), file })
    }

    fn may_change(&self, grows: bool) -> io::Result<()> {
        with(|world| world.disk_accepts(self.life, grows))
    }
}

fn index(number: u64) -> usize {
    usize::try_from(number).expect("files are small")
}

impl StorageBackend for SimulatedFile {
    fn len(&self) -> Result<u64, io::Error> {
        Ok(self.file.lock().len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        self.file.lock().read(index(offset), out)
    }

    fn set_len(&self, length: u64) -> Result<(), io::Error> {
        let grows = index(length) > self.file.lock().len();
        self.may_change(grows)?;
        self.file.lock().set_length(index(length));
        Ok(())
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        self.may_change(false)?;
        self.file.lock().sync();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        let grows = index(offset) + data.len() > self.file.lock().len();
        self.may_change(grows)?;
        self.file.lock().write(index(offset), data);
        Ok(())
    }

    fn close(&self) -> Result<(), io::Error> {
        if with(|world| world.lives(self.life)) {
            self.file.lock().is_open = false;
        }
        Ok(())
    }
}
