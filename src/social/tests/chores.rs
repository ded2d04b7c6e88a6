//! Work that goes on over many entries of the log: accounts that are deleted, and edits that are told of.

use super::{story::*, *};
use crate::{
    domain::{Joining, NotificationKind},
    social::{
        administration::{Administration, CodeHash, OPERATOR},
        store::MOST_POSITIONS,
    },
};

const DAY_MS: i64 = 24 * HOUR_MS;
/// So many rows one step may change, and then the one thing that it has begun.
const ROWS_OF_A_STEP: usize = 350;

impl State {
    fn chores(&self) -> Vec<PostId> {
        self.view().chores(99).unwrap()
    }

    /// One step of all that is to be done: what happens.
    fn go_on(&self, at: i64) -> Vec<Event> {
        let mut events = Vec::new();
        for chore in self.chores() {
            let before = self.view().newest_post().get();
            let change = self.0.begin();
            let mut graph = Graph::open(&change).unwrap();
            let stamped = Stamped { at: UnixMillis::new(at), command: Command::GoOn { chore } };
            let (reply, some) = graph.apply(stamped).unwrap();
            drop(graph);
            let rows = change.tables().changed_rows();
            assert!(rows <= ROWS_OF_A_STEP, "{rows}");
            change.commit();
            assert_eq!(reply, Reply::Done);
            let positions = self.view().newest_post().get() - before;
            assert!(positions <= MOST_POSITIONS, "{positions}");
            assert_eq!(self.damage(), []);
            events.extend(some);
        }
        events
    }

    /// All steps until nothing is left to do: how many there were, and what has happened.
    pub fn finish(&self, at: i64) -> (usize, Vec<Event>) {
        let (mut steps, mut events) = (0, Vec::new());
        while !self.chores().is_empty() {
            events.extend(self.go_on(at));
            steps += 1;
        }
        (steps, events)
    }

    /// Whether any row has these bytes.
    fn contains(&self, bytes: &str) -> bool {
        let has = |row: &[u8]| row.windows(bytes.len()).any(|part| part == bytes.as_bytes());
        self.every_row().iter().any(|(key, row)| has(key) || has(row))
    }
}

impl Story {
    fn deletes_account(&self, user: u64) -> Reply {
        self.asks(user, |context| Command::DeleteAccount { context })
    }

    fn signs_up(&self, name: UserName) -> Reply {
        self.state
            .apply(self.in_ms(0).get(), Command::CreateAccount { name, password_hash: None })
            .0
    }
}

/// Ann has done all that one can do, and others all that one can do to her.
fn full_story() -> (Story, u64) {
    let story = Story::new();
    story.is_called(ANN, "Annabel");
    for (one, other) in [(ANN, BOB), (BOB, ANN), (EVE, ANN), (BOB, EVE)] {
        story.follows(one, other);
    }
    let apple = story.says(ANN, "apple #fruit @bob");
    let pear = story.says(BOB, "pear");
    story.answers(ANN, pear, "a pear it is");
    story.answers(BOB, apple, "yes");
    story.edits(ANN, apple, "apples #fruit @bob");
    story.likes(ANN, pear);
    story.boosts(ANN, pear, true);
    story.boosts(BOB, apple, true);
    story.marks(ANN, apple, Mark::Pin, true);
    story.marks(ANN, pear, Mark::Bookmark, true);
    story.blocks(ANN, DAN);
    story.blocks(DAN, ANN);
    story.mutes(EVE, ANN);
    story.mutes(ANN, EVE);
    for (one, other) in [(ANN, BOB), (BOB, ANN)] {
        story.relates(one, other, RelationChange::Note("a friend".to_owned()));
    }
    story.locks(EVE, true);
    story.unfollows(ANN, EVE);
    story.follows(ANN, EVE);
    story.state.finish(story.in_ms(0).get());
    (story, pear)
}

