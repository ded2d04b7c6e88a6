//! Random histories: the state agrees with the model, with itself however commands are batched, and
//! with what is restored from its dump.

use std::{collections::BTreeMap, env};

use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{FileFailurePersistence, TestRunner},
};

use super::{model::Model, *};
use crate::domain::{
    AcmeChallenge, CertificationStep, ClusterId, Hashtag, Language, ListSettings, PersonalChange,
    PersonalId, Preferences, RepliesPolicy, Visibility,
};

/// Histories of each kind, so that a run takes some seconds. `PROPTEST_CASES` can ask for more.
const CASES: u32 = 32;

/// What random commands are made of.
#[derive(Clone, Copy)]
struct Variety {
    users: u64,
    clients: u128,
    sequences: u64,
    /// For each 20 requests of these clients, how many are of clients that make no other.
    passing_clients: u32,
    /// Of 40 steps in time, how many are of about an hour.
    long_silences: u32,
    /// Of 200 requests, how many are for another password, after which most sessions have ended.
    passwords: u32,
}

/// A few people who do much with each other, each with a few clients that repeat requests and fall behind.
const CONVERSATION: Variety = Variety {
    users: 5,
    clients: 3,
    sequences: 40,
    passing_clients: 80,
    long_silences: 8,
    passwords: 1,
};
/// One person with many clients, each of which soon leaves.
const CROWD: Variety = Variety {
    users: 1,
    clients: 200,
    sequences: 3,
    passing_clients: 1,
    long_silences: 12,
    passwords: 4,
};

fn context(
    Variety { users, clients, sequences, passing_clients, .. }: Variety,
) -> impl Strategy<Value = Context> + Clone {
    // One user more, who is created at some time or never.
    let user = prop_oneof![9 => 1..=users, 1 => Just(users + 1)].prop_map(UserId);
    let sequence = prop_oneof![
        8 => 0..sequences,
        1 => 0..20 * sequences,
    ];
    let counted = (0..clients, sequence, 0..4u64).prop_map(|(client, sequence, behind)| {
        let answered_below = match behind {
            0 => 0,
            // More than is possible.
            1 => sequence + 1,
            2 => sequence.saturating_sub(5),
            _ => sequence.saturating_sub(90),
        };
        answered(client, sequence, answered_below)
    });
    let passing = (1_000..1_000_000u128).prop_map(|client| request(client, 1));
    let key = prop_oneof![
        passing_clients => passing,
        20 => counted,
        1 => "[a-c]{1,2}".prop_map(|key| opaque(&key)),
    ];
    // Most are the current one, once they are aimed, or one of those that were begun last.
    let begun_at = UnixMillis::EPOCH;
    let session = prop_oneof![
        9 => Just(SessionRef::Unlisted(0)),
        1 => (1..3u32).prop_map(SessionRef::Unlisted),
        6 => (0..3u64).prop_map(move |number| SessionRef::Listed(SessionKey { number, begun_at })),
    ];
    (user, session, key).prop_map(|(user, session, key)| Context { user, session, key })
}

/// A login of somebody, with the current password once it is aimed.
fn new_session(users: u64) -> impl Strategy<Value = NewSession> + Clone {
    let user = prop_oneof![9 => 1..=users, 1 => Just(users + 1)].prop_map(UserId);
    let password_version = prop_oneof![9 => Just(0), 1 => 1..3u32];
    let login = (0..60u128).prop_map(LoginId);
    let expires_at = prop::option::of((0..3 * HOUR_MS).prop_map(UnixMillis::new));
    // Most histories are shorter: hours may pass between two commands.
    let granted_until = prop::option::of((0..100 * HOUR_MS).prop_map(UnixMillis::new));
    (user, password_version, login, expires_at, granted_until).prop_map(
        |(user, password_version, login, expires_at, granted_until)| NewSession {
            user,
            password_version,
            login,
            client: ClientName::new("a client"),
            expires_at,
            grant: granted_until.map(new_grant),
        },
    )
}

