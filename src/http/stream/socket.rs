//! Many streams over one WebSocket.
//!
//! The task of the connection serves it. What its client does not take fills up the connection and then the queue of
//! its streams; and if it takes nothing for a while, the connection ends.

use std::{future::poll_fn, task::Poll, time::Duration};

use axum::{
    extract::{FromRequest as _, Request, State},
    http::{HeaderValue, StatusCode},
    response::IntoResponse as _,
};
use futures::{SinkExt as _, StreamExt as _};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::{
    io,
    time::{Instant, Interval, MissedTickBehavior, interval_at, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Bytes, Error, Message as Frame, Utf8Bytes,
        error::{CapacityError, ProtocolError},
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};
use tokio_util::sync::CancellationToken;

use super::{
    handshake::Handshake,
    message,
    metered::{Allowance, Metered, USED_UP},
    name::StreamName,
    reader::{Reader, ends_session, stream_fault},
    subscriptions::{Demand, MOST_FRAMES, Presence, Subscriptions, demand},
};
use crate::{
    http::{
        api::Api,
        asked::{Answered, Asked},
        fault::Fault,
    },
    network::{Advice, Refusal, SessionToken, Timeline, TimelineEvent},
    serving::Upgrade,
};

/// How often a client is pinged.
const PING_EVERY: Duration = Duration::from_secs(30);
/// A client that has taken nothing for so long has lost its streams.
const TAKES_WITHIN: Duration = Duration::from_secs(30);
/// A client takes leave within this time, or is left.
const CLOSES_WITHIN: Duration = Duration::from_secs(1);
/// The most bytes of a message of a client: a stream with its parameters has some hundred.
const MESSAGE_BYTES: usize = 4 << 10;
/// The most bytes that a client sends between two pings. What it sends in many pieces, none of them the last, is seen
/// by nobody but whoever counts bytes.
const MOST_BYTES: usize = MESSAGE_BYTES * MOST_FRAMES as usize;
/// What is read at a time. Most sockets are silent, and each has as much.
const READ_BYTES: usize = 1 << 10;
/// So much may wait to be sent.
const WAITING_BYTES: usize = 1 << 20;

/// Why a socket ends. It never says that all is well: some clients stay away then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// This node stops: the client goes elsewhere.
    Stopping,
    /// Its streams were interrupted: it opens them again.
    Interrupted,
    /// It has sent what is no text.
    Binary,
    /// It does not keep to the protocol.
    Malformed,
    /// What it calls a text is none.
    NoText,
    /// It has sent too much.
    TooMuch,
    /// Its session is over.
    SessionOver,
    /// It is gone, or does not take what it is sent.
    Gone,
}

impl Ending {
    fn code(self) -> Option<CloseCode> {
        Some(match self {
            Self::Stopping => CloseCode::Away,
            Self::Interrupted => CloseCode::Restart,
            Self::Binary => CloseCode::Unsupported,
            Self::Malformed => CloseCode::Protocol,
            Self::NoText => CloseCode::Invalid,
            Self::TooMuch | Self::SessionOver => CloseCode::Policy,
            Self::Gone => return None,
        })
    }
}

/// Agrees to a WebSocket, or says why there is none.
pub async fn open(State(api): State<Api>, mut request: Request) -> Answered {
    let refused = |why: &dyn ToString| Fault::bad_request(why.to_string());
    let handshake = Handshake::of(request.method(), request.version(), request.headers());
    let handshake = handshake.map_err(|why| refused(&why))?;
    let connection = request.extensions().get::<Upgrade>().cloned();
    let connection = connection.ok_or_else(|| refused(&"this connection stays what it is"))?;
    let upgraded = hyper::upgrade::on(&mut request);
    let mut asked = Asked::from_request(request, &api).await?;
    if asked.call.session.is_none() {
        // A page can send no other header.
        let token = handshake.protocol.as_ref().map(HeaderValue::to_str);
        asked.call.session = token.and_then(Result::ok).map(SessionToken::new);
    }
    let first = match asked.parameters.filled("stream") {
        Some(name) => {
            let (tag, list) = (asked.parameters.filled("tag"), asked.parameters.filled("list"));
            Some(StreamName::of(name, tag, list).map_err(|why| refused(&why))?)
        }
        None => None,
    };
    let stop = api.stop.clone();
    let reader = Reader::of(api, asked).await?;
    connection.agree(serve(upgraded, reader, first, stop));
    Ok((StatusCode::SWITCHING_PROTOCOLS, handshake.answer()).into_response())
}

