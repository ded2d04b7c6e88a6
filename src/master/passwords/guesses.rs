//! Whether somebody may try a password now, after passwords that were wrong. Pure.
//!
//! Nothing that others do elsewhere keeps the owner of an account out:
//!
//! - Whoever asks for an account at an origin from which it was opened before is *known*, and is slowed
//!   only by wrong passwords for this account from this origin, and so little that people can wait.
//! - A *stranger* is slowed by those, by wrong passwords for any account from this origin, and, if the
//!   account is being guessed at from everywhere, has fewer tries. But each has some, at once.
//!
//! How many are remembered is fixed; the longest unused are forgotten, which takes a guesser as many
//! wrong passwords as are remembered.

use std::{cmp::max, time::Duration};

use tokio::time::Instant;

use super::asker::Pair;
use crate::{
    master::{
        rates::{Bucket, Rate},
        remembered::Remembered,
    },
    network::Origin,
};

/// Wrong passwords of somebody who is known: ten in a row are a bad day, and then it is a guesser or a
/// program, who share a line with the owner. He waits two seconds for each other connection in it.
const KNOWN: Rate = Rate { burst: 10, every: Duration::from_secs(2) };
/// Wrong passwords of a stranger: 3,000 guesses a day.
const STRANGER: Rate = Rate { burst: 10, every: Duration::from_secs(30) };
/// The same if the account is being guessed at.
const ONE_OF_MANY_STRANGERS: Rate = Rate { burst: 3, ..STRANGER };
/// Wrong passwords of all strangers at one origin, for all accounts. Many people may be there.
const ORIGIN: Rate = Rate { burst: 50, every: Duration::from_secs(1) };
/// More wrong passwords of strangers than this, from all origins, and an account is being guessed at.
const ACCOUNT: Rate = Rate { burst: 30, every: Duration::from_mins(1) };
/// How many of each are remembered: some megabytes in all.
const REMEMBERED: usize = 10_000;

/// What is remembered of passwords that were right or wrong.
pub struct Guesses {
    /// Those who have opened the account before, and their wrong passwords.
    known: Remembered<Pair, Bucket>,
    /// Wrong passwords of all others.
    strangers: Remembered<Pair, Bucket>,
    origins: Remembered<Origin, Bucket>,
    accounts: Remembered<String, Bucket>,
}

impl Default for Guesses {
    fn default() -> Self {
        Self {
            known: Remembered::new(REMEMBERED),
            strangers: Remembered::new(REMEMBERED),
            origins: Remembered::new(REMEMBERED),
            accounts: Remembered::new(REMEMBERED),
        }
    }
}

impl Guesses {
    /// Whether the account was opened from there before.
    pub fn is_known(&self, pair: &Pair) -> bool {
        self.known.get(pair).is_some()
    }

    /// How long until this pair may try a password; zero if it may now.
    pub fn wait(&self, pair: &Pair, now: Instant) -> Duration {
        let wait = |bucket: Option<&Bucket>, rate| {
            bucket.map_or(Duration::ZERO, |bucket| bucket.wait(rate, now))
        };
        if let Some(bucket) = self.known.get(pair) {
            return bucket.wait(KNOWN, now);
        }
        let is_guessed_at = !wait(self.accounts.get(&pair.account), ACCOUNT).is_zero();
        let rate = if is_guessed_at { ONE_OF_MANY_STRANGERS } else { STRANGER };
        max(wait(self.strangers.get(pair), rate), wait(self.origins.get(&pair.origin), ORIGIN))
    }

    /// The password was right.
    pub fn was_right(&mut self, pair: &Pair, now: Instant) {
        self.known.use_or_insert(pair, || Bucket::new(now));
    }

    /// The password was wrong.
    pub fn was_wrong(&mut self, pair: &Pair, now: Instant) {
        let new = || Bucket::new(now);
        if self.is_known(pair) {
            self.known.use_or_insert(pair, new).take(KNOWN, now);
            return;
        }
        self.strangers.use_or_insert(pair, new).take(STRANGER, now);
        self.origins.use_or_insert(&pair.origin, new).take(ORIGIN, now);
        self.accounts.use_or_insert(&pair.account, new).take(ACCOUNT, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(address: u32, account: &str) -> Pair {
        let address = std::net::Ipv4Addr::from_bits(address);
        Pair { origin: Some(address.into()).into(), account: account.to_owned() }
    }

    /// How many wrong passwords `pair` may try at once.
    fn tries(guesses: &mut Guesses, pair: &Pair, now: Instant) -> u32 {
        let mut tries = 0;
        while guesses.wait(pair, now).is_zero() {
            guesses.was_wrong(pair, now);
            tries += 1;
        }
        tries
    }

    #[test]
    fn a_guesser_has_some_tries_and_then_one_each_time() {
        let now = Instant::now();
        let mut guesses = Guesses::default();
        let guesser = pair(1, "ann");
        assert_eq!(tries(&mut guesses, &guesser, now), STRANGER.burst);
        assert_eq!(guesses.wait(&guesser, now), STRANGER.every);
        let later = now + Duration::from_hours(24);
        assert_eq!(tries(&mut guesses, &guesser, later), STRANGER.burst, "a day later");
    }

    #[test]
    fn wrong_passwords_from_elsewhere_never_keep_the_owner_waiting_where_he_was_before() {
        let now = Instant::now();
        let mut guesses = Guesses::default();
        let owner = pair(0, "ann");
        guesses.was_right(&owner, now);
        for guesser in 1..=1_000 {
            tries(&mut guesses, &pair(guesser, "ann"), now);
            assert!(guesses.wait(&owner, now).is_zero());
        }
        // Nor do those at his own address that are for other accounts.
        for account in 0..100 {
            tries(&mut guesses, &pair(0, &format!("u{account}")), now);
            assert!(guesses.wait(&owner, now).is_zero());
        }
        assert_eq!(tries(&mut guesses, &owner, now), KNOWN.burst, "his own mistakes");
        assert!(guesses.wait(&owner, now) <= Duration::from_secs(2), "and then he waits little");
    }

    #[test]
    fn an_owner_at_a_new_address_has_tries_at_once_however_many_addresses_guess() {
        let now = Instant::now();
        let mut guesses = Guesses::default();
        let tried: Vec<u32> =
            (1..=1_000).map(|guesser| tries(&mut guesses, &pair(guesser, "ann"), now)).collect();
        assert_eq!((tried[0], tried[1], tried[2]), (10, 10, 10), "nobody knows yet");
        assert_eq!(tried[4..], [3; 996], "each has fewer tries");
        assert_eq!(tries(&mut guesses, &pair(1_001, "ann"), now), 3, "and so has the owner");
        assert_eq!(tries(&mut guesses, &pair(1_001, "bob"), now), 10, "others are not concerned");
    }

    #[test]
    fn an_address_that_guesses_at_everybody_is_slowed_whatever_the_account() {
        let now = Instant::now();
        let mut guesses = Guesses::default();
        let accounts = || (0..1_000).map(|account| pair(1, &format!("u{account}")));
        let tried: u32 = accounts().map(|pair| tries(&mut guesses, &pair, now)).sum();
        assert_eq!(tried, ORIGIN.burst);
        let second = now + Duration::from_secs(1);
        let tried: u32 = accounts().map(|pair| tries(&mut guesses, &pair, second)).sum();
        assert_eq!(tried, 1);
        assert_eq!(tries(&mut guesses, &pair(2, "u0"), second), 10, "others are not concerned");
    }
}
