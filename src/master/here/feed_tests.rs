//! Live timelines of everything that happens: what is told live, and what is caught up with.

use std::{sync::Arc, time::Duration};

use futures::StreamExt as _;
use openraft::storage::RaftStateMachine as _;

use super::{live_timeline, turns::ReadTurns};
use crate::{
    domain::{
        Draft, Hashtag, Mark, PostContent, PostId, PostText, RelationChange, UnixMillis, Visibility,
    },
    master::{
        delivery::{Delivers, Delivery, StreamLimits},
        sessions::{StreamSession, tests::Fixture},
    },
    network::{Changed, FeedChange, Timeline, TimelineEvent},
    replication::{
        state_store::Applied,
        tests::entries::{account, batch, context, name},
    },
    social::{Command, FeedKind, Source},
};

const DEADLINE: Duration = Duration::from_mins(1);
const ANN: u64 = 1;
const BOB: u64 = 2;
const CAROL: u64 = 3;

/// Bob, who follows ann and not carol.
struct Story {
    fixture: Fixture,
    delivery: Delivery,
    index: u64,
}

impl Story {
    async fn new() -> Self {
        let limits = StreamLimits { in_all: 8, of_account: 8 };
        let delivery = Delivery::new(64, limits);
        let deliver = delivery.clone();
        let fixture = Fixture::observed(Arc::new(move |applied: Applied<'_>| {
            if let Applied::Events(events, state) = applied {
                deliver.dispatch(events, state);
            }
        }));
        let mut story = Self { fixture: fixture.await, delivery, index: 1 };
        story.apply(account("carol")).await;
        let target = name("ann");
        story.apply(Command::Follow { context: context(BOB, 1), target }).await;
        story
    }

    async fn apply(&mut self, command: Command) {
        self.index += 1;
        let entry = batch(1, self.index, [command]);
        self.fixture.state.apply([entry]).await.expect("applied");
    }

    /// A request that nobody has made.
    fn context(&self, user: u64) -> crate::social::Context {
        context(user, 1_000 + self.index)
    }

    async fn publish(&mut self, user: u64, text: &str) -> PostId {
        self.post(user, Draft::of(PostText::new(text, 100).expect("valid"))).await
    }

    async fn post(&mut self, user: u64, draft: Draft) -> PostId {
        let view = self.fixture.state.reader().view().expect("readable");
        let id = view.newest_post().next().expect("there are more");
        self.apply(Command::Publish { context: self.context(user), draft }).await;
        id
    }

    async fn answer(&mut self, user: u64, to: PostId, text: &str) -> PostId {
        let draft = Draft::of(PostText::new(text, 100).expect("valid"));
        self.post(user, Draft { reply_to: Some(to), ..draft }).await
    }

    fn subscribe(&self, kind: FeedKind, after: PostId) -> Timeline {
        let sessions = self.fixture.sessions.clone();
        let session = sessions.check(&self.fixture.token("bob"), UnixMillis::EPOCH).expect("good");
        let clock = Arc::new(|| UnixMillis::EPOCH);
        let stream_session = StreamSession { sessions, session, clock };
        let bob = stream_session.session.account.user;
        let delivers = Delivers::Feed(kind);
        let inbox = self.delivery.open(bob, delivers.clone());
        let inbox = inbox.unwrap_or_else(|_| panic!("there is room"));
        if delivers == Delivers::Feed(FeedKind::Home) {
            inbox.add(vec![Source::all_of(bob)]);
            let view = self.fixture.state.reader().view().expect("readable");
            let mut sources = view.sources(bob);
            while let Some(some) = view.next_sources(&mut sources).expect("readable") {
                inbox.add(view.unmuted(bob, some).expect("readable"));
            }
        }
        inbox.complete();
        let state = self.fixture.state.reader();
        live_timeline::start(stream_session, delivers, after, inbox, state, ReadTurns::default())
    }
}

/// The timeline from now on: what it has missed was read.
async fn live(mut timeline: Timeline) -> Timeline {
    let next = tokio::time::timeout(DEADLINE, timeline.next()).await.expect("in time");
    let event = next.expect("it goes on").expect("no refusal");
    assert!(matches!(event, TimelineEvent::Position(_)), "{event:?}");
    timeline
}

/// What is told next, in words, and at which position: of posts that come together, one after the other.
async fn told(timeline: &mut Timeline, count: usize) -> Vec<(u64, String)> {
    let mut told = Vec::new();
    while told.len() < count {
        let next = tokio::time::timeout(DEADLINE, timeline.next()).await.expect("in time");
        match next.expect("it goes on").expect("no refusal") {
            TimelineEvent::Posts(posts) => {
                told.extend(posts.iter().map(|post| match &post.boost_of {
                    Some(boosted) => (post.id.get(), format!("boost of {}", boosted.text)),
                    None => (post.id.get(), post.text.clone()),
                }));
            }
            TimelineEvent::Change(FeedChange { position, what }) => {
                let words = match what {
                    Changed::Edited(post) => format!("edited: {}", post.text),
                    Changed::Deleted(post) => format!("deleted: {post}"),
                    Changed::Notified(told) => format!("{:?} by {}", told.kind, told.actor),
                };
                told.push((position.get(), words));
            }
            TimelineEvent::Position(_) => {}
            TimelineEvent::ReadAgain(position) => {
                told.push((position.get(), "read again".to_owned()));
            }
        }
    }
    told
}

