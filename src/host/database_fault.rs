//! What is wrong with a database file that cannot be used, and what a person can do about it.

use std::io::{self, ErrorKind};

use crate::envelope;

/// What is wrong with a database file. Only the first concerns the contents of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseFault {
    /// Its contents are not, or no longer, those of one of our databases.
    Damaged,
    /// Another process has it open.
    InUse,
    /// This process may not read or write it.
    Denied,
    /// There is no room.
    Full,
    /// It is of another version of this program, or of redb.
    OtherVersion,
    /// The disk fails, or another kind of error.
    Failing,
}

impl DatabaseFault {
    /// What an error means.
    pub fn of(error: &redb::Error) -> Self {
        use redb::Error as E;
        if envelope_error_in(error).is_some_and(envelope::Error::is_another_version) {
            return Self::OtherVersion;
        }
        match error {
            E::DatabaseAlreadyOpen | E::LockProtocolMismatch => Self::InUse,
            E::UpgradeRequired(_) => Self::OtherVersion,
            E::Corrupted(_)
            | E::RepairAborted
            | E::TableTypeMismatch { .. }
            | E::TableIsMultimap(_)
            | E::TableIsNotMultimap(_)
            | E::TypeDefinitionChanged { .. }
            | E::TableDoesNotExist(_) => Self::Damaged,
            E::Io(error) => Self::of_io(error),
            _ => Self::Failing,
        }
    }

    /// What an error of the system means.
    pub fn of_io(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::InvalidData | ErrorKind::UnexpectedEof => Self::Damaged,
            ErrorKind::WouldBlock | ErrorKind::ResourceBusy => Self::InUse,
            ErrorKind::PermissionDenied
            | ErrorKind::ReadOnlyFilesystem
            | ErrorKind::IsADirectory => Self::Denied,
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full,
            ErrorKind::Unsupported => Self::OtherVersion,
            _ => Self::Failing,
        }
    }

    /// What a person can do about a log. Its votes are lost with it, and no other node has them.
    pub fn log_remedy(self) -> &'static str {
        match self {
            Self::Damaged => {
                "its votes are lost: remove the directory that contains it, and the node joins as a new node"
            }
            other => other.remedy(),
        }
    }

    /// What a person can do about a file that other nodes have too.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Damaged => "remove it, and start again",
            Self::InUse => "another process has it open: stop that one first",
            Self::Denied => "this process must be allowed to read and write it",
            Self::Full => "make room on the disk",
            Self::OtherVersion => "use the version of tinysns that wrote it",
            Self::Failing => {
                "if the disk is beyond repair, give the node an empty directory on another one, and it joins as a new node"
            }
        }
    }
}

/// For code that reads databases, whose errors are redb's: [`envelope_error_in`] extracts it again.
impl From<envelope::Error> for redb::Error {
    fn from(error: envelope::Error) -> Self {
        Self::Io(io::Error::new(ErrorKind::InvalidData, error))
    }
}

/// The envelope error that `error` carries out of a database.
pub fn envelope_error_in(error: &redb::Error) -> Option<&envelope::Error> {
    match error {
        redb::Error::Io(error) => error.get_ref()?.downcast_ref(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{
        envelope::{Kind, Version, seal_in},
        host::disk::open,
    };

    #[test]
    fn an_error_of_an_envelope_is_found_again_in_what_a_database_failed_with() {
        let newer = seal_in(Version::new(9), Kind::Vote, &1_u8);
        let newer = envelope::open::<u8>(Kind::Vote, &newer).expect_err("newer");
        let carried = redb::Error::from(newer.clone());
        assert_eq!(envelope_error_in(&carried), Some(&newer));
        assert_eq!(DatabaseFault::of(&carried), DatabaseFault::OtherVersion);
        assert_eq!(envelope_error_in(&redb::Error::Corrupted(String::new())), None);
    }

    #[test]
    fn only_what_a_file_holds_is_damage_and_only_a_failing_disk_is_given_up() {
        let io = |kind: ErrorKind| redb::Error::Io(io::Error::from(kind));
        let table = [
            (redb::Error::Corrupted("a page".to_owned()), DatabaseFault::Damaged),
            (redb::Error::TableDoesNotExist("log".to_owned()), DatabaseFault::Damaged),
            (io(ErrorKind::InvalidData), DatabaseFault::Damaged),
            (io(ErrorKind::UnexpectedEof), DatabaseFault::Damaged),
            (redb::Error::DatabaseAlreadyOpen, DatabaseFault::InUse),
            (io(ErrorKind::WouldBlock), DatabaseFault::InUse),
            (io(ErrorKind::PermissionDenied), DatabaseFault::Denied),
            (io(ErrorKind::ReadOnlyFilesystem), DatabaseFault::Denied),
            (io(ErrorKind::StorageFull), DatabaseFault::Full),
            (io(ErrorKind::QuotaExceeded), DatabaseFault::Full),
            (io(ErrorKind::Unsupported), DatabaseFault::OtherVersion),
            (redb::Error::UpgradeRequired(2), DatabaseFault::OtherVersion),
            (redb::Error::PreviousIo, DatabaseFault::Failing),
            (redb::Error::Io(io::Error::from_raw_os_error(5)), DatabaseFault::Failing),
        ];
        for (error, expected) in table {
            let fault = DatabaseFault::of(&error);
            assert_eq!(fault, expected, "{error}");
            let gives_up = fault.log_remedy().contains("joins as a new node");
            let lost = matches!(fault, DatabaseFault::Damaged | DatabaseFault::Failing);
            assert_eq!(gives_up, lost, "{error}");
        }
    }

    #[test]
    fn a_file_of_something_else_is_damaged_and_one_in_use_is_not() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("raft.redb");
        std::fs::write(&path, vec![7; 100_000]).expect("written");
        let fault = |path: &Path| open(path).err().map(|error| DatabaseFault::of(&error.into()));
        assert_eq!(fault(&path), Some(DatabaseFault::Damaged));
        std::fs::remove_file(&path).expect("removed");
        let database = open(&path).expect("a new one");
        assert_eq!(fault(&path), Some(DatabaseFault::InUse));
        drop(database);
        assert_eq!(fault(&path), None);
        assert_eq!(fault(directory.path()), Some(DatabaseFault::Denied));
    }
}
