//! Live timelines: every applied post goes to the open streams to which it belongs, and so does what happens to it
//! later.
//!
//! Streams of those whom somebody follows are indexed by author, so that absent followers cost nothing. A stream
//! whose queue is full is closed: its reader resumes from its cursor, and nobody else waits for it. So is one
//! whose reader mutes somebody: it is opened again without them.
//!
//! Posts of one author that are applied together stay together: each stream gets them in one go, and
//! all share them.
//!
//! Whom somebody keeps in which lists, and which hashtags they follow, is known as of when a stream was opened: if that
//! changes, it is closed, too, and opened again.
//!
//! What belongs to a stream is what belongs to a page of the same timeline ([`visibility`](crate::social::visibility)).
//! Whom a reader follows, nobody has blocked; so the state is asked only about boosts of others, and by streams of
//! what everybody posts.
//!
//! A reader may follow thousands, and have a hundred streams. So a stream that is closed gets nothing
//! any more at once, but its traces in the index are removed in steps.

use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
    future::poll_fn,
    sync::Arc,
};

use parking_lot::{Mutex, MutexGuard};
use tokio::{sync::Notify, task::yield_now};
use tokio_util::sync::CancellationToken;

use super::reader_queue::{Delivered, ReaderQueue};
use crate::{
    domain::{Hashtag, Post, PostId, RepliesPolicy, UserId, Visibility},
    host::thread::OneThread,
    metrics,
    network::{Changed, FeedChange, Posts},
    planted::{self, PlantedFault},
    replication::node::Node,
    social::{
        Event, FeedKind, PostFacts, Source, StateReader, View,
        visibility::{is_for_public_timelines, of_a_conversation},
    },
};

type StreamId = u64;

/// So many traces of closed streams are removed at a time: that takes a fraction of a millisecond.
const TRACES_AT_A_TIME: usize = 512;

/// Handle for the streams; clones share them.
///
/// Relies on [`OneThread`]: nothing else runs between the commit of a post and its delivery, so that
/// whoever sees a post in the state finds it in the queue too.
#[derive(Clone)]
pub struct Delivery {
    thread: OneThread,
    streams: Arc<Mutex<Streams>>,
    /// Something has been closed.
    closed: Arc<Notify>,
    queue: usize,
    limits: StreamLimits,
}

/// How many streams may be open.
#[derive(Clone, Copy, Debug)]
pub struct StreamLimits {
    /// In all.
    pub in_all: usize,
    /// Of one account.
    pub of_account: usize,
}

#[derive(Default)]
struct Streams {
    next: StreamId,
    open: BTreeMap<StreamId, Stream>,
    /// Some of these may have been closed already.
    by_author: BTreeMap<UserId, BTreeSet<StreamId>>,
    by_follower: BTreeMap<UserId, BTreeSet<StreamId>>,
    /// Some of these may have been closed already, too.
    by_hashtag: BTreeMap<Hashtag, BTreeSet<StreamId>>,
    /// Those of what everybody posts.
    wide: BTreeSet<StreamId>,
    /// Closed streams, and where they are still indexed.
    closed: Vec<(StreamId, Traces)>,
}

/// What a stream is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivers {
    /// The posts of those whom the reader follows, and nothing else.
    Followed,
    /// Everything in a feed.
    Feed(FeedKind),
}

/// By what a stream is indexed.
#[derive(Default)]
struct Traces {
    authors: BTreeMap<UserId, Source>,
    hashtags: BTreeSet<Hashtag>,
}

struct Stream {
    follower: UserId,
    delivers: Delivers,
    /// What belongs to the follower's timeline, by author.
    sources: BTreeMap<UserId, Source>,
    /// Whom they follow besides, as far as answers to these belong to it.
    others: BTreeSet<UserId>,
    /// Of which hashtags it is, too.
    hashtags: BTreeSet<Hashtag>,
    /// Whom they have begun or ceased to follow since the stream was opened; none when all sources
    /// have been added.
    changed: Option<BTreeSet<UserId>>,
    queue: Arc<ReaderQueue>,
}

/// The receiving end; dropping it closes the stream.
pub struct Inbox {
    id: StreamId,
    delivery: Delivery,
    queue: Arc<ReaderQueue>,
}

/// A limit of open streams is reached.
#[derive(Debug, PartialEq, Eq)]
pub enum TooMany {
    /// Of everybody's.
    InAll,
    /// Of this account's.
    OfAccount,
}

