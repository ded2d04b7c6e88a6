//! The line that is being written. Pure.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use tui_input::{Input, InputRequest, backend::crossterm::to_input_request};
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr;

use crate::sanitise;

/// Characters that a line may have: as many as the longest post that a server can be set to accept.
const MOST: usize = 10_000;
/// Represents a line end within the text, which is shown on a single line.
const NEWLINE: &str = "⏎";

/// The line.
#[derive(Default)]
pub struct DraftLine {
    input: Input,
}

/// A line as it is shown.
#[derive(Debug, PartialEq, Eq)]
pub struct Shown {
    /// The part before the cursor, and the part after it.
    pub parts: [String; 2],
    /// How many columns the part before the cursor takes.
    pub cursor: usize,
}

impl DraftLine {
    pub fn is_empty(&self) -> bool {
        self.input.value().is_empty()
    }

    /// In characters.
    pub fn len(&self) -> usize {
        self.input.value().chars().count()
    }

    /// Takes the text out, leaving the line empty.
    pub fn take(&mut self) -> String {
        self.input.value_and_reset()
    }

    /// Replaces the text.
    pub fn put(&mut self, text: String) {
        self.input = Input::new(text);
    }

    /// Edits the line according to the key. Other keys are ignored.
    pub fn press(&mut self, key: KeyEvent) {
        let opens_line = key.code == KeyCode::Enter && key.modifiers == KeyModifiers::ALT;
        let request = match to_input_request(&Event::Key(key)) {
            _ if opens_line => InputRequest::InsertChar('\n'),
            // AltGr, which some keyboard layouts need for characters, also sends these modifiers.
            Some(request) => request,
            None => return,
        };
        let grows = matches!(request, InputRequest::InsertChar(_) | InputRequest::Yank);
        if !(grows && self.len() >= MOST) {
            self.input.handle(request);
        }
    }

    /// Inserts pasted text at the cursor; false if it was cut off.
    pub fn paste(&mut self, pasted: &str) -> bool {
        let room = MOST.saturating_sub(self.len());
        let pasted = pasted.replace("\r\n", "\n").replace('\r', "\n");
        let mut fit = pasted.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t'));
        let inserted: String = fit.by_ref().take(room).collect();
        let cursor = self.input.cursor();
        let (before, after) = self.halves();
        let whole = format!("{before}{inserted}{after}");
        self.input = Input::new(whole).with_cursor(cursor + inserted.chars().count());
        fit.next().is_none()
    }

    /// What is typed of the name of somebody who is mentioned, before the cursor; none if it is something else.
    pub fn mention(&self) -> Option<String> {
        let (before, _) = self.halves();
        let (rest, start) = before.rsplit_once('@')?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let begins = !rest.ends_with(is_name);
        (begins && !start.is_empty() && start.chars().all(is_name)).then(|| start.to_owned())
    }

    /// Replaces as many characters before the cursor.
    pub fn replace_before_cursor(&mut self, characters: usize, with: &str) {
        let (before, after) = self.halves();
        let kept = before.chars().count().saturating_sub(characters);
        let before: String = before.chars().take(kept).chain(with.chars()).collect();
        let cursor = before.chars().count();
        self.input = Input::new(before + &after).with_cursor(cursor);
    }

    /// How the line looks.
    pub fn shown(&self) -> Shown {
        let (before, after) = self.halves();
        let parts = [before, after].map(|part| sanitise::line(&part.replace('\n', NEWLINE)));
        // As it is drawn: grapheme by grapheme, without joining any.
        let cursor = parts[0].graphemes(true).map(UnicodeWidthStr::width).sum();
        Shown { parts, cursor }
    }

    fn halves(&self) -> (String, String) {
        let mut characters = self.input.value().chars();
        let before = characters.by_ref().take(self.input.cursor()).collect();
        (before, characters.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(writing: &mut DraftLine, code: KeyCode, modifiers: KeyModifiers) {
        writing.press(KeyEvent::new(code, modifiers));
    }

    fn written(text: &str) -> DraftLine {
        let mut writing = DraftLine::default();
        for character in text.chars() {
            press(&mut writing, KeyCode::Char(character), KeyModifiers::NONE);
        }
        writing
    }

    #[test]
    fn edits_like_any_line() {
        let mut writing = written("hello wurld");
        press(&mut writing, KeyCode::Char('w'), KeyModifiers::CONTROL);
        for character in "wörld".chars() {
            press(&mut writing, KeyCode::Char(character), KeyModifiers::NONE);
        }
        press(&mut writing, KeyCode::Home, KeyModifiers::NONE);
        press(&mut writing, KeyCode::Delete, KeyModifiers::NONE);
        press(&mut writing, KeyCode::Char('H'), KeyModifiers::SHIFT);
        press(&mut writing, KeyCode::Enter, KeyModifiers::ALT);
        assert_eq!(writing.shown().parts, ["H⏎", "ello wörld"]);
        assert_eq!(writing.take(), "H\nello wörld");
        assert!(writing.is_empty());
    }

    #[test]
    fn the_cursor_stands_behind_wide_characters() {
        let mut writing = written("日本👍");
        assert_eq!((writing.shown().cursor, writing.len()), (6, 3));
        assert_eq!(written("لا").shown().cursor, 2, "two characters that a font may join");
        press(&mut writing, KeyCode::Left, KeyModifiers::NONE);
        assert_eq!(writing.shown().cursor, 4);
    }

    #[test]
    fn a_paste_keeps_its_lines_and_loses_its_escapes() {
        let mut writing = written("><");
        press(&mut writing, KeyCode::Left, KeyModifiers::NONE);
        assert!(writing.paste("one\r\ntwo\rthree\u{1b}[2J\tfour"));
        assert_eq!(writing.take(), ">one\ntwo\nthree[2J\tfour<");
    }

    #[test]
    fn a_million_characters_are_cut_short_and_that_is_told() {
        let mut writing = written("a");
        assert!(!writing.paste(&"x".repeat(1_000_000)));
        assert_eq!(writing.len(), MOST);
        press(&mut writing, KeyCode::Char('y'), KeyModifiers::NONE);
        assert_eq!(writing.len(), MOST);
        assert!(writing.paste(""));
    }
}
