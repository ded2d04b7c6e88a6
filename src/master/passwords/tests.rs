//! The task with real hashes. What takes longer than hashes is tested in `turns`, which is told the time.

use std::net::IpAddr;

use futures::FutureExt as _;
use tokio::task::{JoinSet, yield_now};

use super::{Asker, Passwords, Unchecked, asker::Pair};
use crate::network::Connection;

const RIGHT: &str = "correct horse";
const WRONG: &str = "correct house";

fn asker(address: &str, account: &str, port: u16) -> Asker {
    let address: IpAddr = address.parse().expect("an address");
    let pair = Pair { origin: Some(address).into(), account: account.to_owned() };
    Asker { pair, connection: Some(Connection(port)) }
}

fn ann() -> Asker {
    asker("192.0.2.1", "ann", 1)
}

fn guesser() -> Asker {
    asker("192.0.2.66", "ann", 1)
}

async fn hash(passwords: &Passwords) -> String {
    let somebody = asker("192.0.2.99", "somebody", 1);
    passwords.hash(somebody, RIGHT.to_owned()).await.expect("hashed")
}

fn tries(
    passwords: &Passwords,
    asker: Asker,
    password: &str,
    hash: &str,
) -> impl Future<Output = Result<bool, Unchecked>> + use<> {
    let (passwords, password, hash) = (passwords.clone(), password.to_owned(), hash.to_owned());
    async move { passwords.verify(asker, password, hash).await }
}

#[tokio::test]
async fn only_the_password_that_was_hashed_verifies() {
    let passwords = Passwords::start(true);
    let hash = hash(&passwords).await;
    assert!(hash.starts_with("$argon2id$"), "{hash}");
    assert_eq!(tries(&passwords, ann(), RIGHT, &hash).await, Ok(true));
    assert_eq!(tries(&passwords, ann(), WRONG, &hash).await, Ok(false));
    assert_eq!(tries(&passwords, ann(), RIGHT, "not a hash").await, Ok(false));
    let counts = passwords.counts();
    assert_eq!((counts.hashed, counts.right, counts.failures.wrong), (1, 1, 2));
}

#[tokio::test]
async fn a_caller_who_leaves_before_its_turn_costs_nothing_and_during_it_one_hash_at_a_time() {
    let passwords = Passwords::start(false);
    let hash = hash(&passwords).await;
    for _ in 0..3 {
        let mut first = Box::pin(tries(&passwords, ann(), WRONG, &hash));
        assert!(first.as_mut().now_or_never().is_none());
        let mut others: Vec<_> =
            (0..9).map(|_| Box::pin(tries(&passwords, ann(), WRONG, &hash))).collect();
        for other in &mut others {
            assert!(other.as_mut().now_or_never().is_none());
        }
        assert_eq!(passwords.counts().waiting, 10);
        // The task may begin with one of them, which then leaves too.
        yield_now().await;
    }
    assert_eq!(tries(&passwords, ann(), RIGHT, &hash).await, Ok(true));
    let counts = passwords.counts();
    assert!(counts.failures.wrong <= 3, "{counts:?}");
    assert_eq!(counts.failures.wrong + counts.left, 30, "{counts:?}");
    assert_eq!(counts.waiting, 0);
}

#[tokio::test]
async fn two_hundred_guesses_that_wait_delay_others_by_two_hashes() {
    for limits_rates in [true, false] {
        for (guesser, owner) in [
            (guesser(), ann()),
            (asker("192.0.2.1", "bob", 1), ann()),
            (asker("192.0.2.1", "ann", 2), ann()),
        ] {
            let passwords = Passwords::start(limits_rates);
            let hash = hash(&passwords).await;
            let mut attack = JoinSet::new();
            for _ in 0..200 {
                attack.spawn(tries(&passwords, guesser.clone(), WRONG, &hash));
            }
            while passwords.counts().failures.crowded < 200 - 20 {
                yield_now().await;
            }
            let before = passwords.counts().failures.wrong;
            assert_eq!(tries(&passwords, owner, RIGHT, &hash).await, Ok(true));
            let counts = passwords.counts();
            assert!(counts.failures.wrong <= before + 2, "{counts:?}");
        }
    }
}

#[tokio::test]
async fn a_guesser_is_slowed_and_the_owner_is_not() {
    let passwords = Passwords::start(true);
    let hash = hash(&passwords).await;
    assert_eq!(tries(&passwords, ann(), RIGHT, &hash).await, Ok(true));
    for _ in 0..10 {
        assert_eq!(tries(&passwords, guesser(), WRONG, &hash).await, Ok(false));
    }
    let lucky = tries(&passwords, guesser(), RIGHT, &hash).await;
    assert!(matches!(lucky, Err(Unchecked::Slowed(_))), "{lucky:?}");
    assert_eq!(tries(&passwords, ann(), RIGHT, &hash).await, Ok(true));
}

#[tokio::test]
async fn without_limits_nobody_is_slowed() {
    let passwords = Passwords::start(false);
    let hash = hash(&passwords).await;
    for _ in 0..12 {
        assert_eq!(tries(&passwords, guesser(), WRONG, &hash).await, Ok(false));
    }
}
