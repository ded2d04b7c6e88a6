//! What people do on the full screen besides writing: they choose posts, open threads, and look at other lists.

use nix::sys::signal::Signal;
use tinysns::{
    client::{NewPost, PostWords},
    domain::Mark,
};

use super::{
    BINARY,
    fullscreen::{followed, post, shows_post, timeline, writing},
    processes::{Cluster, signal},
    tmux::Tmux,
};

/// Whether a line of the screen begins and ends like this.
fn shows_line(screen: &str, start: &str, end: &str) -> bool {
    screen.lines().any(|line| line.starts_with(start) && line.ends_with(end))
}

#[tokio::test]
async fn a_chosen_post_is_liked_and_answered_while_the_available_server_is_killed() {
    let cluster = Cluster::start(BINARY, 3, "1h").await;
    let u2 = followed(&cluster).await;
    let asked = u2.publish("tea?").await.expect("published").id;
    let terminal = timeline(&cluster, 80, 20).await;
    terminal.until("the post", |screen| shows_post(screen, "u2", "tea?")).await;
    terminal.presses(&["Up"]);
    terminal.until("the keys", |screen| writing(screen).starts_with("r reply  l like")).await;
    signal(cluster.available().await.pid, Signal::SIGKILL);
    terminal.types("l");
    let liked = |screen: &str| shows_line(screen, "u2  ", " · 1 like · you like it");
    terminal.until("it is liked", liked).await;
    terminal.types("r");
    terminal.until("the line", |screen| writing(screen).starts_with("reply to u2>")).await;
    terminal.enters("at five");
    let answered = |screen: &str| {
        shows_line(screen, "u1  ", " · an answer") && screen.contains("\n  at five\n")
    };
    terminal.until("the answer", answered).await;
    let thread = u2.thread(asked).await.expect("read");
    assert_eq!(
        thread.descendants.iter().map(|it| it.text.as_str()).collect::<Vec<_>>(),
        ["at five"]
    );
    assert_eq!(u2.post(asked).await.expect("read").counts.likes, 1);
    terminal.types("l");
    terminal.until("the like is taken back", |screen| !screen.contains("like it")).await;
}

#[tokio::test]
async fn an_edit_and_a_deletion_show_at_once_in_the_timeline_and_in_an_open_thread() {
    let cluster = Cluster::start(BINARY, 1, "1s").await;
    let u2 = followed(&cluster).await;
    let first = u2.publish("at fvie").await.expect("published").id;
    let terminal = timeline(&cluster, 80, 20).await;
    terminal.until("the post", |screen| shows_post(screen, "u2", "at fvie")).await;
    terminal.presses(&["Up", "Enter"]);
    terminal.shows("› thread").await;
    let answer = NewPost { reply_to: Some(first), ..NewPost::of("or six") };
    let second = u2.publish_post(&answer).await.expect("published").id;
    terminal.until("the answer", |screen| shows_line(screen, "u2  ", " · answers u2")).await;
    u2.edit(first, &PostWords::of("at five")).await.expect("edited");
    terminal.until("the edit", |screen| screen.contains("▌ at five")).await;
    u2.delete(second).await.expect("deleted");
    terminal.until("the deletion", |screen| !screen.contains("or six")).await;
    terminal.presses(&["Escape"]);
    terminal.until("the timeline", |screen| !screen.contains("› thread")).await;
    terminal.presses(&["Escape"]);
    let edited = |screen: &str| {
        screen.lines().any(|line| line.starts_with("u2  ") && line.contains(" · edited"))
            && screen.contains("\n  at five\n")
            && !screen.contains("or six")
            && writing(screen).starts_with("> Write")
    };
    terminal.until("the timeline, as it is now", edited).await;
    u2.delete(first).await.expect("deleted");
    terminal.shows("Nothing here yet").await;
}

