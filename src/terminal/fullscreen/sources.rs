//! All that happens: keys, what comes live, and the outcomes of what was asked for.

use std::{
    future::{self, Future},
    io,
    pin::Pin,
    time::Duration,
};

use chrono::Local;
use crossterm::event::EventStream;
use futures::{StreamExt as _, stream::FuturesUnordered};
use tokio::{
    sync::watch,
    time::{Interval, MissedTickBehavior, interval},
};

use super::{
    acts::Act,
    live::Stream,
    model::Event,
    shown_post::{EntryPage, ShownPost},
    taste::Taste,
    view::{Load, Loaded, Source},
};
use crate::{
    client::{
        ActiveServer, Client, ClientError, Cursor, EventSubscription, NewPost, PostPage,
        StreamKind, Subscription, TimelineEvent, TimelineKind,
    },
    domain::{FilterContext, NotificationChange, PostId, UserName},
    host::clock,
    network::Posts,
    sanitise,
    terminal::{colour::Paint, people_text},
};

/// Ages are shown in seconds.
const TICK: Duration = Duration::from_secs(1);
/// Entries on a page that is loaded: a few screens.
const PAGE: u32 = 100;

/// Something that was asked for.
enum Outcome {
    Event(Event),
    /// From now on, this stream is listened to.
    Listening(Stream, EventSubscription),
}

/// An operation in progress.
type UnderWay = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// All sources of events.
pub struct Sources {
    client: Client,
    taste: Taste,
    inputs: EventStream,
    timeline: Subscription,
    home: Option<EventSubscription>,
    local: Option<EventSubscription>,
    server: watch::Receiver<Option<ActiveServer>>,
    ticks: Interval,
    under_way: FuturesUnordered<UnderWay>,
}

impl Sources {
    /// Listens to a timeline and, after `page` of it, to what else happens.
    pub fn new(client: &Client, taste: Taste, page: &PostPage, timeline: Subscription) -> Self {
        let mut server = client.active_server();
        server.mark_changed();
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut sources = Self {
            client: client.clone(),
            taste,
            inputs: EventStream::new(),
            timeline,
            home: None,
            local: None,
            server,
            ticks,
            under_way: FuturesUnordered::new(),
        };
        sources.listen(Stream::Home, page.as_of);
        sources.under_way.push(Box::pin(fetch_own(client.clone())));
        sources
    }

    pub fn publish(&mut self, post: NewPost) {
        let client = self.client.clone();
        self.begin(async move {
            Event::Published(client.publish_post(&post).await.map_err(|error| why(&error)))
        });
    }

    pub fn act(&mut self, act: Act) {
        let client = self.client.clone();
        self.begin(async move {
            let outcome = carry_out(&client, &act).await.map_err(|error| why(&error));
            let now = match (&outcome, act.changes()) {
                // Only a convenience: what was asked for is done.
                (Ok(()), Some(post)) => client.post(post).await.ok().map(Box::new),
                _ => None,
            };
            Event::Acted(act, outcome.map(|()| now))
        });
    }

    pub fn load(&mut self, number: u64, source: Source, load: Load) {
        let (client, taste) = (self.client.clone(), self.taste.clone());
        self.begin(async move {
            let loaded = fetch(&client, &taste, source, load).await.map_err(|error| why(&error));
            Event::Loaded(number, load, loaded)
        });
    }

    pub fn listen(&mut self, stream: Stream, after: PostId) {
        let client = self.client.clone();
        let kind = match stream {
            Stream::Timeline => StreamKind::Followed,
            Stream::Home => StreamKind::Home,
            Stream::Local => StreamKind::Local,
        };
        self.under_way.push(Box::pin(async move {
            match client.subscribe_to(&kind, Some(after)).await {
                Ok(events) => Outcome::Listening(stream, events),
                Err(error) => Outcome::Event(Event::LiveEnded(why(&error))),
            }
        }));
    }

    fn begin(&mut self, asked: impl Future<Output = Event> + Send + 'static) {
        self.under_way.push(Box::pin(async move { Outcome::Event(asked.await) }));
    }

    /// The next event. No source can hold up another. May be cancelled and called again.
    pub async fn next(&mut self) -> io::Result<Event> {
        loop {
            tokio::select! {
                input = self.inputs.next() => return match input {
                    Some(input) => Ok(Event::Input(input?)),
                    None => Err(io::ErrorKind::UnexpectedEof.into()),
                },
                Some(outcome) = self.under_way.next() => match outcome {
                    Outcome::Event(event) => return Ok(event),
                    Outcome::Listening(Stream::Local, events) => self.local = Some(events),
                    Outcome::Listening(_, events) => self.home = Some(events),
                },
                Ok(()) = self.server.changed() => {
                    if let Some(active_server) = self.server.borrow_and_update().clone() {
                        return Ok(Event::Server(active_server));
                    }
                }
                _ = self.ticks.tick() => return Ok(Event::Tick(clock::now())),
                // None once it has ended with an error.
                Some(post) = self.timeline.next() => {
                    let event = post.map(|post| TimelineEvent::Posts(Posts::from(post)));
                    return Ok(live(&self.taste, Stream::Timeline, event));
                }
                event = next(&mut self.home) => return Ok(live(&self.taste, Stream::Home, event)),
                event = next(&mut self.local) => return Ok(live(&self.taste, Stream::Local, event)),
            }
        }
    }
}

