//! The file in which a router keeps what proves that the network is its domain: text, because it holds keys that
//! people know as text, around an envelope.

use base64::{DecodeError, Engine as _, engine::general_purpose::STANDARD};

use crate::{
    domain::Certification,
    envelope::{self, Kind},
};

/// What it is called, in the router's directory.
pub const CERTIFICATION_FILE: &str = "certification";

/// The file holds something else, or is damaged.
#[derive(Debug, thiserror::Error)]
pub enum CertificationFileError {
    /// It is no such text.
    #[error("it is no text of this kind: {0}")]
    Text(#[from] DecodeError),
    /// What the text says is not ours, or was changed.
    #[error("{0}")]
    Envelope(#[from] envelope::Error),
}

impl CertificationFileError {
    /// Whether another version of the program would understand it.
    pub fn is_another_version(&self) -> bool {
        matches!(self, Self::Envelope(error) if error.is_another_version())
    }
}

/// What the file holds for this.
pub fn certification_text(certification: &Certification) -> String {
    STANDARD.encode(envelope::seal(Kind::Certification, certification)) + "\n"
}

/// What the contents of the file say.
pub fn certification_in(text: &[u8]) -> Result<Certification, CertificationFileError> {
    let sealed = STANDARD.decode(text.trim_ascii_end())?;
    Ok(envelope::open(Kind::Certification, &sealed)?)
}