impl Delivery {
    /// No streams yet; each may have at most `queue` waiting posts.
    pub fn new(queue: usize, limits: StreamLimits) -> Self {
        let (streams, closed) = (Arc::default(), Arc::default());
        Self { thread: OneThread::this(), streams, closed, queue, limits }
    }

    /// Opens a stream for `follower`. Unless it is of what everybody posts, or of conversations, nothing belongs to it yet: the caller
    /// [adds](Inbox::add) whom they follow at this moment. Whom they follow later arrives as an event.
    pub fn open(&self, follower: UserId, delivers: Delivers) -> Result<Inbox, TooMany> {
        let mut streams = self.streams();
        if streams.open.len() >= self.limits.in_all {
            return Err(TooMany::InAll);
        }
        let own = streams.by_follower.get(&follower).map_or(0, BTreeSet::len);
        if own >= self.limits.of_account {
            return Err(TooMany::OfAccount);
        }
        let id = streams.next;
        streams.next += 1;
        streams.by_follower.entry(follower).or_default().insert(id);
        let queue = Arc::new(ReaderQueue::new(self.queue));
        if matches!(delivers, Delivers::Feed(FeedKind::Local | FeedKind::Hashtag(_))) {
            streams.wide.insert(id);
        }
        let stream = Stream {
            follower,
            delivers,
            sources: BTreeMap::new(),
            others: BTreeSet::new(),
            hashtags: BTreeSet::new(),
            changed: Some(BTreeSet::new()),
            queue: Arc::clone(&queue),
        };
        streams.open.insert(id, stream);
        Ok(Inbox { id, delivery: self.clone(), queue })
    }

    /// Passes what was applied to the streams it concerns; `state` is as of then.
    pub fn dispatch(&self, events: &[Event], state: &StateReader) {
        let mut streams = self.streams();
        let audience = Audience::of(state, false);
        let of_deletions = Audience::of(state, true);
        for together in events.chunk_by(are_posts_of_one_author) {
            match &together[0] {
                Event::Published(_) => streams.publish(together, &audience),
                Event::Edited { position, post } => {
                    let what = Changed::Edited(Arc::new(post.clone()));
                    let change = FeedChange { position: *position, what };
                    streams.change(&PostFacts::from(post), &post.hashtags, &change, &audience);
                }
                Event::Deleted { position, deleted } => {
                    let change =
                        FeedChange { position: *position, what: Changed::Deleted(deleted.id) };
                    streams.change(&deleted.facts, &deleted.hashtags, &change, &of_deletions);
                }
                Event::Notified { user, notification } => {
                    let what = Changed::Notified(Arc::new(notification.clone()));
                    streams.notify(*user, &FeedChange { position: notification.id, what });
                }
                Event::Followed { .. } if planted::is(PlantedFault::FollowIgnoredLive) => {}
                Event::Unfollowed { .. } if planted::is(PlantedFault::UnfollowIgnoredLive) => {}
                Event::SessionsEnded { .. } if planted::is(PlantedFault::EndedSessionAccepted) => {}
                Event::Followed { follower, followee, since } => {
                    streams.follow(*follower, Source { author: *followee, since: *since });
                }
                Event::Unfollowed { follower, followee } => {
                    streams.unfollow(*follower, *followee);
                }
                Event::Rearranged { user } => streams.close_arranged_of(*user),
                Event::Muted { user, .. } | Event::SessionsEnded { user } => {
                    streams.close_all_of(*user);
                }
            }
        }
        self.tidy_soon(&streams);
    }

    /// How many streams are open, and how many posts wait for the slowest reader.
    pub fn amounts(&self) -> (usize, usize) {
        let streams = self.streams();
        let waiting = streams.open.values().map(|stream| stream.queue.waiting());
        (streams.open.len(), waiting.max().unwrap_or(0))
    }

    /// Closes every stream: their readers resume at another master, or here.
    pub fn close_all(&self) {
        let mut streams = self.streams();
        let open: Vec<StreamId> = streams.open.keys().copied().collect();
        for id in open {
            streams.close(id);
        }
        self.tidy_soon(&streams);
    }

    fn tidy_soon(&self, streams: &Streams) {
        if !streams.closed.is_empty() {
            self.closed.notify_one();
        }
    }

