//! What is in an [`envelope`]: rows of the log and of the state, what nodes send to
//! each other, session tokens. The kind is in the envelope; each has its decoder here.

use std::collections::{BTreeMap, BTreeSet};

use openraft::{
    CommittedLeaderId, EntryPayload, Membership, SnapshotMeta,
    raft::{
        AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse,
    },
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{administration, apps, backups, states, texts};
use crate::{
    domain::{
        Certification, ClientName, ClusterId, Hashtag, LoginId, NodeId, NotificationKind, Picture,
        PictureId, PicturePurpose, PostContent, PostId, PostText, Profile, ReplyTo, UnixMillis,
        UserId, UserName, Visibility,
    },
    envelope::{self, Kind, SupportedVersions, Version, line, mend, seal, seal_in},
    replication::{
        Batch, Consensus, Content, Entry, LogId, NodeInfo, StoredMembership, Vote,
        backup::format::BackupHeader,
        erasure::Erasure,
        log_segments::{FrameHead, SegmentHeader},
        log_store::Checkpoint,
        snapshot::{End, Header},
        upgrade, voter_config,
    },
    social::{
        Chore, DeletionStage, PostFacts, Reply, Row,
        pictures::{PicturePlace, PictureRecord},
        sessions::{AppSession, SessionRecord},
        store::{
            Meta, Series, StoredReply, UserRecord,
            chore_records::ReservedNameRecord,
            people_records::{
                BlockRecord, MuteRecord, NoteRecord, NotificationRecord, NotificationState,
                ProfileRecord, RequestRecord,
            },
            personal_records::{FilterRecord, ListRecord, MembershipRecord, PersonalRecord},
            picture_records::PieceRecord,
            post_records::{
                Body, BoostedPost, ChangeKind, ChangeRecord, MarkRecord, PostRecord,
                RevisionRecord, Words,
            },
            records::FollowRecord,
        },
    },
};

/// An envelope, whose checksum is set right first, or the line of a file.
pub fn envelopes(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        readable_line(text);
    }
    // As it came: most are refused for their checksum.
    let _refused = envelope::open::<u64>(Kind::NodeId, bytes);
    let sealed = mend(bytes);
    let Some((kind, version)) = envelope::peek(&sealed) else { return };
    match kind {
        Kind::LogEntry => entry(&sealed),
        Kind::Commands | Kind::Upgrade => batch(sealed),
        Kind::Vote => opened::<Vote>(kind, &sealed),
        Kind::Position => opened::<LogId>(kind, &sealed),
        Kind::NodeId => opened::<NodeId>(kind, &sealed),
        Kind::ClusterId => opened::<ClusterId>(kind, &sealed),
        Kind::Checkpoint => opened::<Checkpoint>(kind, &sealed),
        Kind::Starts | Kind::LogId => opened::<u64>(kind, &sealed),
        Kind::LogSegment => opened::<SegmentHeader>(kind, &sealed),
        Kind::LogFrame => opened::<FrameHead>(kind, &sealed),
        Kind::LogFile | Kind::StateFile => opened::<()>(kind, &sealed),
        Kind::Membership => membership(&sealed),
        Kind::ClusterVersion => opened::<Version>(kind, &sealed),
        Kind::Erasure => opened::<Erasure>(kind, &sealed),
        Kind::Meta => opened::<Meta>(kind, &sealed),
        Kind::User => opened::<UserRecord>(kind, &sealed),
        Kind::Follow => opened::<FollowRecord>(kind, &sealed),
        Kind::Post => post(version, &sealed),
        Kind::Block => opened::<BlockRecord>(kind, &sealed),
        Kind::Mute => opened::<MuteRecord>(kind, &sealed),
        Kind::FollowRequest => opened::<RequestRecord>(kind, &sealed),
        Kind::Note => opened::<NoteRecord>(kind, &sealed),
        Kind::Profile => opened::<ProfileRecord>(kind, &sealed),
        Kind::Revision => revision(version, &sealed),
        Kind::Mark => opened::<MarkRecord>(kind, &sealed),
        Kind::Notification => opened::<NotificationRecord>(kind, &sealed),
        Kind::NotificationState => opened::<NotificationState>(kind, &sealed),
        Kind::FeedChange => opened::<ChangeRecord>(kind, &sealed),
        Kind::Series => opened::<Series>(kind, &sealed),
        Kind::Reply => opened::<StoredReply>(kind, &sealed),
        Kind::Certification => opened::<Certification>(kind, &sealed),
        Kind::SnapshotHeader => opened::<Header>(kind, &sealed),
        Kind::SnapshotRows => opened::<Vec<Row>>(kind, &sealed),
        Kind::SnapshotEnd => opened::<End>(kind, &sealed),
        Kind::BackupHeader => opened::<BackupHeader>(kind, &sealed),
        Kind::BackupBlock | Kind::BackupEnd => backups::part(&sealed),
        Kind::Append => append(&sealed),
        Kind::Appended => opened::<AppendEntriesResponse<NodeId>>(kind, &sealed),
        Kind::Ballot => opened::<VoteRequest<NodeId>>(kind, &sealed),
        Kind::Voted => opened::<VoteResponse<NodeId>>(kind, &sealed),
        Kind::Installed => opened::<SnapshotResponse<NodeId>>(kind, &sealed),
        Kind::NetworkSettings
        | Kind::AdministrationCounts
        | Kind::Standing
        | Kind::Invitation
        | Kind::Report
        | Kind::Announcement
        | Kind::Logged => administration::row(kind, &sealed),
        Kind::Chore => opened::<Chore>(kind, &sealed),
        Kind::ReservedName => opened::<ReservedNameRecord>(kind, &sealed),
        Kind::Personal => opened::<PersonalRecord>(kind, &sealed),
        Kind::PeopleList => opened::<ListRecord>(kind, &sealed),
        Kind::ListMembership => opened::<MembershipRecord>(kind, &sealed),
        Kind::WordFilter => opened::<FilterRecord>(kind, &sealed),
        Kind::Session => states::claims(&sealed),
        Kind::App | Kind::GrantCode | Kind::AppToken => apps::signed(kind, &sealed),
        Kind::SessionRecord => opened::<SessionRecord>(kind, &sealed),
        Kind::Picture => opened::<PictureRecord>(kind, &sealed),
        Kind::PicturePiece => piece_of_picture(version, &sealed),
    }
}

