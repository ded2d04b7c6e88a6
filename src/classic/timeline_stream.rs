//! One classic timeline: the messages that arrive are posts, the messages sent are others' posts.
//!
//! Reading and writing do not wait for each other, so that a client that does not read can still
//! post. A slow reader holds up only its own stream: apart from the few messages queued here, the
//! subscription and its server queue a bounded number, and what they drop is read again from the
//! cursor. A failover is only a pause. The stream ends, with a status that says why, when this
//! server stops, when the user may not be acted for, or when a post could not be stored in time.

use std::pin::Pin;

use tokio::{sync::mpsc, time::timeout};
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

use super::{
    open_timelines::TimelinePermit,
    reply_text,
    service::{HOLD, bounded, status, text},
};
use crate::{
    client::{Client, ClientError},
    domain::{Post, UnixMillis},
    host::clock,
    network::{Cursor, Network},
    wire::classic::Message,
};

/// What a classic client receives.
pub type Messages = Pin<Box<dyn Stream<Item = Result<Message, Status>> + Send>>;

/// As many posts as the classic server sends first.
const FIRST_POSTS: u32 = 20;
/// Messages between the task and the connection's own buffers.
const MESSAGES_WAITING: usize = 16;
/// The author of a message saying that a post was refused: no account can have this name.
const SERVER: &str = "*tinysns*";

/// Serves one timeline until its client leaves, or `stop`.
pub fn open<N: Network>(
    client: Client<N>,
    incoming: Streaming<Message>,
    stop: CancellationToken,
    permit: TimelinePermit,
) -> Messages {
    let (outgoing, messages) = mpsc::channel(MESSAGES_WAITING);
    tokio::spawn(async move {
        let _permit = permit;
        let ended = tokio::select! {
            ended = converse(&client, incoming, &outgoing) => ended,
            () = stop.cancelled() => {
                Err(Status::unavailable("this server is stopping: log in at the router again"))
            }
        };
        if let Err(status) = ended {
            // Fails only if the client has gone.
            let _left = outgoing.send(Err(status)).await;
        }
    });
    Box::pin(ReceiverStream::new(messages))
}

type Outgoing = mpsc::Sender<Result<Message, Status>>;

async fn converse<N: Network>(
    client: &Client<N>,
    mut incoming: Streaming<Message>,
    outgoing: &Outgoing,
) -> Result<(), Status> {
    let handshake = timeout(HOLD, incoming.message()).await;
    let silent =
        |_| Status::deadline_exceeded("the first message must name the user, and none has come");
    let Some(Message { username, .. }) = handshake.map_err(silent)?? else {
        return Ok(());
    };
    let (first, mut live) = bounded(async {
        client.log_in_existing(&text(&username), None).await?;
        let page = client.timeline(Cursor::Newest, Some(FIRST_POSTS)).await?;
        let live = client.subscribe(Some(page.as_of)).await?;
        Ok((page.posts, live))
    })
    .await
    .map_err(status)?;

    let delivering = async {
        for post in first {
            if outgoing.send(Ok(message(post))).await.is_err() {
                return Ok(());
            }
        }
        loop {
            let post = tokio::select! {
                post = live.next() => post,
                () = outgoing.closed() => return Ok(()),
            };
            match post {
                Some(Ok(post)) => {
                    if outgoing.send(Ok(message(post))).await.is_err() {
                        return Ok(());
                    }
                }
                Some(Err(error)) => return Err(status(error)),
                None => return Ok(()),
            }
        }
    };
    // A client that sends nothing more still listens; one that has left may have sent a last post.
    tokio::try_join!(delivering, post_all(client, incoming, outgoing))?;
    Ok(())
}

/// Publishes what arrives, in order: each post once the outcome of the previous one is known.
async fn post_all<N: Network>(
    client: &Client<N>,
    mut incoming: Streaming<Message>,
    outgoing: &Outgoing,
) -> Result<(), Status> {
    while let Some(Message { msg, .. }) = incoming.message().await? {
        let Ok(text) = std::str::from_utf8(&msg) else {
            send_notice(outgoing, reply_text::not_posted(reply_text::NO_TEXT)).await;
            continue;
        };
        let text = text.trim_end();
        if text.trim_start().is_empty() {
            continue;
        }
        match client.publish(text).await {
            Ok(_) => {}
            Err(ClientError::Refused(refusal)) => {
                send_notice(outgoing, reply_text::not_posted(&refusal.message)).await;
            }
            Err(error) => return Err(status(error)),
        }
    }
    Ok(())
}

/// Tells the client something. The protocol has no reply to a post, so it comes as one.
async fn send_notice(outgoing: &Outgoing, words: String) {
    let note = Message {
        username: SERVER.into(),
        msg: words.into_bytes(),
        timestamp: Some(timestamp(clock::now())),
    };
    // A client that has left reads nothing.
    let _left = outgoing.send(Ok(note)).await;
}

fn message(post: Post) -> Message {
    Message {
        username: String::from(post.author).into_bytes(),
        msg: (post.text + "\n").into_bytes(),
        timestamp: Some(timestamp(post.posted_at)),
    }
}

fn timestamp(at: UnixMillis) -> prost_types::Timestamp {
    let nanos = i32::try_from(at.get().rem_euclid(1_000) * 1_000_000).expect("less than a second");
    prost_types::Timestamp { seconds: at.get().div_euclid(1_000), nanos }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_and_after_the_epoch_are_told_in_seconds_and_nanoseconds() {
        for (at, seconds, nanos) in [(0, 0, 0), (1_500, 1, 500_000_000), (-1, -1, 999_000_000)] {
            assert_eq!(
                timestamp(UnixMillis::new(at)),
                prost_types::Timestamp { seconds, nanos },
                "{at}"
            );
        }
    }
}
