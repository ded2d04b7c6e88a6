//! What attackers send, as tables: requests of HTTP/1.1 and HTTP/2, and frames on a WebSocket, each with what is to
//! come of it.

use super::{
    raw_http::{masked, opcode},
    raw_http2::{DATA, END_HEADERS, END_STREAM, HEADERS, Reaction, frame, literal},
};

/// A request of HTTP/1.1, which is followed by another that is in order on the same connection.
pub struct Request {
    pub name: &'static str,
    pub bytes: fn() -> Vec<u8>,
    /// The statuses of all answers until the connection is closed. A second one is that of the request that follows.
    pub expected: &'static [u16],
}

/// All of them, by kinds.
pub fn requests() -> [(&'static str, &'static [Request]); 5] {
    [
        ("heads", &HEADS),
        ("where a request ends", &ENDS),
        ("bodies", &BODIES),
        ("paths", &PATHS),
        ("upgrades", &UPGRADES),
    ]
}

macro_rules! request {
    ($name:literal, $expected:expr, $bytes:expr) => {
        Request { name: $name, bytes: || $bytes.into(), expected: &$expected }
    };
}

/// It is refused, and nobody knows where the next one would begin.
const CLOSED: [u16; 1] = [400];
const TOO_LARGE: [u16; 1] = [431];
/// There is no such thing; the next one is answered.
const NOTHING: [u16; 2] = [404, 200];
const REFUSED: [u16; 2] = [400, 200];
const ANSWERED: [u16; 2] = [200, 200];

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
}

/// With these lines among the headers.
fn with(lines: &str) -> String {
    format!("GET /health HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n")
}

/// An app that registers, with these headers and this body.
fn post(lines: &str, body: &str) -> String {
    format!(
        "POST /api/v1/apps HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n{lines}\r\n\r\n{body}"
    )
}

fn post_json(body: &str) -> String {
    post(&format!("Content-Length: {}", body.len()), body)
}

