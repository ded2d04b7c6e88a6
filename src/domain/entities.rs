//! What is found in a post's text: mentions, hashtags and links.
//!
//! Relies on `Hashtag` and `UserName` for what a name may be. What is found here may change with the
//! version of Unicode: whatever ends up in the state is found once, before the command is
//! replicated, as `search_term` explains.
//!
//! Deliberately absent: users of other hosts (`@ann@host.example` is no mention), links without a
//! scheme, and whether what is mentioned or linked exists.

use std::ops::Range;

use super::{
    Hashtag, UserName,
    hashtag::{is_word_character, tag_length},
};

/// Mentions of a post that count. A post that calls more people than this is noise, and each of them
/// costs a notification.
pub const MOST_MENTIONS: usize = 20;

/// Hashtags of a post that count. Nobody means more of them, and each of them costs an entry of an index.
pub const MOST_HASHTAGS: usize = 30;

/// Punctuation that belongs to the sentence if it is at the end of a link. Quotation marks are here
/// and not among the brackets, because languages do not agree on which of them close.
const PUNCTUATION: &str = ".,;:!?'\"…‘’‚“”„«»‹›。、，．；：！？";

/// Brackets that belong to the sentence if they close behind a link what was opened before it.
const BRACKETS: [(char, char); 12] = [
    ('(', ')'),
    ('[', ']'),
    ('{', '}'),
    ('<', '>'),
    ('（', '）'),
    ('［', '］'),
    ('〈', '〉'),
    ('《', '》'),
    ('「', '」'),
    ('『', '』'),
    ('【', '】'),
    ('〔', '〕'),
];

/// What a part of a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntityKind {
    /// `@` and a valid user name, of a user that may not exist.
    Mention,
    /// `#` and a valid hashtag.
    Hashtag,
    /// `http://` or `https://` and what follows.
    Link,
}

/// A part of a text that screens and pages colour or link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entity {
    /// What it is.
    pub kind: EntityKind,
    /// Where it is, in bytes, with its `@` or `#`; always between characters.
    pub span: Range<usize>,
}

impl Entity {
    /// What it names: the user or the hashtag as it was typed, without its sign, or the whole link.
    /// `text` is the one in which it was found.
    pub fn target<'t>(&self, text: &'t str) -> &'t str {
        let found = &text[self.span.clone()];
        match self.kind {
            EntityKind::Mention | EntityKind::Hashtag => found.trim_start_matches(is_sign),
            EntityKind::Link => found,
        }
    }
}

/// All that is found in a text, in order and without overlaps.
pub fn entities(text: &str) -> Vec<Entity> {
    let mut found = Vec::new();
    let mut start = 0;
    for link in links(text) {
        mentions_and_hashtags(text, start..link.start, &mut found);
        start = link.end;
        found.push(Entity { kind: EntityKind::Link, span: link });
    }
    mentions_and_hashtags(text, start..text.len(), &mut found);
    found
}

/// The users that a text mentions, in order and each once in any case, at most [`MOST_MENTIONS`].
pub fn mentions(text: &str) -> Vec<UserName> {
    let mut names: Vec<UserName> = Vec::new();
    for name in targets(text, EntityKind::Mention).filter_map(|name| UserName::new(name).ok()) {
        if names.len() == MOST_MENTIONS {
            break;
        }
        if !names.iter().any(|other| other.folded() == name.folded()) {
            names.push(name);
        }
    }
    names
}

/// The hashtags of a text, in order and each once, at most [`MOST_HASHTAGS`].
pub fn hashtags(text: &str) -> Vec<Hashtag> {
    let mut hashtags = Vec::new();
    for hashtag in targets(text, EntityKind::Hashtag).filter_map(|tag| Hashtag::new(tag).ok()) {
        if hashtags.len() == MOST_HASHTAGS {
            break;
        }
        if !hashtags.contains(&hashtag) {
            hashtags.push(hashtag);
        }
    }
    hashtags
}

fn targets(text: &str, kind: EntityKind) -> impl Iterator<Item = &str> {
    let of_kind = entities(text).into_iter().filter(move |entity| entity.kind == kind);
    of_kind.map(|entity| entity.target(text))
}

