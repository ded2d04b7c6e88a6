//! What becomes of a connection when one of its ends is closed, killed, or loses its power, and what
//! the other end learns of it.

use super::*;
use crate::host::simulated::{between, with};

/// Long after everything that is tried again was tried again.
const LONG: u64 = 1_000 * SECOND;

#[test]
fn a_reset_breaks_both_ends_of_the_connections_between_two_machines_at_once() {
    let [one, other, third] = world(1);
    let [mut client, mut server] = connection(one, other);
    let [mut backwards, mut forwards] = connection(other, one);
    let [mut unconcerned, mut there] = connection(one, third);
    send(&mut server, b"unread");
    pass(LONGEST);
    send(&mut client, b"on its way");
    network::reset_connections(one, other);
    for end in [&mut client, &mut server, &mut backwards, &mut forwards] {
        assert!(is_reset(end));
    }
    pass(LONG);
    assert!(is_reset(&mut server), "nothing arrives any more");
    send(&mut unconcerned, b"one");
    pass(LONGEST);
    assert_eq!(received(&mut there), b"one");
}

#[test]
fn a_reset_wakes_who_reads() {
    let [one, other] = world(1);
    let [mut client, _server] = connection(one, other);
    let (bell, waker) = Bell::new();
    let mut space = [0; 8];
    let mut read = Box::pin(client.read(&mut space));
    assert!(read.poll_unpin(&mut Context::from_waker(&waker)).is_pending());
    network::reset_connections(other, one);
    assert!(bell.has_rung());
    assert_eq!(network::run_events().len(), 2, "both machines have something to do");
}

#[test]
fn when_a_process_is_killed_its_kernel_tells_the_other_end_within_the_links_delay() {
    for seed in SEEDS {
        let [one, other] = world(seed);
        let [mut client, mut server] = connection(one, other);
        let (bell, waker) = Bell::new();
        let mut space = [0; 8];
        let mut read = Box::pin(client.read(&mut space));
        assert!(read.poll_unpin(&mut Context::from_waker(&waker)).is_pending());
        other.kill();
        assert!(sees_nothing(&mut server) && try_send(&mut server, b"one").is_none());
        pass(SHORTEST - 1);
        assert!(!bell.has_rung(), "seed {seed}");
        pass(LONGEST - SHORTEST + 1);
        assert!(bell.has_rung(), "seed {seed}");
        drop(read);
        assert!(is_reset(&mut client), "seed {seed}");
    }
}

#[test]
fn what_a_process_sent_before_it_was_killed_arrives_even_over_a_link_that_is_cut_for_a_while() {
    let [one, other] = world(1);
    let [mut client, mut server] = connection(one, other);
    // It is slow enough for what was sent and the reset behind it to be seen apart.
    network::set_link(other, one, |link| link.delay = (1_000_000, 1_000_000));
    cut(other, one, true);
    send(&mut server, b"the last");
    pass(900 * MILLISECOND);
    other.kill();
    pass(600 * MILLISECOND);
    assert!(sees_nothing(&mut client));
    cut(other, one, false);
    let (arrived, took) = wait(|| try_receive(&mut client));
    assert_eq!(arrived.expect("connected"), b"the last");
    assert_eq!(took, 100 * MILLISECOND, "lost after 1 s and 1.2 s, and sent again 0.4 s later");
    pass(300 * MILLISECOND);
    assert!(is_reset(&mut client));
}

#[test]
fn a_reset_that_a_cut_link_loses_is_not_sent_again_until_the_other_end_sends() {
    let [one, other] = world(1);
    let [mut client, _server] = connection(one, other);
    cut(other, one, true);
    other.kill();
    pass(LONGEST);
    cut(other, one, false);
    pass(LONG);
    assert!(sees_nothing(&mut client), "it was told");
    send(&mut client, b"one");
    pass(2 * LONGEST);
    assert!(is_reset(&mut client));
}

#[test]
fn who_sends_to_a_dead_end_does_so_again_until_the_answer_arrives() {
    let [one, other] = world(1);
    let [mut client, _server] = connection(one, other);
    cut(other, one, true);
    other.kill();
    pass(LONG);
    assert!(sees_nothing(&mut client));
    // The dead end's kernel answers, but the answers are lost too.
    send(&mut client, b"one");
    pass(SECOND);
    assert!(sees_nothing(&mut client));
    send(&mut client, b"two");
    pass(LONG);
    assert!(sees_nothing(&mut client));
    cut(other, one, false);
    pass(120 * SECOND + 2 * LONGEST);
    assert!(is_reset(&mut client));
}