fn post_form(body: &str) -> String {
    let length = body.len();
    format!(
        "POST /api/v1/apps HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
}

fn post_parts(body: &str) -> String {
    let length = body.len();
    format!(
        "POST /api/v1/apps HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=x\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
}

/// What would be taken for another request if it were not part of the one before.
const HIDDEN: &str = "GET /health HTTP/1.1\r\nHost: hidden\r\n\r\n";

const HEADS: [Request; 22] = [
    request!("nothing wrong", ANSWERED, get("/health")),
    request!("lines that end like on Unix", ANSWERED, "GET /health HTTP/1.1\nHost: a\n\n"),
    request!("a header of 20 KB", TOO_LARGE, with(&format!("X-Long: {}", "x".repeat(20_000)))),
    request!("a path of 20 KB", TOO_LARGE, get(&format!("/{}", "x".repeat(20_000)))),
    request!("a method of 20 KB", TOO_LARGE, "X".repeat(20_000)),
    request!("101 headers", TOO_LARGE, with(&vec!["X-A: b"; 101].join("\r\n"))),
    request!("a header that goes on below", CLOSED, with("X-A: b\r\n and more")),
    request!("a header that goes on above", CLOSED, "GET /health HTTP/1.1\r\n Host: a\r\n\r\n"),
    request!("a space before the colon", CLOSED, with("X-A : b")),
    request!("a space in a name", CLOSED, with("X A: b")),
    request!("no name", CLOSED, with(": b")),
    request!("no colon", CLOSED, with("X-A")),
    request!("a return inside a value", CLOSED, with("X-A: b\rc")),
    request!("a zero inside a value", CLOSED, with("X-A: b\0c")),
    request!("a zero inside the path", CLOSED, get("/health\0")),
    request!("a space inside the path", CLOSED, get("/health and more")),
    request!("no host", REFUSED, "GET /health HTTP/1.1\r\n\r\n"),
    request!("two hosts", REFUSED, with("Host: b")),
    request!("a version that does not exist", CLOSED, "GET /health HTTP/9.9\r\nHost: a\r\n\r\n"),
    request!("no version", CLOSED, "GET /health\r\n\r\n"),
    request!("a method that does not exist", NOTHING, "get /health HTTP/1.1\r\nHost: a\r\n\r\n"),
    request!("a tunnel", NOTHING, "CONNECT b:25 HTTP/1.1\r\nHost: b:25\r\n\r\n"),
];

const ENDS: [Request; 21] = [
    // The chunks count, and whoever reads it otherwise gets no other answer.
    request!("a length and chunks", [422], {
        post("Content-Length: 5\r\nTransfer-Encoding: chunked", &format!("0\r\n\r\n{HIDDEN}"))
    }),
    request!("chunks and a length", [422], {
        post("Transfer-Encoding: chunked\r\nContent-Length: 5", &format!("0\r\n\r\n{HIDDEN}"))
    }),
    request!("two lengths", CLOSED, {
        post("Content-Length: 2\r\nContent-Length: 44", &format!("{{}}{HIDDEN}"))
    }),
    request!("two lengths in one", CLOSED, post("Content-Length: 2, 44", &format!("{{}}{HIDDEN}"))),
    request!(
        "the same length twice",
        [422, 200],
        post("Content-Length: 2\r\nContent-Length: 2", "{}")
    ),
    request!("a length with a sign", CLOSED, post("Content-Length: +2", &format!("{{}}{HIDDEN}"))),
    request!("a negative length", CLOSED, post("Content-Length: -2", "{}")),
    request!("a length in hexadecimal", CLOSED, post("Content-Length: 0x2", "{}")),
    request!(
        "a length beyond all numbers",
        CLOSED,
        post("Content-Length: 99999999999999999999", "{}")
    ),
    request!("an empty length", CLOSED, post("Content-Length: ", "{}")),
    request!("chunks that are none", CLOSED, post("Transfer-Encoding: xchunked", "0\r\n\r\n")),
    request!("chunks of nothing known", CLOSED, post("Transfer-Encoding: chunked, identity", "{}")),
    request!(
        "chunks with another space",
        CLOSED,
        post("Transfer-Encoding:\x0bchunked", "0\r\n\r\n")
    ),
    request!("chunks in two headers", CLOSED, {
        post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "0\r\n\r\n")
    }),
    request!("chunks of HTTP/1.0", CLOSED, {
        "POST /api/v1/apps HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    }),
    request!("chunks", [422, 200], post("Transfer-Encoding: chunked", "2\r\n{}\r\n0\r\n\r\n")),
    request!("a chunk with an extension", [422, 200], {
        post("Transfer-Encoding: chunked", "2;a=b\r\n{}\r\n0;c\r\n\r\n")
    }),
    request!("a chunk with an extension of 32 KB", CLOSED, {
        post(
            "Transfer-Encoding: chunked",
            &format!("2;{}\r\n{{}}\r\n0\r\n\r\n", "x".repeat(32 << 10)),
        )
    }),
    request!("a chunk with an extension of two lines", CLOSED, {
        post("Transfer-Encoding: chunked", &format!("2;a\nb\r\n{{}}\r\n0\r\n\r\n{HIDDEN}"))
    }),
    request!("a chunk longer than all numbers", CLOSED, {
        post(
            "Transfer-Encoding: chunked",
            &format!("FFFFFFFFFFFFFFFFF\r\n{{}}\r\n0\r\n\r\n{HIDDEN}"),
        )
    }),
    request!("a chunk that is longer than it says", CLOSED, {
        post("Transfer-Encoding: chunked", &format!("1\r\n{{}}\r\n0\r\n\r\n{HIDDEN}"))
    }),
];

const BODIES: [Request; 18] = [
    request!("JSON that goes deep", REFUSED, post_json(&"[".repeat(100_000))),
    request!("objects that go deep", REFUSED, post_json(&"{\"a\":".repeat(40_000))),
    request!(
        "JSON of many values",
        REFUSED,
        post_json(&format!("{{\"a\":[{}0]}}", "0,".repeat(100_000)))
    ),
    // Each value would have a copy of the name.
    request!("JSON of a long name with many values", REFUSED, {
        post_json(&format!("{{\"{}\":[{}0]}}", "x".repeat(200_000), "0,".repeat(999)))
    }),
    request!("JSON of many long names with many values", REFUSED, {
        let name = format!("{{\"{}\":", "x".repeat(1_500));
        post_json(&format!("{}[{}0]{}", name.repeat(100), "0,".repeat(999), "}".repeat(100)))
    }),
    request!("JSON that is no object", REFUSED, post_json("[]")),
    request!("JSON that is no text", REFUSED, {
        [post("Content-Length: 9", "").as_bytes(), b"{\"a\":\"\xff\"}"].concat()
    }),
    request!("half a character", REFUSED, post_json("{\"a\":\"\\ud800\"}")),
    request!("a number beyond all numbers", REFUSED, post_json("{\"a\":1e999}")),
    request!("JSON that is compressed", REFUSED, {
        post("Content-Encoding: gzip\r\nContent-Length: 6", "\x1f\x0b\x08\0\0\0")
    }),
    request!("more than a request may have", [413], post_json(&" ".repeat(300 << 10))),
    request!(
        "a length that is more than a request may have",
        [413],
        post("Content-Length: 999999999", "{")
    ),
    request!("a form of many parameters", REFUSED, post_form(&"a&".repeat(100_000))),
    request!("a form of a long name", REFUSED, post_form(&format!("a{}=b", "[]".repeat(100_000)))),
    request!("many parts", CLOSED, {
        let part = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n";
        post_parts(&format!("{}--x--\r\n", part.repeat(4_000)))
    }),
    request!(
        "a part that has no end",
        REFUSED,
        post_parts("--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n")
    ),
    request!("a part of many headers", REFUSED, {
        post_parts(&format!("--x\r\n{}\r\n\r\n--x--\r\n", "X-A: b\r\n".repeat(20_000)))
    }),
    request!("parts without a boundary", REFUSED, {
        "POST /api/v1/apps HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data\r\nContent-Length: 3\r\n\r\n--x"
    }),
];

const PATHS: [Request; 17] = [
    request!("a slash that is no slash", NOTHING, get("/api/v1/statuses/..%2f..%2finstance")),
    request!("up and down", NOTHING, get("/api/v1/../v1/instance")),
    request!("up, in disguise", NOTHING, get("/api/v1/%2e%2e/v1/instance")),
    request!("up, on Windows", NOTHING, get("/api/v1/..\\v1\\instance")),
    request!("up, in other bytes", NOTHING, get("/api/v1/timelines/tag/%c0%ae%c0%ae%c0%af")),
    request!("two slashes", NOTHING, get("//api/v1/instance")),
    request!("two slashes inside", NOTHING, get("/api//v1/instance")),
    request!("many slashes", NOTHING, get(&"/".repeat(10_000))),
    request!("another host after two slashes", NOTHING, get("//evil.example/%2f..")),
    request!("a zero", NOTHING, get("/api/v1/statuses/1%00")),
    request!("no text", NOTHING, get("/api/v1/timelines/tag/%ff")),
    request!("half a percent sign", NOTHING, get("/api/v1/statuses/%")),
    request!("a line of its own", NOTHING, get("/api/v1/timelines/tag/a%0d%0aSet-Cookie:%20a=b")),
    request!("another host", ANSWERED, get("http://evil.example/health")),
    request!("another scheme", ANSWERED, get("https://evil.example/health")),
    request!("a fragment", CLOSED, get("#/health")),
    request!("everything", NOTHING, "GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
];

const UPGRADES: [Request; 5] = [
    request!("HTTP/2", ANSWERED, {
        with(
            "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__",
        )
    }),
    request!("anything", ANSWERED, with("Connection: upgrade\r\nUpgrade: anything")),
    request!("anything, with a body", [422, 200], {
        post("Connection: upgrade\r\nUpgrade: anything\r\nContent-Length: 2", "{}")
    }),
    request!("encryption", ANSWERED, with("Connection: upgrade\r\nUpgrade: TLS/1.3")),
    request!("a WebSocket where there is none", ANSWERED, {
        with(
            "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        )
    }),
];

/// The status 200, by its place in the table of HPACK (RFC 7541, appendix A).
const OK: Reaction = Reaction::Answered(0x88);

/// A request of HTTP/2: GET, with these headers beside the method and the scheme.
fn ask(headers: &[(&str, &str)]) -> Vec<u8> {
    // :method GET and :scheme http are in the static table.
    ask_as(&[0x82, 0x86], headers)
}

fn ask_as(begins: &[u8], headers: &[(&str, &str)]) -> Vec<u8> {
    let mut block = begins.to_vec();
    for (name, value) in headers {
        literal(&mut block, name, value);
    }
    frame(HEADERS, END_HEADERS | END_STREAM, 1, &block)
}

/// A request in order.
pub fn in_order() -> Vec<u8> {
    ask(&[PATH, HOST])
}

const PATH: (&str, &str) = (":path", "/health");
const HOST: (&str, &str) = (":authority", "a");

/// The bytes that are sent.
type Sent = fn() -> Vec<u8>;

/// Requests of HTTP/2, and what comes of them.
pub const HTTP2: [(&str, Sent, Reaction); 22] = [
    ("nothing wrong", in_order, OK),
    (
        "a connection that stays",
        || ask(&[PATH, HOST, ("connection", "keep-alive")]),
        Reaction::Reset,
    ),
    (
        "a connection of a proxy",
        || ask(&[PATH, HOST, ("proxy-connection", "close")]),
        Reaction::Reset,
    ),
    ("a connection that is kept", || ask(&[PATH, HOST, ("keep-alive", "1")]), Reaction::Reset),
    ("chunks", || ask(&[PATH, HOST, ("transfer-encoding", "chunked")]), Reaction::Reset),
    ("an upgrade", || ask(&[PATH, HOST, ("upgrade", "websocket")]), Reaction::Reset),
    ("another coding", || ask(&[PATH, HOST, ("te", "gzip")]), Reaction::Reset),
    ("a name in capitals", || ask(&[PATH, HOST, ("X-Capital", "a")]), Reaction::Closed),
    ("a space in a name", || ask(&[PATH, HOST, ("x a", "b")]), Reaction::Closed),
    ("an empty name", || ask(&[PATH, HOST, ("", "b")]), Reaction::Closed),
    ("lines inside a value", || ask(&[PATH, HOST, ("x-a", "b\r\nc: d")]), Reaction::Closed),
    ("a zero inside a value", || ask(&[PATH, HOST, ("x-a", "b\0c")]), Reaction::Closed),
    ("no path", || ask(&[HOST]), Reaction::Reset),
    ("an empty path", || ask(&[(":path", ""), HOST]), Reaction::Reset),
    ("two paths", || ask(&[PATH, (":path", "/other"), HOST]), Reaction::Reset),
    (
        "a whole address as the path",
        || ask(&[(":path", "http://evil.example/health"), HOST]),
        Reaction::Reset,
    ),
    ("a path without a slash", || ask(&[(":path", "health"), HOST]), Reaction::Reset),
    ("a path after other headers", || ask(&[("x-a", "b"), PATH, HOST]), Reaction::Reset),
    (
        "a header that only HTTP/2 could have",
        || ask(&[PATH, HOST, (":made-up", "a")]),
        Reaction::Closed,
    ),
    ("no method", || ask_as(&[0x86], &[PATH, HOST]), Reaction::Reset),
    (
        "a WebSocket",
        || ask_as(&[0x86], &[(":method", "CONNECT"), (":protocol", "websocket"), PATH, HOST]),
        Reaction::Reset,
    ),
    (
        "less than it says",
        || {
            let mut block = vec![0x83, 0x86];
            for (name, value) in [
                (":path", "/api/v1/apps"),
                HOST,
                ("content-length", "9"),
                ("content-type", "application/json"),
            ] {
                literal(&mut block, name, value);
            }
            [frame(HEADERS, END_HEADERS, 1, &block), frame(DATA, END_STREAM, 1, b"{}")].concat()
        },
        Reaction::Reset,
    ),
];

const TEXT: u8 = opcode::LAST | opcode::TEXT;
const PING: u8 = opcode::LAST | opcode::PING;

/// What is said to whoever does not keep to the protocol, sends what is no text, or too much.
const PROTOCOL: Option<u16> = Some(1002);
const UNSUPPORTED: Option<u16> = Some(1003);
const NO_TEXT: Option<u16> = Some(1007);
const TOO_MUCH: Option<u16> = Some(1008);

/// Frames of a client: what they are, the code with which the server ends that, and words that it says before.
pub const FRAMES: [(&str, Sent, Option<u16>, &str); 17] = [
    ("pings", || masked(PING, b"x").repeat(50_000), TOO_MUCH, ""),
    ("texts that mean nothing", || masked(TEXT, b"{}").repeat(50_000), TOO_MUCH, ""),
    (
        "texts that are no JSON",
        || masked(TEXT, b"x").repeat(1_000),
        TOO_MUCH,
        "Expected a JSON object",
    ),
    (
        "texts that go deep",
        || masked(TEXT, &[b'['; 4_000]).repeat(100),
        TOO_MUCH,
        "Expected a JSON object",
    ),
    (
        "more streams than there may be",
        || {
            let subscribe = |number: u32| {
                masked(
                    TEXT,
                    format!(r#"{{"type":"subscribe","stream":"hashtag","tag":"a{number}"}}"#)
                        .as_bytes(),
                )
            };
            (0..1_000).flat_map(subscribe).collect()
        },
        TOO_MUCH,
        "at most 16 streams",
    ),
    (
        "streams that come and go",
        || {
            let demand = |kind: &str| {
                masked(TEXT, format!(r#"{{"type":"{kind}","stream":"public"}}"#).as_bytes())
            };
            [demand("subscribe"), demand("unsubscribe")].concat().repeat(1_000)
        },
        TOO_MUCH,
        "",
    ),
    (
        "a message of many pieces",
        || {
            let begins = masked(opcode::TEXT, &[b'x'; 1_000]);
            [begins, masked(opcode::CONTINUATION, &[b'x'; 1_000]).repeat(50_000)].concat()
        },
        TOO_MUCH,
        "",
    ),
    (
        "pieces without contents",
        || [masked(opcode::TEXT, b""), masked(opcode::CONTINUATION, b"").repeat(50_000)].concat(),
        TOO_MUCH,
        "",
    ),
    (
        "a frame of more than there is",
        || {
            let mut frame = vec![TEXT, 0x80 | 127];
            frame.extend((1_u64 << 62).to_be_bytes());
            frame.extend([0; 4]);
            frame
        },
        TOO_MUCH,
        "",
    ),
    ("bytes", || masked(opcode::LAST | opcode::BINARY, b"x"), UNSUPPORTED, ""),
    ("a frame that is not masked", || vec![TEXT, 2, b'{', b'}'], PROTOCOL, ""),
    ("a kind of frame that does not exist", || masked(opcode::LAST | 3, b"x"), PROTOCOL, ""),
    ("a frame with bits of the future", || masked(TEXT | 0x40, b"{}"), PROTOCOL, ""),
    ("a ping that is longer than pings are", || masked(PING, &[b'x'; 126]), PROTOCOL, ""),
    ("half a ping", || masked(opcode::PING, b"x"), PROTOCOL, ""),
    ("a piece of nothing", || masked(opcode::LAST | opcode::CONTINUATION, b"x"), PROTOCOL, ""),
    ("a text that is no text", || masked(TEXT, b"\xff\xfe"), NO_TEXT, ""),
];
