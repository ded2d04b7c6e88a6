//! Settings, names, addresses, and what people type.

use std::io::Cursor;

use super::{choice, chosen};
use crate::{
    classic::caller,
    directory::split_address,
    domain::{ClusterId, OpaqueKey, PostText, UserName},
    settings::{BackupPlace, Layers, Role, SettingsError, VARIABLE_PREFIX},
    terminal::{
        completion::{Completion, Names},
        input::{Line, read_plain},
        prompt_command::{self, PromptCommand, TimelineLine},
    },
};

/// The longest post that a server can be set to accept, in characters.
pub const PRETTY_LONG: usize = 10_000;

/// A settings file, for every role. The secret is given, so that no other file is read.
pub fn settings(bytes: &[u8]) {
    let secret = || [(format!("{VARIABLE_PREFIX}SECRET"), "0123456789abcdef".to_owned())];
    let load = |role| -> Result<(), SettingsError> {
        let layers = Layers::of_file(role, bytes.to_vec(), secret())?;
        let _log = layers.log();
        match role {
            Role::Router => _ = layers.router()?,
            Role::Slave => _ = layers.slave()?,
            Role::Master => _ = layers.master()?,
            Role::Client => _ = layers.terminal(false, None)?,
            Role::Status => _ = layers.status(false, false)?,
            Role::Healthcheck => _ = layers.healthcheck()?,
            Role::Log => _ = layers.log_change(None)?,
            Role::Certs => _ = layers.certs("certs", Vec::new()),
            Role::Check => _ = layers.check("directory", false),
            Role::Backup => _ = layers.backup(BackupPlace::File("file".into()))?,
            Role::Restore => _ = layers.restore(BackupPlace::File("file".into()), false)?,
            Role::Compact => _ = layers.compact()?,
            Role::Admin => _ = layers.admin(None, false)?,
            Role::SignUp => _ = layers.sign_up(None, None)?,
            Role::Export | Role::Import => _ = layers.transfer(None, false)?,
            Role::Recover => _ = layers.recover(vec!["data".into()], false)?,
            Role::Bench => _ = layers.bench(Vec::new(), false),
        }
        Ok(())
    };
    for role in Role::ALL {
        if let Err(refusal) = load(*role) {
            let told = refusal.to_string();
            assert!(!told.contains("0123456789abcdef"), "the secret is not told");
        }
    }
}

pub fn seeds_of_settings() -> Vec<Vec<u8>> {
    let whole = "\
router = \"router:3010\"\nrouter_listen = \"[::]:3010\"\nadvertise_host = \"::1\"\n\
data_dir = '/var/lib/tinysns'\ndown_after = \"600ms\"\nheartbeat = \"100ms\"\n\
election_min = \"500ms\"\nelection_max = \"1s\"\npost_chars = 280\npage_size = 100\n\
classic = \"direct\"\nrate_limits = \"off\"\nuser = \"ann\"\nname = \"server-1\"\n\
log = \"info,openraft=off\"\nlog_format = \"json\"\nfull_screen = \"on\"\n";
    vec![
        whole.into(),
        "\u{feff}secret_file = \"secret\" # nested\n[a.b]\nc = [1, 2.5, true, 1979-05-27]\n".into(),
        "post_chars = 1e3\nheartbeat = \"1s 5ms\"\nelection_min = 5\nlog = 'a[b{c=d}]=info'".into(),
    ]
}