#[test]
fn nobody_sees_whoever_has_deleted_their_account_from_then_on() {
    let (story, pear) = full_story();
    let outcome = story.outcome(ANN, |context| Command::DeleteAccount { context });
    assert_eq!(outcome, (Reply::Done, vec![Event::SessionsEnded { user: UserId(ANN) }]));
    let view = story.view();
    assert_eq!(view.user_named(&name_of(ANN)).unwrap(), None);
    assert_eq!(view.person(Some(UserId(BOB)), UserId(ANN)).unwrap(), None);
    let names = view.followers(UserId(BOB), None, 9).unwrap().names;
    assert!(!names.contains(&name_of(ANN)), "{names:?}");
    assert_eq!(story.found(Some(BOB), "apples"), NOTHING);
    assert_eq!(story.local(Some(BOB)), [pear]);
    assert_eq!(story.follows(DAN, ANN), Reply::Refused(CommandRefusal::NoSuchUser));
    let ended = story.asks(ANN, |context| Command::Follow { context, target: name_of(BOB) });
    assert_eq!(ended, Reply::Refused(CommandRefusal::SessionEnded));
}

#[test]
fn all_that_there_was_of_them_goes() {
    let (story, pear) = full_story();
    let counts = || story.post(Some(BOB), pear).unwrap().counts;
    assert_eq!((counts().likes, counts().boosts, counts().replies), (1, 1, 1));
    assert!(story.state.contains("Annabel") && story.state.contains("apples"));
    assert_eq!(story.deletes_account(ANN), Reply::Done);
    story.state.finish(story.in_ms(1).get());
    assert_eq!((counts().likes, counts().boosts, counts().replies), (0, 0, 0));
    let of_bob = story.view().person(None, UserId(BOB)).unwrap().unwrap().counts;
    assert_eq!((of_bob.followers, of_bob.following), (0, 1));
    for gone in ["Annabel", "apple", "a pear it is", "a friend", "ann"] {
        assert!(!story.state.contains(gone), "{gone}");
    }
    let left = |table| story.state.rows_of(table).len();
    assert_eq!(left(Table::Blocks), 0);
    assert_eq!(left(Table::Mutes), 0);
    assert_eq!(left(Table::Requests), 0);
    assert_eq!(left(Table::RowsAboutPeople), 0);
    assert_eq!(left(Table::Chores), 0);
    let restored = State::restored(&story.state.dump());
    assert_eq!(restored.every_row(), story.state.every_row());
}

#[test]
fn whoever_has_their_posts_on_the_screen_learns_that_they_are_gone() {
    let story = Story::new();
    let post = story.says(ANN, "apple");
    let since = story.view().newest_post();
    story.deletes_account(ANN);
    let (_, events) = story.state.finish(story.in_ms(1).get());
    let is_deletion =
        |event: &Event| matches!(event, Event::Deleted { deleted, .. } if deleted.id.get() == post);
    assert!(events.iter().any(is_deletion), "{events:?}");
    let view = story.view();
    let feed = view.feed(UserId(BOB), FeedKind::Local, since, 99).unwrap();
    let (read, _) = whole_feed(&view, feed);
    assert!(read.iter().any(is_deletion), "{read:?}");
}

#[test]
fn many_posts_go_in_steps_that_hold_nobody_up() {
    const POSTS: u64 = 500;
    let story = Story::new();
    let posts: Vec<u64> = (0..POSTS).map(|n| story.says(ANN, &format!("post {n}"))).collect();
    story.deletes_account(ANN);
    let (steps, events) = story.state.finish(story.in_ms(1).get());
    assert!(steps as u64 >= POSTS / MOST_POSITIONS, "{steps}");
    let deletions = events.iter().filter(|event| matches!(event, Event::Deleted { .. }));
    assert_eq!(deletions.count(), posts.len(), "each once");
    assert_eq!(story.state.go_on(0), [], "there is nothing left");
    let chore = PostId::new(1);
    assert_eq!(story.state.apply(0, Command::GoOn { chore }), (Reply::Done, Vec::new()));
}

