//! Who listens is connected with who asks, and nobody else is.

use super::*;

fn refused_kind(outcome: io::Result<SimulatedStream>) -> io::ErrorKind {
    outcome.expect_err("nobody is there").kind()
}

#[test]
fn who_listens_is_woken_and_learns_who_asks() {
    let [one, other] = world(1);
    let listener = network::listen(other, PORT).expect("the port is free");
    let (bell, waker) = Bell::new();
    let context = Context::from_waker(&waker);
    assert!(listener.poll_accept(&context).is_pending());
    let _request = ask(one, other);
    pass(LONGEST);
    assert!(bell.has_rung());
    let Poll::Ready((_, peer)) = listener.poll_accept(&context) else {
        panic!("somebody has asked")
    };
    assert_eq!(peer.ip(), one.ip());
}

#[test]
fn a_connection_takes_the_way_there_and_back() {
    for seed in SEEDS {
        let [one, other] = world(seed);
        let _listener = network::listen(other, PORT).expect("the port is free");
        let mut request = ask(one, other);
        let (outcome, took) = wait(|| answer(&mut request));
        outcome.expect("it is listened to");
        assert!((2 * SHORTEST..=2 * LONGEST).contains(&took), "seed {seed}: {took}");
    }
}

#[test]
fn where_nobody_listens_a_connection_is_refused_after_the_way_there_and_back() {
    for seed in SEEDS {
        let [one, other] = world(seed);
        let mut request = ask(one, other);
        let (outcome, took) = wait(|| answer(&mut request));
        assert_eq!(refused_kind(outcome), io::ErrorKind::ConnectionRefused);
        assert!((2 * SHORTEST..=2 * LONGEST).contains(&took), "seed {seed}: {took}");
    }
}

#[test]
fn an_address_of_no_machine_cannot_be_reached() {
    let [one] = world(1);
    for address in ["10.0.0.2:1", "10.0.0.0:1", "127.0.0.1:1", "[::1]:1"] {
        let address = address.parse().expect("an address");
        let outcome = network::connect(one, address).now_or_never().expect("known at once");
        assert_eq!(refused_kind(outcome), io::ErrorKind::HostUnreachable, "{address}");
    }
}

#[test]
fn a_request_is_made_again_while_a_link_is_cut_either_way() {
    for there in [true, false] {
        let [one, other] = world(1);
        let listener = network::listen(other, PORT).expect("the port is free");
        let (from, to) = if there { (one, other) } else { (other, one) };
        cut(from, to, true);
        let mut request = ask(one, other);
        pass(5 * SECOND);
        assert!(answer(&mut request).is_none());
        cut(from, to, false);
        // At once, and after 1, 2 and 4 more seconds.
        let (outcome, took) = wait(|| answer(&mut request));
        let mut client = outcome.expect("it is listened to");
        assert!((2 * SECOND..=2 * SECOND + 2 * LONGEST).contains(&took), "{took}");
        let mut server = accept(&listener).expect("it has been asked");
        assert!(accept(&listener).is_none(), "there is one connection");
        send(&mut client, b"one");
        pass(LONGEST);
        assert_eq!(received(&mut server), b"one");
    }
}

#[test]
fn a_cut_link_carries_no_answer() {
    for is_listened_to in [true, false] {
        let [one, other] = world(1);
        let listener =
            is_listened_to.then(|| network::listen(other, PORT).expect("the port is free"));
        let mut request = ask(one, other);
        // The request has arrived.
        clock::advance(network::next_event().expect("it is on its way"));
        network::run_events();
        cut(other, one, true);
        pass(5 * SECOND);
        assert!(answer(&mut request).is_none());
        cut(other, one, false);
        let (outcome, took) = wait(|| answer(&mut request));
        assert!(took > SECOND, "it asks again when its time has come: {took}");
        assert_eq!(outcome.is_ok(), is_listened_to);
        let Some(listener) = listener else { continue };
        let mut server = accept(&listener).expect("it has been asked");
        assert!(accept(&listener).is_none(), "there is one connection");
        send(&mut outcome.expect("checked above"), b"one");
        pass(LONGEST);
        assert_eq!(received(&mut server), b"one");
    }
}