fn new_grant(until: UnixMillis) -> NewGrant {
    let grant = Grant {
        app: AppId::of("a client id"),
        website: None,
        scopes: Scopes::parse("read").unwrap(),
        redirect: RedirectId::of("app://"),
        challenge: None,
    };
    NewGrant { grant, until }
}

/// One of the grants that were begun last, once it is aimed.
fn session_key() -> impl Strategy<Value = SessionKey> + Clone {
    (0..3u64).prop_map(|number| SessionKey { number, begun_at: UnixMillis::EPOCH })
}

fn ended_sessions() -> impl Strategy<Value = EndedSessions> + Clone {
    prop_oneof![
        3 => (1..6u64).prop_map(EndedSessions::One),
        1 => Just(EndedSessions::Own),
        1 => Just(EndedSessions::Others),
    ]
}

/// How many posts there have been since the one that is meant, until the command is aimed.
fn post() -> impl Strategy<Value = PostId> + Clone {
    prop_oneof![4 => 0..6u64, 2 => 0..40u64, 1 => 0..400u64].prop_map(PostId::new)
}

/// A few words, in which people are named, and hashtags.
fn content(users: u64) -> impl Strategy<Value = PostContent> + Clone {
    let word = prop_oneof![
        3 => prop::sample::select(vec!["apple", "Apple!", "pear", "red"]).prop_map(str::to_owned),
        2 => (1..=users + 1).prop_map(|user| format!("@u{user}")),
        1 => (1..=users).prop_map(|user| format!("@U{user}")),
        2 => prop::sample::select(vec!["#red", "#Red", "#blue"]).prop_map(str::to_owned),
    ];
    let words = prop::collection::vec(word, 1..5);
    (words, 0..12u8).prop_map(|(words, form)| PostContent {
        warning: (form == 0).then(|| text("careful")),
        sensitive: form == 1,
        language: (form == 2).then(|| Language::new("en").expect("a language")),
        ..PostContent::of(text(&words.join(" ")))
    })
}

fn visibility() -> impl Strategy<Value = Visibility> + Clone {
    prop_oneof![
        4 => Just(Visibility::Public),
        2 => Just(Visibility::Unlisted),
        2 => Just(Visibility::Followers),
        2 => Just(Visibility::Mentioned),
    ]
}

/// Mutes end so much after the command, until it is aimed.
fn relation() -> impl Strategy<Value = RelationChange> + Clone {
    let until = prop::option::of((-5..4 * HOUR_MS).prop_map(UnixMillis::new));
    prop_oneof![
        2 => Just(RelationChange::Block),
        3 => Just(RelationChange::Unblock),
        3 => (any::<bool>(), until).prop_map(|(notifications, until)| RelationChange::Mute {
            notifications,
            until,
        }),
        2 => Just(RelationChange::Unmute),
        1 => Just(RelationChange::RemoveFollower),
        4 => Just(RelationChange::AcceptRequest),
        1 => Just(RelationChange::RejectRequest),
        1 => prop::sample::select(vec!["", "a friend"])
            .prop_map(|text| RelationChange::Note(text.to_owned())),
    ]
}