fn live(taste: &Taste, stream: Stream, event: Result<TimelineEvent, ClientError>) -> Event {
    let context = match stream {
        Stream::Timeline | Stream::Home => FilterContext::Home,
        Stream::Local => FilterContext::Public,
    };
    match event {
        Ok(event) => Event::Live(stream, taste.event(context, event, clock::now())),
        Err(error) => Event::LiveEnded(why(&error)),
    }
}

/// What comes next; waits for ever if nothing does.
async fn next(events: &mut Option<EventSubscription>) -> Result<TimelineEvent, ClientError> {
    match events {
        Some(open) => match open.next().await {
            Some(event) => event,
            None => future::pending().await,
        },
        None => future::pending().await,
    }
}

async fn carry_out(client: &Client, act: &Act) -> Result<(), ClientError> {
    match act {
        Act::Mark(post, mark, set) => client.mark(*post, *mark, *set).await,
        Act::Boost(post, true) => client.boost(*post).await.map(drop),
        Act::Boost(post, false) => client.unboost(*post).await,
        Act::Edit(post, says) => client.edit(*post, says).await,
        Act::Delete(post) => client.delete(*post).await,
        Act::Follow(name, true) => client.follow(name.as_str()).await.map(drop),
        Act::Follow(name, false) => client.unfollow(name.as_str()).await,
        Act::Relate(name, change) => client.relate(name.as_str(), change).await,
        Act::ReadUpTo(newest) => {
            client.change_notifications(NotificationChange::ReadUpTo(*newest)).await
        }
    }
}

async fn fetch(
    client: &Client,
    taste: &Taste,
    source: Source,
    load: Load,
) -> Result<Loaded, ClientError> {
    let cursor = load.cursor();
    let (kind, context) = match source {
        Source::Timeline => (TimelineKind::Followed, FilterContext::Home),
        Source::Home => (TimelineKind::Home, FilterContext::Home),
        Source::Local => (TimelineKind::Local, FilterContext::Public),
        Source::Notifications => {
            let page = client.notifications(cursor, Some(PAGE)).await?;
            let page = taste.notifications(page, clock::now());
            return Ok(Loaded::Notifications(EntryPage::from(&page), page.read_up_to));
        }
        Source::Thread(post) => {
            let asked = client.post(post).await?;
            let thread = taste.thread(client.thread(post).await?, clock::now());
            return Ok(Loaded::Thread(Box::new((asked, thread))));
        }
        Source::Profile(name) => return fetch_profile(client, taste, name, load).await,
    };
    let page = read(client, taste, (&kind, context), cursor).await?;
    Ok(Loaded::Page(EntryPage::from(&page)))
}

/// A page of posts of which something is left, if there is one.
async fn read(
    client: &Client,
    taste: &Taste,
    (kind, context): (&TimelineKind, FilterContext),
    mut cursor: Cursor,
) -> Result<PostPage, ClientError> {
    let mut as_of = None;
    loop {
        let page = client.read(kind, cursor, Some(PAGE)).await?;
        let as_of = *as_of.get_or_insert(page.as_of);
        let last = page.posts.last().map(|last| last.id);
        let posts = taste.posts(context, page.posts, clock::now());
        match last {
            Some(last) if posts.is_empty() && page.more => {
                cursor = match cursor {
                    Cursor::After(_) => Cursor::After(last),
                    Cursor::Newest | Cursor::Before(_) => Cursor::Before(last),
                };
            }
            _ => return Ok(PostPage { posts, as_of, ..page }),
        }
    }
}

/// What somebody has posted and, at its end, who they are.
async fn fetch_profile(
    client: &Client,
    taste: &Taste,
    author: UserName,
    load: Load,
) -> Result<Loaded, ClientError> {
    let person = match load {
        Load::Newest => Some(client.person(author.as_str()).await?),
        Load::Older(_) | Load::Newer(_) | Load::UpTo(_) => None,
    };
    let kind = TimelineKind::Of { author, replies: true, boosts: false };
    let what = (&kind, FilterContext::Account);
    let mut page = EntryPage::from(&read(client, taste, what, load.cursor()).await?);
    if let Some(person) = person {
        let told = people_text::person(&person, &Local, Paint::default());
        let told = below_name(&told, &person.person.name);
        page.entries.insert(0, ShownPost::of_person(person, told));
    }
    Ok(Loaded::Page(page))
}

/// As it is printed at the prompt, without the name, which stands above, and the indentation.
fn below_name(told: &str, name: &UserName) -> String {
    let told = told.strip_prefix(name.as_str()).unwrap_or(told);
    told.trim().lines().map(str::trim_start).collect::<Vec<_>>().join("\n")
}

/// The user's own earlier posts; the timeline works without them. If that fails, waits for ever.
async fn fetch_own(client: Client) -> Outcome {
    let user = super::logged_in(&client);
    match client.posts(user.as_str(), Cursor::Newest, Some(PAGE)).await {
        Ok(page) => Outcome::Event(Event::Own(EntryPage::from(&page))),
        Err(_) => future::pending().await,
    }
}

fn why(error: &ClientError) -> String {
    let why = sanitise::line(&error.to_string());
    match error {
        ClientError::Unanswered { .. } => format!("{why}; it may have been done nevertheless"),
        _ => why,
    }
}
