//! What people do with posts reaches everybody whom it concerns, in one order, while one available server after the
//! other is killed.

use tinysns::{
    client::{
        Changed, Client, Cursor, EventSubscription, FeedChange, NewPost, PostWords, StreamKind,
        TimelineEvent, TimelineKind,
    },
    domain::{
        Hashtag, ListSettings, Mark, NotificationKind, PersonalChange, PostCounts, PostId, UserName,
    },
};
use tokio::time::timeout;

use super::{
    BINARY,
    processes::{Cluster, DEADLINE},
};

/// Somebody who reads along.
struct Person {
    client: Client,
    events: EventSubscription,
    last: PostId,
}

impl Person {
    async fn join(cluster: &Cluster, name: &str) -> Self {
        let client = cluster.client(name).await;
        let events = client.subscribe_to(&StreamKind::Home, None).await.expect("opened");
        Self { client, events, last: PostId::NONE }
    }

    /// What comes next, in words.
    async fn next(&mut self) -> String {
        loop {
            let event = timeout(DEADLINE, self.events.next()).await.expect("in time");
            let event = event.expect("it goes on").expect("no refusal");
            let TimelineEvent::Position(_) = event else {
                let position = event.position().expect("no change was forgotten");
                assert!(position > self.last, "{event:?} after {}", self.last);
                self.last = position;
                return in_words(event);
            };
        }
    }
}

fn in_words(event: TimelineEvent) -> String {
    match event {
        TimelineEvent::Posts(posts) => {
            let words = posts.iter().map(|post| match &post.boost_of {
                Some(boosted) => format!("{} boosts: {}", post.author, boosted.text),
                None => format!("{}: {}", post.author, post.text),
            });
            words.collect::<Vec<_>>().join(", ")
        }
        TimelineEvent::Change(FeedChange { what: Changed::Edited(post), .. }) => {
            format!("{} now says: {}", post.author, post.text)
        }
        TimelineEvent::Change(FeedChange { what: Changed::Deleted(_), .. }) => "deleted".to_owned(),
        TimelineEvent::Change(FeedChange { what: Changed::Notified(told), .. }) => {
            let what = match told.kind {
                NotificationKind::Followed => "follows",
                NotificationKind::Mentioned => "answers or mentions",
                NotificationKind::Liked => "likes",
                NotificationKind::Boosted => "boosts",
                NotificationKind::FollowRequested => "asks to follow",
                NotificationKind::Edited => "edits",
            };
            format!("{} {what}", told.actor)
        }
        TimelineEvent::Position(_) | TimelineEvent::ReadAgain(_) => panic!("{event:?}"),
    }
}