async fn serve(
    upgraded: OnUpgrade,
    reader: Reader,
    first: Option<StreamName>,
    stop: CancellationToken,
) {
    let Ok(upgraded) = upgraded.await else { return };
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(WAITING_BYTES)
        .max_message_size(Some(MESSAGE_BYTES))
        .max_frame_size(Some(MESSAGE_BYTES));
    let allowance = Allowance::of(MOST_BYTES);
    let metered = Metered::new(TokioIo::new(upgraded), allowance.clone());
    let frames = WebSocketStream::from_raw_socket(metered, Role::Server, Some(config)).await;
    let mut pings = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (streams, presence) = (Subscriptions::default(), Presence::default());
    let mut socket = Socket { frames, reader, streams, presence, allowance, pings };
    let ending = tokio::select! {
        biased;
        () = stop.cancelled() => Ending::Stopping,
        ending = socket.run(first) => ending,
    };
    socket.close(ending).await;
}

struct Socket {
    frames: WebSocketStream<Metered<TokioIo<Upgraded>>>,
    reader: Reader,
    streams: Subscriptions<Timeline>,
    presence: Presence,
    allowance: Allowance,
    pings: Interval,
}

/// What comes next on a stream.
type Next = Option<Result<TimelineEvent, Refusal>>;

impl Socket {
    /// Serves it until it ends.
    async fn run(&mut self, first: Option<StreamName>) -> Ending {
        if let Some(first) = first
            && let Err(ending) = self.carry_out(Demand::Subscribe(first)).await
        {
            return ending;
        }
        loop {
            let done = tokio::select! {
                biased;
                _ = self.pings.tick() => self.ping().await,
                frame = self.frames.next() => self.take(frame).await,
                (stream, next) = next_of(&mut self.streams) => self.tell(stream, next).await,
            };
            if let Err(ending) = done {
                return ending;
            }
        }
    }

    async fn ping(&mut self) -> Result<(), Ending> {
        if !self.presence.is_pinged() {
            return Err(Ending::Gone);
        }
        self.allowance.renew();
        self.send(Frame::Ping(Bytes::new())).await
    }

