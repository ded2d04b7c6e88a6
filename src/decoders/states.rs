//! What changes the state or is checked against it: commands, snapshots, session tokens.

use std::{sync::LazyLock, time::Duration};

use super::{administration, texts::PRETTY_LONG};
use crate::{
    domain::{
        AcmeAccount, AcmeChallenge, AppId, Certification, CertificationStep, ClientId, ClientName,
        DomainCertificate, Draft, EndedSessions, LoginId, Mark, NotificationChange, OpaqueKey,
        Picture, PictureId, PicturePurpose, PictureWords, PostContent, PostId, PostText,
        PrivateText, Profile, RedirectId, RelationChange, RequestKey, Scopes, UnixMillis, UserId,
        UserName, Website,
    },
    envelope::{self, Kind, Version, mend, seal},
    master::sessions::{SessionError, Sessions},
    replication::snapshot::{self, End, ReceiveError},
    social::{
        self, Command, Context, Cursor, Graph, Row, StagedState, Stamped, State, StateError, View,
        pictures::NewPicture,
        sessions::{AppSession, Grant, GrantStage, NewGrant, NewSession, SessionKey, SessionRef},
    },
    wire::internal::SnapshotChunk,
};

/// Long enough for any token that is checked at the epoch.
const LIFETIME: Duration = Duration::from_mins(1);

/// A state with two people, who follow each other and have posted. It is never changed.
static STATE: LazyLock<State> = LazyLock::new(|| {
    let state = State::in_memory();
    let change = state.begin();
    {
        let mut graph = Graph::open(&change).expect("memory does not fail");
        let key = Command::BootstrapCluster { signing_key: [7; 32] };
        let first = Stamped { at: UnixMillis::new(1), command: key };
        for stamped in [first].into_iter().chain(some_commands()) {
            graph.apply(stamped).expect("memory does not fail");
        }
    }
    change.commit();
    state
});

fn context(user: u64, key: RequestKey) -> Context {
    Context { user: UserId(user), session: SessionRef::Unlisted(0), key }
}

fn counted(sequence: u64) -> RequestKey {
    RequestKey::Counted { client: ClientId(9), sequence, answered_below: 1 }
}

/// All steps on the way to a certificate.
fn some_steps() -> [CertificationStep; 3] {
    let [token, answer] = ["token", "token.thumb"].map(str::to_owned);
    let directory = "https://ca.example/directory".to_owned();
    let [credentials, key] = ["{}", "KEY"].map(PrivateText::new);
    let [domain, chain] = ["sns.example.net", "CHAIN"].map(str::to_owned);
    [
        CertificationStep::Account(AcmeAccount { directory, credentials }),
        CertificationStep::Certificate(DomainCertificate { domain, chain, key }),
        CertificationStep::Challenges(vec![AcmeChallenge { token, answer }]),
    ]
}

/// What they give together.
pub fn some_certification() -> Certification {
    some_steps().into_iter().fold(Certification::default(), Certification::after)
}

fn new_session() -> NewSession {
    NewSession {
        user: UserId(1),
        password_version: 0,
        login: LoginId(7),
        client: ClientName::new("a client"),
        expires_at: Some(UnixMillis::new(60_000)),
        grant: None,
    }
}

/// What somebody grants to an app.
fn some_grant() -> Grant {
    Grant {
        app: AppId::of("a client id"),
        website: Some(Website::new("https://app.example").expect("valid")),
        scopes: Scopes::parse("read write:statuses").expect("valid"),
        redirect: RedirectId::of("app://"),
        challenge: Some([7; 32]),
    }
}

/// What makes a session an app's.
pub fn some_app_session() -> AppSession {
    AppSession { grant: some_grant(), stage: GrantStage::Redeemed { by: LoginId(300) } }
}

fn new_picture() -> NewPicture {
    let Picture { address, original, small, blurhash, description, focus, .. } = Picture::example();
    NewPicture {
        purpose: PicturePurpose::Post,
        uploaded: [9; 32],
        address,
        original,
        small,
        blurhash,
        words: PictureWords { description, focus },
    }
}

