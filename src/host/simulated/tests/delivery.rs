//! What is sent arrives once, in order and whole, and when the link lets it.

use std::task::Context;

use tokio::io::{AsyncRead as _, ReadBuf};

use super::*;
use crate::host::simulated::between;

/// What a connection holds that nobody reads.
const WINDOW: usize = 256 << 10;

/// Bytes that differ from those before and after them.
fn some_bytes(length: usize) -> Vec<u8> {
    (0..length).map(|n| u8::try_from(n % 251).expect("it is small")).collect()
}

/// Sends `bytes` in pieces, at different times, and returns what arrived until the world had
/// nothing more to do.
fn sent_in_pieces(from: &mut SimulatedStream, to: &mut SimulatedStream, bytes: &[u8]) -> Vec<u8> {
    let mut arrived = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let length = usize::try_from(between(1, 900)).expect("it is small").min(rest.len());
        let (piece, behind) = rest.split_at(length);
        send(from, piece);
        rest = behind;
        pass(between(0, 300) * MICROSECOND);
        arrived.extend(received(to));
    }
    while let Some(at) = network::next_event() {
        pass(at.saturating_sub(clock::now()));
        arrived.extend(received(to));
    }
    arrived
}

#[test]
fn what_is_sent_arrives_once_in_order_and_whole_both_ways() {
    let bytes = some_bytes(20_000);
    for seed in SEEDS {
        let [one, other] = world(seed);
        let [mut client, mut server] = connection(one, other);
        assert_eq!(sent_in_pieces(&mut client, &mut server, &bytes), bytes, "seed {seed}");
        assert_eq!(sent_in_pieces(&mut server, &mut client, &bytes), bytes, "seed {seed}");
        assert!(sees_nothing(&mut client) && sees_nothing(&mut server));
    }
}

#[test]
fn it_takes_what_the_link_takes() {
    for (shortest, longest) in [(50, 400), (2_000, 9_000)] {
        let mut taken = Vec::new();
        for seed in SEEDS {
            let [one, other] = world(seed);
            let [mut client, mut server] = connection(one, other);
            network::set_link(one, other, |link| link.delay = (shortest, longest));
            send(&mut client, b"one");
            let (arrived, took) = wait(|| try_receive(&mut server));
            assert_eq!(arrived.expect("connected"), b"one");
            taken.push(took);
        }
        let (shortest, longest) = (shortest * MICROSECOND, longest * MICROSECOND);
        assert!(taken.iter().all(|took| (shortest..=longest).contains(took)), "{taken:?}");
        let middle = u64::midpoint(shortest, longest);
        assert!(taken.iter().any(|took| *took < middle) && taken.iter().any(|took| *took > middle));
    }
}

#[test]
fn a_reader_is_woken_and_its_machine_named_when_something_arrives() {
    let [one, other] = world(1);
    let [mut client, mut server] = connection(one, other);
    let (bell, waker) = Bell::new();
    let mut space = [0; 8];
    let mut buffer = ReadBuf::new(&mut space);
    let mut context = Context::from_waker(&waker);
    assert!(Pin::new(&mut server).poll_read(&mut context, &mut buffer).is_pending());
    send(&mut client, b"one");
    assert!(!bell.has_rung(), "nothing reaches another machine at once");
    clock::advance(network::next_event().expect("it is on its way"));
    assert_eq!(network::run_events().into_iter().collect::<Vec<_>>(), [other]);
    assert!(bell.has_rung());
    assert_eq!(received(&mut server), b"one");
}

#[test]
fn a_reader_with_little_room_gets_the_rest_the_next_time() {
    let [one, other] = world(1);
    let [mut client, mut server] = connection(one, other);
    send(&mut client, b"abcde");
    pass(LONGEST);
    let mut space = [0; 2];
    let mut parts = Vec::new();
    for _ in 0..3 {
        let read = server.read(&mut space).now_or_never().expect("arrived").expect("connected");
        parts.push(space[..read].to_vec());
    }
    assert_eq!(parts, [&b"ab"[..], b"cd", b"e"]);
}

#[test]
fn a_writer_waits_while_a_window_is_unread_and_is_woken_when_there_is_room() {
    let [one, other] = world(1);
    let [mut client, mut server] = connection(one, other);
    let bytes = some_bytes(WINDOW + 1_000);
    let taken = try_send(&mut client, &bytes).expect("there is room").expect("connected");
    assert_eq!(taken, WINDOW);
    let (bell, waker) = Bell::new();
    let mut context = Context::from_waker(&waker);
    let mut writes = Box::pin(client.write(&bytes[taken..]));
    assert!(writes.poll_unpin(&mut context).is_pending());
    pass(SECOND);
    assert!(!bell.has_rung(), "nobody reads");
    let mut arrived = received(&mut server);
    assert!(writes.poll_unpin(&mut context).is_pending(), "it cannot know that yet");
    pass(SHORTEST - 1);
    assert!(!bell.has_rung());
    pass(LONGEST);
    assert!(bell.has_rung());
    let written = writes.now_or_never().expect("there is room").expect("connected");
    assert_eq!(written, 1_000);
    pass(LONGEST);
    arrived.extend(received(&mut server));
    assert_eq!(arrived, bytes);
}

