//! Certificates of nodes as files, for clusters whose authority is in somebody's hands.

use std::path::{Path, PathBuf};

use chrono::{DateTime, Datelike as _, Days, Months, Utc};

use super::{
    TlsError,
    authority::{Authority, Certified, Validity},
    nodes, pem,
};
use crate::{
    domain::UnixMillis,
    host::{clock, disk},
};

/// The name that only the router may have.
const ROUTER: &str = "router";
/// The name of the authority's files.
const AUTHORITY: &str = "authority";
/// Nobody turns a certificate down that is lost: for how long it is valid matters less than that a
/// cluster does not stop one day because nobody thought of it.
const VALID_FOR: Months = Months::new(120);

/// A file that was made, or was there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedFile {
    /// Where it is.
    pub path: PathBuf,
    /// Whether it was there already, and was left as it is.
    pub is_kept: bool,
}

/// Makes in `directory` a certificate and a key for each of these nodes, and an authority for them; what is
/// there already stays.
pub fn issue(directory: &Path, nodes: &[String]) -> Result<Vec<IssuedFile>, TlsError> {
    disk::create_private_directory(directory).map_err(|why| unwritable(directory, why))?;
    let validity = from_now_on();
    let (authority, mut files) = authority(directory, validity)?;
    for node in nodes {
        let [certificate, key] = files_of(directory, node);
        let is_kept = is_there(&certificate)?;
        if !is_kept {
            let names = nodes::names(node == ROUTER);
            let Certified { chain, key: secret } = authority.certify(node, names, validity)?;
            write(&key, &pem::of_key(secret.secret_der()))?;
            write(&certificate, &pem::of_certificates(&chain))?;
        }
        files.extend([certificate, key].map(|path| IssuedFile { path, is_kept }));
    }
    Ok(files)
}

/// The authority in `directory`, which is made unless it is there.
fn authority(
    directory: &Path,
    validity: Validity,
) -> Result<(Authority, Vec<IssuedFile>), TlsError> {
    let [certificate, key] = files_of(directory, AUTHORITY);
    let is_kept = is_there(&certificate)?;
    let authority = if is_kept {
        let own = pem::certificates("the authority's", &certificate)?.swap_remove(0);
        Authority::of_files(own, &pem::key("the authority's", &key)?)?
    } else {
        let new = Authority::new(validity)?;
        write(&key, &pem::of_key(&new.key()))?;
        write(&certificate, &pem::of_certificates(std::slice::from_ref(new.certificate())))?;
        new
    };
    let files = [certificate, key].map(|path| IssuedFile { path, is_kept });
    Ok((authority, files.into()))
}

/// Certificates are written last: with one, everything is there, or its key was taken elsewhere.
fn is_there(certificate: &Path) -> Result<bool, TlsError> {
    let length = disk::length(certificate).map_err(|why| unwritable(certificate, why))?;
    Ok(length.is_some())
}

fn files_of(directory: &Path, name: &str) -> [PathBuf; 2] {
    ["pem", "key"].map(|kind| directory.join(format!("{name}.{kind}")))
}

fn write(path: &Path, text: &str) -> Result<(), TlsError> {
    let unfinished = path.with_extension("new");
    disk::replace_durably(path, &unfinished, text.as_bytes()).map_err(|why| unwritable(path, why))
}

fn unwritable(path: &Path, why: std::io::Error) -> TlsError {
    TlsError::Unwritable { path: path.to_owned(), source: why }
}

/// From yesterday, as clocks differ.
fn from_now_on() -> Validity {
    let today = day(clock::now());
    let parts = |day: DateTime<Utc>| {
        let part = |number: u32| u8::try_from(number).expect("of a date");
        (day.year(), part(day.month()), part(day.day()))
    };
    Validity::Between(parts(today - Days::new(1)), parts(today + VALID_FOR))
}

fn day(now: UnixMillis) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(now.get()).unwrap_or_default()
}