#[tokio::test]
async fn a_conversation_is_live_on_both_sides_while_servers_are_killed_between_its_steps() {
    let cluster = Cluster::start(BINARY, 3, "1s").await;
    let mut ann = Person::join(&cluster, "ann").await;
    let mut bob = Person::join(&cluster, "bob").await;
    ann.client.follow("bob").await.expect("followed");
    assert_eq!(bob.next().await, "ann follows");
    bob.client.follow("ann").await.expect("followed");
    assert_eq!(ann.next().await, "bob follows");

    let post = NewPost::of("tea, @bob? #tea");
    let asked = ann.client.publish_post(&post).await.expect("published").id;
    assert_eq!(ann.next().await, "ann: tea, @bob? #tea");
    assert_eq!(bob.next().await, "ann: tea, @bob? #tea");
    assert_eq!(bob.next().await, "ann answers or mentions");
    cluster.lose_the_available_server(3).await;

    let post = NewPost { reply_to: Some(asked), ..NewPost::of("at fvie") };
    let answer = bob.client.publish_post(&post).await.expect("published").id;
    assert_eq!(bob.next().await, "bob: at fvie");
    assert_eq!(ann.next().await, "bob: at fvie");
    assert_eq!(ann.next().await, "bob answers or mentions");
    cluster.lose_the_available_server(3).await;

    ann.client.mark(answer, Mark::Like, true).await.expect("liked");
    assert_eq!(bob.next().await, "ann likes");
    cluster.lose_the_available_server(3).await;

    bob.client.edit(answer, &PostWords::of("at five")).await.expect("edited");
    assert_eq!(ann.next().await, "bob now says: at five");
    assert_eq!(bob.next().await, "bob now says: at five");
    ann.client.boost(answer).await.expect("boosted");
    assert_eq!(ann.next().await, "ann boosts: at five");
    assert_eq!(bob.next().await, "ann boosts: at five");
    assert_eq!(bob.next().await, "ann boosts");
    cluster.lose_the_available_server(3).await;

    let thread = ann.client.thread(asked).await.expect("read");
    let counts = PostCounts { replies: 0, boosts: 1, likes: 1 };
    assert_eq!(thread.descendants.iter().map(|post| post.counts).collect::<Vec<_>>(), [counts]);
    bob.client.delete(answer).await.expect("deleted");
    assert_eq!(ann.next().await, "deleted");
    assert_eq!(bob.next().await, "deleted");
    let of_tea = TimelineKind::Hashtag(Hashtag::new("tea").expect("valid"));
    let page = bob.client.read(&of_tea, Cursor::Newest, None).await.expect("read");
    assert_eq!(page.posts.iter().map(|post| post.id).collect::<Vec<_>>(), [asked]);
    assert!(ann.client.post(answer).await.is_err(), "nobody finds it any more");
    let home = ann.client.read(&TimelineKind::Home, Cursor::Newest, None).await.expect("read");
    let texts: Vec<_> = home.posts.iter().map(|post| post.text.as_str()).collect();
    assert_eq!(texts, ["tea, @bob? #tea"], "no boost of what is gone, either");
}

#[tokio::test]
async fn a_list_and_a_followed_hashtag_are_live_while_servers_are_killed() {
    let cluster = Cluster::start(BINARY, 3, "1s").await;
    let mut ann = Person::join(&cluster, "ann").await;
    let bob = cluster.client("bob").await;
    let carol = cluster.client("carol").await;
    ann.client.follow("bob").await.expect("followed");
    let settings =
        ListSettings { title: "bob".to_owned(), exclusive: true, ..ListSettings::default() };
    let list = PersonalChange::CreateList(settings);
    let list = ann.client.change_personal(&list).await.expect("made").expect("a number");
    let people = vec![UserName::new("bob").expect("valid")];
    let put = PersonalChange::SetMembers { list, people, present: true };
    ann.client.change_personal(&put).await.expect("put into it");
    let hashtag = Hashtag::new("tea").expect("valid");
    let follow = PersonalChange::FollowHashtag { hashtag, set: true };
    ann.client.change_personal(&follow).await.expect("followed");
    let in_list = ann.client.subscribe_to(&StreamKind::List(list), None).await.expect("opened");
    let mut in_list = Person { client: ann.client.clone(), events: in_list, last: PostId::NONE };

    bob.publish("for the list").await.expect("published");
    carol.publish("nothing for ann").await.expect("published");
    carol.publish("carol has #tea").await.expect("published");
    assert_eq!(in_list.next().await, "bob: for the list");
    assert_eq!(ann.next().await, "carol: carol has #tea");
    cluster.lose_the_available_server(3).await;

    bob.publish("after the failover").await.expect("published");
    assert_eq!(in_list.next().await, "bob: after the failover");
    bob.publish("bob has #tea").await.expect("published");
    assert_eq!(in_list.next().await, "bob: bob has #tea");
    assert_eq!(ann.next().await, "bob: bob has #tea");
    let take = PersonalChange::DeleteList(list);
    cluster.lose_the_available_server(3).await;
    ann.client.change_personal(&take).await.expect("removed");
    bob.publish("for home again").await.expect("published");
    assert_eq!(ann.next().await, "bob: for home again");
    let home = ann.client.read(&TimelineKind::Home, Cursor::Newest, None).await.expect("read");
    let texts: Vec<_> = home.posts.iter().map(|post| post.text.as_str()).collect();
    assert_eq!(texts.len(), 5, "{texts:?}");
    let gone = ann.client.read(&TimelineKind::List(list), Cursor::Newest, None).await;
    assert!(gone.is_err(), "there is no such list");
}
