//! The one source of random numbers, which can be seeded.

use parking_lot::Mutex;
use rand::{RngCore as _, SeedableRng as _, rngs::StdRng};

/// Absent until first used: a forked child must not continue its parent's sequence of numbers, so
/// the supervisor draws none.
static SOURCE: Mutex<Option<StdRng>> = Mutex::new(None);

/// Makes all following numbers repeatable.
pub fn seed(seed: u64) {
    *SOURCE.lock() = Some(StdRng::seed_from_u64(seed));
}

/// Fills an array; good for keys and ids (the generator is cryptographic and seeded by the system).
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut source = SOURCE.lock();
    let mut bytes = [0; N];
    source.get_or_insert_with(StdRng::from_os_rng).fill_bytes(&mut bytes);
    bytes
}

/// A number other than 0.
pub fn id() -> u64 {
    u64::from_le_bytes(bytes()).max(1)
}

/// 128 random bits.
pub fn wide_id() -> u128 {
    u128::from_le_bytes(bytes())
}