#[test]
fn a_loss_of_power_is_silent_until_the_other_end_sends() {
    for seed in SEEDS {
        let [one, other] = world(seed);
        let [mut client, mut server] = connection(one, other);
        if seed.is_multiple_of(2) {
            send(&mut server, b"perhaps");
        }
        other.power_off();
        pass(LONG);
        received(&mut client);
        assert!(sees_nothing(&mut client), "seed {seed}: it was told");
        other.power_on();
        pass(LONG);
        assert!(sees_nothing(&mut client), "seed {seed}: it was told");
        send(&mut client, b"one");
        assert!(sees_nothing(&mut client), "it cannot know yet");
        pass(2 * LONGEST);
        assert!(is_reset(&mut client), "seed {seed}");
    }
}

#[test]
fn what_is_sent_to_a_machine_without_power_is_refused_when_it_has_some() {
    let [one, other] = world(1);
    let [mut client, _server] = connection(one, other);
    other.power_off();
    send(&mut client, b"one");
    pass(10 * SECOND);
    assert!(sees_nothing(&mut client));
    send(&mut client, b"two");
    other.power_on();
    assert!(sees_nothing(&mut client), "it is not told before it tries again");
    let (outcome, _) = wait(|| try_receive(&mut client));
    assert_eq!(outcome.expect_err("nobody is there").kind(), io::ErrorKind::ConnectionReset);
    assert!(is_reset(&mut client));
}

#[test]
fn a_machine_that_has_lost_its_power_sends_nothing_again() {
    // It loses its power after what it sent was lost, and before.
    for cut_for in [SECOND, 0] {
        let [one, other] = world(1);
        let [mut client, mut server] = connection(one, other);
        cut(one, other, true);
        send(&mut client, b"lost");
        pass(cut_for);
        one.power_off();
        one.power_on();
        pass(LONGEST);
        cut(one, other, false);
        pass(LONG);
        assert!(sees_nothing(&mut server), "after {cut_for}");
        send(&mut server, b"one");
        pass(2 * LONGEST);
        assert!(is_reset(&mut server));
    }
}

#[test]
fn who_writes_to_a_dead_end_learns_of_it_when_the_answer_arrives_and_no_sooner() {
    let [one, other] = world(1);
    let [mut client, _server] = connection(one, other);
    other.power_off();
    other.power_on();
    network::set_link(other, one, |link| link.delay = (10_000_000, 10_000_000));
    send(&mut client, b"one");
    pass(9 * SECOND);
    send(&mut client, b"two");
    assert!(sees_nothing(&mut client));
    pass(SECOND + LONGEST);
    assert!(is_reset(&mut client));
}

#[test]
fn the_end_of_a_dead_process_does_nothing_any_more() {
    let [one, other] = world(1);
    let [mut client, mut server] = connection(one, other);
    other.kill();
    assert!(try_send(&mut server, b"one").is_none());
    pass(LONG);
    assert!(sees_nothing(&mut server));
    drop(server);
    assert!(is_reset(&mut client));
    // A new process on the same machine has connections of its own.
    let [mut client, mut server] = connection(one, other);
    send(&mut client, b"one");
    pass(LONGEST);
    assert_eq!(received(&mut server), b"one");
}

#[test]
fn an_end_that_is_closed_is_seen_behind_what_it_sent_and_refuses_what_still_comes() {
    let [one, other] = world(1);
    let [mut client, mut server] = connection(one, other);
    send(&mut client, b"the last");
    drop(client);
    assert!(sees_nothing(&mut server));
    pass(LONGEST);
    assert_eq!(received(&mut server), b"the last");
    assert!(sees_the_end(&mut server));
    // A kernel has nothing more to say of it when the process that closed it is killed.
    one.kill();
    pass(LONG);
    assert!(sees_the_end(&mut server));
    send(&mut server, b"an answer");
    pass(2 * LONGEST);
    assert!(is_reset(&mut server));
}

#[test]
fn a_connection_that_both_ends_have_closed_is_forgotten() {
    for seed in SEEDS {
        let [one, other] = world(seed);
        let [mut client, mut server] = connection(one, other);
        send(&mut client, b"one");
        send(&mut server, b"two");
        if seed.is_multiple_of(2) {
            other.kill();
        }
        drop(client);
        pass(between(0, LONGEST));
        drop(server);
        pass(LONG);
        assert_eq!(network::next_event(), None, "seed {seed}");
        assert_eq!(with(|world| world.network.directions()), 0, "seed {seed}");
    }
}
