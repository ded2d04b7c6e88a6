//! What can be done with an entry, and by which keys. Pure.

use super::shown_post::{EntryKind, ShownPost};
use crate::domain::{NotificationKind, UserName};

/// Something to do with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostVerb {
    Reply,
    Like,
    Boost,
    Bookmark,
    Edit,
    Delete,
    Thread,
    Profile,
    Fold,
    Follow,
    Mute,
    Block,
    Accept,
    Reject,
}

/// A key, and what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    pub key: char,
    pub word: &'static str,
    pub verb: PostVerb,
}

/// The verb that also has this key, as in other programs.
const ALSO_LIKE: char = 'f';

/// What `user` can do with an entry, the most likely first.
pub fn offers(entry: &ShownPost, user: &UserName) -> Vec<Offer> {
    let mut offers = Vec::new();
    let mut offer = |key, word, verb| offers.push(Offer { key, word, verb });
    let either = |is_so, one, other| if is_so { one } else { other };
    if entry.kind == EntryKind::Notified(NotificationKind::FollowRequested) {
        offer('a', "accept", PostVerb::Accept);
        offer('n', "reject", PostVerb::Reject);
    }
    if let Some(post) = &entry.post {
        let is_own = post.author == *user;
        offer('r', "reply", PostVerb::Reply);
        offer('l', either(post.marks.liked, "unlike", "like"), PostVerb::Like);
        if post.visibility.is_for_everybody() {
            offer('b', either(post.marks.boosted, "unboost", "boost"), PostVerb::Boost);
        }
        if entry.has_warning() {
            offer('x', either(entry.is_unfolded, "hide", "show"), PostVerb::Fold);
        }
        offer('t', "thread", PostVerb::Thread);
        if is_own {
            offer('e', "edit", PostVerb::Edit);
            offer('d', "delete", PostVerb::Delete);
        }
        let word = either(post.marks.bookmarked, "unbookmark", "bookmark");
        offer('k', word, PostVerb::Bookmark);
    }
    match &entry.kind {
        EntryKind::Person(_) if entry.author == *user => {}
        EntryKind::Person(relationship) => {
            let follows = relationship.following || relationship.requested;
            offer('f', either(follows, "unfollow", "follow"), PostVerb::Follow);
            offer('m', either(relationship.muting, "unmute", "mute"), PostVerb::Mute);
            offer('B', either(relationship.blocking, "unblock", "block"), PostVerb::Block);
        }
        EntryKind::Posted | EntryKind::BoostedBy(_) | EntryKind::Notified(_) => {
            offer('p', "profile", PostVerb::Profile);
        }
    }
    offers
}

/// What a key does with an entry.
pub fn find(key: char, entry: &ShownPost, user: &UserName) -> Option<PostVerb> {
    let offers = offers(entry, user);
    let key = match key {
        ' ' => 'x',
        ALSO_LIKE if entry.post.is_some() => 'l',
        key => key,
    };
    offers.into_iter().find(|offer| offer.key == key).map(|offer| offer.verb)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        client::Post,
        domain::{Marks, Person, PersonCounts, PostId, Profile, Relationship, UnixMillis, UserId},
        network::PersonView,
    };

    fn name(name: &str) -> UserName {
        UserName::new(name).expect("valid")
    }

    fn keys(entry: &ShownPost) -> String {
        offers(entry, &name("ann")).into_iter().map(|offer| offer.key).collect()
    }

    #[test]
    fn what_is_offered_is_what_can_be_done() {
        let post =
            |author| Post::plain(PostId::new(1), UserId(1), name(author), UnixMillis::EPOCH, "");
        let shown = |post| ShownPost::new(&post);
        assert_eq!(keys(&shown(post("bob"))), "rlbtkp");
        assert_eq!(keys(&shown(post("ann"))), "rlbtedkp");
        let warned = shown(Post { warning: Some("loud".to_owned()), ..post("bob") });
        assert_eq!(keys(&warned), "rlbxtkp");
        assert_eq!(find(' ', &warned, &name("ann")), Some(PostVerb::Fold));
        let marks = Marks { liked: true, ..Marks::default() };
        let liked = shown(Post { marks, ..post("bob") });
        assert_eq!(offers(&liked, &name("ann"))[1].word, "unlike");
        assert_eq!(find('f', &liked, &name("ann")), Some(PostVerb::Like));
        assert_eq!(find('e', &liked, &name("ann")), None);
    }

    #[test]
    fn a_person_can_be_followed_muted_and_blocked_but_not_by_themselves() {
        let view = |author| PersonView {
            person: Person {
                id: UserId(2),
                name: name(author),
                created_at: UnixMillis::EPOCH,
                profile: Profile::default(),
                counts: PersonCounts::default(),
                avatar: None,
                header: None,
            },
            relationship: Relationship { following: true, ..Relationship::default() },
        };
        let bob = ShownPost::of_person(view("bob"), String::new());
        assert_eq!(keys(&bob), "fmB");
        assert_eq!(offers(&bob, &name("ann"))[0].word, "unfollow");
        assert_eq!(keys(&ShownPost::of_person(view("ann"), String::new())), "");
    }
}