    /// Removes what is left of closed streams, in steps, for as long as this master runs.
    pub async fn tidy(self, cancelled: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = cancelled.cancelled() => return,
                () = self.closed.notified() => {}
            }
            while self.streams().remove_traces(TRACES_AT_A_TIME) {
                yield_now().await;
            }
        }
    }

    /// Closes every stream whenever this master stops leading, for as long as it runs.
    pub async fn close_on_demotion(self, node: Node, cancelled: CancellationToken) {
        let mut metrics = node.raft().server_metrics();
        let mut cut_off = node.peers().cut_off();
        loop {
            if !node.leads() {
                self.close_all();
            }
            tokio::select! {
                biased;
                () = cancelled.cancelled() => return,
                changed = metrics.changed() => if changed.is_err() { return },
                changed = cut_off.changed() => if changed.is_err() { return },
            }
        }
    }

    fn streams(&self) -> MutexGuard<'_, Streams> {
        self.thread.assert();
        self.streams.lock()
    }
}

impl Streams {
    /// Delivers what an author has published in these events: together to those to whom all of it belongs.
    fn publish(&mut self, published: &[Event], audience: &Audience<'_>) {
        let posts: Vec<&Post> = published.iter().filter_map(post).collect();
        let Some(first) = posts.first() else { return };
        if posts.iter().all(|post| is_plain(post)) {
            let shared = posts.iter().map(|post| (*post).clone()).collect();
            self.deliver(first.author_id, shared, |_| true);
            for post in posts {
                self.deliver_widely(&PostFacts::from(post), post, audience);
            }
        } else {
            // One after the other: some may belong to a stream for their author, and some for a hashtag.
            for post in posts {
                let facts = PostFacts::from(post);
                let belongs = |stream: &Stream| audience.belongs(stream, &facts);
                self.deliver(post.author_id, vec![post.clone()], belongs);
                self.deliver_widely(&facts, post, audience);
            }
        }
    }

    /// Delivers posts of an author to those streams in which they belong to a timeline.
    fn deliver(&mut self, author: UserId, posts: Vec<Post>, belongs: impl Fn(&Stream) -> bool) {
        let Some(ids) = self.by_author.get(&author) else { return };
        let Some(posts) = Posts::new(posts) else { return };
        let mut full = Vec::new();
        let mut delivered = 0;
        for id in ids {
            let Some(stream) = self.open.get(id) else { continue };
            let Some(source) = stream.sources.get(&author) else { continue };
            if !belongs(stream) {
                continue;
            }
            let Some(posts) = posts.after(source.excluded_up_to(PostId::NONE)) else { continue };
            let taken = stream.queue.push(&posts);
            delivered += taken as u64;
            if taken < posts.len() && !planted::is(PlantedFault::FullQueueDropsPosts) {
                full.push(*id);
            }
        }
        metrics::POSTS_DELIVERED.inc_by(delivered);
        self.cut_off(&full);
    }

    /// The streams of any of these hashtags, each once.
    fn indexed_by_hashtag(&self, hashtags: &[Hashtag]) -> BTreeSet<StreamId> {
        let indexed = hashtags.iter().filter_map(|hashtag| self.by_hashtag.get(hashtag));
        indexed.flatten().copied().collect()
    }

    /// The streams of those who are in the conversation that a post is part of.
    fn of_those_in_conversation(&self, facts: &PostFacts) -> impl Iterator<Item = StreamId> {
        let those = of_a_conversation(facts).into_iter();
        those.filter_map(|user| self.by_follower.get(&user)).flatten().copied()
    }

