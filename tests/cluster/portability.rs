//! What somebody has is written into files, and taken from them by somebody else.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Output, Stdio},
};

use nix::sys::signal::Signal;
use serde_json::Value;
use tinysns::{
    client::{Client, ListKind, NewPost, PostWords},
    domain::{
        ListSettings, Mark, PersonalChange, PicturePurpose, PictureWords, RelationChange,
        RepliesPolicy, UserName, Visibility,
    },
};

use super::{
    BINARY,
    processes::{Cluster, signal},
};

const HOST: &str = "sns.example";
/// A picture of one transparent pixel.
const PIXEL: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\0\0\0\rIDATx\xdac\xfc\xcf\xc0P\x0f\0\x04\x85\x01\x80\x84\xa9\x8c!\0\0\0\0IEND\xaeB`\x82";

/// A command of somebody without a password, and what it has come to.
async fn tinysns(cluster: &Cluster, user: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(BINARY);
    command.args(arguments).args(["--router", &cluster.router(), "--user", user, "--host", HOST]);
    command.stdin(Stdio::null());
    let command = tokio::process::Command::from(command).kill_on_drop(true).output();
    command.await.expect("it runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

async fn names(client: &Client, kind: &ListKind) -> Vec<String> {
    let names = client.list(kind).await.expect("listed");
    names.into_iter().map(String::from).collect()
}

fn lines(folder: &Path, file: &str) -> Vec<String> {
    let text = fs::read_to_string(folder.join(file)).expect("it was written");
    text.lines().map(str::to_owned).collect()
}

/// A list with somebody in it.
async fn make_list(client: &Client, title: &str, member: &str) {
    let (title, replies) = (title.to_owned(), RepliesPolicy::List);
    let list = PersonalChange::CreateList(ListSettings { title, replies, exclusive: false });
    let list = client.change_personal(&list).await.expect("made").expect("its number");
    let people = vec![UserName::new(member).expect("valid")];
    let put = PersonalChange::SetMembers { list, people, present: true };
    client.change_personal(&put).await.expect("put into it");
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "it is one story")]
async fn what_somebody_has_is_exported_and_somebody_else_follows_blocks_and_mutes_the_same() {
    let cluster = Cluster::start_unlimited(BINARY, 3, "1s").await;
    let ann = cluster.client("ann").await;
    let mut others = Vec::new();
    for name in ["bob", "cat", "dan", "eve"] {
        others.push(cluster.client(name).await);
    }
    ann.follow("bob").await.expect("followed");
    ann.follow("cat").await.expect("followed");
    ann.relate("dan", &RelationChange::Block).await.expect("blocked");
    for (name, notifications) in [("cat", false), ("eve", true)] {
        let mute = RelationChange::Mute { notifications, until: None };
        ann.relate(name, &mute).await.expect("muted");
    }
    let (purpose, words) = (PicturePurpose::Avatar, PictureWords::default());
    let portrait = ann.upload_picture(purpose, PIXEL.into(), words).await.expect("uploaded");
    ann.set_profile_picture(purpose, Some(portrait.id)).await.expect("chosen");
    // More than a page.
    for number in 0..130 {
        ann.publish(&format!("post {number}")).await.expect("published");
    }
    let quiet = NewPost { visibility: Visibility::Followers, ..NewPost::of("quietly, @bob #tea") };
    let quiet = ann.publish_post(&quiet).await.expect("published").id;
    ann.edit(quiet, &PostWords::of("quietly, \"@bob\",\n#tea")).await.expect("edited");
    let bobs = others[0].publish("of bob").await.expect("published").id;
    ann.boost(bobs).await.expect("boosted");
    ann.mark(bobs, Mark::Bookmark, true).await.expect("kept");
    make_list(&ann, "tea, and more", "bob").await;

    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("mine");
    let mine = path.to_str().expect("text");
    signal(cluster.available().await.pid, Signal::SIGKILL);
    let exported = tinysns(&cluster, "ann", &["export", mine]).await;
    assert_eq!(exported.status.code(), Some(0), "{}", said(&exported));
    let posts: Value =
        serde_json::from_slice(&fs::read(path.join("posts.json")).expect("there")).expect("JSON");
    assert_eq!(posts["account"], format!("ann@{HOST}"));
    let posts = posts["posts"].as_array().expect("posts");
    assert_eq!(posts.len(), 132);
    assert_eq!((&posts[0]["text"], &posts[129]["text"]), (&"post 0".into(), &"post 129".into()));
    let quiet = &posts[130];
    assert_eq!(quiet["text"], "quietly, \"@bob\",\n#tea");
    assert_eq!(quiet["earlier"][0]["text"], "quietly, @bob #tea");
    assert_eq!((&quiet["visibility"], &quiet["mentions"][0]), (&"followers".into(), &"bob".into()));
    assert_eq!(posts[131]["boost_of"]["text"], "of bob");
    assert_eq!(
        lines(&path, "following_accounts.csv")[1..],
        [format!("bob@{HOST},true,false,"), format!("cat@{HOST},true,false,")]
    );
    assert_eq!(lines(&path, "blocked_accounts.csv"), [format!("dan@{HOST}")]);
    assert_eq!(
        lines(&path, "muted_accounts.csv")[1..],
        [format!("cat@{HOST},false"), format!("eve@{HOST},true")]
    );
    assert_eq!(lines(&path, "bookmarks.csv"), [format!("https://{HOST}/@bob/{bobs}")]);
    assert_eq!(lines(&path, "lists.csv"), [format!("\"tea, and more\",bob@{HOST}")]);
    let portrait =
        fs::read(path.join(format!("pictures/{}.png", portrait.id))).expect("it is there");
    assert!(portrait.starts_with(b"\x89PNG"), "{portrait:?}");
    for folder in [path.clone(), path.join("pictures")] {
        for entry in fs::read_dir(&folder).expect("there") {
            let about = entry.expect("readable").metadata().expect("readable");
            let expected = if about.is_dir() { 0o700 } else { 0o600 };
            assert_eq!(about.permissions().mode() & 0o777, expected);
        }
    }

    // Nothing is replaced by mistake.
    let again = tinysns(&cluster, "bob", &["export", mine]).await;
    assert_eq!(again.status.code(), Some(64), "{}", said(&again));
    assert_eq!(lines(&path, "blocked_accounts.csv"), [format!("dan@{HOST}")]);
    let again = tinysns(&cluster, "ann", &["export", mine, "--force", "--json"]).await;
    assert_eq!(again.status.code(), Some(0), "{}", said(&again));
    let told: Value = serde_json::from_slice(&again.stdout).expect("JSON");
    assert_eq!((&told["ok"], &told["files"][1]["count"]), (&true.into(), &132.into()));

    let fay = cluster.client("fay").await;
    for (what, file) in [
        ("follows", "following_accounts.csv"),
        ("blocks", "blocked_accounts.csv"),
        ("mutes", "muted_accounts.csv"),
    ] {
        let file = path.join(file);
        let file = file.to_str().expect("text");
        let imported = tinysns(&cluster, "fay", &["import", what, file]).await;
        assert_eq!(imported.status.code(), Some(0), "{}", said(&imported));
        // Again, it changes nothing.
        let imported = tinysns(&cluster, "fay", &["import", what, file]).await;
        assert_eq!(imported.status.code(), Some(0), "{}", said(&imported));
    }
    for kind in &[ListKind::Following, ListKind::Blocked, ListKind::Muted] {
        assert_eq!(names(&fay, kind).await, names(&ann, kind).await, "{kind:?}");
    }
    let cat = fay.person("cat").await.expect("read").relationship;
    assert!(cat.muting && !cat.muting_notifications);

    // From elsewhere, and by hand.
    let file = folder.path().join("by-hand.csv");
    fs::write(&file, "@eve\nnobody\nbob@mastodon.example\nno name\nfay\n").expect("written");
    let file = file.to_str().expect("text");
    let imported = tinysns(&cluster, "fay", &["import", "follows", file]).await;
    assert_eq!(imported.status.code(), Some(65));
    let told = said(&imported);
    for words in [
        "follows: 1 done, 4 not done",
        "line 2: nobody: ",
        "line 3: bob@mastodon.example: ",
        "line 4: no name: ",
        "line 5: fay: that is yourself",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert_eq!(names(&fay, &ListKind::Following).await, ["bob", "cat", "eve"]);
}

#[tokio::test]
async fn an_import_goes_on_as_fast_as_it_may() {
    let cluster = Cluster::start(BINARY, 1, "1s").await;
    let ann = cluster.client("ann").await;
    let administered = tokio::process::Command::from(cluster.command("admin"))
        .args(["settings", "set", "follows-per-account", "2/1s"])
        .output();
    let administered = administered.await.expect("it runs");
    assert!(administered.status.success(), "{}", said(&administered));
    let mut list = Vec::new();
    for number in 0..6 {
        cluster.client(&format!("u{number}")).await;
        list.push(format!("u{number}"));
    }
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    fs::write(file.path(), list.join("\n")).expect("written");
    let file = file.path().to_str().expect("text");
    let imported = tinysns(&cluster, "ann", &["import", "follows", file]).await;
    assert_eq!(imported.status.code(), Some(0), "{}", said(&imported));
    assert_eq!(names(&ann, &ListKind::Following).await.len(), 6);
}
