//! A caller that speaks HTTP/2 as badly as it likes: frames are written by hand (RFC 9113), headers
//! without compression (RFC 7541).

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};

/// Where hostile callers come from; everybody else comes from 127.0.0.1.
const HOSTILE: &str = "127.0.0.2:0";
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;
const INITIAL_WINDOW_SIZE: u16 = 4;
const LONGEST_FRAME: usize = 16_384;
/// The length of what comes before a gRPC message.
const MESSAGE_HEAD: usize = 5;

/// A connection.
pub struct RawCaller {
    stream: TcpStream,
    next_stream: u32,
}

/// What a server does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// It is answered: with a status that has this place in the table of headers that everybody knows.
    Answered(u8),
    /// It is refused as no request at all.
    Reset,
    /// The whole connection is closed for it.
    Closed,
}

/// A connection to `server` on which nothing is said.
pub async fn silent(server: &str) -> io::Result<TcpStream> {
    let server: SocketAddr = server.replace("localhost", "127.0.0.1").parse().expect("an address");
    let socket = TcpSocket::new_v4()?;
    socket.bind(HOSTILE.parse().expect("an address"))?;
    socket.connect(server).await
}

impl RawCaller {
    /// A connection that may be sent so many bytes of each answer.
    pub async fn connect(server: &str, takes: u32) -> io::Result<Self> {
        let mut stream = silent(server).await?;
        let mut settings = INITIAL_WINDOW_SIZE.to_be_bytes().to_vec();
        settings.extend(takes.to_be_bytes());
        let mut bytes = PREFACE.to_vec();
        bytes.extend(frame(SETTINGS, 0, 0, &settings));
        stream.write_all(&bytes).await?;
        let mut caller = Self { stream, next_stream: 1 };
        // From then on, the server takes more than a connection begins with.
        while caller.next_frame().await?.0 != WINDOW_UPDATE {}
        Ok(caller)
    }

    /// Begins a call of `path`, with a session or without one, and sends this message, or less of it
    /// than its head says.
    pub async fn call(
        &mut self,
        path: &str,
        session: Option<&str>,
        message: &[u8],
        length: usize,
    ) -> io::Result<()> {
        let mut headers = request_headers(path);
        if let Some(session) = session {
            literal(&mut headers, "authorization", &format!("Bearer {session}"));
        }
        self.send_message(&headers, 0, message, length).await
    }

    /// The same, with these headers, and with a message that says that it is compressed, or not.
    pub async fn send_message(
        &mut self,
        headers: &[u8],
        compressed: u8,
        message: &[u8],
        length: usize,
    ) -> io::Result<()> {
        let stream = self.next_stream;
        self.next_stream += 2;
        let mut bytes = frame(HEADERS, END_HEADERS, stream, headers);
        let mut body = vec![compressed];
        body.extend(u32::try_from(length).expect("short").to_be_bytes());
        body.extend(message);
        let is_whole = body.len() == MESSAGE_HEAD + length;
        let mut parts = body.chunks(LONGEST_FRAME).peekable();
        while let Some(part) = parts.next() {
            let ends = is_whole && parts.peek().is_none();
            bytes.extend(frame(DATA, u8::from(ends) * END_STREAM, stream, part));
        }
        self.stream.write_all(&bytes).await
    }

    /// Sends these frames.
    pub async fn send(&mut self, frames: &[u8]) -> io::Result<()> {
        self.stream.write_all(frames).await
    }

    /// Reads until a stream has ended.
    pub async fn next_end(&mut self) -> io::Result<()> {
        loop {
            let (kind, flags, _) = self.next_frame().await?;
            if matches!(kind, HEADERS | DATA) && flags & END_STREAM != 0 {
                return Ok(());
            }
        }
    }

    /// Reads until it is clear what the server does with a request.
    pub async fn reaction(&mut self) -> Reaction {
        loop {
            match self.next_frame().await {
                Ok((HEADERS, _, payload)) => return Reaction::Answered(payload[0]),
                Ok((RST_STREAM, ..)) => return Reaction::Reset,
                Ok((GOAWAY, ..)) | Err(_) => return Reaction::Closed,
                Ok(_) => {}
            }
        }
    }

    /// The kind of the next frame, its flags, and what is in it.
    async fn next_frame(&mut self) -> io::Result<(u8, u8, Vec<u8>)> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head).await?;
        let [high, middle, low, kind, flags, ..] = head;
        let length = u32::from_be_bytes([0, high, middle, low]);
        let mut payload = vec![0; usize::try_from(length).expect("short")];
        self.stream.read_exact(&mut payload).await?;
        Ok((kind, flags, payload))
    }
}

/// The headers of a gRPC request.
pub fn request_headers(path: &str) -> Vec<u8> {
    // :method POST and :scheme http are in the static table.
    let mut headers = vec![0x83, 0x86];
    literal(&mut headers, ":path", path);
    literal(&mut headers, ":authority", "tinysns");
    literal(&mut headers, "content-type", "application/grpc");
    literal(&mut headers, "te", "trailers");
    headers
}

/// A frame of this kind, with these flags.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A header that is not in any table.
pub fn literal(headers: &mut Vec<u8>, name: &str, value: &str) {
    headers.push(0);
    for text in [name, value] {
        // Seven bits for the length, and more bytes for what is more.
        match text.len().checked_sub(127) {
            None => headers.push(u8::try_from(text.len()).expect("short")),
            Some(more) => {
                headers.push(127);
                let (low, high) = (more % 128, more / 128);
                headers
                    .push(u8::try_from(low).expect("seven bits") | if high > 0 { 128 } else { 0 });
                headers.extend((high > 0).then(|| u8::try_from(high).expect("short")));
            }
        }
        headers.extend(text.as_bytes());
    }
}