    /// The streams to which a post belongs whoever has made it: those of what everybody posts, those of conversations,
    /// and for a hashtag those to which it does not belong for its author.
    fn reached_widely<'a>(
        &'a self,
        facts: &'a PostFacts,
        hashtags: &'a [Hashtag],
        audience: &'a Audience<'_>,
    ) -> impl Iterator<Item = (StreamId, &'a Stream)> {
        let open = |id| Some((id, self.open.get(&id)?));
        let by_hashtag = self.indexed_by_hashtag(hashtags).into_iter().filter_map(open);
        let by_hashtag =
            by_hashtag.filter(|(_, stream)| audience.belongs_by_hashtag(stream, facts, hashtags));
        let wide = self.wide.iter().copied().filter_map(open);
        let in_conversation = self.of_those_in_conversation(facts).filter_map(open);
        by_hashtag
            .chain(wide.filter(|(_, stream)| audience.belongs_widely(stream, facts, hashtags)))
            .chain(in_conversation.filter(|(_, stream)| audience.belongs_directly(stream, facts)))
    }

    /// Delivers a post to those streams.
    fn deliver_widely(&mut self, facts: &PostFacts, post: &Post, audience: &Audience<'_>) {
        let mut full = Vec::new();
        let mut shared = None;
        for (id, stream) in self.reached_widely(facts, &post.hashtags, audience) {
            let posts = shared.get_or_insert_with(|| Posts::from(post.clone()));
            if stream.queue.push(posts) == 0 {
                full.push(id);
            }
            metrics::POSTS_DELIVERED.inc();
        }
        self.cut_off(&full);
    }

    /// Tells those in whose feed a post is what has happened to it.
    fn change(
        &mut self,
        facts: &PostFacts,
        hashtags: &[Hashtag],
        change: &FeedChange,
        audience: &Audience<'_>,
    ) {
        let mut full = Vec::new();
        for id in self.by_author.get(&facts.author).into_iter().flatten() {
            let Some(stream) = self.open.get(id) else { continue };
            let wants_changes = stream.delivers != Delivers::Followed;
            if wants_changes
                && audience.belongs_by_author(stream, facts)
                && !stream.queue.push_change(change.clone())
            {
                full.push(*id);
            }
        }
        for (id, stream) in self.reached_widely(facts, hashtags, audience) {
            if !stream.queue.push_change(change.clone()) {
                full.push(id);
            }
        }
        self.cut_off(&full);
    }

    /// Tells somebody of a notification.
    fn notify(&mut self, user: UserId, change: &FeedChange) {
        let mut full = Vec::new();
        for id in self.by_follower.get(&user).into_iter().flatten() {
            let Some(stream) = self.open.get(id) else { continue };
            if stream.delivers == Delivers::Feed(FeedKind::Home)
                && !stream.queue.push_change(change.clone())
            {
                full.push(*id);
            }
        }
        self.cut_off(&full);
    }

    /// Closes streams whose queues are full.
    fn cut_off(&mut self, full: &[StreamId]) {
        metrics::STREAMS_CUT_OFF.inc_by(full.len() as u64);
        for id in full {
            self.close(*id);
        }
    }

    fn follow(&mut self, follower: UserId, source: Source) {
        let Some(ids) = self.by_follower.get(&follower) else { return };
        for id in ids {
            let Some(stream) = self.open.get_mut(id) else { continue };
            match &stream.delivers {
                Delivers::Followed | Delivers::Feed(FeedKind::Home) => {
                    let source = stream.whole(source);
                    stream.sources.insert(source.author, source);
                    self.by_author.entry(source.author).or_default().insert(*id);
                }
                // Nobody is in a list at once.
                Delivers::Feed(FeedKind::List(_, RepliesPolicy::Followed)) => {
                    stream.others.insert(source.author);
                }
                Delivers::Feed(
                    FeedKind::List(..) | FeedKind::Local | FeedKind::Hashtag(_) | FeedKind::Direct,
                ) => {}
            }
            stream.note_change_of(source.author);
        }
    }

    fn unfollow(&mut self, follower: UserId, followee: UserId) {
        let Some(ids) = self.by_follower.get(&follower) else { return };
        for id in ids {
            if let Some(stream) = self.open.get_mut(id) {
                stream.sources.remove(&followee);
                stream.others.remove(&followee);
                stream.note_change_of(followee);
            }
            remove(&mut self.by_author, &followee, *id);
        }
    }

    /// Adds what belonged to a stream when it was opened, and still does.
    fn add(&mut self, id: StreamId, sources: Vec<Source>) {
        let Some(stream) = self.open.get_mut(&id) else { return };
        for source in sources {
            if stream.changed.as_ref().is_some_and(|changed| changed.contains(&source.author)) {
                continue;
            }
            let source = stream.whole(source);
            stream.sources.insert(source.author, source);
            self.by_author.entry(source.author).or_default().insert(id);
        }
    }

    /// Adds whom somebody follows besides, as of when a stream was opened.
    fn add_others(&mut self, id: StreamId, others: Vec<UserId>) {
        let Some(stream) = self.open.get_mut(&id) else { return };
        let changed = stream.changed.clone().unwrap_or_default();
        stream.others.extend(others.into_iter().filter(|other| !changed.contains(other)));
    }

    /// Adds hashtags of which a stream is, too.
    fn add_hashtags(&mut self, id: StreamId, hashtags: Vec<Hashtag>) {
        let Some(stream) = self.open.get_mut(&id) else { return };
        for hashtag in hashtags {
            self.by_hashtag.entry(hashtag.clone()).or_default().insert(id);
            stream.hashtags.insert(hashtag);
        }
    }

    /// Closes those streams of somebody to which other posts belong now: they are opened again with these.
    fn close_arranged_of(&mut self, user: UserId) {
        for id in self.by_follower.get(&user).cloned().unwrap_or_default() {
            let is_arranged = self.open.get(&id).is_some_and(|stream| {
                matches!(stream.delivers, Delivers::Feed(FeedKind::Home | FeedKind::List(..)))
            });
            if is_arranged {
                self.close(id);
            }
        }
    }

    fn close_all_of(&mut self, follower: UserId) {
        for id in self.by_follower.get(&follower).cloned().unwrap_or_default() {
            self.close(id);
        }
    }

    fn close(&mut self, id: StreamId) {
        let Some(stream) = self.open.remove(&id) else { return };
        stream.queue.close();
        self.wide.remove(&id);
        remove(&mut self.by_follower, &stream.follower, id);
        let traces = Traces { authors: stream.sources, hashtags: stream.hashtags };
        if !traces.authors.is_empty() || !traces.hashtags.is_empty() {
            self.closed.push((id, traces));
        }
    }

    /// Removes so many traces of closed streams; false if none are left.
    fn remove_traces(&mut self, most: usize) -> bool {
        for _ in 0..most {
            let Some((id, Traces { authors, hashtags })) = self.closed.last_mut() else {
                return false;
            };
            if let Some((author, _)) = authors.pop_first() {
                remove(&mut self.by_author, &author, *id);
            } else if let Some(hashtag) = hashtags.pop_first() {
                remove(&mut self.by_hashtag, &hashtag, *id);
            } else {
                self.closed.pop();
            }
        }
        true
    }
}

