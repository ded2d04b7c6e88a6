//! What keys do. Pure.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{
    acts::Act,
    desk::Purpose,
    mentions::Completing,
    model::{Asked, Effect, Model, Tab},
    outbox::Unsent,
    position::Position,
    post_verb::{self, PostVerb},
};
use crate::{
    client::PostWords,
    domain::PostId,
    terminal::prompt_command::{self, TimelineLine},
};

impl Model {
    pub(super) fn press(&mut self, key: KeyEvent, effects: &mut Vec<Effect>) {
        let asked = self.asked.take();
        let completing = self.completing.take();
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        if std::mem::take(&mut self.is_helping) && !control {
            return;
        }
        let (idle, is_empty) = (self.desk.is_idle(), self.desk.line.is_empty());
        let (page, room) = (self.page(), self.room());
        match key.code {
            KeyCode::Char('c') if control => effects.push(Effect::Interrupt),
            KeyCode::Char('z') if control => effects.push(Effect::Suspend),
            KeyCode::Char('l') if control => effects.push(Effect::Redraw),
            KeyCode::Char('r') if control => self.take_back(),
            KeyCode::Char('d') if control && !is_empty => {
                self.desk.line.press(KeyCode::Delete.into());
            }
            KeyCode::F(1) => self.is_helping = true,
            KeyCode::Char(digit @ '1'..='4') if key.modifiers == KeyModifiers::ALT => {
                self.show_number(digit);
            }
            KeyCode::Esc => self.back(asked, effects),
            KeyCode::Char('d') if control => self.leave(asked, effects),
            KeyCode::PageUp => self.view_mut().scroll_back(page, room),
            KeyCode::PageDown => self.view_mut().scroll_on(page, room),
            KeyCode::Up if idle => self.view_mut().select_previous(room),
            KeyCode::Down if idle => self.view_mut().select_next(room),
            KeyCode::Up => self.view_mut().scroll_back(1, room),
            KeyCode::Down => self.view_mut().scroll_on(1, room),
            KeyCode::Home if idle || control => self.view_mut().go_to_oldest(room),
            KeyCode::End if idle || control => self.go_to_newest(),
            KeyCode::Tab if idle => self.show_next(1),
            KeyCode::BackTab if idle => self.show_next(Tab::ALL.len() - 1),
            KeyCode::Tab => self.complete(completing),
            _ if self.is_choosing() && key.modifiers.difference(KeyModifiers::SHIFT).is_empty() => {
                self.press_on_selected(key.code, asked, effects);
            }
            KeyCode::Enter if key.modifiers.is_empty() => self.enter(asked, effects),
            _ => self.desk.line.press(key),
        }
    }

    fn press_on_selected(&mut self, key: KeyCode, asked: Option<Asked>, effects: &mut Vec<Effect>) {
        // What was said about the previous key is outdated.
        self.notice = None;
        match key {
            KeyCode::Char('?') => self.is_helping = true,
            KeyCode::Char(digit @ '1'..='4') => self.show_number(digit),
            KeyCode::Left => self.unselect_or_close(),
            KeyCode::Enter | KeyCode::Right => {
                let is_post = self.view().chosen().is_some_and(|entry| entry.post.is_some());
                let verb = if is_post { PostVerb::Thread } else { PostVerb::Profile };
                self.act_on_selected(verb, None, effects);
            }
            KeyCode::Char(key) => {
                let chosen = self.view().chosen();
                match chosen.and_then(|entry| post_verb::find(key, entry, &self.user)) {
                    Some(verb) => self.act_on_selected(verb, asked, effects),
                    None => self.tell(&format!("{key} does nothing here: Esc, then write")),
                }
            }
            _ => {}
        }
    }

    fn show_number(&mut self, digit: char) {
        let tabs = ('1'..).zip(Tab::ALL);
        if let Some((_, tab)) = tabs.into_iter().find(|(number, _)| *number == digit) {
            self.show(tab);
        }
    }

    /// The tab so many further on, round and round.
    fn show_next(&mut self, further: usize) {
        let next = (self.tab() as usize + further) % Tab::ALL.len();
        self.show(Tab::ALL[next]);
    }

    fn complete(&mut self, completing: Option<Completing>) {
        let line = &mut self.desk.line;
        let completing = match completing {
            Some(mut begun) => {
                begun.go_on(line);
                Some(begun)
            }
            None => Completing::begin(line, &self.names),
        };
        match &completing {
            Some(names) => match names.in_words() {
                Some(words) => self.tell(&words),
                None => self.notice = None,
            },
            None => self.tell("Tab completes the @name of somebody whom this client has seen"),
        }
        self.completing = completing;
    }