/// What people keep for themselves, but filters, which change nothing of what they read.
fn personal(users: u64) -> impl Strategy<Value = PersonalChange> + Clone {
    let list = prop_oneof![3 => Just(1), 1 => 1..4u64].prop_map(PersonalId::new);
    let replies = prop::sample::select(RepliesPolicy::ALL.to_vec());
    let settings = (replies, any::<bool>()).prop_map(|(replies, exclusive)| ListSettings {
        title: "a list".to_owned(),
        replies,
        exclusive,
    });
    let name = (1..=users + 1).prop_map(|number| name(&format!("u{number}")));
    let people = prop::collection::vec(name, 1..3);
    let hashtag = prop::sample::select(vec!["red", "blue"])
        .prop_map(|text| Hashtag::new(text).expect("a hashtag"));
    let set = prop_oneof![3 => Just(true), 1 => Just(false)];
    prop_oneof![
        8 => settings.clone().prop_map(PersonalChange::CreateList),
        3 => (list.clone(), settings)
            .prop_map(|(list, settings)| PersonalChange::ChangeList(list, settings)),
        1 => list.clone().prop_map(PersonalChange::DeleteList),
        12 => (list, people, set.clone()).prop_map(|(list, people, present)| {
            PersonalChange::SetMembers { list, people, present }
        }),
        5 => (hashtag, set)
            .prop_map(|(hashtag, set)| PersonalChange::FollowHashtag { hashtag, set }),
        1 => post().prop_map(PersonalChange::ReadHomeUpTo),
        1 => visibility().prop_map(|visibility| {
            PersonalChange::SetPreferences(Preferences { visibility, ..Preferences::default() })
        }),
    ]
}

fn profile() -> impl Strategy<Value = Profile> + Clone {
    let names = vec!["", "Sky Blue", "blue sea", "Skyler"];
    (prop::sample::select(names), any::<bool>(), any::<bool>()).prop_map(
        |(name, locked, discoverable)| Profile {
            display_name: name.to_owned(),
            locked,
            discoverable,
            ..Profile::default()
        },
    )
}

fn command(variety: Variety) -> impl Strategy<Value = Command> {
    let users = variety.users;
    // Names in both cases.
    let name = (1..=users + 1, any::<bool>())
        .prop_map(|(number, upper)| name(&format!("{}{number}", if upper { 'U' } else { 'u' })));
    let hash = prop::option::of("[a-z]{1,3}");
    let context = context(variety);
    let set = prop_oneof![3 => Just(true), 1 => Just(false)];
    let mark = prop::sample::select(Mark::ALL.to_vec());
    let notifications = prop_oneof![
        2 => post().prop_map(NotificationChange::ReadUpTo),
        3 => post().prop_map(NotificationChange::Dismiss),
        1 => Just(NotificationChange::Clear),
    ];
    let draft = (content(users), prop::option::of(post()), visibility());
    let request = prop_oneof![
        variety.passwords => (context.clone(), hash.clone())
            .prop_map(|(context, password_hash)| Command::SetPassword { context, password_hash }),
        36 => (context.clone(), name.clone())
            .prop_map(|(context, target)| Command::Follow { context, target }),
        8 => (context.clone(), name.clone())
            .prop_map(|(context, target)| Command::Unfollow { context, target }),
        60 => (context.clone(), draft).prop_map(|(context, (content, reply_to, visibility))| {
            Command::Publish { context, draft: Draft { content, reply_to, visibility } }
        }),
        20 => (context.clone(), post(), content(users))
            .prop_map(|(context, post, content)| Command::Edit { context, post, content }),
        6 => (context.clone(), post())
            .prop_map(|(context, post)| Command::Delete { context, post }),
        20 => (context.clone(), post(), set.clone())
            .prop_map(|(context, post, set)| Command::Boost { context, post, set }),
        30 => (context.clone(), post(), mark, set)
            .prop_map(|(context, post, mark, set)| Command::Mark { context, post, mark, set }),
        22 => (context.clone(), name.clone(), relation())
            .prop_map(|(context, target, change)| Command::Relate { context, target, change }),
        8 => (context.clone(), profile()).prop_map(|(context, profile)| {
            let words = profile.words();
            Command::SetProfile { context, profile, words }
        }),
        6 => (context.clone(), ended_sessions())
            .prop_map(|(context, which)| Command::EndSessions { context, which }),
        20 => (context.clone(), personal(users))
            .prop_map(|(context, change)| Command::ChangePersonal { context, change }),
        6 => (context, notifications)
            .prop_map(|(context, change)| Command::ChangeNotifications { context, change }),
    ];
    prop_oneof![
        12 => post().prop_map(|chore| Command::GoOn { chore }),
        16 => (name, hash)
            .prop_map(|(name, password_hash)| Command::CreateAccount { name, password_hash }),
        4 => any::<[u8; 32]>().prop_map(|signing_key| Command::BootstrapCluster { signing_key }),
        1 => any::<u128>().prop_map(|to| Command::AbandonCluster { to: ClusterId::new(to) }),
        4 => "[a-c]{1,2}".prop_map(|token| {
            let challenge = AcmeChallenge { token, answer: String::new() };
            Command::Certify { step: CertificationStep::Challenges(vec![challenge]) }
        }),
        16 => new_session(users).prop_map(Command::BeginSession),
        24 => (1..=users + 1, session_key(), 0..3u128).prop_map(|(user, session, attempt)| {
            Command::RedeemGrant { user: UserId(user), session, attempt: LoginId(attempt) }
        }),
        2 => (1..=users + 1, session_key())
            .prop_map(|(user, session)| Command::EndAppSession { user: UserId(user), session }),
        240 => request,
    ]
}

