//! The full-screen timeline in a real terminal.

use std::{
    cell::Cell,
    collections::BTreeSet,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use nix::sys::signal::Signal;
use tinysns::client::{Client, Cursor};
use tokio::time::Instant;

use super::{
    BINARY,
    processes::{Cluster, eventually, signal},
    tmux::{SHELL, Tmux},
};

/// A cluster in which `u1` follows `u2`, whose client this is.
pub async fn followed(cluster: &Cluster) -> Client {
    let u2 = cluster.client("u2").await;
    let u1 = cluster.client("u1").await;
    u1.follow("u2").await.expect("followed");
    u2
}

pub async fn post(client: &Client, text: &str) {
    client.publish(text).await.expect("published");
}

/// The terminal of `u1`, in the timeline.
pub async fn timeline(cluster: &Cluster, columns: u16, rows: u16) -> Tmux {
    Tmux::in_timeline(&cluster.command("client"), "u1", columns, rows).await
}

/// The status line.
pub fn status(screen: &str) -> &str {
    screen.lines().rev().nth(1).unwrap_or_default()
}

/// The line for writing.
pub fn writing(screen: &str) -> &str {
    screen.lines().next_back().unwrap_or_default()
}

/// Whether two lines of a screen show a post of `author` with this text that has been made.
pub fn shows_post(screen: &str, author: &str, text: &str) -> bool {
    let lines: Vec<&str> = screen.lines().collect();
    let head = format!("{author}  ");
    let text = format!("  {text}");
    let is_made = |line: &str| line.starts_with(&head) && !line.ends_with("sending…");
    lines.windows(2).any(|pair| is_made(pair[0]) && pair[1] == text)
}

#[tokio::test]
async fn shows_ones_own_posts_and_those_of_others_as_they_come_and_how_old_they_are() {
    let cluster = Cluster::start(BINARY, 1, "1s").await;
    let u2 = followed(&cluster).await;
    post(&u2, "from before").await;
    let terminal = timeline(&cluster, 60, 16).await;
    terminal.until("the post from before", |screen| shows_post(screen, "u2", "from before")).await;
    terminal.enters("my own");
    terminal.until("one's own post", |screen| shows_post(screen, "u1", "my own")).await;
    let wide = "wide 日本語 👍 e\u{301} and live";
    post(&u2, wide).await;
    terminal.until("a live post", |screen| shows_post(screen, "u2", wide)).await;
    let seconds = |line: &str| line.starts_with("u2  ") && line.ends_with(" s");
    terminal.until("an age without a key", |screen| screen.lines().any(seconds)).await;
}

#[tokio::test]
async fn scrolls_back_through_pages_of_posts_while_new_ones_are_counted() {
    let cluster = Cluster::start_unlimited(BINARY, 1, "1s").await;
    let u2 = followed(&cluster).await;
    for number in 1..=260 {
        post(&u2, &format!("post {number}")).await;
    }
    let terminal = timeline(&cluster, 60, 22).await;
    terminal.until("the newest", |screen| shows_post(screen, "u2", "post 260")).await;
    let mut seen = BTreeSet::new();
    let mut last = String::new();
    while !seen.contains(&1) {
        let pressed = Cell::new(Instant::now());
        let screen = terminal.until("all of the others' posts", |screen| {
            let posts = numbers(screen);
            // While a page is being drawn, posts between two pages may be missing.
            let gapless = posts.windows(2).all(|pair| pair[0] + 1 == pair[1]);
            if screen == last || !gapless || posts.is_empty() {
                // At the first post that was loaded, nothing moves until older ones have arrived.
                presses_again(&terminal, "PageUp", &pressed);
                return false;
            }
            let joins = seen.first().is_none_or(|first| posts.last() >= Some(&(first - 1)));
            if !joins {
                presses_again(&terminal, "PageDown", &pressed);
            }
            joins
        });
        let screen = screen.await;
        seen.extend(numbers(&screen));
        last = screen;
        terminal.presses(&["PageUp"]);
    }
    assert_eq!(seen.len(), 260, "each was on the screen once: {seen:?}");
    post(&u2, "new 1").await;
    terminal.shows("1 new post below").await;
    post(&u2, "new 2").await;
    let stays =
        |screen: &str| screen.contains("2 new posts below") && shows_post(screen, "u2", "post 1");
    terminal.until("what is read stays where it is", stays).await;
    terminal.presses(&["Escape"]);
    let newest = |screen: &str| {
        ["new 2", "new 1", "post 260"].iter().all(|text| shows_post(screen, "u2", text))
            && !screen.contains("below")
    };
    terminal.until("the newest", newest).await;
}

/// Presses `key`, as people do if nothing has happened for a while since they last `pressed` one.
fn presses_again(terminal: &Tmux, key: &str, pressed: &Cell<Instant>) {
    const A_WHILE: Duration = Duration::from_secs(2);
    if pressed.get().elapsed() > A_WHILE {
        terminal.presses(&[key]);
        pressed.set(Instant::now());
    }
}

/// The numbers of the posts on a screen, from the top.
fn numbers(screen: &str) -> Vec<u32> {
    screen.lines().filter_map(|line| line.strip_prefix("  post ")?.parse().ok()).collect()
}

#[tokio::test]
async fn another_size_of_the_window_wraps_posts_anew() {
    let cluster = Cluster::start(BINARY, 1, "1s").await;
    let u2 = followed(&cluster).await;
    let text = "one two three four five six seven eight nine ten";
    post(&u2, text).await;
    let terminal = timeline(&cluster, 60, 16).await;
    terminal.until("it fits", |screen| shows_post(screen, "u2", text)).await;
    terminal.types("a draft");
    terminal.resizes(20, 10);
    let wrapped = "  one two three four\n  five six seven\n  eight nine ten\n";
    let narrow = |screen: &str| {
        screen.contains(wrapped)
            && writing(screen) == "> a draft"
            && status(screen).starts_with(" u1 ·")
    };
    terminal.until("three lines", narrow).await;
    for (columns, rows) in [(2, 2), (1, 1), (60, 3)] {
        terminal.resizes(columns, rows);
    }
    terminal.resizes(70, 20);
    let wide = |screen: &str| shows_post(screen, "u2", text) && writing(screen) == "> a draft";
    terminal.until("one line again", wide).await;
}

#[tokio::test]
async fn a_failover_while_a_post_is_being_typed_loses_nothing_of_it() {
    let cluster = Cluster::start(BINARY, 3, "1h").await;
    let u2 = followed(&cluster).await;
    post(&u2, "before").await;
    let terminal = timeline(&cluster, 80, 20).await;
    terminal.types("typed before, ");
    terminal.until("it is written", |screen| writing(screen) == "> typed before,").await;
    let lost = cluster.available().await;
    signal(lost.pid, Signal::SIGKILL);
    terminal.types("during and ");
    let moved = |screen: &str| {
        let status = status(screen);
        status.contains(" · moved to server-")
            && status.contains(" ms ")
            && !status.contains(&lost.name)
            && writing(screen) == "> typed before, during and"
    };
    terminal.until("it has moved, with the line as it was", moved).await;
    terminal.enters("after");
    let text = "typed before, during and after";
    terminal.until("it is posted", |screen| shows_post(screen, "u1", text)).await;
    post(&u2, "live again").await;
    let live =
        |screen: &str| shows_post(screen, "u2", "live again") && screen.matches(text).count() == 1;
    terminal.until("live, and one's own post once", live).await;
    let posts = u2.posts("u1", Cursor::Newest, None).await.expect("read").posts;
    assert_eq!(posts.into_iter().map(|post| post.text).collect::<Vec<_>>(), [text]);
}

#[tokio::test]
async fn a_post_that_is_refused_is_given_back_and_nothing_unposted_is_left_behind_unasked() {
    let cluster = Cluster::start(BINARY, 1, "1s").await;
    let u2 = followed(&cluster).await;
    let terminal = timeline(&cluster, 80, 20).await;
    terminal.pastes(&"x".repeat(1_001));
    terminal.presses(&["Enter"]);
    let given_back =
        |screen: &str| screen.contains("not posted: ") && writing(screen).ends_with("xxx");
    terminal.until("it is given back", given_back).await;
    terminal.presses(&["BSpace", "Escape"]);
    terminal.shows("this line is not posted yet").await;
    terminal.presses(&["Enter"]);
    terminal.until("it is posted", |screen| writing(screen).starts_with("> Write")).await;
    let posts = async || u2.posts("u1", Cursor::Newest, None).await.expect("read").posts.len();
    eventually("it is made", posts, |count| *count > 0).await;
    terminal.until("it is shown as made", |screen| !screen.contains("sending")).await;
    assert_eq!(posts().await, 1);
}

#[tokio::test]
async fn leaving_comes_back_to_the_prompt_and_the_timeline_can_be_entered_again() {
    let cluster = Cluster::start(BINARY, 1, "1s").await;
    followed(&cluster).await;
    let terminal = timeline(&cluster, 80, 24).await;
    terminal.presses(&["C-d"]);
    terminal.until("the prompt", |screen| screen.trim_end().ends_with("Cmd>")).await;
    terminal.enters("LIST");
    terminal.shows("All users: u1, u2, \nFollowers: \n".replace(" \n", "\n").as_str()).await;
    terminal.enters_timeline("u1").await;
    terminal.enters("a post");
    terminal.enters("/quit");
    terminal.until("the prompt", |screen| screen.trim_end().ends_with("Cmd>")).await;
    terminal.enters("FOLLOW u2");
    let answered =
        |screen: &str| screen.contains("already exists") && screen.trim_end().ends_with("Cmd>");
    terminal.until("an answer, and the prompt", answered).await;
    terminal.enters_timeline("u1").await;
    terminal
        .until("one's own post is still there", |screen| shows_post(screen, "u1", "a post"))
        .await;
    terminal.presses(&["Escape"]);
    terminal.until("the prompt", |screen| screen.trim_end().ends_with("Cmd>")).await;
    terminal.presses(&["C-d"]);
    terminal.until("the shell", |screen| last_line(screen) == SHELL.trim_end()).await;
}

/// The last line that is not empty.
fn last_line(screen: &str) -> &str {
    screen.trim_end().lines().next_back().unwrap_or_default()
}

/// The settings of the terminal, as its shell sees them. Each answer has a number of its own, since
/// an earlier one may still be on the screen.
async fn settings(terminal: &Tmux) -> String {
    static ASKED: AtomicU32 = AtomicU32::new(0);
    let number = ASKED.fetch_add(1, Ordering::Relaxed);
    terminal.enters(&format!("clear; stty -a; echo 'set' 'so' {number}."));
    let end = format!("\nset so {number}.\n");
    // The screen is cleared first, and is complete when the shell waits again.
    let told = |screen: &str| {
        screen.starts_with("speed ")
            && screen.contains(&end)
            && last_line(screen) == SHELL.trim_end()
    };
    let screen = terminal.until("the settings", told).await;
    screen.split("set so").next().expect("there is").to_owned()
}

#[tokio::test]
async fn whatever_ends_the_client_leaves_the_terminal_as_it_was() {
    let cluster = Cluster::start(BINARY, 1, "1s").await;
    followed(&cluster).await;
    let terminal = Tmux::open(&cluster.command("client"), 80, 24).await;
    let before = settings(&terminal).await;
    let ends: [(&str, bool, &dyn Fn()); 6] = [
        ("Ctrl-C in the timeline", true, &|| terminal.presses(&["C-c"])),
        ("SIGTERM in the timeline", true, &|| end_child(&terminal, Signal::SIGTERM)),
        ("SIGHUP in the timeline", true, &|| end_child(&terminal, Signal::SIGHUP)),
        ("SIGINT in the timeline", true, &|| end_child(&terminal, Signal::SIGINT)),
        ("Ctrl-C at the prompt", false, &|| terminal.presses(&["C-c"])),
        ("SIGTERM at the prompt", false, &|| end_child(&terminal, Signal::SIGTERM)),
    ];
    for (how, in_timeline, end) in ends {
        terminal.enters("clear; \"$PROGRAM\" client -u u1");
        terminal.until("the prompt", |screen| last_line(screen) == "Cmd>").await;
        if in_timeline {
            terminal.enters_timeline("u1").await;
        }
        end();
        let as_before = |screen: &str| {
            last_line(screen) == SHELL.trim_end() && screen.contains("TINY SNS CLIENT")
        };
        terminal.until(&format!("{how}: the shell, below what was there before"), as_before).await;
        assert_eq!(settings(&terminal).await, before, "{how}");
        terminal.pastes("echo 'plain paste'\n");
        terminal.shows("\nplain paste\n").await;
    }
}

#[tokio::test]
async fn a_client_that_is_to_ignore_a_hangup_goes_on_and_handles_other_signals() {
    let cluster = Cluster::start(BINARY, 1, "1s").await;
    followed(&cluster).await;
    let terminal = Tmux::open(&cluster.command("client"), 80, 24).await;
    terminal.enters("(trap '' HUP; exec \"$PROGRAM\" client -u u1)");
    terminal.until("the prompt", |screen| last_line(screen) == "Cmd>").await;
    end_child(&terminal, Signal::SIGHUP);
    terminal.enters("WHOAMI");
    terminal.shows("You are u1, on server-1").await;
    end_child(&terminal, Signal::SIGTERM);
    terminal.until("the shell", |screen| last_line(screen) == SHELL.trim_end()).await;
}

fn end_child(terminal: &Tmux, with: Signal) {
    for child in terminal.children() {
        signal(child, with);
    }
}

#[tokio::test]
async fn the_shell_has_the_terminal_while_the_client_is_suspended() {
    let cluster = Cluster::start(BINARY, 1, "1s").await;
    let u2 = followed(&cluster).await;
    let terminal = Tmux::open(&cluster.command("client"), 80, 24).await;
    let before = settings(&terminal).await;
    terminal.enters("\"$PROGRAM\" client -u u1");
    terminal.shows("Cmd>").await;
    terminal.enters_timeline("u1").await;
    terminal.types("a draft");
    terminal.presses(&["C-z"]);
    terminal.until("the shell", |screen| last_line(screen) == SHELL.trim_end()).await;
    assert_eq!(settings(&terminal).await, before);
    terminal.resizes(60, 20);
    post(&u2, "meanwhile").await;
    terminal.enters("fg");
    let back = |screen: &str| {
        shows_post(screen, "u2", "meanwhile")
            && writing(screen) == "> a draft"
            && screen.lines().count() == 20
    };
    terminal.until("the timeline", back).await;
}

#[tokio::test]
async fn there_are_colours_where_they_are_wanted_and_nowhere_else() {
    let cluster = Cluster::start(BINARY, 1, "1s").await;
    let u2 = followed(&cluster).await;
    post(&u2, "a post").await;
    for (no_color, coloured) in [("", true), ("1", false)] {
        let mut command = cluster.command("client");
        command.env("NO_COLOR", no_color);
        let terminal = Tmux::in_timeline(&command, "u1", 60, 12).await;
        terminal.until("a post", |screen| shows_post(screen, "u2", "a post")).await;
        let own = format!("without colours: {no_color}.");
        terminal.enters(&own);
        terminal.until("one's own", |screen| shows_post(screen, "u1", &own)).await;
        let is_colour = |code: &u8| matches!(code, 30..=38 | 40..=48 | 90..=107);
        let painted = |screen: &str| {
            let codes = codes(screen);
            codes.contains(&7) && codes.iter().any(is_colour) == coloured
        };
        terminal.until_with_codes("a status line that stands out, and colours", painted).await;
    }
}

/// The numbers of all codes for colours and the like.
fn codes(screen: &str) -> Vec<u8> {
    let codes = screen.split("\u{1b}[").skip(1).filter_map(|rest| Some(rest.split_once('m')?.0));
    codes.flat_map(|codes| codes.split(';')).filter_map(|code| code.parse().ok()).collect()
}