/// A name, an address or another word that somebody says.
pub fn words(bytes: &[u8]) {
    let Some((kind, bytes)) = choice(bytes, 4) else { return };
    if kind == 0 {
        if let Ok(key) = OpaqueKey::new(bytes) {
            assert_eq!(key.as_bytes(), bytes);
        }
        return;
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match kind {
        1 => user_name(text),
        2 => cluster_id(text),
        _ => address(text),
    }
}

/// A name stays as it was written.
pub fn user_name(text: &str) {
    if let Ok(name) = UserName::new(text) {
        assert_eq!(name.as_str(), text);
        let folded = UserName::new(name.folded()).expect("a name in lower case is a name");
        assert_eq!(folded.folded(), name.folded());
    }
}

/// The id of a cluster is written in one way only, but for upper and lower case.
pub fn cluster_id(text: &str) {
    if let Ok(cluster) = text.parse::<ClusterId>() {
        assert_eq!(cluster.to_string(), text.to_ascii_lowercase());
    }
}

/// A host and a port: together they are the address again, but for zeros.
pub fn address(text: &str) {
    if let Some((host, port)) = split_address(text) {
        let again = format!("{host}:{port}");
        assert_eq!(split_address(&again), Some((host, port)));
        assert!(text[host.len() + 1..].ends_with(&port.to_string()), "{text}");
    }
    let _reached = caller::address(text);
}

/// A post stays as it was written.
pub fn post_text(text: &str) {
    match PostText::new(text, PRETTY_LONG) {
        Ok(post) => assert_eq!(post.as_str(), text),
        Err(refusal) => _ = refusal.to_string(),
    }
}

pub fn seeds_of_words() -> Vec<Vec<u8>> {
    vec![
        chosen(0, [1, 2, 3, 255]),
        chosen(1, "Ann_2.x-Y"),
        chosen(2, ClusterId::new(u128::MAX / 5).to_string()),
        chosen(3, "server-1.example:3011"),
        chosen(3, "[::1]:65535"),
    ]
}

/// What is typed at the prompt, or comes from a pipe.
pub fn typed_lines(bytes: &[u8]) {
    let mut source = Cursor::new(bytes);
    loop {
        match read_plain(&mut source).expect("memory does not fail") {
            Line::Text(line) => typed_line(&line),
            Line::NoText => {}
            Line::End => return,
            Line::Interrupted => unreachable!("a pipe has no Ctrl-C"),
        }
    }
}

fn typed_line(line: &str) {
    if let PromptCommand::Invalid(mistake) = prompt_command::parse(line) {
        let _told = mistake.to_string();
    }
    let _kept = prompt_command::may_hold_a_password(line);
    for read in [prompt_command::parse_in_timeline, prompt_command::parse_typed_in_timeline] {
        match read(line) {
            TimelineLine::Post(text) | TimelineLine::Doubtful(text, _) => {
                assert!(line.starts_with(&text), "a post is what was typed");
                post_text(&text);
            }
            TimelineLine::Quit | TimelineLine::Nothing => {}
        }
    }
    let names = Names::default();
    names.learn(["ann", "Bob"]);
    for at_prompt in [true, false] {
        let completion = Completion { names: names.clone(), at_prompt };
        for (at, _) in line.char_indices().take(80) {
            let (start, candidates) = completion.candidates(&line[..at]);
            let word = line[..at].get(start..).expect("a word begins with a character");
            for candidate in candidates {
                let begins = candidate.get(..word.len());
                assert!(begins.is_some_and(|begins| begins.eq_ignore_ascii_case(word)));
            }
        }
    }
}

pub fn seeds_of_typed_lines() -> Vec<Vec<u8>> {
    let commands = "\
FOLLOW ann\nunfollow Bob\nLIST\nTIMELINE\nPOST hello\u{3000}there\nPOSTS ann\nFOLLOWING\nWHOAMI\n\
STATUS\nPASSWORD secret\nHELP post\nHELP\n/quit\nEXIT\nfolow ann\n\n";
    let about_posts = "\
POST --followers --warning \"loud words\" hello\nREPLY 12 --language de ja\nEDIT 12 -- --no option\nLIKE 12\n\
THREAD 0\nSEARCH @an\nSEARCH #ru\nSEARCH two words\nTAG #rust\nPROFILE\nPROFILE ann\nMUTE ann\nREPLY 12\n";
    vec![
        commands.into(),
        b"\xef\xbb\xbfPOST with a mark\r\n\xff is no text\nFOLLOW\ta\n".to_vec(),
        "FOLLOW\u{a0}a".into(),
        about_posts.into(),
    ]
}
