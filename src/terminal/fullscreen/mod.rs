//! The timeline on a whole screen: posts above, a status line, and a line to write on.
//!
//! | file | what it is |
//! | --- | --- |
//! | `model` | pure: what is known, and how each event changes it |
//! | `window` | pure: the part of the timeline that is held in memory |
//! | `position` | pure: where in it the reader is |
//! | `outbox` | pure: the user's posts that are not made yet |
//! | `writing` | pure: the line that is being written |
//! | `draw` | pure: draws it |
//! | `layout` | pure: how posts become lines |
//! | `age` | pure: how long ago something was |
//! | `rows` | pure: which rows a terminal may display at unexpected widths |
//! | `tty` | takes over the terminal and restores it |
//!
//! The data flow is a cycle: events → `Model::update` → effects → the client → events.

mod age;
pub(crate) mod draw;
mod layout;
mod loaded_posts;
pub(crate) mod model;
mod outbox;
mod position;
mod rows;
mod tty;
mod writing;

use std::{
    env,
    future::{self, Future},
    io,
    pin::Pin,
    time::Duration,
};

use chrono::Local;
use crossterm::event::EventStream;
use futures::StreamExt as _;
use tokio::{
    sync::watch,
    task,
    time::{Interval, MissedTickBehavior, interval},
};

use crate::{
    ansi,
    client::{ActiveServer, Client, ClientError, Cursor, PostPage, Subscription},
    domain::UserName,
    host::clock,
    sanitise,
};
use model::{Effect, Event, Load, Model};
use tty::Tty;
pub use tty::give_back;

/// Ages are shown in seconds.
const TICK: Duration = Duration::from_secs(1);
/// Posts on a page that is loaded while scrolling back: a few screens.
const PAGE: u32 = 100;
/// Events that are processed before drawing, if they come faster than the screen can be drawn.
const BATCH: usize = 256;

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The user has left the timeline.
    Left,
    /// The user has ended the program.
    Interrupted,
}

/// An operation in progress, whose outcome is an event.
type UnderWay = Pin<Box<dyn Future<Output = Event> + Send>>;

fn logged_in(client: &Client) -> UserName {
    client.username().expect("only someone who has logged in has a timeline")
}

/// Shows the timeline until the user leaves it. Fails if the terminal fails.
pub async fn run(client: &Client, page: &PostPage, subscription: Subscription) -> io::Result<End> {
    let mut tty = Tty::take()?;
    let colours = ansi::wants_colour(true, |name| env::var_os(name));
    let user = logged_in(client);
    let mut model = Model::new(user, page, tty.size()?, clock::now());
    let mut sources = Sources::new(client, subscription);
    let mut unshown = BATCH;
    loop {
        if unshown >= BATCH {
            // The size may have changed without notice while the process was stopped.
            model.fit(tty.size()?);
            tty.draw(|frame| {
                draw::draw(&model, &Local, frame);
                if !colours {
                    draw::without_colours(frame.buffer_mut());
                }
            })?;
            unshown = 0;
            // Let the client's own tasks run, however fast events come.
            task::yield_now().await;
        }
        let event = tokio::select! {
            biased;
            event = sources.next() => event?,
            // There are no more events to process.
            () = future::ready(()), if unshown > 0 => {
                unshown = BATCH;
                continue;
            }
        };
        unshown += 1;
        for effect in model.update(event) {
            match effect {
                Effect::Publish(text) => sources.publishing = Some(publish(client.clone(), text)),
                Effect::Load(load) => sources.loading = Some(fetch(client.clone(), load)),
                Effect::Redraw => tty.redraw()?,
                Effect::Suspend => tty.suspend()?,
                Effect::Leave => {
                    drop(sources);
                    tty::forget_keys()?;
                    return Ok(End::Left);
                }
                Effect::Interrupt => return Ok(End::Interrupted),
            }
        }
    }
}

fn publish(client: Client, text: String) -> UnderWay {
    Box::pin(async move { Event::Published(client.publish(&text).await.map_err(|e| why(&e))) })
}

fn fetch(client: Client, load: Load) -> UnderWay {
    let cursor = match load {
        Load::Older(id) => Cursor::Before(id),
        Load::Newer(id) => Cursor::After(id),
        Load::Newest => Cursor::Newest,
    };
    Box::pin(async move {
        Event::Loaded(load, client.timeline(cursor, Some(PAGE)).await.map_err(|e| why(&e)))
    })
}

/// The user's own earlier posts; the timeline works without them. If that fails, waits for ever.
fn fetch_own(client: Client) -> UnderWay {
    Box::pin(async move {
        let user = logged_in(&client);
        match client.posts(user.as_str(), Cursor::Newest, Some(PAGE)).await {
            Ok(page) => Event::Own(page),
            Err(_) => future::pending().await,
        }
    })
}

fn why(error: &ClientError) -> String {
    let why = sanitise::line(&error.to_string());
    match error {
        ClientError::Unanswered { .. } => format!("{why}; it may have been done nevertheless"),
        _ => why,
    }
}

/// All sources of events.
struct Sources {
    inputs: EventStream,
    live: Subscription,
    server: watch::Receiver<Option<ActiveServer>>,
    ticks: Interval,
    publishing: Option<UnderWay>,
    loading: Option<UnderWay>,
    own: Option<UnderWay>,
}

impl Sources {
    fn new(client: &Client, subscription: Subscription) -> Self {
        let mut server = client.active_server();
        server.mark_changed();
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            inputs: EventStream::new(),
            live: subscription,
            server,
            ticks,
            publishing: None,
            loading: None,
            own: Some(fetch_own(client.clone())),
        }
    }

    /// The next event. No source can hold up another. May be cancelled and called again.
    async fn next(&mut self) -> io::Result<Event> {
        loop {
            tokio::select! {
                input = self.inputs.next() => return match input {
                    Some(input) => Ok(Event::Input(input?)),
                    None => Err(io::ErrorKind::UnexpectedEof.into()),
                },
                event = some(&mut self.publishing) => {
                    self.publishing = None;
                    return Ok(event);
                }
                event = some(&mut self.loading) => {
                    self.loading = None;
                    return Ok(event);
                }
                event = some(&mut self.own) => {
                    self.own = None;
                    return Ok(event);
                }
                Ok(()) = self.server.changed() => {
                    if let Some(active_server) = self.server.borrow_and_update().clone() {
                        return Ok(Event::Server(active_server));
                    }
                }
                _ = self.ticks.tick() => return Ok(Event::Tick(clock::now())),
                // None once it has ended with an error.
                Some(post) = self.live.next() => return Ok(match post {
                    Ok(post) => Event::Arrived(post),
                    Err(error) => Event::LiveEnded(why(&error)),
                }),
            }
        }
    }
}

/// Waits for ever if nothing is in progress.
async fn some(under_way: &mut Option<UnderWay>) -> Event {
    match under_way {
        Some(under_way) => under_way.await,
        None => future::pending().await,
    }
}
