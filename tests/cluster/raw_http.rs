//! A caller that speaks HTTP/1.1 (RFC 9112) and WebSocket (RFC 6455) as badly as it likes: everything is written by
//! hand. It relies on [`raw_http2`](super::raw_http2) for where hostile callers come from.

use std::io;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::{processes::DEADLINE, raw_http2::silent};

/// The head of an answer has at most so many bytes.
const HEAD_BYTES: usize = 16 << 10;
/// What a client's frames are masked with.
const MASK: [u8; 4] = [7, 3, 5, 1];

/// A request for a page that is answered with 200, and is the last on its connection.
pub const LAST: &str = "GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/// What is sent on a WebSocket: the kinds of frames.
pub mod opcode {
    pub const CONTINUATION: u8 = 0;
    pub const TEXT: u8 = 1;
    pub const BINARY: u8 = 2;
    pub const CLOSE: u8 = 8;
    pub const PING: u8 = 9;
    /// The last frame of a message.
    pub const LAST: u8 = 0x80;
}

/// What comes of these bytes on a connection of their own, until the server closes it.
pub async fn answers(server: &str, bytes: &[u8]) -> String {
    let mut stream = silent(server).await.expect("it listens");
    // Whoever is refused may be cut off while still sending.
    let _refused = stream.write_all(bytes).await;
    rest(&mut stream).await
}

/// Everything that comes until the server closes the connection.
pub async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // It may be reset once it is clear that nothing more is read of it.
    let _ended = timeout(DEADLINE, stream.read_to_end(&mut bytes)).await.expect("it is closed");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The statuses of all answers.
pub fn statuses(answers: &str) -> Vec<u16> {
    let lines = answers.split("HTTP/1.").skip(1);
    lines.map(|line| line[2..5].parse().expect("a status")).collect()
}

/// Reads one head, and nothing of what comes after it.
pub async fn head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() > HEAD_BYTES {
            return Err(io::ErrorKind::InvalidData.into());
        }
        head.push(stream.read_u8().await?);
    }
    String::from_utf8(head).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// What asks for a WebSocket with the session of somebody.
pub fn handshake(session: &str) -> String {
    format!(
        "GET /api/v1/streaming HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {session}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// A WebSocket.
pub async fn web_socket(server: &str, session: &str) -> io::Result<TcpStream> {
    let mut stream = silent(server).await?;
    stream.write_all(handshake(session).as_bytes()).await?;
    let head = timeout(DEADLINE, head(&mut stream)).await.expect("it is answered")?;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    Ok(stream)
}

/// A frame of a client.
pub fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match u16::try_from(payload.len()) {
        Ok(length @ 0..126) => frame.push(0x80 | u8::try_from(length).expect("short")),
        Ok(length) => {
            frame.push(0x80 | 0x7e);
            frame.extend(length.to_be_bytes());
        }
        Err(_) => {
            frame.push(0x80 | 0x7f);
            frame.extend((payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend(MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// What a server has said on a WebSocket until it closed the connection.
#[derive(Debug, Default)]
pub struct Said {
    pub texts: Vec<String>,
    /// Why it has closed it.
    pub code: Option<u16>,
}

/// Reads frames until the connection is closed.
pub async fn said(stream: &mut TcpStream) -> Said {
    let mut said = Said::default();
    while let Ok((kind, payload)) = timeout(DEADLINE, frame(stream)).await.expect("it is closed") {
        match kind {
            opcode::TEXT => said.texts.push(String::from_utf8_lossy(&payload).into_owned()),
            opcode::CLOSE => {
                said.code = payload.first_chunk().copied().map(u16::from_be_bytes);
                // Whoever does not take leave is left after a second.
            }
            _ => {}
        }
    }
    said
}

/// The kind of a server's next frame, and what is in it.
async fn frame(stream: &mut TcpStream) -> io::Result<(u8, Vec<u8>)> {
    let kind = stream.read_u8().await? & 0x0f;
    let length = match stream.read_u8().await? {
        126 => stream.read_u16().await?.into(),
        127 => usize::try_from(stream.read_u64().await?).expect("short"),
        short => short.into(),
    };
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).await?;
    Ok((kind, payload))
}