#[tokio::test]
async fn other_lists_are_a_key_away_and_live_and_notifications_are_counted() {
    let cluster = Cluster::start(BINARY, 1, "1s").await;
    let u2 = followed(&cluster).await;
    let u3 = cluster.client("u3").await;
    post(&u2, "of a friend").await;
    post(&u3, "of a stranger").await;
    let terminal = timeline(&cluster, 80, 20).await;
    terminal.enters("my own");
    terminal.until("one's own", |screen| shows_post(screen, "u1", "my own")).await;
    let own =
        u2.posts("u1", tinysns::client::Cursor::Newest, None).await.expect("read").posts[0].id;
    terminal.presses(&["Tab"]);
    let home = |screen: &str| {
        screen.contains("[Home]")
            && shows_post(screen, "u1", "my own")
            && shows_post(screen, "u2", "of a friend")
            && !screen.contains("stranger")
    };
    terminal.until("home", home).await;
    terminal.presses(&["M-3"]);
    terminal.until("all", |screen| shows_post(screen, "u3", "of a stranger")).await;
    post(&u3, "and live").await;
    terminal.until("a live post", |screen| shows_post(screen, "u3", "and live")).await;
    u3.mark(own, Mark::Like, true).await.expect("liked");
    terminal.shows("Notifications 1").await;
    terminal.until("it counts", |screen| shows_line(screen, "u1  ", " · 1 like")).await;
    terminal.presses(&["M-4"]);
    let told = |screen: &str| {
        screen.contains("[Notifications]")
            && screen
                .lines()
                .any(|line| line.starts_with("u3  ") && line.contains(" · new · likes your post"))
            && screen.contains("\n  my own\n")
    };
    terminal.until("who likes what", told).await;
    terminal.presses(&["Up"]);
    terminal.types("p");
    let profile = |screen: &str| {
        screen.contains("› @u3")
            && screen.contains("2 posts")
            && writing(screen).starts_with("f follow")
    };
    terminal.until("who that is", profile).await;
    terminal.types("f");
    terminal.shows("you follow them").await;
    terminal.presses(&["M-2"]);
    terminal.until("home, as it was", home).await;
    post(&u3, "to a follower").await;
    terminal.until("a live post", |screen| shows_post(screen, "u3", "to a follower")).await;
}

#[tokio::test]
async fn names_are_completed_and_a_draft_is_there_again_when_it_is_taken_up() {
    let cluster = Cluster::start(BINARY, 1, "1s").await;
    let u2 = followed(&cluster).await;
    post(&u2, "tea?").await;
    let terminal = timeline(&cluster, 80, 20).await;
    terminal.until("the post", |screen| shows_post(screen, "u2", "tea?")).await;
    terminal.presses(&["Up"]);
    terminal.types("r");
    terminal.types("yes, @U2");
    terminal.presses(&["Tab"]);
    let completed = |screen: &str| writing(screen) == "reply to u2> yes, @u2";
    terminal.until("the name", completed).await;
    terminal.presses(&["Escape"]);
    terminal.until("the keys", |screen| writing(screen).starts_with("r reply")).await;
    terminal.types("r");
    terminal.until("the draft", completed).await;
    terminal.presses(&["F1"]);
    terminal.shows("completes an @name").await;
    terminal.presses(&["F1", "Enter"]);
    terminal.until("the answer", |screen| screen.contains("\n  yes, @u2\n")).await;
}

#[tokio::test]
async fn two_people_talk_on_their_screens_while_servers_are_killed_between_the_steps() {
    let cluster = Cluster::start(BINARY, 3, "1s").await;
    followed(&cluster).await.follow("u1").await.expect("followed");
    let ann = timeline(&cluster, 80, 20).await;
    let bob = Tmux::in_timeline(&cluster.command("client"), "u2", 80, 20).await;
    for screen in [&ann, &bob] {
        screen.presses(&["M-2"]);
        screen.shows("[Home]").await;
    }
    ann.enters("tea?");
    for screen in [&ann, &bob] {
        screen.until("the question", |screen| shows_post(screen, "u1", "tea?")).await;
    }
    cluster.lose_the_available_server(3).await;

    bob.presses(&["Up"]);
    bob.until("the keys", |screen| writing(screen).starts_with("r reply")).await;
    bob.types("r");
    bob.until("the line", |screen| writing(screen).starts_with("reply to u1>")).await;
    bob.enters("at fvie");
    for screen in [&ann, &bob] {
        screen.until("the answer", |screen| screen.contains("  at fvie\n")).await;
    }
    cluster.lose_the_available_server(3).await;

    // The newest post is the lowest, and chosen first.
    ann.presses(&["Up"]);
    ann.until("the keys", |screen| writing(screen).starts_with("r reply  l like")).await;
    ann.types("l");
    ann.shows("1 like · you like it").await;
    bob.until("the like", |screen| screen.contains("1 like")).await;
    cluster.lose_the_available_server(3).await;

    bob.presses(&["Down"]);
    bob.until("the keys of one's own", |screen| writing(screen).contains("e edit")).await;
    bob.types("e");
    bob.until("what it says", |screen| writing(screen).ends_with("at fvie")).await;
    bob.presses(&["C-u"]);
    bob.enters("at five");
    for screen in [&ann, &bob] {
        screen.until("the edit", |screen| screen.contains("at five\n")).await;
    }
    cluster.lose_the_available_server(3).await;

    bob.until("the keys of one's own", |screen| writing(screen).contains("d delete")).await;
    bob.types("d");
    bob.shows("press d again").await;
    bob.types("d");
    for screen in [&ann, &bob] {
        let is_gone = |screen: &str| screen.contains("tea?") && !screen.contains("at five");
        screen.until("the deletion", is_gone).await;
    }
}