#[test]
fn a_writer_does_not_hear_over_a_cut_link_that_there_is_room() {
    let [one, other] = world(1);
    let [mut client, mut server] = connection(one, other);
    send(&mut client, &some_bytes(WINDOW));
    assert!(try_send(&mut client, b"more").is_none());
    pass(LONGEST);
    cut(other, one, true);
    assert_eq!(received(&mut server).len(), WINDOW);
    pass(10 * SECOND);
    assert!(try_send(&mut client, b"more").is_none());
    cut(other, one, false);
    wait(|| try_send(&mut client, b"more")).0.expect("connected");
}

#[test]
fn a_cut_link_delivers_nothing_and_once_it_is_mended_all_that_was_sent_in_order() {
    for seed in SEEDS {
        let [one, other] = world(seed);
        let [mut client, mut server] = connection(one, other);
        // Some of it is on its way when the link is cut.
        send(&mut client, b"one ");
        cut(one, other, true);
        send(&mut client, b"two ");
        pass(4 * SECOND);
        send(&mut client, b"three");
        pass(SECOND);
        assert!(sees_nothing(&mut server), "seed {seed}");
        cut(one, other, false);
        // Lost at once, and after 0.2, 0.4, 0.8 and 1.6 more seconds; 3.2 after that, it is not.
        let (first, took) = wait(|| try_receive(&mut server));
        let expected = 6_200 * MILLISECOND - 5 * SECOND;
        assert!((expected..=expected + LONGEST).contains(&took), "seed {seed}: {took}");
        pass(LONGEST);
        let all = [first.expect("connected"), received(&mut server)].concat();
        assert_eq!(all, b"one two three", "seed {seed}");
        assert!(sees_nothing(&mut server));
    }
}

#[test]
fn what_is_lost_is_tried_again_at_least_every_two_minutes() {
    let [one, other] = world(1);
    let [mut client, mut server] = connection(one, other);
    cut(one, other, true);
    send(&mut client, b"one");
    pass(3_600 * SECOND);
    cut(one, other, false);
    let (_, took) = wait(|| try_receive(&mut server));
    assert!(took <= 120 * SECOND, "{took}");
    // The next time, the pauses are short again: what is lost at once is sent 0.2 s later.
    cut(one, other, true);
    send(&mut client, b"two");
    pass(100 * MILLISECOND);
    cut(one, other, false);
    let (_, took) = wait(|| try_receive(&mut server));
    assert!(took <= 100 * MILLISECOND + LONGEST, "{took}");
}

#[test]
fn a_link_that_is_cut_one_way_carries_what_goes_the_other_way() {
    let [one, other] = world(1);
    let [mut client, mut server] = connection(one, other);
    cut(other, one, true);
    send(&mut server, b"lost");
    for _ in 0..10 {
        send(&mut client, b"arrives");
        pass(LONGEST);
        assert_eq!(received(&mut server), b"arrives");
    }
    pass(10 * SECOND);
    assert!(sees_nothing(&mut client));
}

#[test]
fn a_cut_link_is_no_matter_to_others() {
    let [one, other, third] = world(1);
    part(one, other, true);
    let [mut client, mut server] = connection(one, third);
    send(&mut client, b"one");
    pass(LONGEST);
    assert_eq!(received(&mut server), b"one");
}

#[test]
fn losses_only_delay() {
    let bytes = some_bytes(5_000);
    let (mut lost, mut soon) = (0, 0);
    for seed in SEEDS {
        let [one, other] = world(seed);
        let [mut client, mut server] = connection(one, other);
        network::set_link(one, other, |link| link.loses = 300);
        send(&mut client, b"one");
        let (_, took) = wait(|| try_receive(&mut server));
        if took > LONGEST {
            assert!(took >= 200 * MILLISECOND, "it is sent again after that: {took}");
            lost += 1;
        } else {
            soon += 1;
        }
        assert_eq!(sent_in_pieces(&mut client, &mut server, &bytes), bytes, "seed {seed}");
    }
    // Three tenths and seven, of three hundred.
    assert!(lost > 50 && soon > 150, "{lost} and {soon}");
}

#[test]
fn even_a_link_that_loses_everything_delivers_in_the_end() {
    let [one, other] = world(1);
    let [mut client, mut server] = connection(one, other);
    network::set_link(one, other, |link| link.loses = 1_000);
    send(&mut client, b"one");
    let (arrived, took) = wait(|| try_receive(&mut server));
    assert_eq!(arrived.expect("connected"), b"one");
    assert!(took > 120 * SECOND, "{took}");
}

#[test]
fn an_end_that_sends_nothing_more_is_seen_behind_what_it_sent_and_can_still_read() {
    let [one, other] = world(1);
    let [mut client, mut server] = connection(one, other);
    send(&mut client, b"the last");
    client.shutdown().now_or_never().expect("at once").expect("connected");
    send(&mut server, b"an answer");
    pass(LONGEST);
    assert_eq!(received(&mut server), b"the last");
    assert!(sees_the_end(&mut server));
    assert_eq!(received(&mut client), b"an answer");
    let refused = try_send(&mut client, b"more").expect("at once").expect_err("it has ended");
    assert_eq!(refused.kind(), io::ErrorKind::BrokenPipe);
}
