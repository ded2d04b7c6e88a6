//! The header in a database file: which of our files it is, and the format version of its tables.
//! Rows carry their own version.

use redb::{Database, ReadableDatabase as _, TableDefinition, TableHandle as _};

use crate::envelope::{self, Damage, Kind};

/// The header is a single row.
const HEADER: TableDefinition<(), &[u8]> = TableDefinition::new("tinysns");

/// Refuses a database without the header of `kind`, or in a version that this program does not
/// speak. An empty database is new, and gets the header.
pub fn check(database: &Database, kind: Kind) -> Result<(), redb::Error> {
    let transaction = database.begin_read()?;
    let tables: Vec<_> = transaction.list_tables()?.collect();
    if tables.is_empty() {
        return write(database, kind);
    }
    let no_header = envelope::Error::Damaged { wanted: kind, damage: Damage::NoEnvelope };
    if !tables.iter().any(|table| table.name() == HEADER.name()) {
        return Err(no_header.into());
    }
    match transaction.open_table(HEADER)?.get(())? {
        Some(header) => Ok(envelope::open(kind, header.value())?),
        None => Err(no_header.into()),
    }
}

fn write(database: &Database, kind: Kind) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    transaction.open_table(HEADER)?.insert((), envelope::seal(kind, &()).as_slice())?;
    Ok(transaction.commit()?)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{
        envelope::{Error, Version, seal_in},
        host::{database_fault::envelope_error_in, disk},
    };

    /// What a future program would leave.
    pub fn write_newer_header(database: &Database, kind: Kind) {
        let transaction = database.begin_write().expect("writable");
        let header = seal_in(Version::new(200), kind, &());
        transaction
            .open_table(HEADER)
            .expect("opens")
            .insert((), header.as_slice())
            .expect("written");
        transaction.commit().expect("committed");
    }

    fn refused(database: &Database, kind: Kind) -> Error {
        let error = check(database, kind).expect_err("refused");
        envelope_error_in(&error).expect("of the envelope").clone()
    }

    #[test]
    fn a_new_file_gets_a_header_and_is_known_again_and_another_is_told_from_it() {
        let database = disk::in_memory().expect("opens");
        for _ in 0..2 {
            check(&database, Kind::LogFile).expect("ours");
        }
        let misplaced = Error::WrongKind { wanted: Kind::StateFile, found: Kind::LogFile };
        assert_eq!(refused(&database, Kind::StateFile), misplaced);
    }

    #[test]
    fn a_file_of_a_newer_program_is_refused_as_that() {
        let database = disk::in_memory().expect("opens");
        write_newer_header(&database, Kind::LogFile);
        let error = refused(&database, Kind::LogFile);
        assert!(error.is_another_version(), "{error}");
    }

    #[test]
    fn a_file_with_tables_and_without_a_header_is_none_of_ours() {
        let database = disk::in_memory().expect("opens");
        let other: TableDefinition<u64, u64> = TableDefinition::new("other");
        let transaction = database.begin_write().expect("writable");
        transaction.open_table(other).expect("opens");
        transaction.commit().expect("committed");
        let wanted = Kind::LogFile;
        let no_header = Error::Damaged { wanted, damage: Damage::NoEnvelope };
        assert_eq!(refused(&database, wanted), no_header);
    }
}
