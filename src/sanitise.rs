//! Makes other people's text harmless on a terminal: nothing in it can move the cursor, change
//! colours or the title, change the direction of writing, be invisible, or look like somebody
//! else's line. Pure.

use unicode_width::UnicodeWidthChar as _;

/// Combining marks on one character; more only serve to smear over neighbouring lines. Real
/// orthographies need up to four.
const MARKS: usize = 4;
/// Put before each further line of a post, so that none can look like a post by somebody else.
const INDENT: &str = "\n    ";
/// Replaces something dangerous, so that one sees that something was there.
const REPLACEMENT: char = '\u{fffd}';

/// Harmless text that may have several lines.
pub fn text(text: &str) -> String {
    clean(text, INDENT)
}

/// Harmless text that may have several lines, to be shown where no line of it can look like
/// somebody else's.
pub fn block(text: &str) -> String {
    clean(text, "\n")
}

/// Harmless text on a single line.
pub fn line(text: &str) -> String {
    clean(text, " ")
}

fn clean(text: &str, newline: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    let mut marks = 0;
    for character in text.trim_end_matches('\n').chars() {
        if is_invisible(character) {
            continue;
        }
        let is_mark = character.width() == Some(0) && !character.is_control();
        marks = if is_mark { marks + 1 } else { 0 };
        match character {
            '\n' | '\u{2028}' | '\u{2029}' => cleaned.push_str(newline),
            '\t' => cleaned.push(' '),
            _ if character.is_control() || is_no_character(character) => cleaned.push(REPLACEMENT),
            _ if marks > MARKS => {}
            _ => cleaned.push(character),
        }
    }
    cleaned
}

/// Invisible characters, used to join, separate or fill, or to change the direction of writing.
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{ad}'                     // soft hyphen
        | '\u{34f}'                  // grapheme joiner
        | '\u{61c}'                  // Arabic letter mark
        | '\u{115f}' | '\u{1160}'    // Hangul fillers
        | '\u{17b4}' | '\u{17b5}'    // Khmer inherent vowels
        | '\u{180b}'..='\u{180f}'    // Mongolian selectors
        | '\u{200b}'..='\u{200f}'    // zero-width spaces and joiners, direction marks
        | '\u{202a}'..='\u{202e}'    // direction embeddings and overrides
        | '\u{2060}'..='\u{206f}'    // word joiner, invisible operators, direction isolates
        | '\u{3164}'                 // Hangul filler
        | '\u{feff}'                 // byte order mark
        | '\u{ffa0}'                 // halfwidth Hangul filler
        | '\u{fff0}'..='\u{fffb}'    // annotations
        | '\u{13430}'..='\u{1343f}'  // hieroglyph joiners
        | '\u{1bca0}'..='\u{1bca3}'  // shorthand controls
        | '\u{1d173}'..='\u{1d17a}'  // musical controls
        | '\u{e0000}'..='\u{e0fff}'  // tags and selectors
    )
}

/// Code points that Unicode reserves as noncharacters: terminals disagree about how to show them.
fn is_no_character(character: char) -> bool {
    matches!(character, '\u{fdd0}'..='\u{fdef}') || u32::from(character) & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn leaves_ordinary_text_of_every_script_alone() {
        for ordinary in [
            "hello, world!",
            "Zażółć gęślą jaźń",
            "e\u{301}te\u{301}",
            "你好 한국어 日本語",
            "שלום مرحبا",
            "हिन्दी",
            "👍🏽 ❤\u{fe0f}",
            "<b>not markup here</b>",
        ] {
            assert_eq!(text(ordinary), ordinary);
            assert_eq!(line(ordinary), ordinary);
        }
    }

    #[test]
    fn makes_dangerous_text_harmless() {
        for (dangerous, harmless) in [
            ("\u{1b}[2J\u{1b}]0;title\u{7}", "\u{fffd}[2J\u{fffd}]0;title\u{fffd}"),
            ("over\rwrite", "over\u{fffd}write"),
            ("back\u{8}space\u{7f}", "back\u{fffd}space\u{fffd}"),
            ("\u{9b}31mred", "\u{fffd}31mred"),
            ("nul\0", "nul\u{fffd}"),
            ("\u{202e}desrever\u{202c}", "desrever"),
            ("\u{2066}a\u{2067}b\u{2068}c\u{2069}", "abc"),
            ("a\u{200e}b\u{200f}c", "abc"),
            ("ze\u{200b}ro\u{200d}wi\u{feff}dth", "zerowidth"),
            ("tag\u{e0041}ged", "tagged"),
            ("a\tb", "a b"),
            ("no\u{ffff}char\u{fdd0}acters\u{1fffe}", "no\u{fffd}char\u{fffd}acters\u{fffd}"),
            ("👨\u{200d}👩\u{200d}👧", "👨👩👧"),
            ("select\u{e0100}or", "selector"),
            ("hello\n", "hello"),
            (
                "hello\nu9(Thu Feb  1 23:47:25 2018) >> forged",
                "hello\n    u9(Thu Feb  1 23:47:25 2018) >> forged",
            ),
            ("hello\u{2028}u9", "hello\n    u9"),
        ] {
            assert_eq!(text(dangerous), harmless, "{dangerous:?}");
        }
        assert_eq!(line("two\nlines"), "two lines");
        assert_eq!(block("two\u{2028}lines\u{7}"), "two\nlines\u{fffd}");
    }

    #[test]
    fn stacks_no_more_than_a_few_marks() {
        let smeared = format!("z{}algo", "\u{336}".repeat(50));
        assert_eq!(text(&smeared), format!("z{}algo", "\u{336}".repeat(MARKS)));
        let interrupted = format!("z{}a", "\u{336}\u{200b}".repeat(50));
        assert_eq!(text(&interrupted), format!("z{}a", "\u{336}".repeat(MARKS)));
    }

    proptest! {
        #[test]
        fn nothing_dangerous_ever_comes_through(
            any in "(\\PC|\\p{Cc}|\\p{Cf}|\\p{M}|\\p{Zl}|\n){0,80}"
        ) {
            let cleaned = line(&any);
            prop_assert!(!cleaned.chars().any(|c| c.is_control() || is_invisible(c)), "{cleaned:?}");
            prop_assert_eq!(line(&cleaned), cleaned.clone());
            let mut marks = 0;
            for character in cleaned.chars() {
                marks = if character.width() == Some(0) { marks + 1 } else { 0 };
                prop_assert!(marks <= MARKS, "{cleaned:?}");
            }
            for further in text(&any).split('\n').skip(1) {
                prop_assert!(further.starts_with("    "), "{further:?}");
            }
        }
    }
}