/// What has come of a history so far.
#[derive(Default)]
struct SoFar {
    model: Model,
    now: i64,
    published: Vec<(UserId, PostId)>,
    told: Vec<(UserId, PostId)>,
    password_versions: BTreeMap<UserId, u32>,
    sessions: Vec<(UserId, SessionKey)>,
    grants: Vec<(UserId, SessionKey)>,
}

impl SoFar {
    /// The next command, so much later.
    fn next(&mut self, (step, mut command): (i64, Command)) -> Stamped {
        self.now += step;
        self.aim(&mut command);
        let stamped = Stamped { at: UnixMillis::new(self.now), command };
        let user = match &stamped.command {
            Command::BeginSession(session) => Some(session.user),
            Command::RedeemGrant { user, .. } => Some(*user),
            command => command.context().map(|context| context.user),
        };
        let changes_password = matches!(stamped.command, Command::SetPassword { .. });
        let (reply, events) = self.model.apply(stamped.clone());
        if let Reply::SessionBegun { session, .. } = reply
            && let Command::BeginSession(NewSession { user, grant: Some(_), .. }) = stamped.command
        {
            self.grants.push((user, session));
        }
        match (reply, user) {
            (Reply::Published { post, .. }, Some(user)) => self.published.push((user, post)),
            (Reply::SessionBegun { session, .. }, Some(user)) => {
                self.sessions.push((user, session));
            }
            _ => {}
        }
        for event in events {
            match event {
                Event::Notified { user, notification } => self.told.push((user, notification.id)),
                Event::SessionsEnded { user } if changes_password => {
                    *self.password_versions.entry(user).or_default() += 1;
                }
                _ => {}
            }
        }
        stamped
    }