impl Stream {
    /// What of an author belongs to it: in a feed, everything.
    fn whole(&self, source: Source) -> Source {
        match &self.delivers {
            Delivers::Followed => source,
            Delivers::Feed(_) => Source::all_of(source.author),
        }
    }

    fn note_change_of(&mut self, author: UserId) {
        if let Some(changed) = &mut self.changed {
            changed.insert(author);
        }
    }
}

/// To whom something belongs, as far as the state has to be asked. It is looked at once.
struct Audience<'a> {
    state: &'a StateReader,
    view: OnceCell<Option<View>>,
    /// Of posts that are gone.
    of_deletions: bool,
}

impl<'a> Audience<'a> {
    fn of(state: &'a StateReader, of_deletions: bool) -> Self {
        Self { state, view: OnceCell::new(), of_deletions }
    }

    fn includes(
        &self,
        kind: &FeedKind,
        reader: UserId,
        facts: &PostFacts,
        hashtags: &[Hashtag],
    ) -> bool {
        self.view().is_some_and(|view| {
            if self.of_deletions {
                view.included(kind, reader, facts, hashtags)
            } else {
                view.includes(kind, reader, facts, hashtags)
            }
        })
    }

    fn view(&self) -> Option<&View> {
        // If the state is damaged, whoever reads it next is told.
        self.view.get_or_init(|| self.state.view().ok()).as_ref()
    }

    /// Whether a post of somebody whom the reader of a stream follows belongs to it.
    fn belongs(&self, stream: &Stream, facts: &PostFacts) -> bool {
        let reader = stream.follower;
        if facts.visibility == Visibility::Mentioned
            && facts.author != reader
            && !facts.mentioned.contains(&reader)
        {
            return false;
        }
        let is_known = |other: UserId| {
            other == reader || stream.sources.contains_key(&other) || stream.others.contains(&other)
        };
        match (&stream.delivers, facts.boosted) {
            (Delivers::Followed, boosted) => boosted.is_none(),
            (Delivers::Feed(kind), None) => {
                let is_shown = |other| match kind {
                    FeedKind::List(_, RepliesPolicy::None) => other == reader,
                    _ => is_known(other),
                };
                facts.author == reader
                    || facts.reply_to.is_none_or(|other| other == facts.author || is_shown(other))
            }
            (Delivers::Feed(_), Some(boosted)) if is_known(boosted) => true,
            (Delivers::Feed(kind), Some(_)) => self.includes(kind, reader, facts, &[]),
        }
    }

    /// Whether a post belongs to a stream for its author.
    fn belongs_by_author(&self, stream: &Stream, facts: &PostFacts) -> bool {
        stream.sources.contains_key(&facts.author)
            && (facts.is_plain() || self.belongs(stream, facts))
    }

