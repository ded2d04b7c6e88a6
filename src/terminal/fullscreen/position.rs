//! Where in the timeline the reader is. Pure: heights come from the caller.

use super::{loaded_posts::LoadedPosts, shown_post::ShownPost};
use crate::domain::PostId;

/// Which line is the last above the status line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Position {
    /// The newest there is, even when more arrive.
    #[default]
    Newest,
    /// The reader has scrolled back, and the visible posts stay where they are.
    Back {
        /// The lowest visible post.
        lowest: PostId,
        /// How many of its last lines are hidden.
        hidden: usize,
    },
}

/// A window as tall and wide as the screen's, with the heights of posts.
pub struct Sheet<'a, Height: Fn(&ShownPost) -> usize> {
    pub loaded: &'a LoadedPosts,
    /// The height of one post, in lines; at least 1.
    pub height_of: Height,
    /// Lines for posts on the screen.
    pub screen: usize,
}

impl<Height: Fn(&ShownPost) -> usize> Sheet<'_, Height> {
    /// The place in the window: an index, and how many of that post's last lines are hidden. `None`
    /// if there are no posts.
    pub fn place(&self, position: Position) -> Option<(usize, usize)> {
        let last = self.loaded.entries().len().checked_sub(1)?;
        Some(match position {
            Position::Newest => (last, 0),
            Position::Back { lowest, hidden } => {
                let index = self.loaded.index_of(lowest).min(last);
                (index, hidden.min(self.height(index) - 1))
            }
        })
    }

    /// `lines` further back, at most until the oldest post is at the top of the screen.
    pub fn back(&self, position: Position, lines: usize) -> Position {
        let Some((mut index, hidden)) = self.place(position) else { return position };
        let mut hidden = hidden + lines;
        while hidden >= self.height(index) {
            if index == 0 {
                return self.oldest();
            }
            hidden -= self.height(index);
            index -= 1;
        }
        if self.above(index, hidden, self.screen) < self.screen {
            return self.oldest();
        }
        self.at(index, hidden)
    }

    /// `lines` forward, at most to the newest post.
    pub fn on(&self, position: Position, lines: usize) -> Position {
        let Some((mut index, hidden)) = self.place(position) else { return position };
        let mut left = lines;
        let mut hidden = hidden;
        while left > hidden {
            left -= hidden;
            index += 1;
            if index == self.loaded.entries().len() {
                return Position::Newest;
            }
            hidden = self.height(index);
        }
        self.at(index, hidden - left)
    }

    /// Whether fewer than `lines` lines of older posts are held above the screen.
    pub fn is_near_the_oldest(&self, position: Position, lines: usize) -> bool {
        let wanted = self.screen + lines;
        self.place(position)
            .is_none_or(|(index, hidden)| self.above(index, hidden, wanted) < wanted)
    }

    fn at(&self, index: usize, hidden: usize) -> Position {
        if hidden == 0 && index + 1 == self.loaded.entries().len() {
            return Position::Newest;
        }
        Position::Back { lowest: self.loaded.entries()[index].id, hidden }
    }

    /// The oldest post at the top of the screen.
    pub fn oldest(&self) -> Position {
        self.with_on_top(0)
    }

    /// The post at the top of the screen, or lower if there is not enough below it.
    fn with_on_top(&self, first: usize) -> Position {
        let mut lines = 0;
        for index in first..self.loaded.entries().len() {
            lines += self.height(index);
            if lines >= self.screen {
                return self.at(index, lines - self.screen);
            }
        }
        Position::Newest
    }

    /// As little from `position` as it takes to see the whole post, or as much of its beginning as there is
    /// room for.
    pub fn reveal(&self, position: Position, post: PostId) -> Position {
        let Some((last, hidden)) = self.place(position) else { return position };
        let index = self.loaded.index_of(post).min(self.loaded.entries().len() - 1);
        if index > last || (index == last && hidden > 0) {
            let end = self.at(index, 0);
            return if self.height(index) > self.screen { self.with_on_top(index) } else { end };
        }
        let lines: usize = (index..=last).map(|index| self.height(index)).sum();
        if lines - hidden > self.screen { self.with_on_top(index) } else { position }
    }

    /// The lowest post that is visible as a whole, or else the lowest.
    pub fn lowest_whole(&self, position: Position) -> Option<PostId> {
        let (last, hidden) = self.place(position)?;
        let room = self.screen.saturating_add(hidden);
        let above = last
            .checked_sub(1)
            .filter(|above| hidden > 0 && self.height(last) + self.height(*above) <= room);
        self.loaded.entries().get(above.unwrap_or(last)).map(|entry| entry.id)
    }

    /// Whether a line of the post is visible.
    pub fn shows(&self, position: Position, post: PostId) -> bool {
        let Some((last, hidden)) = self.place(position) else { return false };
        let index = self.loaded.index_of(post);
        let below: usize = (index + 1..=last).map(|index| self.height(index)).sum();
        index <= last && below < self.screen + hidden
    }

    /// How many lines there are above the place, counting no further than `enough`.
    fn above(&self, index: usize, hidden: usize, enough: usize) -> usize {
        let mut lines = 0;
        for index in (0..=index).rev() {
            lines += self.height(index);
            if lines >= enough + hidden {
                break;
            }
        }
        lines.saturating_sub(hidden)
    }

    fn height(&self, index: usize) -> usize {
        (self.height_of)(&self.loaded.entries()[index])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        client::Post,
        domain::{UnixMillis, UserId, UserName},
        terminal::fullscreen::shown_post::EntryPage,
    };

    /// Posts 1 to `count`, each three lines high, on a screen of `screen` lines.
    fn on_sheet<T>(
        count: u64,
        screen: usize,
        test: impl FnOnce(&Sheet<'_, fn(&ShownPost) -> usize>) -> T,
    ) -> T {
        let author = UserName::new("u1").expect("valid");
        let post =
            |id| Post::plain(PostId::new(id), UserId(1), author.clone(), UnixMillis::EPOCH, "");
        let entries = (1..=count).rev().map(|id| ShownPost::new(&post(id))).collect();
        let as_of = PostId::new(count);
        let loaded = LoadedPosts::new(EntryPage { entries, as_of, more: false });
        test(&Sheet { loaded: &loaded, height_of: |_| 3, screen })
    }

    fn back(lowest: u64, hidden: usize) -> Position {
        let lowest = PostId::new(lowest);
        Position::Back { lowest, hidden }
    }

    #[test]
    fn moves_by_lines_and_stops_at_both_ends() {
        on_sheet(5, 6, |sheet| {
            for (from, lines, to) in [
                (Position::Newest, 1, back(5, 1)),
                (Position::Newest, 3, back(4, 0)),
                (Position::Newest, 5, back(4, 2)),
                (Position::Newest, 9, back(2, 0)),
                (Position::Newest, 10, back(2, 0)),
                (Position::Newest, 1_000, back(2, 0)),
                (back(4, 2), 2, back(3, 1)),
            ] {
                assert_eq!(sheet.back(from, lines), to, "{lines} back from {from:?}");
            }
            for (from, lines, to) in [
                (back(2, 0), 1, back(3, 2)),
                (back(2, 0), 3, back(3, 0)),
                (back(2, 0), 8, back(5, 1)),
                (back(2, 0), 9, Position::Newest),
                (back(2, 0), 1_000, Position::Newest),
                (back(5, 1), 1, Position::Newest),
                (Position::Newest, 1, Position::Newest),
            ] {
                assert_eq!(sheet.on(from, lines), to, "{lines} on from {from:?}");
            }
        });
    }

    #[test]
    fn there_is_nowhere_to_go_where_everything_is_in_sight() {
        on_sheet(2, 7, |sheet| assert_eq!(sheet.back(Position::Newest, 5), Position::Newest));
        on_sheet(0, 7, |sheet| assert_eq!(sheet.back(Position::Newest, 5), Position::Newest));
    }

    #[test]
    fn knows_when_the_oldest_come_near() {
        on_sheet(5, 6, |sheet| {
            assert!(!sheet.is_near_the_oldest(Position::Newest, 9));
            assert!(sheet.is_near_the_oldest(Position::Newest, 10));
            assert!(sheet.is_near_the_oldest(back(3, 1), 3));
        });
    }

    #[test]
    fn a_post_that_shrank_with_the_screen_is_still_found() {
        on_sheet(5, 6, |sheet| assert_eq!(sheet.place(back(4, 40)), Some((3, 2))));
    }

    #[test]
    fn a_post_comes_into_sight_by_as_few_lines_as_that_takes() {
        on_sheet(5, 7, |sheet| {
            for (from, post, to) in [
                (Position::Newest, 5, Position::Newest),
                (Position::Newest, 4, Position::Newest),
                (Position::Newest, 3, back(5, 2)),
                (Position::Newest, 1, back(3, 2)),
                (back(3, 2), 3, back(3, 0)),
                (back(3, 2), 5, Position::Newest),
            ] {
                assert_eq!(sheet.reveal(from, PostId::new(post)), to, "{post} from {from:?}");
            }
            assert_eq!(sheet.lowest_whole(back(5, 1)), Some(PostId::new(4)));
            assert_eq!(sheet.lowest_whole(Position::Newest), Some(PostId::new(5)));
            assert!(sheet.shows(Position::Newest, PostId::new(3)));
            assert!(!sheet.shows(Position::Newest, PostId::new(2)));
            assert!(!sheet.shows(back(3, 0), PostId::new(4)));
        });
        on_sheet(2, 2, |sheet| {
            assert_eq!(sheet.reveal(Position::Newest, PostId::new(2)), back(2, 1));
        });
    }
}