    /// Most random numbers would mean nothing: now they mean what there is, most of it the caller's own where it
    /// must be.
    fn aim(&self, command: &mut Command) {
        let user = command.context().map_or(UserId(0), |context| context.user);
        let at = |at: &mut UnixMillis| *at = at.saturating_add_ms(self.now);
        match command {
            Command::BeginSession(session) => {
                if session.password_version == 0 {
                    session.password_version = self.password_version(session.user);
                }
                session.expires_at.iter_mut().for_each(at);
                session.grant.iter_mut().for_each(|grant| at(&mut grant.until));
            }
            Command::RedeemGrant { user, session, .. }
            | Command::EndAppSession { user, session } => {
                let back = usize::try_from(session.number).expect("a small number");
                if let Some(grant) = self.grants.iter().rev().nth(back) {
                    (*user, *session) = *grant;
                }
            }
            Command::Relate { context, change, .. } => {
                self.renew(context);
                if let RelationChange::Mute { until, .. } = change {
                    until.iter_mut().for_each(at);
                }
            }
            Command::Edit { context, post, .. }
            | Command::Delete { context, post }
            | Command::Mark { context, post, mark: Mark::Pin, .. } => {
                self.renew(context);
                let is_own = !post.get().is_multiple_of(5);
                back_from(&self.published, post, is_own.then_some(user));
            }
            Command::Publish { context, draft: Draft { reply_to: Some(post), .. } }
            | Command::Boost { context, post, .. }
            | Command::Mark { context, post, .. } => {
                self.renew(context);
                back_from(&self.published, post, None);
            }
            Command::ChangeNotifications {
                context,
                change:
                    NotificationChange::Dismiss(position) | NotificationChange::ReadUpTo(position),
            } => {
                self.renew(context);
                back_from(&self.told, position, Some(user));
            }
            Command::SetPassword { context, .. }
            | Command::Follow { context, .. }
            | Command::Unfollow { context, .. }
            | Command::Publish { context, .. }
            | Command::SetProfile { context, .. }
            | Command::ChangePersonal { context, .. }
            | Command::EndSessions { context, .. }
            | Command::BeginPicture { context, .. }
            | Command::DescribePicture { context, .. }
            | Command::DiscardPicture { context, .. }
            | Command::SetProfilePicture { context, .. }
            | Command::ChangeNotifications { context, .. } => self.renew(context),
            Command::GoOn { chore } => {
                let all = self.model.edits_to_tell_of.keys();
                let all: Vec<PostId> = all.copied().collect();
                let nth = usize::try_from(chore.get()).expect("a small number");
                *chore = all.get(nth % all.len().max(1)).copied().unwrap_or(*chore);
            }
            Command::BootstrapCluster { .. }
            | Command::CreateAccount { .. }
            | Command::AbandonCluster { .. }
            | Command::Certify { .. }
            // No history has those: see `administration`.
            | Command::SignUp(_)
            | Command::Report { .. }
            | Command::Administer { .. }
            | Command::DeleteAccount { .. }
            // Nor these: see `picture_rules`.
            | Command::PutPiece { .. }
            | Command::ForgetPictures
            | Command::TestNoop => {}
        }
    }

    fn password_version(&self, user: UserId) -> u32 {
        self.password_versions.get(&user).copied().unwrap_or_default()
    }

    /// In the current session of an account without a password, or in one of the last that were begun.
    fn renew(&self, context: &mut Context) {
        let current = SessionRef::Unlisted(self.password_version(context.user));
        context.session = match context.session {
            SessionRef::Unlisted(0) => current,
            SessionRef::Unlisted(version) => SessionRef::Unlisted(version),
            SessionRef::Listed(SessionKey { number: back, .. }) => {
                let own = self.sessions.iter().rev().filter(|(user, _)| *user == context.user);
                let back = usize::try_from(back).expect("a small number");
                own.map(|(_, session)| SessionRef::Listed(*session)).nth(back).unwrap_or(current)
            }
        };
    }
}

/// So many back from the last, of one user or of anybody. A number that is too high stays one of nothing, or of
/// anything.
fn back_from(all: &[(UserId, PostId)], back: &mut PostId, whose: Option<UserId>) {
    let mut some = all.iter().rev().filter(|(user, _)| whose.is_none_or(|whose| whose == *user));
    let count = usize::try_from(back.get()).expect("a small number");
    if let Some((_, position)) = some.nth(count) {
        *back = *position;
    }
}