    /// Whether a post belongs to a stream for a hashtag, and not for its author.
    fn belongs_by_hashtag(&self, stream: &Stream, facts: &PostFacts, hashtags: &[Hashtag]) -> bool {
        !self.belongs_by_author(stream, facts) && self.belongs_widely(stream, facts, hashtags)
    }

    /// Whether a post belongs to a stream of what everybody posts.
    fn belongs_widely(&self, stream: &Stream, facts: &PostFacts, hashtags: &[Hashtag]) -> bool {
        let Delivers::Feed(kind) = &stream.delivers else { return false };
        if !is_for_public_timelines(facts) {
            return false;
        }
        self.includes(kind, stream.follower, facts, hashtags)
    }

    /// Whether a post belongs to a stream of conversations.
    fn belongs_directly(&self, stream: &Stream, facts: &PostFacts) -> bool {
        let kind = FeedKind::Direct;
        stream.delivers == Delivers::Feed(kind.clone())
            && self.includes(&kind, stream.follower, facts, &[])
    }
}

fn post(event: &Event) -> Option<&Post> {
    match event {
        Event::Published(post) => Some(post),
        Event::Edited { .. }
        | Event::Deleted { .. }
        | Event::Notified { .. }
        | Event::Followed { .. }
        | Event::Unfollowed { .. }
        | Event::Muted { .. }
        | Event::Rearranged { .. }
        | Event::SessionsEnded { .. } => None,
    }
}

/// Whether a post belongs to the timeline of everybody who follows its author.
fn is_plain(post: &Post) -> bool {
    PostFacts::from(post).is_plain()
}

fn are_posts_of_one_author(one: &Event, next: &Event) -> bool {
    let (one, next) = (post(one), post(next));
    one.zip(next).is_some_and(|(one, next)| one.author_id == next.author_id)
}

fn remove<Key: Ord>(index: &mut BTreeMap<Key, BTreeSet<StreamId>>, key: &Key, id: StreamId) {
    if let Some(ids) = index.get_mut(key) {
        ids.remove(&id);
        if ids.is_empty() {
            index.remove(key);
        }
    }
}

impl Inbox {
    /// Adds some of what belonged to the timeline when this was opened.
    pub fn add(&self, sources: Vec<Source>) {
        self.delivery.streams().add(self.id, sources);
    }

    /// Adds some whom the reader follows besides: answers to them belong to the timeline.
    pub fn add_others(&self, others: Vec<UserId>) {
        self.delivery.streams().add_others(self.id, others);
    }

    /// Adds hashtags: what everybody posts with one of them belongs to the timeline.
    pub fn add_hashtags(&self, hashtags: Vec<Hashtag>) {
        self.delivery.streams().add_hashtags(self.id, hashtags);
    }

    /// Everything has been added that belonged to the timeline when this was opened.
    pub fn complete(&self) {
        if let Some(stream) = self.delivery.streams().open.get_mut(&self.id) {
            stream.changed = None;
        }
    }

    /// What comes next; none if the stream was closed because its queue was full, its session has
    /// ended, or this master no longer leads.
    pub async fn next(&mut self) -> Option<Delivered> {
        poll_fn(|context| self.queue.poll_next(context)).await
    }

    /// Whether the stream was closed; waiting posts can still be taken.
    pub fn is_closed(&self) -> bool {
        self.queue.is_closed()
    }

    /// Whether nothing is waiting.
    pub fn is_empty(&self) -> bool {
        self.delivery.thread.assert();
        self.queue.waiting() == 0
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        let mut streams = self.delivery.streams();
        streams.close(self.id);
        self.delivery.tidy_soon(&streams);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        domain::{PostId, UnixMillis, UserName},
        master::here::tests::{measured, thread_time},
        social::State,
    };

    const READER: UserId = UserId(1);
    const AUTHOR: UserId = UserId(2);
    const LIMITS: StreamLimits = StreamLimits { in_all: 8, of_account: 8 };

    fn post(id: u64) -> Event {
        let author = UserName::new("author").expect("valid");
        let text = id.to_string();
        Event::Published(Post::plain(PostId::new(id), AUTHOR, author, UnixMillis::EPOCH, text))
    }

    /// Nothing of these asks the state anything.
    fn dispatch(delivery: &Delivery, events: &[Event]) {
        delivery.dispatch(events, &State::in_memory().reader());
    }