/// Opens an envelope. What was in it survives another journey.
fn open<T: Serialize + DeserializeOwned>(kind: Kind, sealed: &[u8]) -> Option<T> {
    let (_, version) = envelope::peek(sealed)?;
    let value: T = match envelope::open(kind, sealed) {
        Ok(value) => value,
        Err(error) => {
            let _told = error.to_string();
            return None;
        }
    };
    let again = seal_in(version, kind, &value);
    same_again::<T>(version, kind, &again);
    Some(value)
}

fn same_again<'a, T: Serialize + Deserialize<'a>>(version: Version, kind: Kind, sealed: &'a [u8]) {
    let value: T = envelope::open(kind, sealed).expect("what was sealed can be opened");
    assert_eq!(seal_in(version, kind, &value), sealed, "{kind}");
}

pub fn opened<T: Serialize + DeserializeOwned>(kind: Kind, sealed: &[u8]) {
    let _value: Option<T> = open(kind, sealed);
}

/// A post is read in place.
fn post(version: Version, sealed: &[u8]) {
    if let Ok(post) = envelope::open::<PostRecord<'_>>(Kind::Post, sealed) {
        same_again::<PostRecord<'_>>(version, Kind::Post, &seal_in(version, Kind::Post, &post));
    }
}

/// So is a piece of a picture.
fn piece_of_picture(version: Version, sealed: &[u8]) {
    const KIND: Kind = Kind::PicturePiece;
    if let Ok(piece) = envelope::open::<PieceRecord<'_>>(KIND, sealed) {
        same_again::<PieceRecord<'_>>(version, KIND, &seal_in(version, KIND, &piece));
    }
}