/// Users exist from the start. The times of commands mostly creep forward, sometimes run backwards,
/// and sometimes jump by hours or days.
fn history(variety: Variety) -> impl Strategy<Value = Vec<Stamped>> {
    let step = prop_oneof![
        30 => -5..50i64,
        2 => -HOUR_MS..30 * HOUR_MS,
        variety.long_silences => HOUR_MS / 4..3 * HOUR_MS / 2,
    ];
    prop::collection::vec((step, command(variety)), 1..400).prop_map(move |steps| {
        let mut so_far = SoFar { now: 1_000_000, ..SoFar::default() };
        let accounts = (1..=variety.users).map(|number| {
            let name = name(&format!("u{number}"));
            // Some can let apps in.
            let password_hash = (number % 2 == 0).then(|| "h".to_owned());
            (0, Command::CreateAccount { name, password_hash })
        });
        accounts.chain(steps).map(|step| so_far.next(step)).collect()
    })
}

/// Splits a history into batches whose sizes repeat.
fn batches<'a>(history: &'a [Stamped], sizes: &'a [usize]) -> Vec<&'a [Stamped]> {
    let mut rest = history;
    let mut sizes = sizes.iter().cycle();
    let mut batches = Vec::new();
    while !rest.is_empty() {
        let size = sizes.next().map_or(rest.len(), |size| (*size).min(rest.len()));
        let (batch, others) = rest.split_at(size);
        batches.push(batch);
        rest = others;
    }
    batches
}

fn check(history: &[Stamped], sizes: &[usize], cut: prop::sample::Index, limit: usize) {
    let mut model = Model::default();
    let expected: Vec<_> = history.iter().cloned().map(|stamped| model.apply(stamped)).collect();

    let state = State::new();
    let outcomes: Vec<_> =
        batches(history, sizes).into_iter().flat_map(|batch| state.apply_all(batch)).collect();
    for (index, (found, expected)) in outcomes.iter().zip(&expected).enumerate() {
        assert_eq!(found, expected, "command {index}: {:?}", history[index]);
    }
    model.assert_agrees(&state.view(), limit);

    let at_once = State::new();
    at_once.apply_all(history);
    assert_eq!(at_once.dump(), state.dump());
    assert_eq!(at_once.damage(), []);
    assert_eq!(at_once.every_row(), state.every_row());

    let (before, after) = history.split_at(cut.index(history.len()));
    let first = State::new();
    first.apply_all(before);
    let second = State::restored(&first.dump());
    assert_eq!(second.dump(), first.dump());
    assert_eq!(second.damage(), []);
    assert_eq!(second.every_row(), first.every_row());
    assert_eq!(second.apply_all(after), expected[before.len()..]);
    assert_eq!(second.every_row(), state.every_row());
}

fn config() -> ProptestConfig {
    let asked = env::var("PROPTEST_CASES").ok();
    ProptestConfig {
        cases: asked.and_then(|cases| cases.parse().ok()).unwrap_or(CASES),
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    }
}

/// What kind of thing a reply or an event is.
fn kind(thing: &impl std::fmt::Debug) -> String {
    let printed = format!("{thing:?}");
    let name = |c: char| c.is_alphanumeric() || c == '(';
    let end = printed.find(|c| !name(c)).unwrap_or(printed.len());
    printed[..end].trim_end_matches('(').to_owned()
}

