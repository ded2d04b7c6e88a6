//! How a connection becomes a WebSocket (RFC 6455, section 4.2). Pure.

use axum::http::{
    HeaderMap, HeaderName, HeaderValue, Method, Version,
    header::{
        CONNECTION, CONTENT_LENGTH, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
        SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING, UPGRADE,
    },
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha1::{Digest as _, Sha1};

/// What the accept is made of besides the key.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const KEY_BYTES: usize = 16;

/// What a client has sent who wants a WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    accept: String,
    /// What it calls the protocol that it wants to speak: pages of browsers send their token there.
    pub protocol: Option<HeaderValue>,
}

/// Why there is no WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoHandshake {
    /// That was not asked for.
    #[error("this is for a WebSocket")]
    NotAskedFor,
    /// It was not asked for in the way of version 13.
    #[error("this is no handshake of a WebSocket of version 13")]
    Malformed,
}

impl Handshake {
    /// Of a request.
    pub fn of(method: &Method, version: Version, headers: &HeaderMap) -> Result<Self, NoHandshake> {
        if version != Version::HTTP_11
            || !has_word(headers, &CONNECTION, "upgrade")
            || !has_word(headers, &UPGRADE, "websocket")
        {
            return Err(NoHandshake::NotAskedFor);
        }
        // A body would be taken for frames, or waited for.
        let has_body = headers.contains_key(TRANSFER_ENCODING)
            || headers.get(CONTENT_LENGTH).is_some_and(|length| length != "0");
        if method != Method::GET || has_body {
            return Err(NoHandshake::Malformed);
        }
        let is_known = headers.get(SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13");
        let key = headers.get(SEC_WEBSOCKET_KEY).filter(|_| is_known);
        let key = key.map(HeaderValue::as_bytes).unwrap_or_default();
        if !STANDARD.decode(key).is_ok_and(|key| key.len() == KEY_BYTES) {
            return Err(NoHandshake::Malformed);
        }
        let accept = STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize());
        let protocol = headers.get(SEC_WEBSOCKET_PROTOCOL).cloned();
        Ok(Self { accept, protocol })
    }

    /// What the answer says.
    pub fn answer(self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        let accept = HeaderValue::from_str(&self.accept).expect("it is ASCII");
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        if let Some(protocol) = self.protocol {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, protocol);
        }
        headers
    }
}

fn has_word(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|one| one.trim().eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(of: &[(&'static str, &'static str)]) -> HeaderMap {
        let header = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        of.iter().map(header).collect()
    }

    const GOOD: [(&str, &str); 5] = [
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "WebSocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-protocol", "a-token"),
    ];

    #[test]
    fn a_handshake_is_answered_as_the_standard_says() {
        let handshake =
            Handshake::of(&Method::GET, Version::HTTP_11, &headers(&GOOD)).expect("good");
        let answer = handshake.answer();
        assert_eq!(answer[SEC_WEBSOCKET_ACCEPT], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(answer[SEC_WEBSOCKET_PROTOCOL], "a-token", "or browsers give up");
        assert_eq!(answer[UPGRADE], "websocket");
        let plain =
            Handshake::of(&Method::GET, Version::HTTP_11, &headers(&GOOD[..4])).expect("good");
        assert!(!plain.answer().contains_key(SEC_WEBSOCKET_PROTOCOL));
    }

    #[test]
    fn what_is_no_handshake_is_told_from_one_that_is_wrong() {
        assert_eq!(
            Handshake::of(&Method::GET, Version::HTTP_2, &headers(&GOOD)),
            Err(NoHandshake::NotAskedFor)
        );
        for (left_out, why) in [
            (0, NoHandshake::NotAskedFor),
            (1, NoHandshake::NotAskedFor),
            (2, NoHandshake::Malformed),
            (3, NoHandshake::Malformed),
        ] {
            let mut some = GOOD.to_vec();
            some.remove(left_out);
            assert_eq!(
                Handshake::of(&Method::GET, Version::HTTP_11, &headers(&some)),
                Err(why),
                "{left_out}"
            );
        }
        let headers_of = |more| headers(&[&GOOD[..], &[more]].concat());
        for (method, more) in [
            (Method::GET, ("content-length", "6")),
            (Method::GET, ("transfer-encoding", "chunked")),
            (Method::HEAD, ("content-length", "0")),
        ] {
            let found = Handshake::of(&method, Version::HTTP_11, &headers_of(more));
            assert_eq!(found, Err(NoHandshake::Malformed), "{method} {more:?}");
        }
        let empty = headers_of(("content-length", "0"));
        assert!(Handshake::of(&Method::GET, Version::HTTP_11, &empty).is_ok());
        for (at, value) in [(2, "8"), (3, ""), (3, "c2hvcnQ="), (3, "no base 64 at all !!!!!!")] {
            let mut some = GOOD.to_vec();
            some[at].1 = value;
            let found = Handshake::of(&Method::GET, Version::HTTP_11, &headers(&some));
            assert_eq!(found, Err(NoHandshake::Malformed), "{value}");
        }
    }
}
