//! HTTP/1.1, HTTP/2 and `WebSockets` as attackers speak them: each is refused as it should be, costs little, and
//! harms nobody.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use super::{
    abuse::{MOST_KIB, p99, resident_kib, served},
    callers::{Api, channel, log_in},
    hostile_requests::{FRAMES, HTTP2, Request, requests},
    processes::DEADLINE,
    raw_http::{LAST, answers, handshake, opcode, rest, said, statuses, web_socket},
    raw_http2::{RawCaller, Reaction, silent},
};

/// How many callers of a kind there are at a time.
const CALLERS: usize = 4;
/// Between two bytes of somebody who is slow.
const SLOWLY: Duration = Duration::from_millis(300);
/// What is on its way arrives within this time.
const A_MOMENT: Duration = Duration::from_millis(20);

/// Sends all of these again and again, until it is dropped.
fn besiege(server: &str, requests: &'static [Request]) -> JoinSet<()> {
    let mut siege = JoinSet::new();
    for _ in 0..CALLERS {
        let server = server.to_owned();
        siege.spawn(async move {
            loop {
                for request in requests {
                    answers(&server, &(request.bytes)()).await;
                }
            }
        });
    }
    siege
}

#[tokio::test]
async fn requests_that_are_meant_to_confuse_are_refused_and_hide_no_other() {
    let (cluster, master, pid, neighbour) = served().await;
    let before = p99(&neighbour).await;
    let mut wrong = Vec::new();
    for server in [cluster.router(), master] {
        for (kind, requests) in requests() {
            let memory = resident_kib(pid);
            for Request { name, bytes, expected } in requests {
                let sent = [bytes(), LAST.into()].concat();
                let answered = answers(&server, &sent).await;
                let led_away = answered.to_ascii_lowercase().contains("\nlocation:");
                if statuses(&answered) != *expected || led_away {
                    wrong.push(format!("{name}: {answered}"));
                }
            }
            let siege = besiege(&server, requests);
            let during = p99(&neighbour).await;
            drop(siege);
            let more = resident_kib(pid).saturating_sub(memory);
            println!(
                "{kind}: a neighbour waits {during:?} instead of {before:?} (99th percentile); {more} KiB"
            );
            assert!(more < MOST_KIB, "{kind}: {more} KiB more");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert_eq!(cluster.available().await.pid, pid, "it has not ended");
    cluster.client("newcomer").await;
}

#[tokio::test]
async fn requests_over_http2_that_are_no_requests_are_reset() {
    let (cluster, master, pid, neighbour) = served().await;
    let before = p99(&neighbour).await;
    let mut wrong = Vec::new();
    for server in [cluster.router(), master] {
        for (name, frames, expected) in HTTP2 {
            let mut caller = RawCaller::connect(&server, 1 << 16).await.expect("connected");
            caller.send(&frames()).await.expect("sent");
            let reaction = timeout(DEADLINE, caller.reaction()).await.expect("in time");
            if reaction != expected {
                wrong.push(format!("{name}: {reaction:?} instead of {expected:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let during = p99(&neighbour).await;
    println!("a neighbour waits {during:?} instead of {before:?} (99th percentile)");
    assert_eq!(cluster.available().await.pid, pid, "it has not ended");
}

/// Sends these bytes one by one, and then whatever comes until the server closes the connection; and for how long
/// that took.
async fn trickles(
    server: String,
    at_once: &'static str,
    slowly: &'static [u8],
) -> (String, Duration) {
    let mut stream = silent(&server).await.expect("it listens");
    stream.write_all(at_once.as_bytes()).await.expect("sent");
    let began = Instant::now();
    let (mut reading, mut writing) = stream.split();
    let mut answered = Vec::new();
    let sends = async {
        for byte in slowly.iter().cycle() {
            sleep(SLOWLY).await;
            if writing.write_all(&[*byte]).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        ended = timeout(DEADLINE, reading.read_to_end(&mut answered)) => {
            let _reset = ended.expect("it is closed");
        }
        () = sends => {}
    }
    (String::from_utf8_lossy(&answered).into_owned(), began.elapsed())
}

#[tokio::test]
async fn whoever_sends_slowly_is_left_after_ten_seconds_however_many_bytes_have_come() {
    const HEAD: &str = "GET /health HTTP/1.1\r\nHost: a\r\nX-Slow: ";
    const NEXT_HEAD: &str = "GET /health HTTP/1.1\r\nHost: a\r\n\r\nGET /";
    const BODY: &str = "POST /api/v1/apps HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\
                        Content-Length: 90000\r\n\r\n";
    const PARTS: &str = "POST /api/v1/apps HTTP/1.1\r\nHost: a\r\n\
                         Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 90000\r\n\r\n--x\r\n";
    const CHUNKS: &str = "POST /api/v1/apps HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\
                          Transfer-Encoding: chunked\r\n\r\n";
    const CASES: [(&str, &str, &[u8], &[u16]); 6] = [
        ("a head without an end", HEAD, b"x", &[]),
        ("a second head without an end", NEXT_HEAD, b"x", &[200]),
        ("a body", BODY, b"x", &[503]),
        ("a body in parts", PARTS, b"x", &[503]),
        ("a body in chunks", CHUNKS, b"1\r\nx\r\n", &[503]),
        ("a chunk whose length has no end", CHUNKS, b"0", &[503]),
    ];
    let (cluster, master, pid, neighbour) = served().await;
    let (before, memory) = (p99(&neighbour).await, resident_kib(pid));
    let mut slow = JoinSet::new();
    for server in [cluster.router(), master] {
        for (name, at_once, slowly, expected) in CASES {
            for _ in 0..CALLERS {
                let trickles = trickles(server.clone(), at_once, slowly);
                slow.spawn(async move { (name, expected, trickles.await) });
            }
        }
    }
    let during = p99(&neighbour).await;
    let more = resident_kib(pid).saturating_sub(memory);
    println!("a neighbour waits {during:?} instead of {before:?} (99th percentile); {more} KiB");
    assert!(more < MOST_KIB, "{more} KiB more");
    for (name, expected, (answered, took)) in slow.join_all().await {
        assert_eq!(statuses(&answered), expected, "{name}, after {took:?}: {answered}");
        assert!(took < DEADLINE / 2, "{name}: {took:?}");
    }
}

#[tokio::test]
async fn sockets_that_nobody_uses_any_more_make_room_and_are_closed() {
    const STAYS: &[u8] = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n";
    let (cluster, master, pid, neighbour) = served().await;
    let (before, memory) = (p99(&neighbour).await, resident_kib(pid));
    let mut idle = Vec::new();
    for _ in 0..1_000 {
        let mut stream = silent(&master).await.expect("the latest gets in");
        stream.write_all(STAYS).await.expect("sent");
        idle.push(stream);
    }
    let during = p99(&neighbour).await;
    let more = resident_kib(pid).saturating_sub(memory);
    println!("a neighbour waits {during:?} instead of {before:?} (99th percentile); {more} KiB");
    assert!(more < MOST_KIB, "{more} KiB more");
    cluster.client("newcomer").await;
    for mut stream in idle {
        rest(&mut stream).await;
    }
}

/// Somebody's session, as it is shown over HTTP.
async fn session(master: &str, name: &str) -> String {
    let mut api = Api::new(channel(master, "127.0.0.1").await);
    log_in(&mut api, name, "").await.expect("logged in")
}

#[tokio::test]
async fn answers_and_streams_that_nobody_takes_hold_little() {
    let (cluster, master, pid, neighbour) = served().await;
    let session = session(&master, "neighbour").await;
    for _ in 0..40 {
        neighbour.publish(&"x".repeat(1_000)).await.expect("published");
    }
    let page = format!(
        "GET /api/v1/timelines/home?limit=40 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {session}\r\n\r\n"
    );
    let stream = format!(
        "GET /api/v1/streaming/user HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {session}\r\n\r\n"
    );
    let (before, memory) = (p99(&neighbour).await, resident_kib(pid));
    for server in [cluster.router(), master] {
        let mut callers: Vec<TcpStream> = Vec::new();
        for (what, count) in [(page.repeat(100), 20), (stream.clone(), 90)] {
            for _ in 0..count {
                let mut caller = silent(&server).await.expect("it listens");
                // As far as they are taken.
                let _full = timeout(A_MOMENT, caller.write_all(what.as_bytes())).await;
                callers.push(caller);
            }
        }
        for _ in 0..100 {
            neighbour.publish(&"x".repeat(1_000)).await.expect("published");
        }
        let during = p99(&neighbour).await;
        let more = resident_kib(pid).saturating_sub(memory);
        println!(
            "a neighbour waits {during:?} instead of {before:?} (99th percentile); {more} KiB"
        );
        assert!(more < MOST_KIB, "{more} KiB more");
    }
    assert_eq!(cluster.available().await.pid, pid, "it has not ended");
}

/// Floods a WebSocket, and returns why it was closed, if that was said, with what was said before.
async fn flood(
    server: String,
    session: String,
    frames: fn() -> Vec<u8>,
) -> io::Result<(Option<u16>, Vec<String>)> {
    let mut socket = web_socket(&server, &session).await?;
    // It may be closed before all was sent.
    let _closed = socket.write_all(&frames()).await;
    let said = said(&mut socket).await;
    Ok((said.code, said.texts))
}

#[tokio::test]
async fn floods_over_web_sockets_are_ended_with_the_reason() {
    let (cluster, master, pid, neighbour) = served().await;
    let session = session(&master, "ann").await;
    let before = p99(&neighbour).await;
    let mut wrong = Vec::new();
    for server in [cluster.router(), master] {
        for (name, frames, expected, words) in FRAMES {
            let memory = resident_kib(pid);
            let mut floods = JoinSet::new();
            for _ in 0..CALLERS {
                floods.spawn(flood(server.clone(), session.clone(), frames));
            }
            let during = p99(&neighbour).await;
            for flooded in floods.join_all().await {
                let (code, texts) = flooded.expect("it was a WebSocket");
                let is_told = texts.iter().any(|text| text.contains(words));
                if code != expected || !(words.is_empty() || is_told) {
                    wrong.push(format!("{name}: {code:?} instead of {expected:?}, {texts:?}"));
                }
            }
            let more = resident_kib(pid).saturating_sub(memory);
            println!(
                "{name}: a neighbour waits {during:?} instead of {before:?} (99th percentile); {more} KiB"
            );
            assert!(more < MOST_KIB, "{name}: {more} KiB more");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(cluster.available().await.pid, pid, "it has not ended");
}

#[tokio::test]
async fn a_web_socket_begins_with_a_request_that_has_no_body_and_is_no_other() {
    let (cluster, master, pid, _neighbour) = served().await;
    let session = session(&master, "ann").await;
    let good = handshake(&session);
    let with = |header: &str| good.replacen("\r\n", &format!("\r\n{header}\r\n"), 1);
    // What comes after the request would be taken for frames.
    let subscribes = [0x81, 0x80, 0, 0, 0, 0];
    debug_assert_eq!(subscribes[0], opcode::LAST | opcode::TEXT);
    for server in [cluster.router(), master] {
        for (name, request, after) in [
            ("a body", with("Content-Length: 6"), &subscribes[..]),
            ("a body that never comes", with("Content-Length: 6"), &[]),
            ("a body in chunks", with("Transfer-Encoding: chunked"), b"0\r\n\r\n"),
            ("only the head", good.replacen("GET", "HEAD", 1), &[]),
            ("no key", good.replace("Sec-WebSocket-Key", "X-Key"), &[]),
            ("an old version", good.replace("Version: 13", "Version: 8"), &[]),
            ("HTTP/1.0", good.replacen("HTTP/1.1", "HTTP/1.0", 1), &[]),
        ] {
            let mut stream = silent(&server).await.expect("it listens");
            stream.write_all(&[request.as_bytes(), after].concat()).await.expect("sent");
            let answered = rest(&mut stream).await;
            assert_eq!(statuses(&answered).first(), Some(&400), "{name}: {answered}");
        }
        let stranger = good.replace(&session, "made up");
        assert!(answers(&server, stranger.as_bytes()).await.starts_with("HTTP/1.1 401 "));
    }
    assert_eq!(cluster.available().await.pid, pid, "it has not ended");
}

#[tokio::test]
async fn a_request_in_order_is_answered_so_that_refusals_mean_something() {
    let (_cluster, master, _, _) = served().await;
    let answered = answers(&master, LAST.as_bytes()).await;
    assert_eq!(statuses(&answered), [200], "{answered}");
    let mut caller = RawCaller::connect(&master, 1 << 16).await.expect("connected");
    caller.send(&super::hostile_requests::in_order()).await.expect("sent");
    let reaction = timeout(DEADLINE, caller.reaction()).await.expect("in time");
    assert!(matches!(reaction, Reaction::Answered(_)), "{reaction:?}");
    let session = session(&master, "ann").await;
    web_socket(&master, &session).await.expect("it is one");
}