#[test]
fn random_histories_reach_all_that_can_happen() {
    let mut runner = TestRunner::deterministic();
    let mut reached: BTreeMap<String, u32> = BTreeMap::new();
    let mut reach = |kind| *reached.entry(kind).or_default() += 1;
    for _ in 0..CASES {
        let history = history(CONVERSATION).new_tree(&mut runner).expect("a history").current();
        let mut model = Model::default();
        for stamped in history {
            let (reply, events) = model.apply(stamped);
            reach(kind(&reply));
            for event in events {
                reach(kind(&event));
                if let Event::Notified { notification, .. } = event {
                    reach(format!("Notified({:?}", notification.kind));
                }
            }
        }
    }
    for expected in [
        "Done",
        "Account(Account",
        "Published",
        "Requested",
        "Refused(NoSuchUser",
        "Refused(AlreadyFollowing",
        "Refused(NotFollowing",
        "Refused(Oneself",
        "Refused(StaleRequest",
        "Refused(NoSuchAccount",
        "Refused(SessionEnded",
        "Refused(SessionRevoked",
        "Refused(NoSuchSession",
        "Refused(NoPassword",
        "Refused(NoPasswordForApps",
        "Refused(NoSuchGrant",
        "Refused(GrantReused",
        "Refused(PasswordChanged",
        "SessionBegun",
        "Refused(KeyReused",
        "Refused(NotEmpty",
        "Refused(NoSuchPost",
        "Refused(NotYours",
        "Refused(NotForBoosting",
        "Refused(Blocked",
        "Refused(NoSuchRequest",
        "Refused(AlreadyRequested",
        "Published(Post",
        "Edited",
        "Deleted",
        "Followed",
        "Unfollowed",
        "Muted",
        "SessionsEnded",
        "Rearranged",
        "Numbered(1",
        "Refused(NoSuchList",
        "Notified(Followed",
        "Notified(FollowRequested",
        "Notified(Mentioned",
        "Notified(Boosted",
        "Notified(Liked",
    ] {
        let often = reached.get(expected).copied().unwrap_or_default();
        assert!(often >= CASES / 4, "{expected} is rare among {reached:#?}");
    }
    // It takes a boost, an edit after it, and a step of what is left to do.
    assert!(reached.contains_key("Notified(Edited"), "{reached:#?}");
}

/// Whoever deletes their account leaves nothing that contradicts anything, and no name.
fn check_deletion(history: &[Stamped], user: UserId) {
    let state = State::new();
    state.apply_all(history);
    let at = history.last().map_or(UnixMillis::EPOCH, |last| last.at);
    let Some(account) = state.view().account(user).unwrap() else { return };
    let context = Context {
        user,
        session: SessionRef::Unlisted(account.password_version),
        key: opaque("the last"),
    };
    let deleted = state.apply_all(&[Stamped { at, command: Command::DeleteAccount { context } }]);
    if state.view().abandoned_for().is_some() {
        return;
    }
    assert_eq!(deleted[0].0, Reply::Done);
    state.finish(at.get());
    assert_eq!(state.damage(), []);
    let is_tombstone = |(key, _): &(Vec<u8>, Vec<u8>)| {
        [Table::Posts, Table::Users].map(|table| table as u8).contains(&key[0])
    };
    let of_user = [Table::Posts, Table::Users, Table::Following, Table::Followers, Table::Blocks]
        .into_iter()
        .chain([Table::Mutes, Table::Requests, Table::Notes, Table::Profiles, Table::Marks])
        .chain([Table::MarksByTime, Table::Notifications, Table::NotificationStates])
        .chain([Table::PersonCounts, Table::RowsAboutPeople, Table::Personal, Table::Sessions])
        .flat_map(|table| state.0.rows(keys::all_of_user(table, user)));
    for row in of_user {
        assert!(is_tombstone(&row), "{row:?}");
    }
    let restored = State::restored(&state.dump());
    assert_eq!(restored.every_row(), state.every_row());
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn whoever_deletes_their_account_after_a_random_conversation_leaves_nothing(
        history in history(CONVERSATION),
        user in 1..=CONVERSATION.users,
    ) {
        check_deletion(&history, UserId(user));
    }

    #[test]
    fn a_random_conversation_is_the_same_however_batched_restored_or_modelled(
        history in history(CONVERSATION),
        sizes in prop::collection::vec(1..40usize, 1..5),
        cut: prop::sample::Index,
        limit in 0..9usize,
    ) {
        check(&history, &sizes, cut, limit);
    }

    #[test]
    fn a_random_crowd_of_clients_is_the_same_however_batched_restored_or_modelled(
        history in history(CROWD),
        sizes in prop::collection::vec(1..40usize, 1..5),
        cut: prop::sample::Index,
    ) {
        check(&history, &sizes, cut, 3);
    }
}
