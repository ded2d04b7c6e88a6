//! Live timelines of everything that happens: what is told live, and what is caught up with.

use std::{sync::Arc, time::Duration};

use futures::StreamExt as _;
use openraft::storage::RaftStateMachine as _;

use super::{
    calls::{begin_to_hear, hear},
    live_timeline,
    turns::ReadTurns,
};
use crate::{
    domain::{
        Draft, Hashtag, ListSettings, Mark, PersonalChange, PersonalId, PostContent, PostId,
        PostText, RelationChange, RepliesPolicy, UnixMillis, Visibility,
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
    social::{Command, Context, FeedKind},
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
        let view = self.fixture.state.reader().view().expect("readable");
        let mut sources = begin_to_hear(&view, bob, &delivers, &inbox).expect("readable");
        while let Some(sources) = &mut sources {
            let Some(some) = view.next_sources(sources).expect("readable") else { break };
            hear(&view, bob, &delivers, &inbox, some).expect("readable");
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
async fn a_live_timeline_of_conversations_has_what_its_reader_wrote_or_is_mentioned_in() {
    let mut story = Story::new().await;
    let begun = PostId::new(1);
    let mut live = live(story.subscribe(FeedKind::Direct, begun)).await;
    let secret = |text| {
        let draft = Draft::of(PostText::new(text, 100).expect("valid"));
        Draft { visibility: Visibility::Mentioned, ..draft }
    };
    let first = story.post(CAROL, secret("psst @bob")).await;
    story.post(ANN, secret("psst @carol")).await;
    story.publish(ANN, "to all, @bob").await;
    story.post(BOB, Draft { reply_to: Some(first), ..secret("yes, @carol") }).await;
    let content = PostContent::of(PostText::new("psst @bob!", 100).expect("valid"));
    let edit = Command::Edit { context: story.context(CAROL), post: first, content };
    story.apply(edit).await;
    story.apply(Command::Delete { context: story.context(CAROL), post: first }).await;
    let change = RelationChange::Block;
    let block = Command::Relate { context: context(BOB, 2), target: name("carol"), change };
    story.apply(block).await;
    story.post(CAROL, secret("psst @bob, again")).await;
    story.post(ANN, secret("the last, @bob")).await;

    let words =
        |told: Vec<(u64, String)>| told.into_iter().map(|(_, words)| words).collect::<Vec<_>>();
    let deleted = format!("deleted: {first}");
    let expected =
        ["psst @bob", "yes, @carol", "edited: psst @bob!", deleted.as_str(), "the last, @bob"];
    assert_eq!(words(told(&mut live, 5).await), expected);
    let mut later = story.subscribe(FeedKind::Direct, begun);
    assert_eq!(words(told(&mut later, 2).await), ["yes, @carol", "the last, @bob"]);
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

fn change_personal(context: Context, change: PersonalChange) -> Command {
    Command::ChangePersonal { context, change }
}

/// Carol is in a list of bob's, whose number this is.
async fn list_of_carol(story: &mut Story, replies: RepliesPolicy, exclusive: bool) -> PersonalId {
    let follow = |context| Command::Follow { context, target: name("carol") };
    story.apply(follow(context(BOB, 2))).await;
    let settings = ListSettings { title: "carol".to_owned(), replies, exclusive };
    story.apply(change_personal(context(BOB, 3), PersonalChange::CreateList(settings))).await;
    let (list, people) = (PersonalId::new(1), vec![name("carol")]);
    let put = PersonalChange::SetMembers { list, people, present: true };
    story.apply(change_personal(context(BOB, 4), put)).await;
    list
}

fn words(told: Vec<(u64, String)>) -> Vec<String> {
    told.into_iter().map(|(_, words)| words).collect()
}

#[tokio::test]
async fn a_live_list_has_the_answers_that_it_shows_and_is_caught_up_with_in_the_same_order() {
    for (replies, to_followed) in [
        (RepliesPolicy::Followed, true),
        (RepliesPolicy::List, false),
        (RepliesPolicy::None, false),
    ] {
        let mut story = Story::new().await;
        let list = list_of_carol(&mut story, replies, false).await;
        let begun = PostId::new(2);
        let kind = || FeedKind::List(list, replies);
        let mut live = live(story.subscribe(kind(), begun)).await;
        let of_ann = story.publish(ANN, "of ann").await;
        let own = story.publish(BOB, "own").await;
        let of_carol = story.publish(CAROL, "of carol").await;
        story.answer(CAROL, of_ann, "to ann").await;
        story.answer(CAROL, of_carol, "to herself").await;
        story.answer(CAROL, own, "to bob").await;
        let boost = Command::Boost { context: story.context(CAROL), post: of_ann, set: true };
        story.apply(boost).await;
        let delete = Command::Delete { context: story.context(CAROL), post: of_carol };
        story.apply(delete).await;
        let deleted = format!("deleted: {of_carol}");
        let mut expected =
            vec!["of carol", "to ann", "to herself", "to bob", "boost of of ann", &deleted];
        expected.retain(|words| to_followed || *words != "to ann");
        assert_eq!(words(told(&mut live, expected.len()).await), expected, "{replies:?}");
        let mut later = story.subscribe(kind(), begun);
        expected.remove(0);
        assert_eq!(words(told(&mut later, expected.len()).await), expected, "{replies:?}");
    }
}

#[tokio::test]
async fn whom_somebody_puts_into_a_list_is_heard_there_live_and_at_home_no_longer() {
    let mut story = Story::new().await;
    let list = list_of_carol(&mut story, RepliesPolicy::List, true).await;
    let kind = || FeedKind::List(list, RepliesPolicy::List);
    let mut at_home = live(story.subscribe(FeedKind::Home, PostId::new(2))).await;
    let mut in_list = live(story.subscribe(kind(), PostId::new(2))).await;
    let one = story.publish(CAROL, "carol one").await;
    story.publish(ANN, "ann one").await;
    let answer = story.answer(ANN, one, "to carol").await;
    assert_eq!(words(told(&mut at_home, 2).await), ["ann one", "to carol"]);
    assert_eq!(words(told(&mut in_list, 1).await), ["carol one"]);
    let put = |name, present| {
        let people = vec![crate::replication::tests::entries::name(name)];
        PersonalChange::SetMembers { list, people, present }
    };
    story.apply(change_personal(context(BOB, 5), put("ann", true))).await;
    story.apply(change_personal(context(BOB, 6), put("carol", false))).await;
    story.publish(ANN, "ann two").await;
    story.publish(CAROL, "carol two").await;
    for (timeline, kind, expected) in
        [(at_home, FeedKind::Home, "carol two"), (in_list, kind(), "ann two")]
    {
        let mut timeline = timeline;
        let ended = tokio::time::timeout(DEADLINE, timeline.next()).await.expect("in time");
        assert!(ended.expect("a reason").is_err(), "it is opened again");
        let mut timeline = story.subscribe(kind, answer);
        assert_eq!(words(told(&mut timeline, 1).await), [expected]);
    }
}

#[tokio::test]
async fn what_everybody_posts_with_a_followed_hashtag_is_told_at_home_once_and_in_order() {
    let mut story = Story::new().await;
    for (number, hashtag) in (10..).zip(["tea", "cake"]) {
        let hashtag = Hashtag::new(hashtag).expect("valid");
        let change = PersonalChange::FollowHashtag { hashtag, set: true };
        story.apply(change_personal(context(BOB, number), change)).await;
    }
    let begun = PostId::new(1);
    let mut live = live(story.subscribe(FeedKind::Home, begun)).await;
    let first = story.publish(CAROL, "#tea and #cake").await;
    // Together: an answer to a stranger that is there for its hashtag alone, and a post that is there anyway.
    let draft = |text: &str| Draft::of(PostText::new(text, 100).expect("valid"));
    let answer = Draft { reply_to: Some(first), ..draft("more #tea") };
    let together = [answer, draft("plain")].into_iter().zip(20..);
    let together = together
        .map(|(draft, number)| Command::Publish { context: context(ANN, number), draft })
        .collect::<Vec<_>>();
    story.index += 1;
    let entry = batch(1, story.index, together);
    story.fixture.state.apply([entry]).await.expect("applied");
    story.answer(ANN, first, "to a stranger").await;
    let unlisted = Draft { visibility: Visibility::Unlisted, ..draft("unlisted #tea") };
    story.post(CAROL, unlisted).await;
    story.publish(ANN, "of ann with #cake").await;
    let content = PostContent::of(PostText::new("only #cake", 100).expect("valid"));
    story.apply(Command::Edit { context: story.context(CAROL), post: first, content }).await;
    let expected =
        ["#tea and #cake", "more #tea", "plain", "of ann with #cake", "edited: only #cake"];
    let seen = told(&mut live, expected.len()).await;
    assert_eq!(words(seen.clone()), expected);
    assert!(seen.is_sorted_by(|(one, _), (next, _)| one < next), "{seen:?}");
    let mut later = words(told(&mut story.subscribe(FeedKind::Home, begun), 5).await);
    "#tea and #cake".clone_into(&mut later[0]);
    assert_eq!(later, expected, "what it says by now aside");
}