/// So is what it said before.
fn revision(version: Version, sealed: &[u8]) {
    const KIND: Kind = Kind::Revision;
    if let Ok(revision) = envelope::open::<RevisionRecord<'_>>(KIND, sealed) {
        same_again::<RevisionRecord<'_>>(version, KIND, &seal_in(version, KIND, &revision));
    }
}

fn entry(sealed: &[u8]) {
    let Some(entry) = open::<Entry>(Kind::LogEntry, sealed) else { return };
    match entry.payload {
        EntryPayload::Blank => {}
        EntryPayload::Normal(batch) => _ = batch.content(SupportedVersions::of_this_program()),
        EntryPayload::Membership(membership) => {
            understood(&StoredMembership::new(Some(entry.log_id), membership));
        }
    }
}

fn batch(sealed: Vec<u8>) {
    let batch = Batch::from_bytes(sealed);
    match batch.content(SupportedVersions::of_this_program()) {
        Ok(Content::Commands(commands)) => {
            let again = Batch::new(&commands).content(SupportedVersions::of_this_program());
            assert!(matches!(again, Ok(Content::Commands(again)) if again == commands));
        }
        Ok(Content::Upgrade(version)) => {
            let again = Batch::upgrade(version).content(SupportedVersions::of_this_program());
            assert!(matches!(again, Ok(Content::Upgrade(again)) if again == version));
        }
        Err(error) => _ = error.to_string(),
    }
}

fn membership(sealed: &[u8]) {
    if let Some(membership) = open::<StoredMembership>(Kind::Membership, sealed) {
        understood(&membership);
    }
}

fn understood(membership: &StoredMembership) {
    let _speak = upgrade::supported_by_members(membership);
    let _vote = voter_config::of(membership);
}

fn append(sealed: &[u8]) {
    let Some(call) = open::<AppendEntriesRequest<Consensus>>(Kind::Append, sealed) else { return };
    for entry in call.entries {
        if let EntryPayload::Normal(batch) = entry.payload {
            let _content = batch.content(SupportedVersions::of_this_program());
        }
    }
}

/// The line of a file that people may read. What is in it survives, if it is valid.
fn readable_line(text: &str) {
    if let Ok(word) = line::open(Kind::ClusterId, text) {
        assert_eq!(line::open(Kind::ClusterId, &line::seal(Kind::ClusterId, word)), Ok(word));
        texts::cluster_id(word);
    }
}

pub fn seeds_of_envelopes() -> Vec<Vec<u8>> {
    let mut seeds = of_the_log();
    seeds.extend(of_the_state());
    seeds.extend(of_social_life());
    seeds.extend(super::personal::rows());
    seeds.extend(administration::seeds());
    seeds.extend(apps::sealed());
    seeds.extend(between_nodes());
    seeds.push(seal(Kind::BackupHeader, &backups::some_header()));
    seeds.push(line::seal(Kind::ClusterId, &ClusterId::new(5).to_string()).into());
    seeds
}

fn of_the_log() -> Vec<Vec<u8>> {
    let entry = |payload| seal(Kind::LogEntry, &Entry { log_id: log_id(), payload });
    vec![
        entry(EntryPayload::Blank),
        entry(EntryPayload::Normal(Batch::new(&states::some_commands()))),
        entry(EntryPayload::Membership(two_sets())),
        seal(Kind::Commands, &states::some_commands()),
        seal(Kind::Upgrade, &Version::new(2)),
        seal(Kind::Vote, &vote()),
        seal(Kind::Position, &log_id()),
        seal(Kind::NodeId, &NodeId::MAX),
        seal(Kind::ClusterId, &ClusterId::new(u128::MAX)),
        seal(Kind::Checkpoint, &(Some(log_id()), stored())),
        seal(Kind::Starts, &300_u64),
        seal(Kind::LogId, &u64::MAX),
        seal(Kind::LogFile, &()),
        seal(Kind::StateFile, &()),
        seal(Kind::Membership, &stored()),
        seal(Kind::ClusterVersion, &Version::FIRST),
        seal(Kind::Erasure, &Erasure::default()),
    ]
}

