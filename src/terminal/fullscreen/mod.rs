//! The full screen: tabs above, posts, a status line, and a line to write on.
//!
//! | file | what it is |
//! | --- | --- |
//! | `model` | pure: what is known, and how each event changes it |
//! | `keys` | pure: what keys do |
//! | `post_verb` | pure: what can be done with an entry, and by which keys |
//! | `acts` | pure: what the user does with posts and people |
//! | `live` | pure: what comes by itself |
//! | `view` | pure: one list, where its reader is, and what has to be loaded |
//! | `loaded_posts` | pure: the part of a list that is held in memory |
//! | `shown_post` | pure: an entry of a list as it is shown |
//! | `taste` | pure: what the user's filters leave of what there is |
//! | `position` | pure: where in a list the reader is |
//! | `outbox` | pure: the user's posts that are not made yet |
//! | `desk` | pure: what is being written, what for, and what was put aside |
//! | `writing` | pure: the line that is being written |
//! | `mentions` | pure: completes the names of those who are mentioned in it |
//! | `draw` | pure: draws it |
//! | `bars` | pure: draws the lines around the posts |
//! | `help` | pure: draws what keys there are |
//! | `layout` | pure: how posts become lines |
//! | `age` | pure: how long ago something was |
//! | `rows` | pure: which rows a terminal may display at unexpected widths |
//! | `sources` | what happens: keys, what comes live, and what was asked for |
//! | `tty` | takes over the terminal and restores it |
//!
//! The data flow is a cycle: events → `Model::update` → effects → the client → events.

pub(crate) mod acts;
mod age;
mod bars;
mod desk;
pub(crate) mod draw;
mod help;
mod keys;
mod layout;
pub(crate) mod live;
mod loaded_posts;
mod mentions;
pub(crate) mod model;
mod outbox;
mod position;
mod post_verb;
mod rows;
pub(crate) mod shown_post;
mod sources;
mod taste;
mod tty;
pub(crate) mod view;
mod writing;

#[cfg(test)]
mod model_tests;

use std::{env, future, io, sync::Arc};

use chrono::Local;
use tokio::task;

use super::completion::Names;
use crate::{
    ansi,
    client::{Client, PostPage, Subscription},
    domain::{Preferences, UserName, WordFilter},
    host::clock,
};
use model::{Effect, Model};
use sources::Sources;
use taste::Taste;
use tty::Tty;
pub use tty::give_back;

/// Events that are processed before drawing, if they come faster than the screen can be drawn.
const BATCH: usize = 256;

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The user has left the full screen.
    Left,
    /// The user has ended the program.
    Interrupted,
}

fn logged_in(client: &Client) -> UserName {
    client.username().expect("only someone who has logged in has a timeline")
}

/// Shows the timeline, and whatever the user opens, until they leave. Fails if the terminal fails.
pub async fn run(
    client: &Client,
    names: &Names,
    page: &PostPage,
    subscription: Subscription,
    (filters, preferences): (Arc<[WordFilter]>, Preferences),
) -> io::Result<End> {
    let mut tty = Tty::take()?;
    let colours = ansi::wants_colour(true, |name| env::var_os(name));
    let user = logged_in(client);
    let taste = Taste { reader: user.clone(), filters };
    let mut model = Model::new(user, names.clone(), page, tty.size()?, clock::now());
    model = model.preferring(preferences);
    let mut sources = Sources::new(client, taste, page, subscription);
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
                Effect::Publish(post) => sources.publish(post),
                Effect::Act(act) => sources.act(act),
                Effect::Load(number, source, load) => sources.load(number, source, load),
                Effect::Listen(stream, after) => sources.listen(stream, after),
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
