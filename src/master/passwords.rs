//! Passwords: argon2id, computed outside the runtime's thread, one at a time.

use std::sync::Arc;

use argon2::{
    Argon2, PasswordHasher as _, PasswordVerifier as _, password_hash::phc::PasswordHash,
};
use tokio::sync::Semaphore;

use crate::host::{random, thread};

/// Longest password in bytes: hashing a longer one costs time and adds nothing.
pub const MAX_BYTES: usize = 1_024;

/// Hashes and verifies. One computation takes 19 MiB and about 20 ms of a core (argon2id's default
/// parameters, which are OWASP's), so computations wait for each other.
#[derive(Clone)]
pub struct Passwords {
    turn: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { turn: Arc::new(Semaphore::new(1)) }
    }
}

impl Passwords {
    /// The hash of `password` as a PHC string with a new salt.
    pub async fn hash(&self, password: String) -> String {
        let salt: [u8; 16] = random::bytes();
        self.compute(move || {
            Argon2::default()
                .hash_password_with_salt(password.as_bytes(), &salt)
                .expect("the parameters and the salt's length are valid")
                .to_string()
        })
        .await
    }

    /// Whether `password` is the one that was hashed.
    pub async fn verify(&self, password: String, hash: String) -> bool {
        self.compute(move || {
            PasswordHash::new(&hash).is_ok_and(|hash| {
                Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
            })
        })
        .await
    }

    async fn compute<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        let _turn = self.turn.acquire().await.expect("never closed");
        thread::run(job).await.expect("hashing does not panic")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_password_that_was_hashed_verifies() {
        let passwords = Passwords::default();
        let hash = passwords.hash("correct horse".to_owned()).await;
        assert!(hash.starts_with("$argon2id$"), "{hash}");
        assert!(passwords.verify("correct horse".to_owned(), hash.clone()).await);
        assert!(!passwords.verify("correct house".to_owned(), hash).await);
        assert!(!passwords.verify("correct horse".to_owned(), "not a hash".to_owned()).await);
    }
}
