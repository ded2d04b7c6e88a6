//! What the user does with posts and people. Pure: it is asked for, and its outcome comes as an event.

use super::{
    desk::Purpose,
    model::{Asked, Effect, Model},
    post_verb::PostVerb,
    shown_post::{EntryKind, ShownPost},
    view::Source,
};
use crate::{
    client::{Post, PostWords},
    domain::{Mark, PostId, RelationChange, UserName},
    terminal::answering::Answered,
};

/// What may be under way at a time: more than a person begins while a server is away.
const MOST: usize = 16;

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    Mark(PostId, Mark, bool),
    Boost(PostId, bool),
    Edit(PostId, PostWords),
    Delete(PostId),
    Follow(UserName, bool),
    Relate(UserName, RelationChange),
    /// All notifications up to this one have been read.
    ReadUpTo(PostId),
}

impl Act {
    /// The post that is read again when it is done.
    pub fn changes(&self) -> Option<PostId> {
        match self {
            Self::Mark(post, ..) | Self::Boost(post, _) | Self::Edit(post, _) => Some(*post),
            Self::Delete(_) | Self::Follow(..) | Self::Relate(..) | Self::ReadUpTo(_) => None,
        }
    }
}

impl Model {
    /// Does something with the selected entry.
    pub(super) fn act_on_selected(
        &mut self,
        verb: PostVerb,
        asked: Option<Asked>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(entry) = self.view().chosen().cloned() else { return };
        let ShownPost { id: place, author, kind, post, .. } = entry;
        let act = match (verb, post) {
            (PostVerb::Reply, Some(post)) => return self.begin_reply(&post),
            (PostVerb::Edit, Some(post)) => {
                return self.take_up(Purpose::edit(&post), post.text.clone());
            }
            (PostVerb::Thread, Some(post)) => return self.open(Source::Thread(post.id)),
            (PostVerb::Like, Some(post)) => Act::Mark(post.id, Mark::Like, !post.marks.liked),
            (PostVerb::Bookmark, Some(post)) => {
                Act::Mark(post.id, Mark::Bookmark, !post.marks.bookmarked)
            }
            (PostVerb::Boost, Some(post)) => Act::Boost(post.id, !post.marks.boosted),
            (PostVerb::Delete, Some(post)) if asked == Some(Asked::Delete(post.id)) => {
                Act::Delete(post.id)
            }
            (PostVerb::Delete, Some(post)) => return self.ask_to_delete(post.id),
            (PostVerb::Fold, _) => return self.fold(place),
            (PostVerb::Profile, _) => return self.open(Source::Profile(author)),
            (PostVerb::Accept, _) => Act::Relate(author, RelationChange::AcceptRequest),
            (PostVerb::Reject, _) => Act::Relate(author, RelationChange::RejectRequest),
            (PostVerb::Follow | PostVerb::Mute | PostVerb::Block, _) => {
                match relate(verb, author, &kind) {
                    Some(act) => act,
                    None => return,
                }
            }
            _ => return,
        };
        self.begin(act, effects);
    }

    /// Asks for something, unless too much is under way.
    pub(super) fn begin(&mut self, act: Act, effects: &mut Vec<Effect>) {
        self.acting += 1;
        if self.acting > MOST {
            return self.acted(act, Err("too much waits for a server: try again later".to_owned()));
        }
        effects.push(Effect::Act(act));
    }

    fn begin_reply(&mut self, post: &Post) {
        self.take_up(Purpose::Reply(Answered::of(post)), String::new());
    }

    fn take_up(&mut self, purpose: Purpose, text: String) {
        if !self.desk.take_up(purpose, text) {
            self.tell("too many drafts are kept: finish some of them first");
        }
    }

    /// The outcome of what was begun.
    pub(super) fn acted(&mut self, act: Act, outcome: Result<Option<Box<Post>>, String>) {
        self.acting = self.acting.saturating_sub(1);
        match outcome {
            Ok(now) => {
                if let Some(now) = now {
                    self.each_view(|view| view.loaded.refresh(&now, true));
                }
                match act {
                    Act::Delete(post) => {
                        self.each_view(|view| view.delete(post));
                        self.tell("deleted");
                    }
                    Act::Follow(name, _) | Act::Relate(name, _) => self.expire_profile(&name),
                    Act::Mark(..) | Act::Boost(..) | Act::Edit(..) | Act::ReadUpTo(_) => {}
                }
            }
            Err(why) => {
                self.tell(&format!("not done: {why}"));
                if let Act::Edit(post, mut words) = act {
                    let text = std::mem::take(&mut words.text);
                    self.desk.keep(Purpose::Edit(post, words), text);
                    self.tell(&format!("not changed, and your words are kept: {why}"));
                }
            }
        }
    }

    fn expire_profile(&mut self, name: &UserName) {
        self.tell("done");
        self.each_view(|view| {
            if matches!(&view.source, Source::Profile(other) if other == name) {
                view.expire();
            }
        });
    }
}

fn relate(verb: PostVerb, author: UserName, kind: &EntryKind) -> Option<Act> {
    let EntryKind::Person(relationship) = kind else { return None };
    let mute = RelationChange::Mute { notifications: true, until: None };
    Some(match verb {
        PostVerb::Follow => {
            let follows = relationship.following || relationship.requested;
            Act::Follow(author, !follows)
        }
        PostVerb::Mute if relationship.muting => Act::Relate(author, RelationChange::Unmute),
        PostVerb::Mute => Act::Relate(author, mute),
        PostVerb::Block if relationship.blocking => Act::Relate(author, RelationChange::Unblock),
        PostVerb::Block => Act::Relate(author, RelationChange::Block),
        _ => return None,
    })
}