fn of_the_state() -> Vec<Vec<u8>> {
    let meta = Meta {
        signing_key: Some([7; 32]),
        newest_user: 2,
        newest_post: PostId::new(3),
        applied_at: UnixMillis::new(9),
        memory_age_ms: 9,
        abandoned_for: Some(ClusterId::new(5)),
        changes_since: PostId::new(2),
        changes_kept: 300,
        words_removed: 8,
    };
    let user = UserRecord {
        name: UserName::new("Ann").expect("valid"),
        password_version: 1,
        password_hash: Some("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA".to_owned()),
        created_at: UnixMillis::new(1),
        deleted_at: Some(UnixMillis::new(2)),
        sessions: 300,
    };
    let reply = Reply::Published { post: PostId::new(3), posted_at: UnixMillis::new(9) };
    let (at, post, author) = (UnixMillis::new(-9), PostId::new(300), UserId(2));
    let boosted = BoostedPost { post, author, visibility: Visibility::Unlisted };
    let reply_to = Some(ReplyTo { post, author });
    vec![
        seal(Kind::Meta, &meta),
        seal(Kind::User, &user),
        seal(Kind::Follow, &FollowRecord { followee: UserId(2), since: PostId::new(3) }),
        seal(
            Kind::Chore,
            &Chore::DeleteAccount {
                user: UserId(2),
                stage: DeletionStage::Marks,
                after: vec![9, 9],
            },
        ),
        seal(Kind::Chore, &Chore::TellOfEdit { author, post, after: UserId(0) }),
        seal(Kind::ReservedName, &ReservedNameRecord { until: UnixMillis::new(3) }),
        seal(Kind::Post, &PostRecord { at, body: Body::Words(some_words()) }),
        seal(Kind::Post, &PostRecord { at, body: Body::Boost(boosted) }),
        seal(Kind::Post, &PostRecord { at, body: Body::Gone { reply_to, conversation: post } }),
        seal(Kind::Series, &Series { floor: 1_024, oldest_ms: -1 }),
        seal(Kind::Reply, &StoredReply { at_ms: 9, fingerprint: u64::MAX, reply }),
        seal(Kind::Certification, &states::some_certification()),
        seal(Kind::SnapshotEnd, &End { rows: 300, version: Version::FIRST }),
        states::sealed_claims(),
        states::sealed_claims_of_a_kept_session(),
        seal(Kind::SessionRecord, &some_session(None)),
        seal(Kind::SessionRecord, &some_session(Some(states::some_app_session()))),
    ]
}

fn some_session(app: Option<AppSession>) -> SessionRecord {
    SessionRecord {
        begun_at: UnixMillis::new(9),
        expires_at: Some(UnixMillis::new(99)),
        login: LoginId(u128::MAX),
        client: ClientName::new("größer"),
        app,
    }
}

/// Rows about people, and about what they do with posts.
fn of_social_life() -> Vec<Vec<u8>> {
    let (at, post, author) = (UnixMillis::new(-9), PostId::new(300), UserId(2));
    let until = Some(UnixMillis::new(i64::MAX));
    let facts = PostFacts {
        author,
        visibility: Visibility::Mentioned,
        mentioned: vec![UserId(1)],
        reply_to: Some(UserId(1)),
        boosted: None,
    };
    let hashtags = vec![Hashtag::new("größe").expect("valid")];
    let profile = ProfileRecord {
        profile: Profile { display_name: "Ann Example".to_owned(), ..Profile::default() },
        words: vec!["ann".to_owned(), "example".to_owned()],
        avatar: Some(PictureId::new(300)),
        header: None,
    };
    let pictures = vec![PictureId::new(299)];
    let revision =
        RevisionRecord { at, text: "Grüße", warning: Some("laut"), sensitive: true, pictures };
    let mark =
        MarkRecord { liked: Some(post), boost: Some(PostId::MAX), ..MarkRecord::none(author) };
    let notification = NotificationRecord {
        kind: NotificationKind::Boosted,
        at,
        actor: author,
        post: Some((post, UserId(1))),
    };
    let picture = PictureRecord {
        owner: author,
        at,
        picture: Picture::example(),
        purpose: PicturePurpose::Post,
        pieces: 1,
        place: PicturePlace::Post(post),
    };
    let state = NotificationState { kept: 300, oldest: PostId::new(7), read_up_to: post };
    vec![
        seal(Kind::Block, &BlockRecord { blocked: author }),
        seal(Kind::Mute, &MuteRecord { muted: author, notifications: true, until }),
        seal(Kind::FollowRequest, &RequestRecord { follower: author }),
        seal(Kind::Note, &NoteRecord { about: author, text: "a friend".to_owned() }),
        seal(Kind::Profile, &profile),
        seal(Kind::Revision, &revision),
        seal(Kind::Mark, &mark),
        seal(Kind::Notification, &notification),
        seal(Kind::NotificationState, &state),
        seal(Kind::Picture, &picture),
        seal(Kind::PicturePiece, &PieceRecord { bytes: &[0xff; 300] }),
        seal(
            Kind::FeedChange,
            &ChangeRecord { at, post, facts, hashtags, kind: ChangeKind::Edited },
        ),
    ]
}