#[tokio::test]
async fn what_is_told_live_is_what_is_caught_up_with_and_in_the_same_order() {
    let mut story = Story::new().await;
    let begun = PostId::new(1);
    let mut live = live(story.subscribe(FeedKind::Home, begun)).await;
    let first = story.publish(ANN, "to all").await;
    let of_carol = story.publish(CAROL, "of carol").await;
    story.answer(ANN, of_carol, "to carol").await;
    let own = story.answer(BOB, first, "own").await;
    story.answer(ANN, own, "to bob").await;
    story.answer(CAROL, own, "to bob, too").await;
    let boost = |context, post| Command::Boost { context, post, set: true };
    story.apply(boost(story.context(ANN), of_carol)).await;
    let like =
        Command::Mark { context: story.context(CAROL), post: own, mark: Mark::Like, set: true };
    story.apply(like).await;
    let content = PostContent::of(PostText::new("to all!", 100).expect("valid"));
    let edit = Command::Edit { context: story.context(ANN), post: first, content };
    story.apply(edit).await;
    let draft = Draft::of(PostText::new("@carol", 100).expect("valid"));
    story.post(ANN, Draft { visibility: Visibility::Mentioned, ..draft }).await;
    let draft = Draft::of(PostText::new("psst @bob", 100).expect("valid"));
    story.post(ANN, Draft { visibility: Visibility::Mentioned, ..draft }).await;

    let seen = told(&mut live, 10).await;
    let words: Vec<&str> = seen.iter().map(|(_, words)| words.as_str()).collect();
    assert_eq!(
        words,
        [
            "to all",
            "own",
            "to bob",
            "Mentioned by ann",
            "Mentioned by carol",
            "boost of of carol",
            "Liked by carol",
            "edited: to all!",
            "psst @bob",
            "Mentioned by ann"
        ]
    );
    assert!(seen.is_sorted_by(|(one, _), (next, _)| one < next), "{seen:?}");
    // The post says by now what it was changed to.
    let mut later = told(&mut story.subscribe(FeedKind::Home, begun), 10).await;
    assert_eq!(std::mem::replace(&mut later[0].1, "to all".to_owned()), "to all!");
    assert_eq!(later, seen);
    for (resumed, (position, _)) in seen.iter().enumerate() {
        let mut rest = story.subscribe(FeedKind::Home, PostId::new(*position));
        let expected = &seen[resumed + 1..];
        assert_eq!(told(&mut rest, expected.len()).await, expected, "after {position}");
    }
}

#[tokio::test]
async fn whoever_shows_what_is_deleted_is_told_and_nobody_finds_it_later() {
    let mut story = Story::new().await;
    let post = story.publish(ANN, "gone soon").await;
    let mut live = story.subscribe(FeedKind::Home, PostId::new(1));
    assert_eq!(told(&mut live, 1).await, [(post.get(), "gone soon".to_owned())]);
    story.apply(Command::Delete { context: story.context(ANN), post }).await;
    let deleted = (post.get() + 1, format!("deleted: {post}"));
    assert_eq!(told(&mut live, 1).await, std::slice::from_ref(&deleted));
    let mut later = story.subscribe(FeedKind::Home, PostId::NONE);
    assert_eq!(told(&mut later, 1).await, [deleted]);
}

#[tokio::test]
async fn a_live_timeline_of_the_network_or_of_a_hashtag_has_what_everybody_may_see() {
    let mut story = Story::new().await;
    let begun = PostId::new(1);
    let tea = || FeedKind::Hashtag(Hashtag::new("tea").expect("valid"));
    let mut local = live(story.subscribe(FeedKind::Local, begun)).await;
    let mut of_tea = live(story.subscribe(tea(), begun)).await;
    let first = story.publish(CAROL, "a cup of #Tea").await;
    story.answer(ANN, first, "another #tea").await;
    let draft = Draft::of(PostText::new("secret #tea", 100).expect("valid"));
    story.post(CAROL, Draft { visibility: Visibility::Followers, ..draft.clone() }).await;
    story.post(CAROL, Draft { visibility: Visibility::Unlisted, ..draft }).await;
    let block =
        |change| Command::Relate { context: context(BOB, 2), target: name("carol"), change };
    story.apply(Command::Delete { context: story.context(CAROL), post: first }).await;
    story.apply(block(RelationChange::Block)).await;
    story.publish(CAROL, "after the block #tea").await;
    story.publish(ANN, "the last #tea").await;

    let deleted = format!("deleted: {first}");
    let words =
        |told: Vec<(u64, String)>| told.into_iter().map(|(_, words)| words).collect::<Vec<_>>();
    assert_eq!(words(told(&mut local, 3).await), ["a cup of #Tea", &deleted, "the last #tea"]);
    let expected = ["a cup of #Tea", "another #tea", &deleted, "the last #tea"];
    assert_eq!(words(told(&mut of_tea, 4).await), expected);
    let mut later = story.subscribe(tea(), begun);
    assert_eq!(
        words(told(&mut later, 2).await),
        ["another #tea", "the last #tea"],
        "of ann's only"
    );
}

#[tokio::test]
async fn whoever_is_muted_is_no_longer_heard_live() {
    let mut story = Story::new().await;
    let mut live = live(story.subscribe(FeedKind::Home, PostId::new(1))).await;
    story.publish(ANN, "one").await;
    let change = RelationChange::Mute { notifications: false, until: None };
    let target = name("ann");
    story.apply(Command::Relate { context: context(BOB, 2), target, change }).await;
    story.publish(ANN, "two").await;
    story.publish(BOB, "three").await;
    assert_eq!(told(&mut live, 1).await[0].1, "one");
    let ended = tokio::time::timeout(DEADLINE, live.next()).await.expect("in time");
    assert!(ended.expect("a reason").is_err(), "it is opened again");
    let mut live = story.subscribe(FeedKind::Home, PostId::new(2));
    assert_eq!(told(&mut live, 1).await[0].1, "three");
}