#[test]
fn a_machine_without_power_answers_once_it_has_some() {
    for is_listened_to in [true, false] {
        let [one, other] = world(1);
        other.power_off();
        let mut request = ask(one, other);
        pass(5 * SECOND);
        assert!(answer(&mut request).is_none());
        other.power_on();
        let _listener =
            is_listened_to.then(|| network::listen(other, PORT).expect("the port is free"));
        let (outcome, _) = wait(|| answer(&mut request));
        let outcome = outcome.map(drop).map_err(|error| error.kind());
        let expected = if is_listened_to { Ok(()) } else { Err(io::ErrorKind::ConnectionRefused) };
        assert_eq!(outcome, expected);
    }
}

#[test]
fn a_machine_that_dies_before_it_answers_is_asked_again() {
    let [one, other] = world(1);
    let dead = network::listen(other, PORT).expect("the port is free");
    let mut request = ask(one, other);
    clock::advance(network::next_event().expect("it is on its way"));
    network::run_events();
    other.power_off();
    drop(dead);
    pass(5 * SECOND);
    assert!(answer(&mut request).is_none(), "its answer got nowhere");
    other.power_on();
    let listener = network::listen(other, PORT).expect("the port is free");
    let (outcome, _) = wait(|| answer(&mut request));
    let mut server = accept(&listener).expect("the new process has been asked");
    send(&mut outcome.expect("it is listened to"), b"one");
    pass(LONGEST);
    assert_eq!(received(&mut server), b"one");
}

#[test]
fn whoever_accepts_what_nobody_waits_for_any_more_finds_it_reset() {
    // Given up when the request has arrived, when the answer has too, and before both.
    for events in [1, 2, 0] {
        let [one, other] = world(1);
        let listener = network::listen(other, PORT).expect("the port is free");
        let request = ask(one, other);
        for _ in 0..events {
            clock::advance(network::next_event().expect("it is on its way"));
            network::run_events();
        }
        drop(request);
        pass(2 * LONGEST);
        match accept(&listener) {
            Some(mut accepted) => assert!(is_reset(&mut accepted), "after {events} events"),
            None => assert_eq!(events, 0),
        }
    }
}

#[test]
fn connections_that_a_listener_leaves_unaccepted_are_reset() {
    let [one, other] = world(1);
    let listener = network::listen(other, PORT).expect("the port is free");
    let mut request = ask(one, other);
    let (outcome, _) = wait(|| answer(&mut request));
    let mut client = outcome.expect("it is listened to");
    drop(listener);
    assert!(sees_nothing(&mut client), "it cannot know that yet");
    pass(LONGEST);
    assert!(is_reset(&mut client));
    let (outcome, _) = wait({
        let mut again = ask(one, other);
        move || answer(&mut again)
    });
    assert_eq!(refused_kind(outcome), io::ErrorKind::ConnectionRefused);
}

#[test]
fn a_port_is_taken_until_its_listener_is_gone() {
    let [one, other] = world(1);
    let taken = || network::listen(one, PORT).map(drop).map_err(|error| error.kind());
    let listener = network::listen(one, PORT).expect("the port is free");
    assert_eq!(listener.port(), PORT);
    assert_eq!(taken(), Err(io::ErrorKind::AddrInUse));
    network::listen(other, PORT).expect("it is another machine's");
    drop(listener);
    assert_eq!(taken(), Ok(()));
    let any = [(); 2].map(|()| network::listen(one, 0).expect("a port is free"));
    assert_ne!(any[0].port(), any[1].port());
}

#[test]
fn a_dead_process_listens_no_more_and_does_not_stop_the_next_one_from_it() {
    let [one, other] = world(1);
    let dead = network::listen(other, PORT).expect("the port is free");
    other.kill();
    let (outcome, _) = wait({
        let mut request = ask(one, other);
        move || answer(&mut request)
    });
    assert_eq!(refused_kind(outcome), io::ErrorKind::ConnectionRefused);
    let _listener = network::listen(other, PORT).expect("the port is free again");
    drop(dead);
    let mut request = ask(one, other);
    wait(|| answer(&mut request)).0.expect("it is listened to");
}