/// What a post says, with all that one can have.
fn some_words() -> Words<'static> {
    Words {
        text: "Grüße, @bob #größe",
        warning: Some("laut"),
        sensitive: true,
        language: Some("de"),
        visibility: Visibility::Followers,
        reply_to: Some(ReplyTo { post: PostId::new(2), author: UserId(1) }),
        conversation: PostId::new(1),
        mentioned: vec![UserId(1)],
        hashtags: vec![Hashtag::new("größe").expect("valid")],
        terms: PostContent::of(PostText::new("Grüße", 99).expect("valid")).terms,
        edited_at: Some(UnixMillis::new(9)),
        edits: 2,
        pictures: vec![PictureId::new(300), PictureId::new(301)],
    }
}

/// What is in the calls and answers of nodes.
pub fn between_nodes() -> Vec<Vec<u8>> {
    let entries = [
        EntryPayload::Blank,
        EntryPayload::Normal(Batch::new(&states::some_commands())),
        EntryPayload::Membership(two_sets()),
    ];
    let append = AppendEntriesRequest::<Consensus> {
        vote: vote(),
        prev_log_id: Some(log_id()),
        entries: entries.map(|payload| Entry { log_id: log_id(), payload }).into(),
        leader_commit: Some(log_id()),
    };
    let meta = SnapshotMeta {
        last_log_id: Some(log_id()),
        last_membership: stored(),
        snapshot_id: "7-120".to_owned(),
    };
    let last_log_id = Some(log_id());
    let voted = VoteResponse { vote: vote(), vote_granted: true, last_log_id };
    vec![
        seal(Kind::Append, &append),
        seal(Kind::Appended, &AppendEntriesResponse::<NodeId>::Success),
        seal(Kind::Appended, &AppendEntriesResponse::PartialSuccess(Some(log_id()))),
        seal(Kind::Appended, &AppendEntriesResponse::HigherVote(vote())),
        seal(Kind::Ballot, &VoteRequest { vote: vote(), last_log_id }),
        seal(Kind::Voted, &voted),
        seal(Kind::SnapshotHeader, &Header { vote: vote(), meta }),
        seal(Kind::Installed, &SnapshotResponse { vote: vote() }),
    ]
}

fn log_id() -> LogId {
    LogId::new(CommittedLeaderId::new(7, NodeId::new(1)), 120)
}

fn vote() -> Vote {
    Vote::new_committed(7, NodeId::new(1))
}

fn two_sets() -> Membership<NodeId, NodeInfo> {
    let [one, other] = [1, u64::MAX].map(NodeId::new);
    let info = |name: &str, witness| NodeInfo {
        name: name.to_owned(),
        peer_address: "10.0.0.1:3012".to_owned(),
        client_address: "10.0.0.1:3011".to_owned(),
        witness,
        supported_versions: SupportedVersions::BUILD,
        address_version: 9,
    };
    let nodes = BTreeMap::from([(one, info("server-1", false)), (other, info("witness", true))]);
    Membership::new(vec![BTreeSet::from([one, other]), BTreeSet::from([one])], nodes)
}

fn stored() -> StoredMembership {
    StoredMembership::new(Some(log_id()), two_sets())
}
