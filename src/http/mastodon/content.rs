//! The HTML of what people write, in the words that clients read: which classes a link has, and in which order,
//! tells them what it is (<https://docs.joinmastodon.org/spec/activitypub/#sanitization>). Pure.

use crate::{
    domain::{
        Hashtag, Mentioned,
        entities::{Entity, EntityKind, entities},
    },
    http::base_url::BaseUrl,
};

/// So much of a link is shown.
const SHOWN_CHARS: usize = 30;

/// The HTML of a post's text, in which these people are mentioned. Other names stay text.
pub fn html(text: &str, mentioned: &[Mentioned], base: &BaseUrl) -> String {
    let text = text.trim_matches(['\n', ' ']);
    if text.is_empty() {
        return String::new();
    }
    let mut html = "<p>".to_owned();
    let mut written = 0;
    for entity in entities(text) {
        let Some(link) = link(text, &entity, mentioned, base) else { continue };
        escape_lines(&text[written..entity.span.start], &mut html);
        html.push_str(&link);
        written = entity.span.end;
    }
    escape_lines(&text[written..], &mut html);
    html.push_str("</p>");
    html
}

/// The HTML of a text in a single line, as in a field of a profile.
pub fn html_of_line(text: &str, base: &BaseUrl) -> String {
    let html = html(text, &[], base);
    html.strip_prefix("<p>").and_then(|rest| rest.strip_suffix("</p>")).unwrap_or("").to_owned()
}

fn link(text: &str, entity: &Entity, mentioned: &[Mentioned], base: &BaseUrl) -> Option<String> {
    let target = entity.target(text);
    match entity.kind {
        EntityKind::Mention => {
            let folded = target.to_ascii_lowercase();
            let Mentioned { name, .. } =
                mentioned.iter().find(|mentioned| mentioned.name.folded() == folded)?;
            let (url, name) = (base.person(name.as_str()), escaped(name.as_str()));
            let (url, class) = (escaped(&url), "u-url mention");
            Some(format!(
                "<span class=\"h-card\"><a href=\"{url}\" class=\"{class}\">@<span>{name}</span></a></span>"
            ))
        }
        EntityKind::Hashtag => {
            let url = escaped(&base.hashtag(Hashtag::new(target).ok()?.as_str()));
            let (class, name) = ("mention hashtag", escaped(target));
            Some(format!(
                "<a href=\"{url}\" class=\"{class}\" rel=\"tag\">#<span>{name}</span></a>"
            ))
        }
        EntityKind::Link => {
            let scheme = target.find("://").map_or(0, |at| at + 3);
            let prefix = if target[scheme..].starts_with("www.") { scheme + 4 } else { scheme };
            let (prefix, rest) = target.split_at(prefix);
            let cut = rest.char_indices().nth(SHOWN_CHARS).map(|(at, _)| at);
            let (shown, hidden) = rest.split_at(cut.unwrap_or(rest.len()));
            let class = if cut.is_some() { "ellipsis" } else { "" };
            let [url, prefix, shown, hidden] = [target, prefix, shown, hidden].map(escaped);
            Some(format!(
                "<a href=\"{url}\" target=\"_blank\" rel=\"nofollow noopener noreferrer\">\
                 <span class=\"invisible\">{prefix}</span><span class=\"{class}\">{shown}</span>\
                 <span class=\"invisible\">{hidden}</span></a>"
            ))
        }
    }
}

/// Blank lines separate paragraphs.
fn escape_lines(text: &str, html: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find('\n') {
        html.push_str(&escaped(&rest[..at]));
        let after = rest[at..].trim_start_matches('\n');
        let lines = rest.len() - at - after.len();
        html.push_str(if lines > 1 { "</p><p>" } else { "<br />" });
        rest = after;
    }
    html.push_str(&escaped(rest));
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, Uri};

    use super::*;
    use crate::{
        domain::{UserId, UserName},
        tls::Protection,
    };

    fn shown(text: &str) -> String {
        let host = Uri::from_static("http://host/");
        let base = BaseUrl::of_request(&HeaderMap::new(), &host, Protection::Encrypted);
        let name = UserName::new("Ann").expect("valid");
        html(text, &[Mentioned { user: UserId(1), name }], &base)
    }

    #[test]
    fn text_becomes_the_html_that_clients_read() {
        for (text, html) in [
            ("", ""),
            (" \n", ""),
            ("hello", "<p>hello</p>"),
            ("a\nb\n\n\nc", "<p>a<br />b</p><p>c</p>"),
            ("\na\n", "<p>a</p>"),
            ("<b>&\"'", "<p>&lt;b&gt;&amp;&quot;&#39;</p>"),
            (
                "hi @ann and @bob",
                "<p>hi <span class=\"h-card\"><a href=\"https://host/@Ann\" class=\"u-url mention\">@<span>Ann</span></a></span> and @bob</p>",
            ),
            (
                "#Cats\n#größe",
                "<p><a href=\"https://host/tags/cats\" class=\"mention hashtag\" rel=\"tag\">#<span>Cats</span></a><br />\
                 <a href=\"https://host/tags/gr%C3%B6%C3%9Fe\" class=\"mention hashtag\" rel=\"tag\">#<span>größe</span></a></p>",
            ),
            (
                "https://www.x.org/a?b&c.",
                "<p><a href=\"https://www.x.org/a?b&amp;c\" target=\"_blank\" rel=\"nofollow noopener noreferrer\">\
                 <span class=\"invisible\">https://www.</span><span class=\"\">x.org/a?b&amp;c</span>\
                 <span class=\"invisible\"></span></a>.</p>",
            ),
            (
                "https://x.org/thirty-characters-and-more-of-it",
                "<p><a href=\"https://x.org/thirty-characters-and-more-of-it\" target=\"_blank\" rel=\"nofollow noopener noreferrer\">\
                 <span class=\"invisible\">https://</span><span class=\"ellipsis\">x.org/thirty-characters-and-mo</span>\
                 <span class=\"invisible\">re-of-it</span></a></p>",
            ),
        ] {
            assert_eq!(shown(text), html, "{text:?}");
        }
    }

    #[test]
    fn nothing_that_is_written_is_markup() {
        for evil in [
            "<script>alert(1)</script>",
            "https://x.org/\"onmouseover=\"alert(1)",
            "https://x.org/'><script>",
            "#<img> @<b>ann</b>",
            "\n<p>\n\n</p>",
        ] {
            let html = shown(evil);
            let allowed =
                ["<p>", "</p>", "<br />", "<span", "</span>", "<a href=\"https://", "</a>"];
            for (at, _) in html.match_indices('<') {
                assert!(allowed.iter().any(|tag| html[at..].starts_with(tag)), "{html}");
            }
            assert!(!html.contains("\"onmouseover"), "{html}");
        }
    }
}
