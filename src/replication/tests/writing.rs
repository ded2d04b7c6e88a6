//! Writing and reading through the replicated log.

use std::sync::Arc;

use futures::{FutureExt as _, future::join_all};

use super::{
    cluster::{Member, cluster},
    entries::{account, name, publish, view},
};
use crate::{
    domain::PostId,
    host::clock,
    replication::{
        cluster_clock::{Clock, MAX_SKEW_MS},
        writes::{WriteError, Writes},
    },
    social::Reply,
};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

#[tokio::test]
async fn what_was_written_can_be_read_once_the_leader_has_confirmed() {
    let (masters, _witness) = cluster(3).await;
    let (writes, reads) = (masters[0].writes(), masters[0].reads());
    writes.submit(account("ann")).await.expect("written");
    reads.confirm().await.expect("leads");
    let found = view(masters[0].state()).account_by_name(&name("ANN")).expect("read");
    assert!(found.is_some());
    assert_eq!(masters[1].reads().confirm().await, Err(WriteError::NotLeading));
    assert_eq!(masters[1].writes().submit(account("bob")).await, Err(WriteError::NotLeading));
}

#[tokio::test]
async fn every_writer_gets_its_own_reply_and_commands_keep_their_order() {
    let (masters, _witness) = cluster(2).await;
    let writes = masters[0].writes();
    let names: Vec<String> = (0..600).map(|number| format!("user-{number}")).collect();
    let replies = join_all(names.iter().map(|name| writes.submit(account(name)))).await;
    for (name, reply) in names.iter().zip(replies) {
        let Ok(Reply::Account(account)) = reply else { panic!("{name}: {reply:?}") };
        assert_eq!(account.name.as_str(), name);
    }
    let replies = join_all((1..=600).map(|user| writes.submit(publish(user, 1)))).await;
    let posts = replies.into_iter().map(|reply| match reply {
        Ok(Reply::Published { post, .. }) => post,
        other => panic!("{other:?}"),
    });
    assert!(posts.eq((1..=600).map(PostId::new)));
}

#[tokio::test]
async fn a_full_queue_refuses_and_takes_nothing_that_it_cannot_answer() {
    let (masters, _witness) = cluster(1).await;
    let writes = Writes::start(&masters[0].node, 4, Arc::new(clock::now));
    let names: Vec<String> = (0..10).map(|number| format!("user-{number}")).collect();
    let replies = join_all(names.iter().map(|name| writes.submit(account(name)))).await;
    assert!(replies[..4].iter().all(Result::is_ok), "{replies:?}");
    assert!(replies[4..].iter().all(|reply| *reply == Err(WriteError::Overloaded)), "{replies:?}");
    let written = view(masters[0].state()).users(None, 99).expect("read").names;
    assert_eq!(written.len(), 4);
}

/// Kills the first master and makes another its successor.
async fn succeed(masters: &[Member], successor: usize) {
    masters[successor].level_with(&masters[0]).await;
    masters[0].kill().await;
    masters[successor].node.campaign(0).await;
    masters[successor].leads().await;
}

#[tokio::test]
async fn a_retry_after_a_change_of_leaders_is_answered_alike_and_done_once() {
    let (masters, _witness) = cluster(3).await;
    let writes = masters[0].writes();
    writes.submit(account("ann")).await.expect("written");
    let reply = writes.submit(publish(1, 1)).await.expect("written");
    succeed(&masters, 2).await;
    let writes = masters[2].writes();
    assert_eq!(writes.submit(publish(1, 1)).await, Ok(reply));
    assert_eq!(view(masters[2].state()).newest_post(), PostId::new(1));
    let next = writes.submit(publish(1, 2)).await.expect("written");
    assert!(matches!(next, Reply::Published { post, .. } if post == PostId::new(2)));
}

#[tokio::test]
async fn a_writer_at_a_stopped_leader_is_told_that_it_does_not_lead() {
    let (masters, _witness) = cluster(2).await;
    let writes = masters[0].writes();
    masters[0].node.stop().await;
    assert_eq!(writes.submit(account("ann")).await, Err(WriteError::NotLeading));
}

#[tokio::test]
async fn a_command_whose_caller_has_left_before_its_turn_is_not_proposed() {
    let (masters, _witness) = cluster(1).await;
    let writes = masters[0].writes();
    // On this single thread, nothing is proposed before the test waits.
    assert!(writes.submit(account("gone")).now_or_never().is_none(), "it waits");
    writes.submit(account("here")).await.expect("written");
    let users = view(masters[0].state()).users(None, 99).expect("read").names;
    assert_eq!(users, [name("here")]);
}

/// The clock of this machine, this many milliseconds ahead.
fn ahead(by_ms: i64) -> Clock {
    Arc::new(move || clock::now().saturating_add_ms(by_ms))
}

#[tokio::test]
async fn a_successor_whose_clock_is_days_ahead_does_nothing_twice() {
    let (masters, _witness) = cluster(3).await;
    let writes = masters[0].writes();
    join_all((1..=4).map(|number| writes.submit(account(&format!("user-{number}"))))).await;
    let replies = join_all((1..=4).map(|user| writes.submit(publish(user, 1)))).await;
    succeed(&masters, 2).await;
    let writes = masters[2].writes_by(ahead(5 * DAY_MS));
    for (user, reply) in (1..=4).zip(replies) {
        // Other commands come between the repetitions, and bring the new time with them.
        assert_eq!(writes.submit(publish(user, 1)).await, reply);
        writes.submit(publish(user, 2)).await.expect("written");
    }
    assert_eq!(view(masters[2].state()).newest_post(), PostId::new(8));
}

#[tokio::test]
async fn a_leader_whose_clock_jumps_goes_by_the_clocks_of_the_others() {
    let (masters, _witness) = cluster(2).await;
    let writes = masters[0].writes();
    writes.submit(account("ann")).await.expect("written");
    for (sequence, jump_ms) in [(1, 400 * DAY_MS), (2, -400 * DAY_MS), (3, 0)] {
        let peers = masters[0].node.peers().clone();
        let clock: Clock =
            Arc::new(move || peers.cluster_time(clock::now().saturating_add_ms(jump_ms)));
        let posted = masters[0].writes_by(clock).submit(publish(1, sequence)).await;
        let Ok(Reply::Published { posted_at, .. }) = posted else { panic!("{posted:?}") };
        let wrong_ms = clock::now().saturating_ms_since(posted_at).abs();
        // A busy machine may take the same time again to get here.
        assert!(wrong_ms <= 2 * MAX_SKEW_MS, "a clock {jump_ms} ms ahead: {wrong_ms} ms");
    }
}
