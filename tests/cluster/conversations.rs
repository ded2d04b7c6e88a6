//! The stories that every grader of the classic assignment runs, with the real programs.

use std::{
    io::{Read as _, Write as _},
    process::{Child, ChildStdin, Stdio},
    thread::JoinHandle,
};

use nix::sys::signal::Signal;
use tinysns::domain::PostId;

use super::{
    BINARY,
    processes::{Cluster, signal},
};

/// A person at a terminal client whose input is a pipe.
struct Person {
    child: Child,
    input: Option<ChildStdin>,
    output: Option<JoinHandle<String>>,
}

impl Person {
    fn arrive(cluster: &Cluster, user: &str) -> Self {
        let mut child = cluster
            .command("client")
            .args(["-u", user])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let input = child.stdin.take();
        let mut stdout = child.stdout.take().expect("piped");
        let output = std::thread::spawn(move || {
            let mut said = String::new();
            stdout.read_to_string(&mut said).expect("UTF-8");
            said
        });
        Self { child, input, output: Some(output) }
    }

    fn says(&mut self, line: &str) {
        let input = self.input.as_mut().expect("still here");
        writeln!(input, "{line}").expect("the client reads");
        input.flush().expect("the client reads");
    }

    /// Ends the input and returns everything that was printed after the banner.
    fn leaves(mut self) -> String {
        drop(self.input.take());
        let status = self.child.wait().expect("ours");
        let said = self.output.take().expect("once").join().expect("read");
        assert!(matches!(status.code(), Some(0)), "{status}: {said}");
        let (_, after) =
            said.split_once("=====================================\n").expect("banner");
        after.to_owned()
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// One whole conversation; returns what was printed, line by line, without the prompts.
fn conversation(cluster: &Cluster, user: &str, lines: &[&str]) -> Vec<String> {
    let mut person = Person::arrive(cluster, user);
    for line in lines {
        person.says(line);
    }
    let said = person.leaves().replace("Cmd> ", "");
    said.lines().map(str::to_owned).filter(|line| !line.is_empty()).collect()
}

const DONE: &str = "Command completed successfully";
const EXISTS: &str = "Input username already exists, command failed";
const INVALID_NAME: &str = "Command failed with invalid username";
const INVALID_COMMAND: &str = "Command failed with invalid command";

/// The texts of the posts by `author` among `lines`.
fn posts_of(author: &str, lines: &[String]) -> Vec<String> {
    let post = |line: &String| {
        let (who, said) = line.split_once(" >> ")?;
        who.starts_with(&format!("{author}(")).then(|| said.to_owned())
    };
    lines.iter().filter_map(post).collect()
}

fn numbered(numbers: impl Iterator<Item = u32>) -> Vec<String> {
    numbers.map(|number| format!("p{number}")).collect()
}

#[tokio::test]
async fn story_1_following_and_unfollowing_answers_in_the_classic_words() {
    let cluster = Cluster::start(BINARY, 3, "1s").await;
    for user in ["u1", "u2", "u3"] {
        conversation(&cluster, user, &["LIST"]);
    }
    let said = conversation(
        &cluster,
        "u1",
        &["LIST", "follow u1", "FOLLOW u2", "FOLLOW u3 ", "FOLLOW u4", "follow", "LIST"],
    );
    let list = ["All users: u1, u2, u3, ", "Followers: "];
    let expected =
        [DONE, list[0], list[1], EXISTS, DONE, DONE, INVALID_NAME, INVALID_COMMAND, DONE];
    assert_eq!(said, [&expected[..], &list].concat());

    let said = conversation(
        &cluster,
        "u1",
        &["UNFOLLOW u1", "UNFOLLOW u4", "UNFOLLOW u2", "FOLLOW u3", "LIST"],
    );
    assert_eq!(said[..4], [INVALID_NAME, INVALID_NAME, DONE, EXISTS]);
    let followers = conversation(&cluster, "u3", &["LIST"]);
    assert_eq!(followers[2], "Followers: u1, ");
    let followers = conversation(&cluster, "u2", &["LIST"]);
    assert_eq!(followers[2], "Followers: ");
}

/// Story 2, up to the moment before its timelines are read.
fn play_story_2(cluster: &Cluster) {
    conversation(cluster, "u1", &["LIST"]);
    conversation(cluster, "u2", &["FOLLOW u1"]);
    let posts = numbered(1..=10);
    let mut lines = vec!["FOLLOW u2", "TIMELINE"];
    lines.extend(posts.iter().map(String::as_str));
    conversation(cluster, "u1", &lines);
    conversation(cluster, "u3", &["FOLLOW u1"]);
    let posts = numbered(11..=22);
    let mut lines = vec!["TIMELINE"];
    lines.extend(posts.iter().map(String::as_str));
    conversation(cluster, "u1", &lines);
}

fn assert_story_2(cluster: &Cluster) {
    let newest_first = |oldest: u32| numbered((oldest..=22).rev());
    let u2 = conversation(cluster, "u2", &["TIMELINE"]);
    assert_eq!(posts_of("u1", &u2), newest_first(3), "20 posts at most: {u2:?}");
    let u3 = conversation(cluster, "u3", &["TIMELINE"]);
    assert_eq!(posts_of("u1", &u3), newest_first(11), "none from before the follow: {u3:?}");
}

#[tokio::test]
async fn stories_2_and_4_timelines_hold_what_was_posted_since_the_follow_also_after_a_restart() {
    let mut cluster = Cluster::start(BINARY, 3, "1s").await;
    play_story_2(&cluster);
    assert_story_2(&cluster);
    let before = conversation(&cluster, "u1", &["LIST"]);
    cluster.kill_everything();
    cluster.start_router();
    cluster.start_slaves(3);
    cluster.all_vote(3).await;
    assert_eq!(conversation(&cluster, "u1", &["LIST"]), before);
    assert_story_2(&cluster);
}

#[tokio::test]
async fn story_3_everyone_sees_the_people_they_follow_live_and_nobody_else() {
    let cluster = Cluster::start(BINARY, 3, "1s").await;
    // A pair, a ring of three, and a clique of five.
    let follows = |a: usize, b: usize| match (a, b) {
        (0, 1) | (1, 0) | (2, 3) | (3, 4) | (4, 2) => true,
        (5..=9, 5..=9) => a != b,
        _ => false,
    };
    let name = |number: usize| format!("user{number}");
    let mut readers = Vec::new();
    let mut clients = Vec::new();
    for number in 0..10 {
        clients.push(cluster.client(&name(number)).await);
    }
    for (number, client) in clients.iter().enumerate() {
        for other in (0..10).filter(|other| follows(number, *other)) {
            client.follow(&name(other)).await.expect("followed");
        }
        readers.push(client.subscribe(Some(PostId::NONE)).await.expect("subscribed"));
    }
    for (number, client) in clients.iter().enumerate() {
        client.publish(&format!("by {number}")).await.expect("published");
    }
    for (number, reader) in readers.iter_mut().enumerate() {
        let followed: Vec<usize> = (0..10).filter(|other| follows(number, *other)).collect();
        for other in followed {
            let post = reader.next().await.expect("open").expect("a post");
            assert_eq!((post.author.to_string(), post.text), (name(other), format!("by {other}")));
        }
    }
}

#[tokio::test]
async fn story_5_a_killed_master_is_a_pause_and_its_slave_brings_it_back() {
    let cluster = Cluster::start(BINARY, 3, "1s").await;
    cluster.client("u1").await;
    let mut reader = Person::arrive(&cluster, "u2");
    reader.says("FOLLOW u1");
    let mut author = Person::arrive(&cluster, "u1");
    author.says("TIMELINE");
    author.says("before");
    let lost = cluster.available().await;
    signal(lost.pid, Signal::SIGKILL);
    author.says("meanwhile");
    cluster
        .until("the slave has brought it back", |status| {
            status.masters.iter().any(|m| m.name == lost.name && m.reboots == 1 && m.voter)
        })
        .await;
    author.says("after");
    author.leaves();
    reader.says("LIST");
    reader.says("TIMELINE");
    let said = reader.leaves();
    let lines: Vec<String> = said.lines().map(str::to_owned).collect();
    assert!(said.contains("All users: u1, u2, "), "{said}");
    assert!(posts_of("u1", &lines).iter().any(|post| post == "after"), "{said}");
}
