//! The commands beyond the classic ones, and the output for scripts, with the real program.

use std::{
    fs,
    io::Write as _,
    process::{Output, Stdio},
    time::Duration,
};

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tinysns::client::{Client, ClientError, ClientOptions, RefusalKind};
use tokio::time::timeout;

use super::{
    BINARY,
    processes::{Cluster, DEADLINE, signal},
};

/// What a client of `user` prints when given `input`.
fn client(cluster: &Cluster, user: &str, arguments: &[&str], input: &str) -> Output {
    let mut child = cluster
        .command("client")
        .args(["-u", user])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("piped");
    // A client whose login is refused does not read its input.
    let _written = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().expect("ours")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// The lines after the banner, without the prompts, and the exit code.
fn words(output: &Output) -> (Vec<String>, Option<i32>) {
    let said = text(&output.stdout);
    let (_, after) = said.split_once("=====================================\n").expect("banner");
    let after = after.replace("Cmd> ", "");
    let lines = after.lines().map(str::to_owned).filter(|line| !line.is_empty());
    (lines.collect(), output.status.code())
}

/// The JSON objects of a conversation, and the exit code.
fn objects(output: &Output) -> (Vec<Value>, Option<i32>) {
    let said = text(&output.stdout);
    let objects = said.lines().map(|line| serde_json::from_str(line).expect("JSON"));
    (objects.collect(), output.status.code())
}

const DONE: &str = "Command completed successfully";

#[tokio::test]
async fn every_command_answers_in_plain_words_from_a_pipe() {
    let cluster = Cluster::start(BINARY, 1, "1s").await;
    client(&cluster, "bob", &[], "POST first\nPOST second\n");
    let script = "FOLLOW bob\nFOLLOWING\nPOSTS bob\nPOST \u{1b}\nPOSTS nobody\nWHOAMI\nSTATUS\n\
                  HELP DELETE\nfolow bob\nQUIT\nLIST\n";
    let output = client(&cluster, "ann", &[], script);
    let (lines, code) = words(&output);
    let server = cluster.available().await;
    let expected = [
        DONE,
        DONE,
        "Following: bob, ",
        DONE,
        "bob(…) >> second",
        "bob(…) >> first",
        "Command failed with unknown reason",
        "Command failed with invalid username",
        DONE,
        &format!("You are ann, on {}", server.name),
        DONE,
    ];
    let without_time = |line: &String| match (line.split_once('('), line.split_once(')')) {
        (Some((who, _)), Some((_, said))) => format!("{who}(…){said}"),
        _ => line.clone(),
    };
    let told: Vec<_> = lines.iter().take(expected.len()).map(without_time).collect();
    assert_eq!(told, expected);
    let table = lines[expected.len()..].join("\n");
    assert!(table.contains(&server.address) && table.contains("available: "), "{table}");
    let end = &lines[lines.len() - 4..];
    assert_eq!(end[0], DONE);
    assert!(end[1].starts_with("DELETE <id>: deletes a post of yours"), "{end:?}");
    assert_eq!(end[3], "Command failed with invalid command", "QUIT ends it: {lines:?}");
    assert_eq!(code, Some(65), "the post and the unknown name");
    let told = text(&output.stderr);
    assert!(told.contains("did you mean FOLLOW?") && told.contains("control character"), "{told}");
}

#[tokio::test]
async fn scripts_get_an_object_a_line_and_an_exit_code() {
    let cluster = Cluster::start(BINARY, 1, "1s").await;
    let output = client(&cluster, "bob", &["--json"], "POST \u{202e}hé\nTIMELINE\nsecond\n");
    let (told, code) = objects(&output);
    assert_eq!(code, Some(0), "{told:?}");
    assert_eq!(told.len(), 3);
    assert_eq!(told[0]["command"], "POST");
    assert_eq!(told[1], json!({"type": "result", "command": "TIMELINE", "ok": true, "posts": 0}));
    assert_eq!((&told[2]["command"], &told[2]["id"]), (&json!("POST"), &json!(2)));

    let script = "FOLLOW bob\nFOLLOW bob\nPOSTS bob\nFOLLOWING\nWHOAMI\nSTATUS\nnonsense\nLIST\n";
    let output = client(&cluster, "ann", &["--json"], script);
    assert!(output.stdout.is_ascii());
    let (told, code) = objects(&output);
    assert_eq!(code, Some(65), "FOLLOW, and nonsense");
    assert_eq!(told[0], json!({"type": "result", "command": "FOLLOW", "ok": true}));
    assert_eq!(told[1]["code"], "ALREADY_EXISTS");
    assert_eq!((&told[2]["posts"], &told[3]["text"]), (&json!(2), &json!("second")));
    assert_eq!((&told[4]["author"], &told[4]["text"]), (&json!("bob"), &json!("\u{202e}hé")));
    assert_eq!(told[5]["following"], json!(["bob"]));
    assert_eq!((&told[6]["user"], &told[6]["server"]), (&json!("ann"), &json!("server-1")));
    assert_eq!(told[7]["cluster"]["available"], "server-1");
    assert_eq!(told[8]["code"], "INVALID_COMMAND");
    assert_eq!((&told[9]["users"], told.len()), (&json!(["ann", "bob"]), 10));
}

#[tokio::test]
async fn one_command_on_the_command_line_is_the_whole_conversation() {
    let cluster = Cluster::start(BINARY, 1, "1s").await;
    let alone = |arguments: &[&str]| {
        let output = client(&cluster, "ann", arguments, "LIST\n");
        (text(&output.stdout), output.status.code())
    };
    let done = format!("{DONE}\n");
    assert_eq!(alone(&["--", "POST", "two\nlines", "here"]), (done.clone(), Some(0)));
    let exists = "Input username already exists, command failed\n";
    assert_eq!(alone(&["--", "FOLLOW", "ann"]), (exists.to_owned(), Some(65)));
    let (posts, code) = alone(&["--json", "--", "POSTS", "ann"]);
    assert!(posts.contains("\"text\":\"two\\nlines here\""), "{posts}");
    assert_eq!((posts.lines().count(), code), (2, Some(0)));
    // TIMELINE reads standard input.
    assert_eq!(alone(&["--", "TIMELINE"]).1, Some(0));
    assert_eq!(alone(&["--", "POSTS", "ann"]).0.matches(") >> ").count(), 2);
}

#[tokio::test]
async fn a_password_is_set_asked_for_changed_and_taken_away() {
    let cluster = Cluster::start(BINARY, 1, "1s").await;
    let file = cluster.folder().join("password");
    let path = file.to_str().expect("UTF-8").to_owned();
    let with = |password: &str, script: &str| {
        fs::write(&file, format!("{password}\n")).expect("written");
        client(&cluster, "ann", &["--password-file", &path], script)
    };
    // A new password; the client itself continues.
    let (lines, code) = words(&client(&cluster, "ann", &[], "PASSWORD\none\nPOST hello\n"));
    assert_eq!((lines, code), (vec![DONE.to_owned(); 2], Some(0)));
    let refused = client(&cluster, "ann", &[], "LIST\n");
    assert_eq!(refused.status.code(), Some(77));
    assert!(text(&refused.stderr).contains("needs its password"));
    // The current password, then the new one.
    let (lines, code) = words(&with("one", "PASSWORD\nwrong\ntwo\nPASSWORD\none\ntwo\nWHOAMI\n"));
    assert_eq!(lines[..2], ["Command failed with unknown reason", DONE]);
    assert_eq!(code, Some(65));
    assert_eq!(with("one", "").status.code(), Some(77));
    let (told, code) = objects(&client(&cluster, "ann", &["--json", "--password-file", &path], ""));
    assert_eq!((told.len(), code), (0, Some(77)), "the old one");
    // The current password, then none.
    let (lines, code) = words(&with("two", "PASSWORD\ntwo\n\nLIST\nPASSWORD\n"));
    assert_eq!(lines[..2], [DONE, DONE]);
    assert_eq!(lines.last().map(String::as_str), Some("Command failed with unknown reason"));
    assert_eq!(code, Some(65), "the input ended before the new password");
    assert_eq!(client(&cluster, "ann", &[], "").status.code(), Some(0));
}

fn connect(cluster: &Cluster) -> Client {
    Client::connect(ClientOptions::new(cluster.router())).expect("an address")
}

fn is_refused<T>(outcome: &Result<T, ClientError>, with: &RefusalKind) -> bool {
    outcome.as_ref().is_err_and(|error| error.refusal_kind() == Some(with))
}

#[tokio::test]
async fn a_new_password_needs_the_current_one_and_ends_the_sessions_of_others() {
    let cluster = Cluster::start(BINARY, 1, "1s").await;
    let (ours, theirs) = (cluster.client("ann").await, cluster.client("ann").await);
    let long = "x".repeat(1_025);
    for (current, new, code) in [
        (Some("wrong"), Some("new"), RefusalKind::WrongPassword),
        (None, Some(long.as_str()), RefusalKind::Invalid),
        (Some(long.as_str()), None, RefusalKind::Invalid),
    ] {
        assert!(is_refused(&ours.set_password(current, new).await, &code), "{code:?}");
    }
    theirs.publish("still logged in").await.expect("published");
    let bob = cluster.client("bob").await;
    ours.follow("bob").await.expect("followed");
    let mut our_timeline = ours.subscribe(None).await.expect("subscribed");
    let mut their_timeline = theirs.subscribe(None).await.expect("subscribed");
    bob.publish("to both").await.expect("published");
    for timeline in [&mut our_timeline, &mut their_timeline] {
        let post = timeout(DEADLINE, timeline.next()).await.expect("in time").expect("goes on");
        assert_eq!(post.expect("a post").text, "to both");
    }
    ours.set_password(None, Some(&long[1..])).await.expect("set");
    let ended = timeout(DEADLINE, their_timeline.next()).await.expect("in time").expect("a reason");
    assert!(is_refused(&ended, &RefusalKind::WrongPassword), "it cannot log in again: {ended:?}");
    bob.publish("to the owner").await.expect("published");
    let post = timeout(DEADLINE, our_timeline.next()).await.expect("in time").expect("goes on");
    assert_eq!(post.expect("a post").text, "to the owner");
    ours.publish("in a new session").await.expect("published");
    let ended = theirs.publish("in an old one").await;
    assert!(is_refused(&ended, &RefusalKind::WrongPassword), "it cannot log in again");
    for current in [None, Some(""), Some("wrong")] {
        let refused = ours.set_password(current, Some("new")).await;
        assert!(is_refused(&refused, &RefusalKind::WrongPassword), "{current:?}");
    }
    let again = connect(&cluster);
    again.log_in("ann", Some(&long[1..])).await.expect("logged in");
    again.set_password(Some(&long[1..]), None).await.expect("taken away");
    connect(&cluster).log_in("ann", None).await.expect("logged in");
}

#[tokio::test]
async fn passwords_go_on_changing_while_servers_die() {
    let cluster = Cluster::start(BINARY, 3, "1s").await;
    let client = cluster.client("ann").await;
    let mut current = String::new();
    for round in 0..6 {
        let lost = cluster.available().await;
        let next = format!("password {round}");
        let change = client.set_password(Some(&current), Some(&next));
        let kill = async {
            // Somewhere in the middle of the change, a little later each time.
            tokio::time::sleep(Duration::from_millis(15 * round)).await;
            signal(lost.pid, Signal::SIGKILL);
        };
        let (changed, ()) = tokio::join!(change, kill);
        changed.expect("changed");
        current = next;
        client.publish(&current).await.expect("published");
        let another = connect(&cluster);
        another.log_in("ann", Some(&current)).await.expect("logged in");
        cluster.all_vote(3).await;
    }
}

#[tokio::test]
async fn people_are_reported_muted_for_a_while_and_remembered_and_a_profile_is_changed() {
    let cluster = Cluster::start(BINARY, 1, "1s").await;
    let admin = |words: &[&str]| {
        let output = cluster.command("admin").args(words).output().expect("it runs");
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    admin(&["announce", "We move on Sunday"]);
    let (posted, _) = objects(&client(&cluster, "bob", &["--json"], "POST buy this\n"));
    let post = &posted[0]["id"];
    let script = format!(
        "REPORT bob sells things\nREPORT {post} spam\nNOTE bob a friend\n\
         MUTE bob for 7 days keep notifications\nSET name Ann B.\nSET bio hello\n\
         SET link home https://ann.example\nSET locked on\nPROFILE bob\nPROFILE\nANNOUNCEMENTS\n\
         MUTE bob 7 days\nREPORT nobody spam\n"
    );
    let (told, code) = objects(&client(&cluster, "ann", &["--json"], &script));
    let done: Vec<bool> = told.iter().map(|it| it["ok"] == true).collect();
    assert_eq!(done, [[true; 11].as_slice(), &[false; 2]].concat(), "{told:?}");
    let bob = &told[8]["relationship"];
    assert_eq!((&bob["note"], &bob["muting"]), (&"a friend".into(), &true.into()));
    assert!(bob["muting_until_ms"].is_i64(), "{bob}");
    let ann = &told[9]["person"];
    assert_eq!(ann["display_name"], "Ann B.");
    assert_eq!((&ann["bio"], &ann["locked"]), (&"hello".into(), &true.into()));
    assert_eq!(ann["links"][0]["value"], "https://ann.example");
    assert_eq!(told[10]["announcements"][0]["text"], "We move on Sunday");
    assert_eq!(
        (&told[11]["code"], &told[12]["code"]),
        (&"INVALID_COMMAND".into(), &"NOT_FOUND".into())
    );
    assert_eq!(code, Some(65));
    let reports = admin(&["reports", "list"]);
    assert!(
        reports.contains("ann reports bob on ") && reports.contains(": sells things\n"),
        "{reports}"
    );
    assert!(
        reports.contains(&format!("(posts {post})")) && reports.contains(": spam\n"),
        "{reports}"
    );
}
