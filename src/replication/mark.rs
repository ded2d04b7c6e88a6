//! The mark in a database file: which of our files it is, and the format version of its tables.
//! Rows carry their own version.

use redb::{Database, ReadableDatabase as _, TableDefinition, TableHandle as _};

use crate::envelope::{self, Damage, Kind};

/// The mark is a single row.
const MARK: TableDefinition<(), &[u8]> = TableDefinition::new("tinysns");

/// Refuses a database without the mark of `kind`, or in a version that this program does not speak.
/// An empty database is new, and gets the mark.
pub fn check(database: &Database, kind: Kind) -> Result<(), redb::Error> {
    let transaction = database.begin_read()?;
    let tables: Vec<_> = transaction.list_tables()?.collect();
    if tables.is_empty() {
        return mark(database, kind);
    }
    let unmarked = envelope::Error::Damaged { wanted: kind, damage: Damage::Unmarked };
    if !tables.iter().any(|table| table.name() == MARK.name()) {
        return Err(unmarked.into());
    }
    match transaction.open_table(MARK)?.get(())? {
        Some(mark) => Ok(envelope::open(kind, mark.value())?),
        None => Err(unmarked.into()),
    }
}

fn mark(database: &Database, kind: Kind) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    transaction.open_table(MARK)?.insert((), envelope::seal(kind, &()).as_slice())?;
    Ok(transaction.commit()?)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{
        envelope::{Error, Version, seal_in},
        host::disk,
    };

    /// What a future program would leave.
    pub fn mark_as_newer(database: &Database, kind: Kind) {
        let transaction = database.begin_write().expect("writable");
        let mark = seal_in(Version::new(200), kind, &());
        transaction.open_table(MARK).expect("opens").insert((), mark.as_slice()).expect("written");
        transaction.commit().expect("committed");
    }

    fn refused(database: &Database, kind: Kind) -> Error {
        let error = check(database, kind).expect_err("refused");
        Error::within(&error).expect("of the envelope").clone()
    }

    #[test]
    fn a_new_file_is_marked_and_known_again_and_another_is_told_from_it() {
        let database = disk::in_memory().expect("opens");
        for _ in 0..2 {
            check(&database, Kind::LogFile).expect("ours");
        }
        let misplaced = Error::Misplaced { wanted: Kind::StateFile, found: Kind::LogFile };
        assert_eq!(refused(&database, Kind::StateFile), misplaced);
    }

    #[test]
    fn a_file_of_a_newer_program_is_refused_as_that() {
        let database = disk::in_memory().expect("opens");
        mark_as_newer(&database, Kind::LogFile);
        let error = refused(&database, Kind::LogFile);
        assert!(error.is_another_version(), "{error}");
    }

    #[test]
    fn a_file_with_tables_and_without_a_mark_is_none_of_ours() {
        let database = disk::in_memory().expect("opens");
        let other: TableDefinition<u64, u64> = TableDefinition::new("other");
        let transaction = database.begin_write().expect("writable");
        transaction.open_table(other).expect("opens");
        transaction.commit().expect("committed");
        let wanted = Kind::LogFile;
        let unmarked = Error::Damaged { wanted, damage: Damage::Unmarked };
        assert_eq!(refused(&database, wanted), unmarked);
    }
}