/// One of each kind.
pub fn some_commands() -> Vec<Stamped> {
    let name = |name: &str| UserName::new(name).expect("valid");
    let draft = Draft::of(PostText::new("Grüße\n👋", PRETTY_LONG).expect("valid"));
    let opaque = RequestKey::Opaque(OpaqueKey::new(*b"key").expect("valid"));
    let [account, certificate, challenges] = some_steps().map(|step| Command::Certify { step });
    let commands = [
        Command::BootstrapCluster { signing_key: [9; 32] },
        Command::CreateAccount { name: name("Ann"), password_hash: Some("hash".to_owned()) },
        Command::CreateAccount { name: name("bob"), password_hash: None },
        Command::Follow { context: context(1, counted(1)), target: name("BOB") },
        Command::Follow { context: context(2, counted(1)), target: name("ann") },
        Command::Publish { context: context(1, counted(2)), draft: draft.clone() },
        Command::Publish { context: context(2, opaque), draft },
        Command::Edit {
            context: context(1, counted(4)),
            post: PostId::new(3),
            content: PostContent::of(
                PostText::new("Hallo @bob #hier", PRETTY_LONG).expect("valid"),
            ),
        },
        Command::Mark {
            context: context(2, counted(3)),
            post: PostId::new(3),
            mark: Mark::Like,
            set: true,
        },
        Command::Boost { context: context(2, counted(4)), post: PostId::new(3), set: true },
        Command::Delete { context: context(1, counted(5)), post: PostId::new(3) },
        Command::Relate {
            context: context(1, counted(6)),
            target: name("bob"),
            change: RelationChange::Mute { notifications: true, until: None },
        },
        Command::SetProfile {
            context: context(1, counted(7)),
            profile: Profile { display_name: "Ann".to_owned(), ..Profile::default() },
            words: vec!["ann".to_owned()],
        },
        Command::ChangeNotifications {
            context: context(1, counted(8)),
            change: NotificationChange::Clear,
        },
        Command::BeginPicture { context: context(1, counted(10)), picture: new_picture() },
        Command::PutPiece {
            owner: UserId(1),
            picture: PictureId::new(7),
            number: 0,
            bytes: vec![0xff; 300],
        },
        Command::DescribePicture {
            context: context(1, counted(11)),
            picture: PictureId::new(7),
            words: PictureWords::default(),
        },
        Command::SetProfilePicture {
            context: context(1, counted(12)),
            purpose: PicturePurpose::Avatar,
            picture: None,
        },
        Command::DiscardPicture { context: context(1, counted(13)), picture: PictureId::new(7) },
        Command::ForgetPictures,
        Command::SignUp(administration::sign_up()),
        Command::Report { context: context(1, counted(9)), report: administration::report() },
        Command::Administer { context: context(0, counted(1)), request: administration::request() },
        Command::BeginSession(new_session()),
        Command::BeginSession(NewSession {
            login: LoginId(8),
            expires_at: None,
            grant: Some(NewGrant { grant: some_grant(), until: UnixMillis::new(60_000) }),
            ..new_session()
        }),
        Command::RedeemGrant {
            user: UserId(1),
            session: SessionKey { number: 2, begun_at: UnixMillis::new(9) },
            attempt: LoginId(300),
        },
        Command::EndAppSession {
            user: UserId(1),
            session: SessionKey { number: 2, begun_at: UnixMillis::new(9) },
        },
        Command::EndSessions { context: context(1, counted(10)), which: EndedSessions::One(7) },
        Command::Unfollow { context: context(1, counted(3)), target: name("bob") },
        Command::SetPassword { context: context(2, counted(2)), password_hash: None },
        account,
        certificate,
        challenges,
        Command::AbandonCluster { to: crate::domain::ClusterId::new(5) },
    ];
    // After the first follow.
    let personal =
        super::personal::some_changes().into_iter().zip(20..).map(|(change, sequence)| {
            Command::ChangePersonal { context: context(1, counted(sequence)), change }
        });
    let (before, after) = commands.split_at(8);
    let before = before.iter().cloned().chain(personal);
    before
        .chain(after.to_vec())
        .zip(2..)
        .map(|(command, at)| Stamped { at: UnixMillis::new(at), command })
        .collect()
}