    fn by(author: UserId, event: Event) -> Event {
        match event {
            Event::Published(post) => Event::Published(Post { author_id: author, ..post }),
            event => event,
        }
    }

    fn open(delivery: &Delivery, sources: &[(UserId, u64)]) -> Inbox {
        open_for(READER, delivery, sources)
    }

    fn open_for(reader: UserId, delivery: &Delivery, sources: &[(UserId, u64)]) -> Inbox {
        let inbox =
            delivery.open(reader, Delivers::Followed).unwrap_or_else(|_| panic!("there is room"));
        inbox.add(sources.iter().map(source).collect());
        inbox.complete();
        inbox
    }

    fn source((author, since): &(UserId, u64)) -> Source {
        Source { author: *author, since: PostId::new(*since) }
    }

    async fn next_posts(inbox: &mut Inbox) -> Posts {
        match inbox.next().await.expect("open") {
            Delivered::Posts(posts) => posts,
            Delivered::Change(change) => panic!("{change:?}"),
        }
    }

    async fn ids(inbox: &mut Inbox, count: usize) -> Vec<u64> {
        let mut ids = Vec::new();
        while ids.len() < count {
            let posts = next_posts(inbox).await;
            ids.extend(posts.iter().map(|post| post.id.get()));
        }
        ids
    }

    #[tokio::test]
    async fn followers_get_posts_made_since_they_follow_in_order() {
        let delivery = Delivery::new(8, LIMITS);
        let mut inbox = open(&delivery, &[(AUTHOR, 2)]);
        dispatch(&delivery, &[post(2), post(3), post(4)]);
        assert_eq!(ids(&mut inbox, 2).await, [3, 4]);
        assert!(inbox.is_empty());
    }

    #[tokio::test]
    async fn what_an_author_posts_at_a_time_arrives_together_and_is_encoded_once() {
        let delivery = Delivery::new(8, LIMITS);
        let mut inboxes = [(); 2].map(|()| open(&delivery, &[(AUTHOR, 0), (UserId(3), 0)]));
        let by_other = by(UserId(3), post(3));
        dispatch(&delivery, &[post(1), post(2), by_other, post(4)]);
        let mut seen = Vec::new();
        for inbox in &mut inboxes {
            for ids in [&[1, 2][..], &[3], &[4]] {
                let posts = next_posts(inbox).await;
                assert!(posts.iter().map(|post| post.id.get()).eq(ids.iter().copied()));
                seen.push(posts.encoded(|post, bytes| bytes.extend(post.text.bytes())).as_ptr());
            }
        }
        assert_eq!(seen[..3], seen[3..], "the same bytes for both");
    }

    #[tokio::test]
    async fn a_follow_and_an_unfollow_take_effect_on_open_streams() {
        let delivery = Delivery::new(8, LIMITS);
        let mut inbox = open(&delivery, &[]);
        let followed =
            Event::Followed { follower: READER, followee: AUTHOR, since: PostId::new(1) };
        let unfollowed = Event::Unfollowed { follower: READER, followee: AUTHOR };
        dispatch(&delivery, &[post(1), followed, post(2), unfollowed, post(3)]);
        assert_eq!(ids(&mut inbox, 1).await, [2]);
        assert!(inbox.is_empty());
    }

    #[tokio::test]
    async fn what_changes_while_a_stream_is_opened_counts_more_than_what_was_read_before() {
        let delivery = Delivery::new(8, LIMITS);
        let mut inbox =
            delivery.open(READER, Delivers::Followed).unwrap_or_else(|_| panic!("there is room"));
        let again = Event::Followed { follower: READER, followee: AUTHOR, since: PostId::new(3) };
        let other = UserId(3);
        let unfollowed = Event::Unfollowed { follower: READER, followee: other };
        dispatch(&delivery, &[again, unfollowed]);
        inbox.add([(AUTHOR, 0), (other, 0)].iter().map(source).collect());
        inbox.complete();
        dispatch(&delivery, &[post(3), by(other, post(4)), post(5)]);
        assert_eq!(ids(&mut inbox, 1).await, [5]);
        assert!(inbox.is_empty());
    }

