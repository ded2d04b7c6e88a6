//! The line that is being written, what for, and what was written before and put aside. Pure.

use super::writing::DraftLine;
use crate::{
    client::{NewPost, PostWords},
    domain::{Post, PostId, Preferences, UserName},
    terminal::answering::Answered,
};

/// Drafts that are kept.
const MOST: usize = 32;

/// What a line is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A post that answers none.
    Post,
    Reply(Answered),
    /// Other words for a post of one's own: what else belongs to it stays.
    Edit(PostId, PostWords),
}

impl Purpose {
    /// To change what a post says.
    pub fn edit(post: &Post) -> Self {
        Self::Edit(post.id, PostWords::from(post))
    }

    /// The post to which a line with this purpose leads, where its author says nothing else; none if none is to be made.
    pub fn new_post(
        &self,
        user: &UserName,
        text: &str,
        preferences: &Preferences,
    ) -> Option<NewPost> {
        let preferred = NewPost::preferring(text, preferences);
        match self {
            Self::Post => Some(preferred),
            Self::Reply(answered) => {
                let says = preferred.says;
                Some(answered.answer(Some(user), answered.visibility, says))
            }
            Self::Edit(..) => None,
        }
    }

    /// Whether a draft of one would do as a draft of the other.
    fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Post, Self::Post) => true,
            (Self::Reply(one), Self::Reply(other)) => one.id == other.id,
            (Self::Edit(one, _), Self::Edit(other, _)) => one == other,
            _ => false,
        }
    }
}

/// The line.
pub struct Desk {
    purpose: Purpose,
    pub line: DraftLine,
    /// Drafts for other purposes.
    aside: Vec<(Purpose, String)>,
}

impl Default for Desk {
    fn default() -> Self {
        Self { purpose: Purpose::Post, line: DraftLine::default(), aside: Vec::new() }
    }
}

impl Desk {
    pub fn purpose(&self) -> &Purpose {
        &self.purpose
    }

    /// Whether nothing is being written.
    pub fn is_idle(&self) -> bool {
        self.purpose == Purpose::Post && self.line.is_empty()
    }

    /// Whether nothing that was written would be lost.
    pub fn is_clear(&self) -> bool {
        self.is_idle() && self.aside.is_empty()
    }

    /// Writes something else from now on, beginning with what was put aside for it, or else with `text`. False if
    /// too much is put aside already.
    pub fn take_up(&mut self, purpose: Purpose, text: String) -> bool {
        if self.aside.len() >= MOST {
            return false;
        }
        self.put_away();
        let kept = self.aside.iter().position(|(other, _)| other.is_like(&purpose));
        let text = kept.map_or(text, |kept| self.aside.remove(kept).1);
        self.purpose = purpose;
        self.line.put(text);
        true
    }

    /// Goes back to a post that answers none. What was written is kept; true if that is something.
    pub fn put_aside(&mut self) -> bool {
        let is_kept = self.put_away();
        self.begin_anew();
        is_kept
    }

    /// What was written, and what for; goes back to a post that answers none.
    pub fn finish(&mut self) -> (Purpose, String) {
        let text = self.line.take();
        let purpose = std::mem::replace(&mut self.purpose, Purpose::Post);
        self.begin_anew();
        (purpose, text)
    }

    /// Keeps what was not done.
    pub fn keep(&mut self, purpose: Purpose, text: String) {
        self.aside.retain(|(other, _)| !other.is_like(&purpose));
        self.aside.push((purpose, text));
    }

    fn put_away(&mut self) -> bool {
        let text = self.line.take();
        let is_unchanged = matches!(&self.purpose, Purpose::Edit(_, before) if before.text == text);
        if text.is_empty() || is_unchanged {
            return false;
        }
        self.keep(self.purpose.clone(), text);
        true
    }

    fn begin_anew(&mut self) {
        self.purpose = Purpose::Post;
        let kept = self.aside.iter().position(|(other, _)| *other == Purpose::Post);
        let text = kept.map(|kept| self.aside.remove(kept).1);
        self.line.put(text.unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{UnixMillis, UserId};

    fn post(id: u64) -> Post {
        let author = UserName::new("u1").expect("valid");
        Post::plain(PostId::new(id), UserId(1), author, UnixMillis::EPOCH, format!("p{id}"))
    }

    fn reply(id: u64) -> Purpose {
        Purpose::Reply(Answered::of(&post(id)))
    }

    #[test]
    fn what_was_written_is_there_again_when_the_same_is_taken_up() {
        let mut desk = Desk::default();
        desk.line.put("a post".to_owned());
        assert!(desk.take_up(reply(3), String::new()));
        desk.line.put("an answer".to_owned());
        assert!(desk.put_aside());
        assert_eq!(desk.finish(), (Purpose::Post, "a post".to_owned()));
        assert!(!desk.is_clear());
        assert!(desk.take_up(reply(4), String::new()) && desk.line.is_empty());
        assert!(desk.take_up(reply(3), String::new()));
        assert_eq!(desk.finish(), (reply(3), "an answer".to_owned()));
        assert!(desk.is_clear());
    }

    #[test]
    fn an_edit_begins_with_what_the_post_says_and_nothing_is_kept_of_one_that_changes_nothing() {
        let mut desk = Desk::default();
        let edit = Purpose::edit(&post(3));
        desk.take_up(edit.clone(), "p3".to_owned());
        assert!(!desk.put_aside());
        desk.take_up(edit.clone(), "p3".to_owned());
        assert_eq!(desk.finish(), (edit, "p3".to_owned()));
    }

    #[test]
    fn nothing_is_thrown_away_when_there_is_too_much() {
        let mut desk = Desk::default();
        for id in 0..100 {
            if desk.take_up(reply(id), String::new()) {
                desk.line.put("x".to_owned());
                desk.put_aside();
            }
        }
        assert_eq!(desk.aside.len(), MOST);
        assert!(!desk.take_up(reply(200), String::new()));
    }
}
