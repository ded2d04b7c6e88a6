//! The address under which whoever asks knows this network: all links that they are given begin with it.

use std::fmt;

use axum::http::{HeaderMap, Uri, header::HOST, uri::Authority};

use crate::tls::Protection;

/// A scheme and a host, with a port if it is not the usual one; without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl(String);

impl BaseUrl {
    /// The one that a setting names.
    pub fn of_setting(url: &str) -> Self {
        Self(url.to_owned())
    }

    /// What the request was sent to. Whoever lies about that only misleads themselves.
    pub fn of_request(headers: &HeaderMap, uri: &Uri, protection: Protection) -> Self {
        let named = headers.get(HOST).and_then(|host| host.to_str().ok()?.parse().ok());
        let asked: Option<Authority> = named.or_else(|| uri.authority().cloned());
        let is_plain = |asked: &Authority| !asked.as_str().contains('@');
        let host = asked
            .filter(is_plain)
            .map_or_else(|| "localhost".to_owned(), |asked| asked.as_str().to_ascii_lowercase());
        let scheme = if protection == Protection::InClear { "http" } else { "https" };
        Self(format!("{scheme}://{host}"))
    }

    /// The host, with its port if it is not the usual one: the name of the network among others.
    pub fn host(&self) -> &str {
        self.0.split_once("://").map_or(&self.0, |(_, host)| host)
    }

    /// The same for connections that stay open.
    pub fn of_streams(&self) -> String {
        // `http` becomes `ws`, and `https` becomes `wss`.
        self.0.replacen("http", "ws", 1)
    }

    /// Where somebody's page is.
    pub fn person(&self, name: &str) -> String {
        format!("{self}/@{name}")
    }

    /// Where a post is.
    pub fn post(&self, author: &str, id: u64) -> String {
        format!("{self}/@{author}/{id}")
    }

    /// Where the posts with a hashtag are.
    pub fn hashtag(&self, hashtag: &str) -> String {
        use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
        format!("{self}/tags/{}", utf8_percent_encode(hashtag, NON_ALPHANUMERIC))
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn links_lead_back_to_where_they_were_asked_for() {
        for (host, protection, base) in [
            ("a:3010", Protection::InClear, "http://a:3010"),
            ("SNS.example.net", Protection::Encrypted, "https://sns.example.net"),
            ("[::1]:3010", Protection::InClear, "http://[::1]:3010"),
            ("user@evil.example", Protection::InClear, "http://localhost"),
            ("a\"onload=", Protection::InClear, "http://localhost"),
            ("a/b", Protection::InClear, "http://localhost"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_str(host).expect("ASCII"));
            let asked = BaseUrl::of_request(&headers, &Uri::from_static("/x"), protection);
            assert_eq!(asked.to_string(), base, "{host}");
        }
        let uri = Uri::from_static("https://b:99/x");
        let of_http2 = BaseUrl::of_request(&HeaderMap::new(), &uri, Protection::Encrypted);
        assert_eq!(of_http2.to_string(), "https://b:99");
        assert_eq!((of_http2.host(), of_http2.of_streams().as_str()), ("b:99", "wss://b:99"));
        assert_eq!(of_http2.hashtag("größe_1"), "https://b:99/tags/gr%C3%B6%C3%9Fe%5F1");
    }
}