    fn enter(&mut self, asked: Option<Asked>, effects: &mut Vec<Effect>) {
        // What was said about the previous line is outdated.
        self.notice = None;
        if self.outbox.is_full() {
            return self.tell("too many posts are waiting for a server: press Enter again later");
        }
        let (purpose, text) = self.desk.finish();
        match purpose {
            Purpose::Post => self.enter_post(&text, asked, effects),
            _ if text.trim().is_empty() => {}
            Purpose::Reply(_) => self.outbox.push(purpose, text.trim_end().to_owned()),
            Purpose::Edit(_, before) if before.text == text => {}
            Purpose::Edit(post, before) => {
                let says = PostWords { text: text.trim_end().to_owned(), ..before };
                self.begin(Act::Edit(post, says), effects);
            }
        }
    }

    fn enter_post(&mut self, line: &str, asked: Option<Asked>, effects: &mut Vec<Effect>) {
        match prompt_command::parse_typed_in_timeline(line) {
            TimelineLine::Nothing => {}
            TimelineLine::Quit => self.leave(None, effects),
            TimelineLine::Doubtful(text, verb) if asked != Some(Asked::Post) => {
                self.desk.line.put(text);
                self.asked = Some(Asked::Post);
                self.tell(&format!("{} is a command: press Enter again to post it", verb.word()));
            }
            TimelineLine::Post(text) | TimelineLine::Doubtful(text, _) => {
                self.outbox.push(Purpose::Post, text);
                self.go_to_newest();
            }
        }
    }

    /// One step back: from what is being written, from what was opened, from what is selected, from where the
    /// reader has scrolled to, and at last out.
    fn back(&mut self, asked: Option<Asked>, effects: &mut Vec<Effect>) {
        if *self.desk.purpose() != Purpose::Post {
            if self.desk.put_aside() {
                self.tell("what you wrote is kept: the same key goes on with it");
            }
        } else if self.view().is_opened() || self.view().selected.is_some() {
            self.unselect_or_close();
        } else if self.view().position != Position::Newest {
            self.go_to_newest();
        } else {
            self.leave(asked, effects);
        }
    }

    fn unselect_or_close(&mut self) {
        if !self.close() {
            self.view_mut().selected = None;
        }
    }

    /// Leaves: at once if nothing would be lost or the user insists, otherwise as soon as the posts
    /// in progress are done, unless the user does something else.
    fn leave(&mut self, asked: Option<Asked>, effects: &mut Vec<Effect>) {
        if asked == Some(Asked::Leave) {
            return effects.push(Effect::Leave);
        }
        self.asked = Some(Asked::Leave);
        if !self.desk.line.is_empty() {
            self.tell("this line is not posted yet: press Esc again to leave");
        } else if !self.desk.is_clear() {
            self.tell("something that you began to write is kept: press Ctrl-D again to leave");
        } else if !self.is_done() {
            self.tell("waiting for your posts to be made: press Ctrl-D again to leave at once");
        }
    }

    /// Puts a refused post back into the line, to be corrected.
    pub(super) fn take_back(&mut self) {
        if !self.desk.is_idle() {
            return self.tell("post this line first, or clear it with Ctrl-U");
        }
        if let Some(Unsent { text, purpose, refused }) = self.outbox.take_back() {
            match purpose {
                Purpose::Post => self.desk.line.put(text),
                purpose => {
                    self.desk.keep(purpose.clone(), text);
                    self.desk.take_up(purpose, String::new());
                }
            }
            self.tell(&format!("not posted: {}", refused.unwrap_or_default()));
        }
    }

    pub(super) fn ask_to_delete(&mut self, post: PostId) {
        self.asked = Some(Asked::Delete(post));
        self.tell("press d again to delete this post for everybody");
    }

    pub(super) fn fold(&mut self, place: PostId) {
        if let Some(entry) = self.view_mut().loaded.get_mut(place) {
            entry.fold();
        }
        let room = self.room();
        self.view_mut().select(place, room);
    }

    fn go_to_newest(&mut self) {
        let view = self.view_mut();
        view.go_to_newest();
        if view.selected.is_some() {
            view.selected = view.loaded.entries().back().map(|entry| entry.id);
        }
    }

    /// A page, less one line, so that the eye finds its place.
    fn page(&self) -> usize {
        usize::from(self.room().rows).saturating_sub(1).max(1)
    }
}
