//! A history written by hand: each step is a moment later than the one before.

use std::collections::BTreeSet;

use tinysns::{
    domain::{Post, PostId, UnixMillis, UserId, UserName},
    network::{Cursor, ListKind, PostPage, RefusalKind},
};

use crate::laboratory::{
    history::{
        End, FinalState, History, Operation, OperationNumber, Outcome, Reply, SubscriptionNumber,
    },
    violation::Violation,
};

/// A post as it is read.
pub fn post(id: u64, author: &str, text: &str) -> Post {
    let author = UserName::new(author).expect("a valid name");
    let posted_at = UnixMillis::new(i64::try_from(id).expect("a small number"));
    Post::plain(PostId::new(id), UserId(0), author, posted_at, text)
}

/// What a history is made of.
#[derive(Default)]
pub struct Story {
    pub history: History,
    now: u64,
}

impl Story {
    pub fn new() -> Self {
        Self::default()
    }

    fn later(&mut self) -> u64 {
        self.now += 1;
        self.now
    }

    /// Somebody, whose client has a number of its own, asks for something.
    pub fn ask(&mut self, user: &str, operation: Operation) -> OperationNumber {
        let client = usize::from(user.as_bytes()[0]);
        let at = self.later();
        self.history.invoked(client, at, user, operation)
    }

    pub fn get(&mut self, number: OperationNumber, outcome: Outcome) {
        let at = self.later();
        self.history.returned(number, at, outcome);
    }

    /// Asks, and is answered before anything else happens.
    pub fn at_once(&mut self, user: &str, operation: Operation, outcome: Outcome) -> &mut Self {
        let number = self.ask(user, operation);
        self.get(number, outcome);
        self
    }

    pub fn log_in(&mut self, user: &str) -> &mut Self {
        self.at_once(user, log_in(), logged_in(user, true))
    }

    pub fn follow(&mut self, user: &str, target: &str) -> &mut Self {
        self.at_once(user, follow(target), done())
    }

    pub fn unfollow(&mut self, user: &str, target: &str) -> &mut Self {
        self.at_once(user, unfollow(target), done())
    }

    pub fn publish(&mut self, user: &str, text: &str, id: u64) -> &mut Self {
        self.at_once(user, publish(text), published(id))
    }

    /// The newest posts of a timeline, all of them.
    pub fn timeline(&mut self, user: &str, posts: &[Post], as_of: u64) -> &mut Self {
        self.at_once(user, timeline(), page(posts, as_of))
    }

    pub fn list(&mut self, user: &str, kind: ListKind, names: &[&str]) -> &mut Self {
        self.at_once(user, list(kind), listed(names))
    }

    pub fn subscribe(&mut self, user: &str, after: Option<u64>) -> SubscriptionNumber {
        let client = usize::from(user.as_bytes()[0]);
        let (asked, opened) = (self.later(), self.later());
        let number = self.history.subscribing(client, asked, user, after.map(PostId::new));
        self.history.subscribed(number, opened);
        number
    }

    pub fn receive(&mut self, number: SubscriptionNumber, post: Post) {
        let at = self.later();
        self.history.received(number, at, post);
    }

    pub fn unsubscribe(&mut self, number: SubscriptionNumber, end: End) {
        let at = self.later();
        self.history.unsubscribed(number, at, end);
    }

    /// What is there in the end.
    pub fn finish(&mut self, accounts: &[&str], follows: &[(&str, &str)], posts: &[Post]) {
        let at = self.later();
        let accounts = accounts.iter().copied().map(str::to_owned).collect();
        let own = |(one, other): &(&str, &str)| ((*one).to_owned(), (*other).to_owned());
        let follows: BTreeSet<_> = follows.iter().map(own).collect();
        self.history.finished(at, FinalState { accounts, follows, posts: posts.to_vec() });
    }
}

pub fn log_in() -> Operation {
    Operation::LogIn { password: None, must_exist: false }
}

pub fn follow(target: &str) -> Operation {
    Operation::Follow { target: target.to_owned() }
}

pub fn unfollow(target: &str) -> Operation {
    Operation::Unfollow { target: target.to_owned() }
}

pub fn publish(text: &str) -> Operation {
    Operation::Publish { text: text.to_owned() }
}

pub fn timeline() -> Operation {
    Operation::Timeline { cursor: Cursor::Newest, limit: Some(100) }
}

pub fn list(kind: ListKind) -> Operation {
    Operation::List { kind, after: None, limit: None }
}

pub fn done() -> Outcome {
    Outcome::Done(Reply::Done)
}

pub fn refused(kind: RefusalKind) -> Outcome {
    Outcome::Refused(kind)
}

pub fn logged_in(name: &str, created: bool) -> Outcome {
    Outcome::Done(Reply::LoggedIn { name: name.to_owned(), created })
}

pub fn published(id: u64) -> Outcome {
    let posted_at = UnixMillis::new(i64::try_from(id).expect("a small number"));
    Outcome::Done(Reply::Published { id: PostId::new(id), posted_at })
}

pub fn listed(names: &[&str]) -> Outcome {
    let names = names.iter().copied().map(str::to_owned).collect();
    Outcome::Done(Reply::Names { names, more: false })
}

pub fn page(posts: &[Post], as_of: u64) -> Outcome {
    let as_of = PostId::new(as_of);
    Outcome::Done(Reply::Page(PostPage { posts: posts.to_vec(), as_of, more: false, last: None }))
}

/// Asserts what is wrong, by a part of the words of each violation.
pub fn assert_says(violations: &[Violation], words: &[&str]) {
    let said: Vec<String> = violations.iter().map(Violation::to_string).collect();
    let is_said = said.len() == words.len()
        && said.iter().zip(words).all(|(said, words)| said.contains(words));
    assert!(is_said, "{said:#?} instead of {words:#?}");
}
