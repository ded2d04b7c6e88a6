//! Where backups are kept: files, or objects in a store. Either appears when it is complete, and replaces nothing.

use std::{
    fmt,
    io::{self, BufReader, Read},
    path::PathBuf,
    sync::{Arc, atomic::AtomicU64},
};

use super::source::{BackupError, BackupSource};
use crate::{
    domain::UnixMillis,
    host::{
        disk,
        new_file::{self, NewFile},
        untouched,
    },
    object_storage::{
        address::Address,
        bucket::Bucket,
        failure::StoreError,
        upload::{FillError, Upload},
    },
    settings::BackupPlace,
};

/// A file or an object that is, or is to be, a backup; or a directory of them.
#[derive(Clone, Debug)]
pub enum Place {
    /// On a disk of this machine.
    File(PathBuf),
    /// In a store.
    Object(Bucket, Address),
}

/// A backup that is being made.
#[derive(Debug)]
pub enum NewBackup {
    /// In a file, which is gone again if it is not finished.
    File {
        /// As long as nobody else writes it.
        file: Option<NewFile>,
        /// Where it will be.
        path: PathBuf,
    },
    /// In a store.
    Object {
        /// What is written.
        upload: Upload,
        /// In which bucket.
        bucket: Bucket,
        /// Where it will be.
        address: Address,
    },
}

/// Something cannot be done with a place.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// Nothing is replaced.
    #[error("{0} is there already, and is not replaced: name another one, or remove it first")]
    IsThere(String),
    /// Somebody else makes the same.
    #[error("{0} is being made by another process: name another one")]
    IsBeingMade(String),
    /// A file cannot be made or removed, or a directory listed.
    #[error("cannot use {path}: {source}{}", disk::remedy(.source))]
    Unusable {
        /// The file or the directory.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The same in a store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl PlaceError {
    /// Whether what was asked for has to be changed, so that trying again does not help.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::IsThere(_) | Self::IsBeingMade(_) | Self::Unusable { .. } => true,
            Self::Store(error) => error.is_refusal(),
        }
    }
}

impl Place {
    /// What the settings name.
    pub async fn open(place: BackupPlace) -> Result<Self, PlaceError> {
        Ok(match place {
            BackupPlace::File(path) => Self::File(path),
            BackupPlace::Object(address) => Self::Object(Bucket::open(&address).await?, address),
        })
    }

    /// What is called `name` in this directory.
    #[must_use]
    pub fn child(&self, name: &str) -> Self {
        match self {
            Self::File(path) => Self::File(path.join(name)),
            Self::Object(bucket, address) => Self::Object(bucket.clone(), address.child(name)),
        }
    }

    /// Makes the directory, where there are any.
    pub fn create_directory(&self) -> Result<(), PlaceError> {
        match self {
            Self::File(path) => {
                disk::create_named_directory(path).map_err(|source| unusable(path, source))
            }
            Self::Object(..) => Ok(()),
        }
    }

    /// What is in this directory.
    pub async fn names(&self) -> Result<Vec<String>, PlaceError> {
        match self {
            Self::File(path) => disk::names(path).map_err(|source| unusable(path, source)),
            Self::Object(bucket, address) => Ok(bucket.names(address).await?),
        }
    }

    /// Removes it.
    pub async fn remove(&self) -> Result<(), PlaceError> {
        match self {
            Self::File(path) => {
                disk::remove(path).map(|_| ()).map_err(|source| unusable(path, source))
            }
            Self::Object(bucket, address) => Ok(bucket.remove(address).await?),
        }
    }

    /// Removes what was left of it by a process that was killed. Says whether there was anything. A store keeps
    /// what was left where it is not listed.
    pub fn remove_unfinished(&self) -> Result<bool, PlaceError> {
        match self {
            Self::File(path) => {
                new_file::remove_unfinished(path).map_err(|source| unusable(path, source))
            }
            Self::Object(..) => Ok(false),
        }
    }

    /// Begins a backup here, where nothing is yet.
    pub async fn begin(&self) -> Result<NewBackup, PlaceError> {
        match self {
            Self::File(path) => {
                let file = NewFile::create(path).map_err(|source| unusable(path, source))?;
                Ok(NewBackup::File { file: Some(file), path: path.clone() })
            }
            Self::Object(bucket, address) => {
                must_be_free(bucket, address).await?;
                let (upload, bucket) = (bucket.begin(address).await?, bucket.clone());
                Ok(NewBackup::Object { upload, bucket, address: address.clone() })
            }
        }
    }

    /// Begins to read the backup, which blocks; nothing if it is not there.
    pub async fn read(&self) -> Result<Option<Box<dyn Read + Send>>, PlaceError> {
        match self {
            Self::File(path) => {
                let file = untouched::open(path).map_err(|source| unusable(path, source))?;
                Ok(file.map(|file| Box::new(BufReader::new(file)) as Box<dyn Read + Send>))
            }
            Self::Object(bucket, address) => match bucket.read(address).await {
                Ok(content) => Ok(Some(Box::new(content))),
                Err(StoreError::NotThere(_)) => Ok(None),
                Err(error) => Err(error.into()),
            },
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(formatter),
            Self::Object(_, address) => address.fmt(formatter),
        }
    }
}

impl NewBackup {
    /// Fills it with what a master sends. `written` always says how many bytes that were.
    pub async fn fill(
        &mut self,
        source: BackupSource,
        made_at: UnixMillis,
        written: &Arc<AtomicU64>,
    ) -> Result<(), FillError<BackupError>> {
        let written = Arc::clone(written);
        match self {
            Self::File { file, .. } => {
                let empty = file.take().expect("it is filled once");
                let filled = source.write_to(empty, made_at, written).await;
                *file = Some(filled.map_err(FillError::Writer)?);
                Ok(())
            }
            Self::Object { upload, .. } => {
                upload.fill(async |writer| source.write_to(writer, made_at, written).await).await
            }
        }
    }

    /// Lets it appear.
    pub async fn finish(self) -> Result<(), PlaceError> {
        match self {
            Self::File { file, path } => {
                let file = file.expect("it is filled before");
                file.finish().map_err(|source| unusable(&path, source))
            }
            Self::Object { mut upload, bucket, address } => {
                let finished = match must_be_free(&bucket, &address).await {
                    Ok(()) => upload.complete().await.map_err(PlaceError::from),
                    taken => taken,
                };
                if finished.is_err() {
                    take_back(&mut upload, &address).await;
                }
                finished
            }
        }
    }

    /// Takes back what was made of it.
    pub async fn discard(self) {
        match self {
            // The file removes itself.
            Self::File { .. } => {}
            Self::Object { mut upload, address, .. } => take_back(&mut upload, &address).await,
        }
    }
}

async fn must_be_free(bucket: &Bucket, address: &Address) -> Result<(), PlaceError> {
    if bucket.has(address).await? {
        return Err(PlaceError::IsThere(address.to_string()));
    }
    Ok(())
}

async fn take_back(upload: &mut Upload, address: &Address) {
    if let Err(error) = upload.abort().await {
        tracing::warn!(%error, %address, "the store keeps parts of a backup that was not made");
    }
}

fn unusable(path: &std::path::Path, source: io::Error) -> PlaceError {
    match source.kind() {
        io::ErrorKind::AlreadyExists => PlaceError::IsThere(path.display().to_string()),
        io::ErrorKind::WouldBlock => PlaceError::IsBeingMade(path.display().to_string()),
        _ => PlaceError::Unusable { path: path.to_owned(), source },
    }
}
