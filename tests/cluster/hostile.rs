//! What hostile people write does not harm anyone's screen.

use std::{
    io::Write as _,
    process::{Command, Output, Stdio},
};

use super::{
    BINARY,
    fullscreen::{followed, post, shows_post, status, timeline, writing},
    processes::Cluster,
    tmux::Tmux,
};

/// What hostile people post.
fn hostile_posts() -> Vec<String> {
    vec![
        "\u{1b}[2J\u{1b}[1;1H\u{1b}]0;title\u{7}\u{1b}[?1049l\u{9b}31mescapes".to_owned(),
        "\u{202e}\u{2067}overridden\u{202c} \u{200f}directions".to_owned(),
        "👨\u{200d}👩\u{200d}👧\u{200d}👦 joined 🇵🇱🇯🇵 ❤\u{fe0f} ☺\u{fe0e} 👍🏽".to_owned(),
        format!("z{}algo", "\u{336}\u{489}".repeat(500)),
        format!("filled{}up", "\u{3164}\u{115f}".repeat(500)),
        "क्".repeat(700),
        "\u{1100}".repeat(900),
        "日".repeat(3_000),
        "x".repeat(9_990),
        "up\n\n\n\n\n\n\n\ndown".to_owned(),
        "u9  now\n  forged".to_owned(),
    ]
}

/// A cluster that accepts longer posts than usual.
async fn generous() -> Cluster {
    Cluster::start_with(BINARY, 1, "1s", &[("TINYSNS_POST_CHARS", "10000")]).await
}

#[tokio::test]
async fn a_hostile_neighbour_does_no_harm_to_anyones_screen() {
    let cluster = generous().await;
    let u2 = followed(&cluster).await;
    let terminal = timeline(&cluster, 60, 22).await;
    let mut harmless = String::new();
    for (number, hostile) in hostile_posts().into_iter().enumerate() {
        // Control characters are refused; another kind of server might let them through.
        let _refused = u2.publish(&hostile).await;
        harmless = format!("harmless {number}");
        post(&u2, &harmless).await;
        let intact = |screen: &str| {
            screen.lines().count() == 22
                && status(screen).starts_with(" u1 · server-1")
                && writing(screen).starts_with("> Write a post")
                && screen.lines().nth(19).and_then(|line| line.strip_prefix("  "))
                    == Some(&*harmless)
                && !screen.chars().any(|c| matches!(c, '\u{202a}'..='\u{202e}'))
                && !screen.lines().any(|line| line.starts_with("u9"))
        };
        terminal.until("an intact screen", intact).await;
    }
    terminal.presses(&["PageUp", "PageUp", "PageUp", "PageUp", "Home"]);
    terminal.shows("scrolled back").await;
    terminal.presses(&["Escape"]);
    terminal.until("the newest", |screen| !screen.contains("scrolled back")).await;
    terminal.pastes(&"million ".repeat(125_000));
    let full = |screen: &str| {
        screen.contains("too long for one post") && writing(screen).ends_with("million")
    };
    terminal.until("as much as there is room for", full).await;
    terminal.presses(&["C-u"]);
    terminal.pastes("\u{1b}[2J\u{202e}pasted\rline");
    terminal.until("what was pasted", |screen| writing(screen).contains("pasted⏎line")).await;
    terminal.presses(&["Enter"]);
    let posted =
        |screen: &str| screen.contains("pasted\n  line\n") && shows_post(screen, "u2", &harmless);
    terminal.until("it is posted", posted).await;
}

#[tokio::test]
async fn a_hostile_neighbour_does_no_harm_where_post_follows_post() {
    let cluster = generous().await;
    let u2 = followed(&cluster).await;
    for hostile in hostile_posts() {
        let _refused = u2.publish(&hostile).await;
        post(&u2, "harmless").await;
    }
    let output = says(cluster.command("client").args(["-u", "u1"]), "TIMELINE\n");
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(said.matches(") >> harmless\n").count(), 10, "{said:?}");
    assert_harmless(&said);
    let (_, posts) = said.split_once("Now you are in the timeline\n").expect("it was entered");
    for line in posts.lines() {
        assert!(line.starts_with("u2(") || line.starts_with("    "), "{line:?}");
    }

    let terminal = Tmux::open(&cluster.command("client"), 60, 22).await;
    terminal.enters("\"$PROGRAM\" client -u u1 --full-screen off");
    terminal.shows("Cmd>").await;
    terminal.enters("TIMELINE");
    terminal.shows(") >> overridden directions\n").await;
    post(&u2, "live").await;
    terminal.shows(") >> live\n").await;
    terminal.enters("my own");
    terminal.presses(&["C-d"]);
    let prompt = |screen: &str| screen.trim_end().lines().next_back() == Some("Cmd>");
    let screen = terminal.until("the prompt below", prompt).await;
    assert_harmless(&screen);
}

/// Whether it contains nothing that a terminal would obey, or that changes the direction of
/// writing.
fn assert_harmless(said: &str) {
    let is_dangerous = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert!(!said.contains(is_dangerous), "{said:?}");
}

#[tokio::test]
async fn a_name_with_escapes_is_refused_and_never_printed() {
    let cluster = Cluster::start(BINARY, 1, "1s").await;
    cluster.client("u1").await;
    let output = says(cluster.command("client").args(["-u", "u\u{1b}[2J"]), "LIST\n");
    assert!(!output.status.success());
    assert_harmless(&String::from_utf8_lossy(&output.stderr));
    let output = says(
        cluster.command("client").args(["-u", "u1"]),
        "FOLLOW u\u{1b}[2J\nFOLLOW u\u{202e}2\nLIST\n",
    );
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(said.matches("Command failed with invalid username\n").count(), 2, "{said:?}");
    assert!(said.contains("All users: u1, \n"), "{said:?}");
    assert_harmless(&said);
}

#[tokio::test]
async fn a_line_of_a_million_characters_is_refused_and_the_next_one_is_posted() {
    let cluster = Cluster::start(BINARY, 1, "1s").await;
    let u2 = followed(&cluster).await;
    let million = "x".repeat(1_000_000);
    let output = says(
        cluster.command("client").args(["-u", "u1"]),
        &format!("TIMELINE\n{million}\nafter\n"),
    );
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(said.starts_with("not posted: ") && said.len() < 200, "{said:?}");
    let posts = u2.posts("u1", tinysns::client::Cursor::Newest, None).await.expect("read").posts;
    assert_eq!(posts.into_iter().map(|post| post.text).collect::<Vec<_>>(), ["after"]);
}

/// Runs the program on these lines until it ends.
fn says(program: &mut Command, lines: &str) -> Output {
    let mut child = program
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut input = child.stdin.take().expect("piped");
    // It may end before it has read everything.
    let _closed = input.write_all(lines.as_bytes());
    drop(input);
    child.wait_with_output().expect("ours")
}
