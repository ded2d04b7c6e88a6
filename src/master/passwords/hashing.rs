//! What is computed of passwords: argon2id. It blocks, and draws no random numbers.

use std::fmt;

use argon2::{
    Argon2, PasswordHasher as _, PasswordVerifier as _, password_hash::phc::PasswordHash,
};
use zeroize::Zeroizing;

/// What to compute. Passwords are wiped from memory afterwards. Each takes 19 MiB and about 20 ms of a core (argon2id's default parameters, which
/// are OWASP's).
pub enum Work {
    /// The hash of a password.
    Hash {
        /// In plain text.
        password: Zeroizing<String>,
        /// Used for no other.
        salt: [u8; 16],
    },
    /// Whether a password is the one that was hashed.
    Verify {
        /// In plain text.
        password: Zeroizing<String>,
        /// A PHC string.
        hash: String,
    },
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Computed {
    /// The hash, as a PHC string.
    Hash(String),
    /// Whether the password was right.
    Verdict(bool),
}

impl Work {
    /// Computes it.
    pub fn carry_out(self) -> Computed {
        match self {
            Self::Hash { password, salt } => Computed::Hash(
                Argon2::default()
                    .hash_password_with_salt(password.as_bytes(), &salt)
                    .expect("the parameters and the salt's length are valid")
                    .to_string(),
            ),
            Self::Verify { password, hash } => {
                let is_right = PasswordHash::new(&hash).is_ok_and(|hash| {
                    Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
                });
                Computed::Verdict(is_right)
            }
        }
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Hash { .. } => "Hash",
            Self::Verify { .. } => "Verify",
        })
    }
}