/// A batch of commands from the log: each is carried out, and once.
pub fn commands(bytes: &[u8]) {
    let Ok(commands) = envelope::open::<Vec<Stamped>>(Kind::Commands, &mend(bytes)) else { return };
    let change = STATE.begin();
    let mut graph = Graph::open(&change).expect("memory does not fail");
    let before = STATE.reader().view().expect("memory does not fail");
    for stamped in commands {
        let told = format!("{stamped:?}");
        let Ok((reply, _)) = graph.apply(stamped.clone()) else { return };
        // What was answered before all this may be forgotten at any time, and done again.
        let earlier = social::earlier_reply(&before, &stamped.command);
        let is_new = earlier.expect("memory does not fail").is_none();
        let is_keyed = stamped.command.context().is_some() && is_new;
        let Ok((again, events)) = graph.apply(stamped) else { return };
        if is_keyed {
            assert_eq!(
                (again, events),
                (reply, Vec::new()),
                "a repetition of {told} changes nothing"
            );
        }
    }
}

pub fn seeds_of_commands() -> Vec<Vec<u8>> {
    let mut seeds: Vec<_> =
        some_commands().into_iter().map(|stamped| seal(Kind::Commands, &vec![stamped])).collect();
    seeds.push(seal(Kind::Commands, &some_commands()));
    let hurried = |(stamped, day): (Stamped, i64)| Stamped {
        at: UnixMillis::new(day * 86_400_000),
        ..stamped
    };
    let hurried: Vec<Stamped> = some_commands().into_iter().zip(0..).map(hurried).collect();
    seeds.push(seal(Kind::Commands, &hurried));
    seeds
}

/// The chunks of a snapshot after its header, each after its length (two bytes, little-endian). What
/// was received is sent as it was received, and can be used.
pub fn snapshots(bytes: &[u8]) {
    let Some(first) = restored(&mut chunks(bytes).into_iter()) else { return };
    let mut sent = Vec::new();
    let view = first.reader().view().expect("memory does not fail");
    let told = snapshot::send_rows(&view, &mut |chunk| {
        sent.push(chunk);
        true
    });
    told.expect("what was received can be sent");
    let second = restored(&mut sent.into_iter()).expect("what was sent can be received");
    assert_eq!(rows(&first), rows(&second));
    // A state that contradicts itself is refused, once that is noticed.
    let _refused = used(&first);
}

fn chunks(mut bytes: &[u8]) -> Vec<SnapshotChunk> {
    let mut chunks = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let (chunk, rest) = rest.split_at(usize::from(u16::from_le_bytes(*length)).min(rest.len()));
        chunks.push(SnapshotChunk { payload: mend(chunk).into() });
        bytes = rest;
    }
    chunks
}

/// A state from these chunks; none if they were refused.
fn restored(chunks: &mut dyn Iterator<Item = SnapshotChunk>) -> Option<State> {
    let mut staged = StagedState::in_memory();
    let outcome: Result<(), ReceiveError> = snapshot::fill(&mut staged, chunks);
    if let Err(error) = outcome {
        let _told = error.to_string();
        return None;
    }
    Some(staged.into_state())
}

/// The rows of a snapshot, in words.
pub fn understood(bytes: &[u8]) -> Result<String, String> {
    let mut staged = StagedState::in_memory();
    let filled = snapshot::fill(&mut staged, &mut chunks(bytes).into_iter());
    filled.map_err(|error| error.to_string())?;
    Ok(format!("{:?}", rows(&staged.into_state())))
}

fn rows(state: &State) -> Vec<Row> {
    let view = state.reader().view().expect("memory does not fail");
    view.rows().map(|row| row.expect("readable")).collect()
}

/// Reads what everybody may ask for, and carries out a command of each kind.
fn used(state: &State) -> Result<(), StateError> {
    read(&state.reader().view()?)?;
    let change = state.begin();
    {
        let mut graph = Graph::open(&change)?;
        for stamped in some_commands() {
            graph.apply(stamped)?;
        }
    }
    change.commit();
    read(&state.reader().view()?)
}

