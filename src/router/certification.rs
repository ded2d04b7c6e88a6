//! What the router shows to prove that the network is its domain. Masters have it in their state and tell
//! the router, which keeps a copy, so that it can be called by its name before the first of them is up.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::{
    domain::Certification,
    host::disk,
    serving::{CERTIFICATION_FILE, Encryption, certification_in, certification_text},
};

/// Keeps the copy, and shows it; clones share it.
#[derive(Clone)]
pub struct KeptCertification {
    path: PathBuf,
    encryption: Encryption,
}

impl KeptCertification {
    /// With the copy that is in this directory. One that cannot be read is told of: the masters bring
    /// another.
    pub fn open(directory: &Path, encryption: Encryption) -> Self {
        let path = directory.join(CERTIFICATION_FILE);
        match read(&path) {
            // It holds a key, which nobody needs any more.
            Ok(Some(_)) if !encryption.has_domain() => _ = disk::remove(&path),
            Ok(Some(kept)) => _ = encryption.hears(&kept),
            Ok(None) => {}
            Err(why) => {
                let path = path.display();
                tracing::warn!(
                    %path, %why,
                    "cannot use the certificate that was kept: there is none until a master reports"
                );
            }
        }
        Self { path, encryption }
    }

    /// Shows this from now on, and keeps a copy, if it is for the domain of this router.
    pub fn hears(&self, certification: &Certification) {
        if !self.encryption.hears(certification) {
            return;
        }
        // Challenges are for this moment.
        let lasting = Certification { challenges: Vec::new(), ..certification.clone() };
        if matches!(read(&self.path), Ok(Some(kept)) if kept == lasting) {
            return;
        }
        let text = certification_text(&lasting);
        let unfinished = self.path.with_extension("new");
        if let Err(why) = disk::replace_durably(&self.path, &unfinished, text.as_bytes()) {
            tracing::error!(path = %self.path.display(), %why, "cannot keep the certificate");
        }
    }
}

fn read(path: &Path) -> io::Result<Option<Certification>> {
    let Some(text) = disk::read_text(path)? else { return Ok(None) };
    let unusable = |why| io::Error::new(io::ErrorKind::InvalidData, why);
    certification_in(text.as_bytes()).map(Some).map_err(unusable)
}