    #[tokio::test]
    async fn a_changed_password_closes_the_streams_of_its_account_and_no_others() {
        let delivery = Delivery::new(8, LIMITS);
        let mut own = [open(&delivery, &[(AUTHOR, 0)]), open(&delivery, &[(AUTHOR, 0)])];
        let mut other = open_for(UserId(3), &delivery, &[(AUTHOR, 0)]);
        let changed = Event::SessionsEnded { user: READER };
        dispatch(&delivery, &[post(1), changed, post(2)]);
        for inbox in &mut own {
            assert!(inbox.is_closed());
            assert_eq!(ids(inbox, 1).await, [1]);
            assert!(inbox.next().await.is_none());
        }
        assert_eq!(ids(&mut other, 2).await, [1, 2]);
        assert!(!other.is_closed());
    }

    #[tokio::test]
    async fn a_reader_who_does_not_read_loses_its_stream_and_nobody_else_does() {
        let delivery = Delivery::new(2, LIMITS);
        let mut slow = open(&delivery, &[(AUTHOR, 0)]);
        let mut quick = open(&delivery, &[(AUTHOR, 0)]);
        for id in 1..=4 {
            dispatch(&delivery, &[post(id)]);
            assert_eq!(ids(&mut quick, 1).await, [id]);
        }
        assert_eq!(ids(&mut slow, 2).await, [1, 2]);
        assert!(slow.next().await.is_none());
    }

    /// As much as anything may take of the one thread at a time.
    const LONGEST: Duration = Duration::from_millis(5);

    #[tokio::test]
    async fn what_ends_the_streams_of_somebody_who_follows_thousands_holds_nobody_up() {
        const AUTHORS: u64 = 6_000;
        const STREAMS: usize = 100;
        let delivery = Delivery::new(8, StreamLimits { in_all: 1_000, of_account: STREAMS });
        let sources: Vec<_> = (2..2 + AUTHORS).map(|author| (UserId(author), 0)).collect();
        let inboxes: Vec<_> = (0..STREAMS).map(|_| open(&delivery, &sources)).collect();
        let cancelled = CancellationToken::new();
        let tidying = tokio::spawn(measured(delivery.clone().tidy(cancelled.clone())));
        let began = thread_time();
        dispatch(&delivery, &[Event::SessionsEnded { user: READER }, post(1)]);
        let took = thread_time().saturating_sub(began);
        assert!(took < LONGEST, "closing them takes {took:?}");
        assert!(inboxes.iter().all(|inbox| inbox.is_closed() && inbox.is_empty()));
        while !delivery.streams().by_author.is_empty() {
            yield_now().await;
        }
        cancelled.cancel();
        let ((), longest) = tidying.await.expect("it does not panic");
        assert!(longest < LONGEST, "tidying takes {longest:?} at a time");
    }

    #[tokio::test]
    async fn a_post_for_ten_thousand_open_timelines_holds_nobody_up_for_long() {
        const READERS: usize = 10_000;
        let limits = StreamLimits { in_all: READERS, of_account: 1 };
        let delivery = Delivery::new(8, limits);
        let reader = |number: usize| UserId(1_000 + number as u64);
        let inboxes: Vec<_> = (0..READERS)
            .map(|number| open_for(reader(number), &delivery, &[(AUTHOR, 0)]))
            .collect();
        dispatch(&delivery, &[post(1)]);
        let began = thread_time();
        dispatch(&delivery, &[post(2)]);
        let took = thread_time().saturating_sub(began);
        assert!(took < 4 * LONGEST, "it takes {took:?}");
        let began = thread_time();
        delivery.close_all();
        let took = thread_time().saturating_sub(began);
        assert!(took < 4 * LONGEST, "closing them takes {took:?}");
        assert!(inboxes.iter().all(Inbox::is_closed));
    }

    #[tokio::test]
    async fn streams_are_bounded_in_number_and_leave_nothing_behind() {
        let delivery = Delivery::new(2, StreamLimits { in_all: 3, of_account: 2 });
        let own = [open(&delivery, &[(AUTHOR, 0)]), open(&delivery, &[])];
        assert_eq!(delivery.open(READER, Delivers::Followed).err(), Some(TooMany::OfAccount));
        let others = delivery.open(UserId(3), Delivers::Followed);
        assert!(others.is_ok(), "there is room for others");
        assert_eq!(delivery.open(UserId(4), Delivers::Followed).err(), Some(TooMany::InAll));
        drop((own, others));
        assert!(delivery.open(READER, Delivers::Followed).is_ok());
        let mut streams = delivery.streams();
        while streams.remove_traces(1) {}
        assert!(streams.open.is_empty() && streams.by_author.is_empty());
        assert!(streams.by_follower.is_empty());
    }
}
