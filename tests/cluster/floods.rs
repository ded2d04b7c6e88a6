//! Floods of frames, bombs and malformed messages: known ways to bring a server down by HTTP/2 and
//! gRPC, all of which it withstands.

use std::{io, time::Duration};

use tokio::{task::JoinSet, time::timeout};

use super::{
    abuse::{LOCATE, MOST_KIB, p99, resident_kib, served},
    callers::{Api, channel, log_in},
    processes::DEADLINE,
    raw_http2::{
        CONTINUATION, DATA, END_HEADERS, HEADERS, PING, PRIORITY, RST_STREAM, RawCaller, SETTINGS,
        WINDOW_UPDATE, frame, literal, request_headers,
    },
};

/// How many callers flood at a time, and how many frames each of them sends, if it can.
const CALLERS: usize = 4;
const FRAMES: u32 = 50_000;
/// A caller whose frames are not taken for so long gives up.
const PATIENCE: Duration = Duration::from_secs(1);
/// The error of a stream that its caller has cancelled.
const CANCEL: [u8; 4] = [0, 0, 0, 8];

/// A flood: its name, and the frames that it consists of, counted from 0.
type Flood = (&'static str, fn(u32) -> Vec<u8>);

const FLOODS: [Flood; 9] = [
    // CVE-2023-44487.
    ("calls that are cancelled at once", |number| {
        let stream = 2 * number + 1;
        let mut frames = frame(HEADERS, END_HEADERS, stream, &request_headers(LOCATE));
        frames.extend(frame(RST_STREAM, 0, stream, &CANCEL));
        frames
    }),
    // CVE-2024-27316 and its siblings.
    ("headers without an end", |number| {
        if number == 0 {
            return frame(HEADERS, 0, 1, &request_headers(LOCATE));
        }
        let mut more = Vec::new();
        literal(&mut more, &format!("x-{number}"), &"x".repeat(4_000));
        frame(CONTINUATION, 0, 1, &more)
    }),
    ("headers without an end and without contents", |number| match number {
        0 => frame(HEADERS, 0, 1, &request_headers(LOCATE)),
        _ => frame(CONTINUATION, 0, 1, &[]),
    }),
    // CVE-2019-9512 and CVE-2019-9515: the answers are not taken.
    ("pings", |number| frame(PING, 0, 0, &u64::from(number).to_be_bytes())),
    ("settings", |_| frame(SETTINGS, 0, 0, &[])),
    // CVE-2019-9518.
    ("data without contents", |number| match number {
        0 => frame(HEADERS, END_HEADERS, 1, &request_headers(LOCATE)),
        _ => frame(DATA, 0, 1, &[]),
    }),
    // CVE-2019-9513.
    ("priorities", |number| frame(PRIORITY, 0, 2 * number + 1, &[0, 0, 0, 0, 16])),
    ("windows", |_| frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
    // A header of 4 KB that is put into the table, and then named again and again by one byte each.
    ("headers that are much when decoded", |number| {
        let mut headers = request_headers(LOCATE);
        if number == 0 {
            let mut kept = Vec::new();
            literal(&mut kept, "x-kept", &"x".repeat(4_000));
            kept[0] = 0x40;
            headers.extend(kept);
        }
        headers.extend([0xbe; 8_000]);
        frame(HEADERS, END_HEADERS, 2 * number + 1, &headers)
    }),
];

/// Sends as much of a flood as the server takes. Whether it took everything.
async fn flood(server: String, frames: fn(u32) -> Vec<u8>) -> io::Result<()> {
    let mut caller = RawCaller::connect(&server, 1 << 16).await?;
    for first in (0..FRAMES).step_by(100) {
        let some: Vec<u8> = (first..first + 100).flat_map(frames).collect();
        timeout(PATIENCE, caller.send(&some)).await??;
    }
    Ok(())
}

#[tokio::test]
async fn floods_of_frames_hold_little_and_harm_nobody() {
    let (cluster, master, pid, neighbour) = served().await;
    let before = p99(&neighbour).await;
    for server in [cluster.router(), master] {
        for (name, frames) in FLOODS {
            let memory = resident_kib(pid);
            let mut floods = JoinSet::new();
            for _ in 0..CALLERS {
                floods.spawn(flood(server.clone(), frames));
            }
            let during = p99(&neighbour).await;
            let ended = timeout(DEADLINE, floods.join_all()).await.expect("in time");
            let taken = ended.iter().filter(|ended| ended.is_ok()).count();
            let more = resident_kib(pid).saturating_sub(memory);
            println!(
                "{name}: {taken} of {CALLERS} are taken; a neighbour waits {during:?} instead of {before:?} (99th percentile); {more} KiB"
            );
            assert!(more < MOST_KIB, "{name}: {more} KiB more");
        }
    }
    assert_eq!(cluster.available().await.pid, pid, "it has not ended");
    cluster.client("newcomer").await;
}

#[tokio::test]
async fn bombs_and_malformed_messages_are_refused() {
    let (cluster, master, pid, neighbour) = served().await;
    let mut api = Api::new(channel(&master, "127.0.0.1").await);
    let session = log_in(&mut api, "ann", "").await.expect("logged in");
    let memory = resident_kib(pid);
    let social =
        ["LogIn", "SetPassword", "Follow", "Unfollow", "Publish", "List", "Timeline", "Posts"];
    let social = social.map(|call| format!("/tinysns.v1.SocialService/{call}"));
    let directory =
        ["Locate", "Cluster"].map(|call| format!("/tinysns.v1.DirectoryService/{call}"));
    let nested = [0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f];
    let long = vec![0x0b; 60_000];
    let messages: [&[u8]; 5] = [&[0xff; 64], &nested, &long, &[0x0a, 4, 1], &[0]];
    for server in [cluster.router(), master] {
        let mut caller = RawCaller::connect(&server, 1 << 16).await.expect("connected");
        for path in social.iter().chain(&directory) {
            for message in messages {
                let call = caller.call(path, Some(&session), message, message.len());
                call.await.expect("sent");
                timeout(DEADLINE, caller.next_end()).await.expect("in time").expect("refused");
            }
            // Ten bytes of zeros take less than one when they are compressed. Nobody expands them.
            let mut headers = request_headers(path);
            literal(&mut headers, "grpc-encoding", "gzip");
            caller.send_message(&headers, 1, &[0x1f, 0x8b, 8, 0, 0, 0], 6).await.expect("sent");
            timeout(DEADLINE, caller.next_end()).await.expect("in time").expect("refused");
        }
    }
    let more = resident_kib(pid).saturating_sub(memory);
    assert!(more < MOST_KIB, "{more} KiB more");
    assert_eq!(cluster.available().await.pid, pid, "it has not ended");
    neighbour.publish("still here").await.expect("published");
}