    /// Takes what its client has sent.
    async fn take(&mut self, frame: Option<Result<Frame, Error>>) -> Result<(), Ending> {
        let frame = match frame {
            Some(Ok(frame)) => frame,
            Some(Err(Error::Capacity(CapacityError::MessageTooLong { .. }))) => {
                return Err(Ending::TooMuch);
            }
            Some(Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake))) => {
                return Err(Ending::Gone);
            }
            Some(Err(Error::Protocol(_))) => return Err(Ending::Malformed),
            Some(Err(Error::Utf8(_))) => return Err(Ending::NoText),
            Some(Err(Error::Io(why))) if why.kind() == USED_UP => return Err(Ending::TooMuch),
            Some(Err(_)) | None => return Err(Ending::Gone),
        };
        if !self.presence.sends() {
            return Err(Ending::TooMuch);
        }
        match frame {
            Frame::Text(text) => match demand(&text) {
                Ok(Some(demand)) => self.carry_out(demand).await,
                Ok(None) => Ok(()),
                Err(why) => self.refuse(&why.to_string(), StatusCode::BAD_REQUEST).await,
            },
            Frame::Binary(_) => Err(Ending::Binary),
            // The library answers a ping, and to whoever takes leave; then nothing more comes.
            Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_) | Frame::Close(_) => Ok(()),
        }
    }

    async fn carry_out(&mut self, demand: Demand) -> Result<(), Ending> {
        match demand {
            Demand::Subscribe(stream) => {
                let timeline = self.reader.open(stream.shows(), None);
                match self.streams.add(stream, || timeline) {
                    Ok(()) => Ok(()),
                    Err(why) => self.refuse(&why.to_string(), StatusCode::BAD_REQUEST).await,
                }
            }
            Demand::Unsubscribe(stream) => {
                self.streams.remove(&stream);
                Ok(())
            }
        }
    }

    /// Tells of what has happened on a stream.
    async fn tell(&mut self, stream: StreamName, next: Next) -> Result<(), Ending> {
        let event = match next {
            Some(Ok(event)) => event,
            Some(Err(refusal)) => {
                self.streams.remove(&stream);
                if refusal.kind.advice() != Advice::Never {
                    return Err(Ending::Interrupted);
                }
                let is_over = ends_session(&refusal.kind);
                let fault = stream_fault(refusal);
                self.refuse(fault.message(), fault.status()).await?;
                return if is_over { Err(Ending::SessionOver) } else { Ok(()) };
            }
            None => return Err(Ending::Interrupted),
        };
        let messages = self.reader.messages(stream.shows(), event).await;
        let messages = messages.map_err(|fault| match fault.status() {
            StatusCode::UNAUTHORIZED => Ending::SessionOver,
            _ => Ending::Interrupted,
        })?;
        for message in messages {
            self.send(Frame::Text(message.on_socket(stream.label()).into())).await?;
        }
        Ok(())
    }

    async fn refuse(&mut self, why: &str, status: StatusCode) -> Result<(), Ending> {
        let refusal = message::refusal(why, status.as_u16());
        self.send(Frame::Text(refusal.into())).await
    }

    async fn send(&mut self, frame: Frame) -> Result<(), Ending> {
        match timeout(TAKES_WITHIN, self.frames.send(frame)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Ending::Gone),
        }
    }

    /// Says why it ends, and waits for its client to take leave.
    async fn close(mut self, ending: Ending) {
        let Some(code) = ending.code() else { return };
        let said = CloseFrame { code, reason: Utf8Bytes::default() };
        let closing = async {
            if self.frames.close(Some(said)).await.is_ok() {
                while let Some(Ok(_)) = self.frames.next().await {}
                // A connection that is closed while there is something to read is reset, and who was sending might
                // not see why any more.
                self.allowance.lift();
                let _gone = io::copy(self.frames.get_mut(), &mut io::sink()).await;
            }
        };
        let _closed = timeout(CLOSES_WITHIN, closing).await;
    }
}

/// What comes next on any of the streams.
async fn next_of(streams: &mut Subscriptions<Timeline>) -> (StreamName, Next) {
    poll_fn(|context| {
        let mut next = None;
        let served = streams.first_of(|timeline| match timeline.poll_next_unpin(context) {
            Poll::Ready(event) => {
                next = Some(event);
                true
            }
            Poll::Pending => false,
        });
        match (served, next) {
            (Some((stream, _)), Some(next)) => Poll::Ready((stream.clone(), next)),
            _ => Poll::Pending,
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_socket_ends_as_if_all_were_well() {
        for (ending, code) in [
            (Ending::Stopping, Some(1001)),
            (Ending::Interrupted, Some(1012)),
            (Ending::Malformed, Some(1002)),
            (Ending::Binary, Some(1003)),
            (Ending::NoText, Some(1007)),
            (Ending::TooMuch, Some(1008)),
            (Ending::SessionOver, Some(1008)),
            (Ending::Gone, None),
        ] {
            assert_eq!(ending.code().map(u16::from), code, "{ending:?}");
        }
    }
}
