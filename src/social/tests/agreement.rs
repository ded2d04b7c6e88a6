//! Random histories: the state agrees with the model, with itself however commands are batched, and
//! with what is restored from its dump.

use proptest::{prelude::*, test_runner::FileFailurePersistence};

use super::{model::Model, *};
use crate::domain::{AcmeChallenge, CertificationStep, ClusterId};

/// What random commands are made of.
#[derive(Clone, Copy)]
struct Variety {
    users: u64,
    clients: u128,
    sequences: u64,
    /// Of 40 steps in time, how many are of about an hour.
    long_silences: u32,
}

/// A few people, each with a few clients that repeat requests and fall behind.
const CONVERSATION: Variety = Variety { users: 5, clients: 3, sequences: 40, long_silences: 8 };
/// One person with many clients, each of which soon leaves.
const CROWD: Variety = Variety { users: 1, clients: 200, sequences: 3, long_silences: 12 };

fn command(Variety { users, clients, sequences, .. }: Variety) -> impl Strategy<Value = Command> {
    // One user more, who is created at some time or never. Names in both cases.
    let user = prop_oneof![9 => 1..=users, 1 => Just(users + 1)].prop_map(UserId);
    let name = (1..=users + 1, any::<bool>())
        .prop_map(|(number, upper)| name(&format!("{}{number}", if upper { 'U' } else { 'u' })));
    let sequence = prop_oneof![
        8 => 0..sequences,
        1 => 0..20 * sequences,
    ];
    let counted = (0..clients, sequence, 0..4u64).prop_map(|(client, sequence, behind)| {
        let answered_below = match behind {
            0 => 0,
            // More than is possible.
            1 => sequence + 1,
            2 => sequence.saturating_sub(5),
            _ => sequence.saturating_sub(90),
        };
        answered(client, sequence, answered_below)
    });
    let key = prop_oneof![20 => counted, 1 => "[a-c]{1,2}".prop_map(|key| opaque(&key))];
    let password_version = prop_oneof![8 => Just(0), 2 => 0..3u32];
    let context = (user, password_version, key).prop_map(|(user, password_version, key)| Context {
        user,
        password_version,
        key,
    });
    let hash = proptest::option::of("[a-z]{1,3}");
    let asked = (context, name.clone(), hash.clone(), 0..3u8);
    prop_oneof![
        2 => (name, hash).prop_map(|(name, password_hash)| Command::CreateAccount { name, password_hash }),
        1 => any::<[u8; 32]>().prop_map(|signing_key| Command::BootstrapCluster { signing_key }),
        1 => any::<u128>().prop_map(|to| Command::AbandonCluster { to: ClusterId::new(to) }),
        1 => "[a-c]{1,2}".prop_map(|token| {
            let challenge = AcmeChallenge { token, answer: String::new() };
            Command::Certify { step: CertificationStep::Challenges(vec![challenge]) }
        }),
        24 => (0..60u8, asked).prop_map(|(kind, (context, target, password_hash, said))| match kind {
            0 => Command::SetPassword { context, password_hash },
            1..=20 => Command::Follow { context, target },
            21..=30 => Command::Unfollow { context, target },
            _ => Command::Publish { context, text: text(&format!("{said}")) },
        }),
    ]
}

/// Users exist from the start. The times of commands mostly creep forward, sometimes run backwards,
/// and sometimes jump by hours or days.
fn history(variety: Variety) -> impl Strategy<Value = Vec<Stamped>> {
    let step = prop_oneof![
        30 => -5..50i64,
        2 => -HOUR_MS..30 * HOUR_MS,
        variety.long_silences => HOUR_MS / 4..3 * HOUR_MS / 2,
    ];
    proptest::collection::vec((step, command(variety)), 1..400).prop_map(move |steps| {
        let mut now = 1_000_000;
        let accounts = (1..=variety.users).map(|number| {
            let name = name(&format!("u{number}"));
            (0, Command::CreateAccount { name, password_hash: None })
        });
        let mut stamp = |(step, command)| {
            now += step;
            Stamped { at: UnixMillis::new(now), command }
        };
        accounts.chain(steps).map(&mut stamp).collect()
    })
}

/// Splits a history into batches whose sizes repeat.
fn batches<'a>(history: &'a [Stamped], sizes: &'a [usize]) -> Vec<&'a [Stamped]> {
    let mut rest = history;
    let mut sizes = sizes.iter().cycle();
    let mut batches = Vec::new();
    while !rest.is_empty() {
        let size = sizes.next().map_or(rest.len(), |size| (*size).min(rest.len()));
        let (batch, others) = rest.split_at(size);
        batches.push(batch);
        rest = others;
    }
    batches
}

fn check(history: &[Stamped], sizes: &[usize], cut: prop::sample::Index, limit: usize) {
    let mut model = Model::default();
    let expected: Vec<_> = history.iter().cloned().map(|stamped| model.apply(stamped)).collect();

    let state = State::new();
    let outcomes: Vec<_> =
        batches(history, sizes).into_iter().flat_map(|batch| state.apply_all(batch)).collect();
    for (index, (found, expected)) in outcomes.iter().zip(&expected).enumerate() {
        assert_eq!(found, expected, "command {index}: {:?}", history[index]);
    }
    model.assert_agrees(&state.view(), limit);

    let at_once = State::new();
    at_once.apply_all(history);
    assert_eq!(at_once.dump(), state.dump());
    assert_eq!(at_once.damage(), []);
    assert_eq!(at_once.every_row(), state.every_row());

    let (before, after) = history.split_at(cut.index(history.len()));
    let first = State::new();
    first.apply_all(before);
    let second = State::restored(&first.dump());
    assert_eq!(second.dump(), first.dump());
    assert_eq!(second.damage(), []);
    assert_eq!(second.every_row(), first.every_row());
    assert_eq!(second.apply_all(after), expected[before.len()..]);
    assert_eq!(second.every_row(), state.every_row());
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_random_conversation_is_the_same_however_batched_restored_or_modelled(
        history in history(CONVERSATION),
        sizes in proptest::collection::vec(1..40usize, 1..5),
        cut: prop::sample::Index,
        limit in 0..9usize,
    ) {
        check(&history, &sizes, cut, limit);
    }

    #[test]
    fn a_random_crowd_of_clients_is_the_same_however_batched_restored_or_modelled(
        history in history(CROWD),
        sizes in proptest::collection::vec(1..40usize, 1..5),
        cut: prop::sample::Index,
    ) {
        check(&history, &sizes, cut, 3);
    }
}