/// Where links are. Each goes to the next white space, without the punctuation and the brackets that
/// belong to the sentence around it.
fn links(text: &str) -> Vec<Range<usize>> {
    const AFTER_SCHEME: &str = "://";
    let mut found = Vec::new();
    let mut start = 0;
    while let Some(at) = text[start..].find(AFTER_SCHEME) {
        let (before, after) = (&text[start..start + at], start + at + AFTER_SCHEME.len());
        match (scheme_length(before), rest_length(&text[after..])) {
            (Some(scheme), Some(rest)) => {
                found.push(start + at - scheme..after + rest);
                start = after + rest;
            }
            _ => start = after,
        }
    }
    found
}

/// The length of the `http` or `https` at the end of a text, in any case; none if it is only the end
/// of another word.
fn scheme_length(before: &str) -> Option<usize> {
    let bytes = before.as_bytes();
    let word = bytes.iter().rev().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let scheme = &bytes[bytes.len() - word..];
    let is_known = [&b"http"[..], b"https"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    is_known.then_some(word)
}

/// The length of the link that a text is from its start, without the scheme. None if there is no
/// host.
fn rest_length(after: &str) -> Option<usize> {
    let has_host = after.starts_with(|c: char| !c.is_ascii_punctuation() || c == '[');
    let mut length = 0;
    let mut open = [0_usize; BRACKETS.len()];
    for (at, c) in after.char_indices().take_while(|&(_, c)| has_host && !ends_link(c)) {
        if let Some(kind) = BRACKETS.iter().position(|&(opening, _)| c == opening) {
            open[kind] += 1;
        }
        let closes = BRACKETS.iter().position(|&(_, closing)| c == closing);
        let is_of_sentence = match closes {
            Some(kind) if open[kind] > 0 => {
                open[kind] -= 1;
                false
            }
            Some(_) => true,
            None => PUNCTUATION.contains(c),
        };
        if !is_of_sentence {
            length = at + c.len_utf8();
        }
    }
    (length > 0).then_some(length)
}

/// White space and control characters end a link; so do characters without a width that would make a
/// link look like another one, or another one look like the same.
fn ends_link(c: char) -> bool {
    let is_format = matches!(c,
        '\u{61c}' | '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}');
    c.is_whitespace() || c.is_control() || is_format
}

/// Finds what is in a part of a text that has no link.
fn mentions_and_hashtags(text: &str, part: Range<usize>, found: &mut Vec<Entity>) {
    let mut at = part.start;
    // A part begins or ends where a link does, and no name goes on across that.
    let part = &text[..part.end];
    while let Some((sign, begin)) = next_sign(part, at) {
        let name = begin + sign.len_utf8();
        let (before, after) = (&part[..begin], &part[name..]);
        let (kind, length) = match sign {
            '@' => (EntityKind::Mention, mention_length(before, after)),
            _ => (EntityKind::Hashtag, hashtag_length(before, after)),
        };
        at = name + length.unwrap_or(0);
        if length.is_some() {
            found.push(Entity { kind, span: begin..at });
        }
    }
}

fn next_sign(text: &str, from: usize) -> Option<(char, usize)> {
    let (at, sign) = text[from..].char_indices().find(|&(_, c)| is_sign(c))?;
    Some((sign, from + at))
}

fn is_sign(c: char) -> bool {
    c == '@' || is_hash(c)
}

/// Whether a character begins a hashtag; the second is on Japanese keyboards.
fn is_hash(c: char) -> bool {
    matches!(c, '#' | '＃')
}

/// The length of the user name behind an `@`, if that is a mention.
fn mention_length(before: &str, after: &str) -> Option<usize> {
    let mut backwards = before.chars().rev();
    let is_inside = match backwards.next() {
        // The end of a name, or of a path.
        Some('.' | '-') => backwards.next().is_some_and(is_word_character),
        Some(c) => matches!(c, '@' | '/') || is_word_character(c),
        None => false,
    };
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let rest = after.trim_start_matches(is_part);
    // Neither is the start of a longer word a mention, nor that of an address.
    if is_inside || rest.starts_with(|c| c == '@' || is_word_character(c)) {
        return None;
    }
    // A name may end so, but more often a sentence does.
    let name = after[..after.len() - rest.len()].trim_end_matches(['.', '-']);
    UserName::new(name).ok().map(|_| name.len())
}

/// The length of the hashtag behind a `#`, if that is one.
fn hashtag_length(before: &str, after: &str) -> Option<usize> {
    let is_inside = |c: char| is_hash(c) || matches!(c, '&' | '/') || is_word_character(c);
    if before.ends_with(is_inside) {
        return None;
    }
    let length = tag_length(after);
    Hashtag::new(&after[..length]).ok().map(|_| length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is found in a text, as it is written there.
    fn found(text: &str, kind: EntityKind) -> Vec<&str> {
        let of_kind = entities(text).into_iter().filter(|entity| entity.kind == kind);
        of_kind.map(|entity| &text[entity.span]).collect()
    }

    #[test]
    fn finds_mentions() {
        let longest = format!("@{}", "x".repeat(32));
        for (text, expected) in [
            ("@ann", &["@ann"][..]),
            ("hello @ann.", &["@ann"]),
            ("@ann-", &["@ann"]),
            ("@ann...", &["@ann"]),
            ("@ann_", &["@ann_"]),
            ("@ann_.-", &["@ann_"]),
            ("@a.b-c_d, @9", &["@a.b-c_d", "@9"]),
            ("(@ann) \"@bob\" '@cid'", &["@ann", "@bob", "@cid"]),
            ("@ann's turn, @bob/@cid", &["@ann", "@bob"]),
            (".@ann ...@bob -@cid", &["@ann", "@bob", "@cid"]),
            ("wait...@ann", &["@ann"]),
            ("@ann😀@bob", &["@ann", "@bob"]),
            ("😀@ann", &["@ann"]),
            ("@ann:@bob,@cid", &["@ann", "@bob", "@cid"]),
            ("ok—@ann\n@bob\t@cid", &["@ann", "@bob", "@cid"]),
            ("@ann\u{3000}@bob。", &["@ann", "@bob"]),
            ("שלום @ann, مرحبا @bob؟", &["@ann", "@bob"]),
            ("\u{202e}@ann\u{202c}", &["@ann"]),
            ("@ann#rust", &["@ann"]),
            (&longest, &[&longest]),
            (&format!("{longest}..."), &[&longest]),
        ] {
            assert_eq!(found(text, EntityKind::Mention), expected, "{text:?}");
        }
    }

    #[test]
    fn finds_no_mention_in_addresses_and_parts_of_words() {
        for text in [
            "",
            "@",
            "hello @",
            "@ ann",
            "@.ann",
            "@-ann",
            "@_ann",
            "@@ann",
            "@@",
            "ann@host.example",
            "ann.@host.example",
            "ann-@host.example",
            "ann_@host.example",
            "müller@host.example",
            "e\u{301}@host.example",
            "हिन्दी@host",
            "東京@ann",
            "@ann@host.example",
            "@ann.@host.example",
            "@ann-@host.example",
            "https://host.example/@ann",
            "host.example/@ann",
            "@annü",
            "@ü",
            "@ann.ü",
            "@anne\u{301}",
            "@annさん",
            "@\u{301}ann",
            "＠ann",
            &format!("@{}", "x".repeat(33)),
            &format!("@{}.", "x".repeat(33)),
        ] {
            assert_eq!(found(text, EntityKind::Mention), [""; 0], "{text:?}");
        }
    }

    #[test]
    fn finds_hashtags() {
        let longest = format!("#{}", "x".repeat(100));
        for (text, expected) in [
            ("#rust", &["#rust"][..]),
            ("#1st #_a #a_ #1", &["#1st", "#_a", "#a_"]),
            ("I like #Rust, #Go; (#zig) and \"#c\".", &["#Rust", "#Go", "#zig", "#c"]),
            ("#c++ #semi-detached #don't", &["#c", "#semi", "#don"]),
            ("#a#b", &["#a"]),
            ("#a,#b.#c", &["#a", "#b", "#c"]),
            ("@#a", &["#a"]),
            ("＃東京 ＃2020年", &["＃東京", "＃2020年"]),
            ("#東京、#大阪。", &["#東京", "#大阪"]),
            ("#हिन्दी! #ภาษาไทยที่รัก", &["#हिन्दी", "#ภาษาไทยที่รัก"]),
            ("#e\u{301}te\u{301} ok", &["#e\u{301}te\u{301}"]),
            ("#שלום, #مرحبا؟", &["#שלום", "#مرحبا"]),
            ("#می\u{200c}خواهم.", &["#می\u{200c}خواهم"]),
            ("#crab🦀 🦀#crab", &["#crab", "#crab"]),
            ("#love❤\u{fe0f}#peace", &["#love", "#peace"]),
            ("\u{202b}#abc\u{202c}", &["#abc"]),
            ("#rust\nnext\n#go", &["#rust", "#go"]),
            ("#天気https://host.example", &["#天気"]),
            (&longest, &[&longest]),
        ] {
            assert_eq!(found(text, EntityKind::Hashtag), expected, "{text:?}");
        }
    }

    #[test]
    fn finds_no_hashtag_in_numbers_and_parts_of_words() {
        for text in [
            "",
            "#",
            "hello #",
            "# rust",
            "#1",
            "#12_3",
            "#１",
            "#_",
            "##rust",
            "#＃rust",
            "a#b",
            "1#b",
            "_#b",
            "東京#大阪",
            "e\u{301}#b",
            "&#39;",
            "&#xa0;",
            "/#rust",
            "#\u{fe0f}\u{20e3}",
            "#\u{fe0f}\u{20e3}rust",
            "#\u{301}rust",
            "#🦀",
            "#\u{200d}",
            "#\u{3164}",
            "#-rust",
            "https://host.example/a#b",
            &format!("#{}", "x".repeat(101)),
        ] {
            assert_eq!(found(text, EntityKind::Hashtag), [""; 0], "{text:?}");
        }
    }

    #[test]
    fn finds_links() {
        for (text, expected) in [
            ("https://host.example", &["https://host.example"][..]),
            ("http://a https://b", &["http://a", "https://b"]),
            ("HTTPS://Host.Example/", &["HTTPS://Host.Example/"]),
            ("see https://a.b/c?d=e&f#g, or not", &["https://a.b/c?d=e&f#g"]),
            ("https://a.b...", &["https://a.b"]),
            ("is it https://a.b?!", &["https://a.b"]),
            ("\"https://a.b\" 'https://c.d'", &["https://a.b", "https://c.d"]),
            (
                "“https://a.b” „https://c.d“ »https://e.f«",
                &["https://a.b", "https://c.d", "https://e.f"],
            ),
            ("(https://a.b)", &["https://a.b"]),
            ("(see https://a.b/c_(d))", &["https://a.b/c_(d)"]),
            ("https://a.b/c_(d)", &["https://a.b/c_(d)"]),
            ("https://a.b/c_(d).", &["https://a.b/c_(d)"]),
            ("https://a.b/(c)_((d))))", &["https://a.b/(c)_((d))"]),
            ("https://a.b/c)d", &["https://a.b/c)d"]),
            ("https://a.b/c)(d)", &["https://a.b/c)(d)"]),
            ("(https://a.b).)", &["https://a.b"]),
            ("[x](https://a.b/[c])", &["https://a.b/[c]"]),
            ("<https://a.b>", &["https://a.b"]),
            ("（https://a.b） 「https://c.d」。", &["https://a.b", "https://c.d"]),
            ("（https://a.b）と東京", &["https://a.b）と東京"]),
            ("http://[::1]:80/", &["http://[::1]:80/"]),
            ("https://a.b/東京/🦀。", &["https://a.b/東京/🦀"]),
            ("東京https://a.b", &["https://a.b"]),
            ("https://שלום.example/ و", &["https://שלום.example/"]),
            ("https://a.b/http://c.d", &["https://a.b/http://c.d"]),
            ("https://a.b/@ann#rust", &["https://a.b/@ann#rust"]),
            ("https://ann@a.b", &["https://ann@a.b"]),
            ("https://a.b\u{0}c", &["https://a.b"]),
            ("https://a.b\u{202e}c", &["https://a.b"]),
            ("https://a.b\u{3000}c", &["https://a.b"]),
            ("https://a.b\u{200b}c\u{feff}", &["https://a.b"]),
            ("@https://a.b #https://c.d", &["https://a.b", "https://c.d"]),
            ("http:// https://", &[]),
            ("http://. http://) http://?a http:///b", &[]),
            ("http:///http://a", &["http://a"]),
            ("http:/a ://b http//c", &[]),
            ("xhttp://a ftp://b sshttps://c", &[]),
            ("git+https://a.b", &["https://a.b"]),
            ("www.host.example host.example", &[]),
        ] {
            assert_eq!(found(text, EntityKind::Link), expected, "{text:?}");
        }
    }

    #[test]
    fn everything_is_found_in_order_and_nothing_inside_links() {
        let text = "@ann: #rust at https://a.b/@bob#go, #zig @cid@host.example @dan";
        let all: Vec<_> =
            entities(text).into_iter().map(|entity| (entity.kind, entity.target(text))).collect();
        assert_eq!(
            all,
            [
                (EntityKind::Mention, "ann"),
                (EntityKind::Hashtag, "rust"),
                (EntityKind::Link, "https://a.b/@bob#go"),
                (EntityKind::Hashtag, "zig"),
                (EntityKind::Mention, "dan"),
            ]
        );
        for text in ["@https://a.b", "#https://a.b"] {
            assert_eq!(
                entities(text),
                [Entity { kind: EntityKind::Link, span: 1..text.len() }],
                "{text:?}"
            );
        }
    }

    #[test]
    fn each_name_counts_once_in_any_case_as_it_was_typed_first() {
        let names = mentions("@Ann @bob @ANN @ann. ann@host @Bob");
        assert_eq!(names.iter().map(UserName::as_str).collect::<Vec<_>>(), ["Ann", "bob"]);
        let tags = hashtags("#Über #b #ÜBER ＃über #B");
        assert_eq!(tags.iter().map(Hashtag::as_str).collect::<Vec<_>>(), ["über", "b"]);
    }

    #[test]
    fn mentions_and_hashtags_after_the_most_are_ignored() {
        let many = |sign: &str| {
            let each = (0..40).map(|at| format!("{sign}x{at} {sign}X{at}"));
            each.collect::<Vec<_>>().join(" ")
        };
        let text = many("@");
        assert_eq!(mentions(&text).len(), MOST_MENTIONS);
        assert_eq!(mentions(&text).last().map(UserName::as_str), Some("x19"));
        let text = many("#");
        assert_eq!(hashtags(&text).len(), MOST_HASHTAGS);
        assert_eq!(hashtags(&text).last().map(Hashtag::as_str), Some("x29"));
    }

    /// Texts in which signs, names and what ends them meet.
    fn mixed() -> impl Strategy<Value = String> {
        "(@|#|＃|ann|Ann|rust|1|_|\\.|-|/|&|:|://|http|https://|ü|İ|東|हि|م|x{16}|🦀|🏽|\\(|\\)|（|」|\\[\
         |\\]|\"|”| |\n|\u{0}|\u{301}|\u{fe0f}|\u{20e3}|\u{200d}|\u{200c}|\u{202e}|\u{3164}){0,40}"
    }

    proptest! {
        #[test]
        fn spans_are_in_order_apart_and_between_characters(
            text in prop_oneof![any::<String>(), mixed()],
        ) {
            let mut end = 0;
            for Entity { kind, span } in entities(&text) {
                prop_assert!(end <= span.start && span.start < span.end, "{:?}", span);
                end = span.end;
                let part = text.get(span);
                prop_assert!(part.is_some(), "not between characters");
                let part = part.expect("just looked");
                let is_valid = match kind {
                    EntityKind::Mention => {
                        part.strip_prefix('@').is_some_and(|name| UserName::new(name).is_ok())
                    }
                    EntityKind::Hashtag => {
                        part.strip_prefix(is_hash).is_some_and(|tag| Hashtag::new(tag).is_ok())
                    }
                    EntityKind::Link => part.to_ascii_lowercase().starts_with("http"),
                };
                prop_assert!(is_valid, "{:?} {:?}", kind, part);
            }
        }

        #[test]
        fn hashtags_and_mentions_are_what_the_entities_name(
            text in prop_oneof![any::<String>(), mixed()],
        ) {
            let mut tags = Vec::new();
            let mut names = Vec::new();
            for entity in entities(&text) {
                let name = entity.target(&text);
                match entity.kind {
                    EntityKind::Hashtag => tags.push(name.to_lowercase()),
                    EntityKind::Mention => names.push(name.to_lowercase()),
                    EntityKind::Link => {}
                }
            }
            for (all, most) in [(&mut tags, MOST_HASHTAGS), (&mut names, MOST_MENTIONS)] {
                let mut seen = std::collections::BTreeSet::new();
                all.retain(|name| seen.insert(name.clone()));
                all.truncate(most);
            }
            let found: Vec<_> = hashtags(&text).into_iter().map(String::from).collect();
            prop_assert_eq!(found, tags);
            let found: Vec<_> = mentions(&text).iter().map(UserName::folded).collect();
            prop_assert_eq!(found, names);
        }

        #[test]
        fn what_is_found_alone_is_found_again(text in mixed()) {
            for entity in entities(&text) {
                let part = &text[entity.span];
                let again = Entity { kind: entity.kind, span: 0..part.len() };
                prop_assert_eq!(entities(part), [again], "{:?}", part);
            }
        }
    }
}