fn read(view: &View) -> Result<(), StateError> {
    let _certification = view.certification()?;
    let _names = view.users(None, 3)?;
    for user in [1, 2].map(UserId) {
        let _account = view.account(user)?;
        let _names = (view.following(user, None, 3)?, view.followers(user, None, 3)?);
        for cursor in [Cursor::Before(PostId::MAX), Cursor::After(PostId::NONE)] {
            let reader = Some(user);
            for mut page in [
                view.followed(user, cursor, 3),
                view.home(user, cursor, 3),
                view.local(reader, cursor, 3),
                view.posts_of(reader, UserId(1), (true, true), cursor, 3)?,
                view.marked(reader, user, Mark::Like, cursor, 3),
            ] {
                while view.read_on(&mut page)?.done.is_none() {}
            }
            let _notifications = view.notifications(user, cursor, 3)?;
        }
    }
    Ok(())
}

pub fn seeds_of_snapshots() -> Vec<Vec<u8>> {
    let framed = |chunks: &[Vec<u8>]| {
        let mut bytes = Vec::new();
        for chunk in chunks {
            bytes.extend(u16::try_from(chunk.len()).expect("small").to_le_bytes());
            bytes.extend(chunk);
        }
        bytes
    };
    let rows = rows(&STATE);
    let each: Vec<Vec<u8>> =
        rows.iter().map(|row| seal(Kind::SnapshotRows, &vec![row.clone()])).collect();
    let count = u64::try_from(rows.len()).expect("few");
    vec![framed(&[end(0)]), framed(&some_chunks()), framed(&[each, vec![end(count)]].concat())]
}

fn end(rows: u64) -> Vec<u8> {
    seal(Kind::SnapshotEnd, &End { rows, version: Version::FIRST })
}

/// A snapshot without its header.
pub fn some_chunks() -> [Vec<u8>; 2] {
    let rows = rows(&STATE);
    let count = u64::try_from(rows.len()).expect("few");
    [seal(Kind::SnapshotRows, &rows), end(count)]
}

fn sessions() -> Sessions {
    Sessions::new(STATE.reader(), LIFETIME)
}

/// A session token, as a caller presents it.
pub fn session_tokens(bytes: &[u8]) {
    let Ok(token) = std::str::from_utf8(bytes) else { return };
    if let Ok(session) = sessions().check(token, UnixMillis::EPOCH) {
        assert_eq!(session.token, token);
    }
}

/// The contents of a session token. They are signed first: without that, none would be looked at.
pub fn claims(sealed: &[u8]) {
    let token = sessions().sign(sealed).expect("there is a key");
    match sessions().check(&token, UnixMillis::EPOCH) {
        Ok(session) => assert!(session.expires_at > UnixMillis::EPOCH),
        Err(
            SessionError::Invalid
            | SessionError::Expired
            | SessionError::Revoked
            | SessionError::KeptOut(_)
            | SessionError::Deleted
            | SessionError::UserNeeded
            | SessionError::Version(_),
        ) => {}
        Err(error) => panic!("{error}"),
    }
}

/// What the state is.
pub fn view() -> View {
    STATE.reader().view().expect("memory does not fail")
}

fn token() -> String {
    let view = STATE.reader().view().expect("memory does not fail");
    let account = view.account(UserId(1)).expect("memory does not fail").expect("it exists");
    let session = SessionRef::Unlisted(account.password_version);
    let token = sessions().token(account.user, session, UnixMillis::new(60_000));
    token.expect("there is a key")
}

/// What the token of an account says, in its envelope.
pub fn sealed_claims() -> Vec<u8> {
    seal(Kind::Session, &(UserId(1), SessionRef::Unlisted(0), UnixMillis::new(60_000)))
}

/// The same, of a session that is kept.
pub fn sealed_claims_of_a_kept_session() -> Vec<u8> {
    let begun_at = STATE.reader().view().expect("memory does not fail").sessions(UserId(1));
    let begun_at = begun_at.expect("memory does not fail")[0].1.begun_at;
    let session = SessionRef::Listed(SessionKey { number: 1, begun_at });
    seal(Kind::Session, &(UserId(1), session, UnixMillis::new(60_000)))
}

pub fn seeds_of_session_tokens() -> Vec<Vec<u8>> {
    vec![token().into(), b"a.b".to_vec()]
}