#[test]
fn a_name_is_nobodys_for_thirty_days_and_then_that_of_somebody_new() {
    let (story, _) = full_story();
    story.deletes_account(ANN);
    let refused = Reply::Refused(CommandRefusal::NameReserved);
    assert_eq!(story.signs_up(name("Ann")), refused);
    story.state.finish(story.in_ms(1).get());
    story.pass(30 * DAY_MS - 1);
    assert_eq!(story.signs_up(name_of(ANN)), refused);
    story.pass(1);
    let Reply::Account(new) = story.signs_up(name_of(ANN)) else { panic!("she is new") };
    assert!(new.created && new.user != UserId(ANN));
    assert_eq!(story.state.damage(), []);
    let dan = story.view().relationship(UserId(DAN), new.user).unwrap();
    assert!(!dan.blocking, "it was somebody else");
    assert_eq!(story.signs_up(name("deleted.1")), refused, "it stands for whoever is gone");
}

#[test]
fn the_only_owner_stays() {
    let story = Story::new();
    let begin = Administration::Begin {
        owner: name_of(ANN),
        title: "ours".to_owned(),
        joining: Joining::Classic,
        code: CodeHash { hash: "hash".to_owned(), until: UnixMillis::new(1) },
    };
    let key = request(9, 1);
    let context = context(OPERATOR.0, key);
    story.state.apply(0, Command::Administer { context, request: begin });
    // She was given a code in place of a password.
    let session = SessionRef::Unlisted(1);
    let context = Context { user: UserId(ANN), session, key: opaque("last") };
    let deleted = story.state.apply(0, Command::DeleteAccount { context });
    assert_eq!(deleted, refused(CommandRefusal::LastOwner));
    assert_eq!(story.deletes_account(BOB), Reply::Done);
}

#[test]
fn whoever_has_boosted_a_post_is_told_of_its_edits() {
    let story = Story::new();
    let post = story.says(ANN, "apple");
    for user in [BOB, EVE] {
        story.boosts(user, post, true);
    }
    story.mutes(DAN, ANN);
    assert_eq!(story.edits(ANN, post, "pear"), Reply::Done);
    assert_eq!(story.told(BOB), [], "not in the same step");
    story.state.finish(story.in_ms(1).get());
    let told = [(NotificationKind::Edited, ANN, Some(post))];
    assert_eq!(
        (story.told(BOB), story.told(EVE), story.told(DAN)),
        (told.into(), told.into(), vec![])
    );
    story.edits(ANN, post, "apple");
    story.deletes(ANN, post);
    story.state.finish(story.in_ms(1).get());
    assert_eq!(story.told(EVE), [], "there is nothing to see");
}

#[test]
fn many_are_told_of_an_edit_in_steps() {
    const BOOSTERS: u64 = 200;
    let names: Vec<String> = (1..=BOOSTERS + 1).map(|n| format!("u{n}")).collect();
    let state = State::with_users(&names.iter().map(String::as_str).collect::<Vec<_>>());
    state.apply(1, publish(1, request(1, 1), "apple"));
    let post = state.view().newest_post();
    for user in 2..=BOOSTERS + 1 {
        state.apply(1, Command::Boost { context: context(user, request(1, 1)), post, set: true });
    }
    let content = PostContent::of(text("pear"));
    state.apply(2, Command::Edit { context: context(1, request(1, 2)), post, content });
    let (steps, events) = state.finish(3);
    assert!(steps > 2, "{steps}");
    let told = |event: &Event| match event {
        Event::Notified { user, notification } => {
            assert_eq!(notification.kind, NotificationKind::Edited);
            Some(user.0)
        }
        _ => None,
    };
    let told: Vec<u64> = events.iter().filter_map(told).collect();
    assert_eq!(told, (2..=BOOSTERS + 1).collect::<Vec<_>>(), "each once");
}
