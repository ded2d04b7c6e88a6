//! What the state can be asked to change, the replies, and the resulting events.
//!
//! Commands are stored in the log and replies in the state, both in postcard encoding, which is
//! positional: any change of a type here is a new version of the format (see
//! [`envelope`](crate::envelope)), in which the cluster writes only when all nodes speak it.
//! Secrets are left out of `Debug`.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    domain::{
        CertificationStep, ClusterId, Draft, EndedSessions, Hashtag, LoginId, Mark, Notification,
        NotificationChange, PersonalChange, PictureId, PicturePurpose, PictureWords, Post,
        PostContent, PostId, Profile, RelationChange, RequestKey, UnixMillis, UserId, UserName,
    },
    envelope::Version,
    social::{
        PostFacts,
        administration::{Administration, Essence, NewReport, SignUp},
        pictures::NewPicture,
        sessions::{NewSession, SessionKey, SessionRef},
    },
};

/// A command as it is replicated: the available server stamps it with its time first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamped {
    /// When the available server received the command. The state's own time never runs backwards,
    /// whatever this says.
    pub at: UnixMillis,
    /// What to do.
    pub command: Command,
}

/// Who requests a change, and how a repetition of it is recognised.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Context {
    /// Whose session it is.
    pub user: UserId,
    /// Which session. If it has ended by the time the change is applied, the change is refused: so it does not
    /// matter how up to date the server was that checked the session.
    pub session: SessionRef,
    /// Distinguishes a retry from a new request.
    pub key: RequestKey,
}

impl fmt::Debug for Context {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, session, key } = self;
        write!(formatter, "{user:?}/{session:?}, {key:?}")
    }
}

/// A requested change.
///
/// Commands with a context are carried out once, however often they arrive.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Sets the cluster's key for session tokens. The first one wins; later ones change nothing.
    BootstrapCluster {
        /// Random bytes, drawn by the proposer.
        signing_key: [u8; 32],
    },
    /// Creates an account, unless one of that name exists. Harmless to repeat.
    CreateAccount {
        /// As its owner typed it.
        name: UserName,
        /// Hashed before it is proposed; none for an account without a password.
        password_hash: Option<String>,
    },
    /// Changes a password, which ends all other sessions of the account.
    SetPassword {
        /// Who requests it.
        context: Context,
        /// None removes the password.
        password_hash: Option<String>,
    },
    /// Follows a user.
    Follow {
        /// Who requests it.
        context: Context,
        /// The user to follow.
        target: UserName,
    },
    /// Stops following a user.
    Unfollow {
        /// Who requests it.
        context: Context,
        /// The user to unfollow.
        target: UserName,
    },
    /// Publishes a post.
    Publish {
        /// Who requests it.
        context: Context,
        /// The post.
        draft: Draft,
    },
    /// Abandons this cluster for another one, unless people have made something in it. After that,
    /// every command is refused.
    AbandonCluster {
        /// The cluster that goes on.
        to: ClusterId,
    },
    /// Keeps what a step on the way to the network's certificate has given. Harmless to repeat.
    Certify {
        /// What it has given.
        step: CertificationStep,
    },
    /// Replaces what a post says.
    Edit {
        /// Who requests it.
        context: Context,
        /// The caller's own.
        post: PostId,
        /// What it says from now on.
        content: PostContent,
    },
    /// Deletes a post, of which nothing but its place in the conversation stays.
    Delete {
        /// Who requests it.
        context: Context,
        /// The caller's own.
        post: PostId,
    },
    /// Boosts a post, or takes that back.
    Boost {
        /// Who requests it.
        context: Context,
        /// The post.
        post: PostId,
        /// Whether it is boosted from now on.
        set: bool,
    },
    /// Sets a mark on a post, or removes it.
    Mark {
        /// Who requests it.
        context: Context,
        /// The post.
        post: PostId,
        /// Which mark.
        mark: Mark,
        /// Whether it is set from now on.
        set: bool,
    },
    /// Changes what somebody is to the caller.
    Relate {
        /// Who requests it.
        context: Context,
        /// The other person.
        target: UserName,
        /// What is changed.
        change: RelationChange,
    },
    /// Replaces the caller's profile.
    SetProfile {
        /// Who requests it.
        context: Context,
        /// The profile from now on.
        profile: Profile,
        /// By which the caller is found, folded. They come with the profile, because masters of different
        /// versions might take different things for words.
        words: Vec<String>,
    },
    /// Changes the caller's notifications.
    ChangeNotifications {
        /// Who requests it.
        context: Context,
        /// What is changed.
        change: NotificationChange,
    },
    /// Makes an account with a password, as far as the network takes people. Harmless to repeat.
    SignUp(SignUp),
    /// Tells those who run the network of somebody.
    Report {
        /// Who requests it.
        context: Context,
        /// What is reported.
        report: NewReport,
    },
    /// Does something to run the network.
    Administer {
        /// Who requests it; an operator is no account ([`OPERATOR`](super::administration::OPERATOR)).
        context: Context,
        /// What.
        request: Administration,
    },
    /// Deletes the caller's account.
    DeleteAccount {
        /// Who requests it.
        context: Context,
    },
    /// Does the next step of work that goes on. Harmless to repeat.
    GoOn {
        /// The position of the feed at which it began.
        chore: PostId,
    },
    /// Begins a session. Harmless to repeat.
    BeginSession(NewSession),
    /// Ends sessions of the caller's.
    EndSessions {
        /// Who requests it.
        context: Context,
        /// Which.
        which: EndedSessions,
    },
    /// Changes what the caller keeps for themselves.
    ChangePersonal {
        /// Who requests it.
        context: Context,
        /// What is changed.
        change: PersonalChange,
    },
    /// Makes a session of what somebody has granted to an app. Harmless to repeat.
    RedeemGrant {
        /// Who has granted it.
        user: UserId,
        /// Which session it becomes.
        session: SessionKey,
        /// A repetition has the same.
        attempt: LoginId,
    },
    /// Ends the session of an app. Harmless to repeat.
    EndAppSession {
        /// Whose.
        user: UserId,
        /// Which.
        session: SessionKey,
    },
    /// Begins to keep a picture, whose pieces follow.
    BeginPicture {
        /// Who requests it.
        context: Context,
        /// The picture.
        picture: NewPicture,
    },
    /// Keeps a piece of a picture. Harmless to repeat.
    PutPiece {
        /// Whose picture it is.
        owner: UserId,
        /// The picture.
        picture: PictureId,
        /// Which piece, counted from 0.
        number: u32,
        /// Of [`PIECE_BYTES`](super::pictures::PIECE_BYTES), but for the last.
        bytes: Vec<u8>,
    },
    /// Says what a picture shows, and what stays in sight of it.
    DescribePicture {
        /// Who requests it.
        context: Context,
        /// The caller's own.
        picture: PictureId,
        /// What is said of it.
        words: PictureWords,
    },
    /// Removes a picture that is used nowhere.
    DiscardPicture {
        /// Who requests it.
        context: Context,
        /// The caller's own.
        picture: PictureId,
    },
    /// Chooses one of the pictures of the caller's profile, or has none from now on.
    SetProfilePicture {
        /// Who requests it.
        context: Context,
        /// Which of them.
        purpose: PicturePurpose,
        /// The caller's own; one that was made for this.
        picture: Option<PictureId>,
    },
    /// Removes some of the pictures that nobody has used for a day. Harmless to repeat.
    ForgetPictures,
    /// Changes nothing. Introduced with the second version, for tests of upgrades.
    #[cfg(test)]
    TestNoop,
}

impl Command {
    /// The version of the format in which this kind of command was introduced. It is not logged
    /// before the whole cluster speaks that version: an older master could not apply it.
    pub const fn since(&self) -> Version {
        match self {
            Self::BootstrapCluster { .. }
            | Self::CreateAccount { .. }
            | Self::SetPassword { .. }
            | Self::Follow { .. }
            | Self::Unfollow { .. }
            | Self::Publish { .. }
            | Self::AbandonCluster { .. }
            | Self::Certify { .. }
            | Self::Edit { .. }
            | Self::Delete { .. }
            | Self::Boost { .. }
            | Self::Mark { .. }
            | Self::Relate { .. }
            | Self::SetProfile { .. }
            | Self::ChangeNotifications { .. }
            | Self::SignUp(_)
            | Self::Report { .. }
            | Self::Administer { .. }
            | Self::DeleteAccount { .. }
            | Self::GoOn { .. }
            | Self::BeginSession(_)
            | Self::EndSessions { .. }
            | Self::ChangePersonal { .. }
            | Self::RedeemGrant { .. }
            | Self::EndAppSession { .. }
            | Self::BeginPicture { .. }
            | Self::PutPiece { .. }
            | Self::DescribePicture { .. }
            | Self::DiscardPicture { .. }
            | Self::SetProfilePicture { .. }
            | Self::ForgetPictures => Version::FIRST,
            #[cfg(test)]
            Self::TestNoop => Version::new(2),
        }
    }

    /// Whether something is kept for good that was not there before. Otherwise it may be done even if there is no
    /// room for more.
    pub const fn adds(&self) -> bool {
        match self {
            Self::CreateAccount { .. }
            | Self::Follow { .. }
            | Self::Publish { .. }
            | Self::Edit { .. }
            | Self::SetProfile { .. }
            | Self::SignUp(_)
            | Self::Report { .. }
            | Self::BeginPicture { .. }
            | Self::PutPiece { .. } => true,
            Self::Administer { request, .. } => request.adds(),
            Self::ChangePersonal { change, .. } => change.adds(),
            Self::Boost { set, .. } | Self::Mark { set, .. } => *set,
            // Whoever has to protect themselves can do so as long as anything can be done.
            Self::BootstrapCluster { .. }
            | Self::SetPassword { .. }
            | Self::Unfollow { .. }
            | Self::AbandonCluster { .. }
            | Self::Certify { .. }
            | Self::Delete { .. }
            | Self::Relate { .. }
            | Self::ChangeNotifications { .. }
            | Self::DeleteAccount { .. }
            | Self::GoOn { .. }
            | Self::EndSessions { .. }
            | Self::RedeemGrant { .. }
            | Self::EndAppSession { .. }
            | Self::DescribePicture { .. }
            | Self::DiscardPicture { .. }
            | Self::SetProfilePicture { .. }
            | Self::ForgetPictures => false,
            // An account has only so many.
            Self::BeginSession(_) => false,
            #[cfg(test)]
            Self::TestNoop => false,
        }
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BootstrapCluster { .. } => formatter.write_str("BootstrapCluster"),
            Self::CreateAccount { name, .. } => write!(formatter, "CreateAccount({name})"),
            Self::SetPassword { context, .. } => write!(formatter, "SetPassword({context:?})"),
            Self::Follow { context, target } => write!(formatter, "Follow({context:?}, {target})"),
            Self::Unfollow { context, target } => {
                write!(formatter, "Unfollow({context:?}, {target})")
            }
            Self::Publish { context, draft } => {
                write!(formatter, "Publish({context:?}, {:?})", draft.content.text.as_str())
            }
            Self::Edit { context, post, content } => {
                write!(formatter, "Edit({context:?}, {post}, {:?})", content.text.as_str())
            }
            Self::Delete { context, post } => write!(formatter, "Delete({context:?}, {post})"),
            Self::Boost { context, post, set } => {
                write!(formatter, "Boost({context:?}, {post}, {set})")
            }
            Self::Mark { context, post, mark, set } => {
                write!(formatter, "Mark({context:?}, {post}, {mark:?}, {set})")
            }
            Self::Relate { context, target, change } => {
                write!(formatter, "Relate({context:?}, {target}, {change:?})")
            }
            Self::SetProfile { context, .. } => write!(formatter, "SetProfile({context:?})"),
            Self::ChangeNotifications { context, change } => {
                write!(formatter, "ChangeNotifications({context:?}, {change:?})")
            }
            Self::SignUp(SignUp { name, .. }) => write!(formatter, "SignUp({name})"),
            Self::Report { context, report } => {
                write!(formatter, "Report({context:?}, {})", report.about)
            }
            Self::Administer { context, request } => {
                write!(formatter, "Administer({context:?}, {request:?})")
            }
            Self::DeleteAccount { context } => write!(formatter, "DeleteAccount({context:?})"),
            Self::GoOn { chore } => write!(formatter, "GoOn({chore})"),
            Self::BeginSession(NewSession { user, .. }) => {
                write!(formatter, "BeginSession({user:?})")
            }
            Self::EndSessions { context, which } => {
                write!(formatter, "EndSessions({context:?}, {which:?})")
            }
            Self::ChangePersonal { context, .. } => {
                write!(formatter, "ChangePersonal({context:?})")
            }
            Self::RedeemGrant { user, .. } => write!(formatter, "RedeemGrant({user:?})"),
            Self::BeginPicture { context, .. } => write!(formatter, "BeginPicture({context:?})"),
            Self::PutPiece { picture, number, bytes, .. } => {
                write!(formatter, "PutPiece({picture}, {number}, {} bytes)", bytes.len())
            }
            Self::DescribePicture { context, picture, .. } => {
                write!(formatter, "DescribePicture({context:?}, {picture})")
            }
            Self::DiscardPicture { context, picture } => {
                write!(formatter, "DiscardPicture({context:?}, {picture})")
            }
            Self::SetProfilePicture { context, purpose, picture } => {
                write!(formatter, "SetProfilePicture({context:?}, {purpose:?}, {picture:?})")
            }
            Self::ForgetPictures => formatter.write_str("ForgetPictures"),
            Self::EndAppSession { user, session } => {
                write!(formatter, "EndAppSession({user:?}, {})", session.number)
            }
            Self::AbandonCluster { to } => write!(formatter, "AbandonCluster({to})"),
            Self::Certify { step } => write!(formatter, "Certify({step:?})"),
            #[cfg(test)]
            Self::TestNoop => formatter.write_str("TestNoop"),
        }
    }
}

/// What two commands have in common if one is a repetition of the other.
#[derive(Serialize)]
enum FingerprintInput<'a> {
    /// The hash is not included, because it has another salt each time.
    SetPassword,
    /// By the folded name.
    Follow(String),
    /// By the folded name.
    Unfollow(String),
    Publish(&'a Draft),
    Edit(PostId, &'a PostContent),
    Delete(PostId),
    Boost(PostId, bool),
    Mark(PostId, Mark, bool),
    /// By the folded name.
    Relate(String, &'a RelationChange),
    SetProfile(&'a Profile),
    ChangeNotifications(&'a NotificationChange),
    Report(&'a NewReport),
    Administer(Essence<'a>),
    DeleteAccount,
    EndSessions(&'a EndedSessions),
    ChangePersonal(&'a PersonalChange),
    /// By what was uploaded, and what is said of it: the address is drawn anew each time.
    BeginPicture([u8; 32], PicturePurpose, &'a PictureWords),
    DescribePicture(PictureId, &'a PictureWords),
    DiscardPicture(PictureId),
    SetProfilePicture(PicturePurpose, Option<PictureId>),
}

impl Command {
    /// Who requests it, and under which key; none for a command that needs no key.
    pub const fn context(&self) -> Option<&Context> {
        match self {
            Self::BootstrapCluster { .. }
            | Self::CreateAccount { .. }
            | Self::SignUp(_)
            | Self::BeginSession(_)
            | Self::RedeemGrant { .. }
            | Self::EndAppSession { .. }
            | Self::AbandonCluster { .. }
            | Self::Certify { .. }
            | Self::GoOn { .. }
            | Self::PutPiece { .. }
            | Self::ForgetPictures => None,
            #[cfg(test)]
            Self::TestNoop => None,
            Self::SetPassword { context, .. }
            | Self::Follow { context, .. }
            | Self::Unfollow { context, .. }
            | Self::Publish { context, .. }
            | Self::Edit { context, .. }
            | Self::Delete { context, .. }
            | Self::Boost { context, .. }
            | Self::Mark { context, .. }
            | Self::Relate { context, .. }
            | Self::SetProfile { context, .. }
            | Self::ChangeNotifications { context, .. }
            | Self::Report { context, .. }
            | Self::Administer { context, .. }
            | Self::DeleteAccount { context }
            | Self::EndSessions { context, .. }
            | Self::ChangePersonal { context, .. }
            | Self::BeginPicture { context, .. }
            | Self::DescribePicture { context, .. }
            | Self::DiscardPicture { context, .. }
            | Self::SetProfilePicture { context, .. } => Some(context),
        }
    }

    /// Distinguishes a repetition from another request under the same key; none for a command that
    /// needs no key. Stored beside the reply, so it must not change for as long as replies are
    /// kept.
    pub fn fingerprint(&self) -> Option<u64> {
        let input = match self {
            Self::BootstrapCluster { .. }
            | Self::CreateAccount { .. }
            | Self::SignUp(_)
            | Self::BeginSession(_)
            | Self::RedeemGrant { .. }
            | Self::EndAppSession { .. }
            | Self::AbandonCluster { .. }
            | Self::Certify { .. }
            | Self::GoOn { .. }
            | Self::PutPiece { .. }
            | Self::ForgetPictures => {
                return None;
            }
            #[cfg(test)]
            Self::TestNoop => return None,
            Self::SetPassword { .. } => FingerprintInput::SetPassword,
            Self::Follow { target, .. } => FingerprintInput::Follow(target.folded()),
            Self::Unfollow { target, .. } => FingerprintInput::Unfollow(target.folded()),
            Self::Publish { draft, .. } => FingerprintInput::Publish(draft),
            Self::Edit { post, content, .. } => FingerprintInput::Edit(*post, content),
            Self::Delete { post, .. } => FingerprintInput::Delete(*post),
            Self::Boost { post, set, .. } => FingerprintInput::Boost(*post, *set),
            Self::Mark { post, mark, set, .. } => FingerprintInput::Mark(*post, *mark, *set),
            Self::Relate { target, change, .. } => {
                FingerprintInput::Relate(target.folded(), change)
            }
            Self::SetProfile { profile, .. } => FingerprintInput::SetProfile(profile),
            Self::ChangeNotifications { change, .. } => {
                FingerprintInput::ChangeNotifications(change)
            }
            Self::Report { report, .. } => FingerprintInput::Report(report),
            Self::Administer { request, .. } => FingerprintInput::Administer(request.essence()),
            Self::DeleteAccount { .. } => FingerprintInput::DeleteAccount,
            Self::EndSessions { which, .. } => FingerprintInput::EndSessions(which),
            Self::ChangePersonal { change, .. } => FingerprintInput::ChangePersonal(change),
            Self::BeginPicture { picture, .. } => {
                let NewPicture { uploaded, purpose, words, .. } = picture;
                FingerprintInput::BeginPicture(*uploaded, *purpose, words)
            }
            Self::DescribePicture { picture, words, .. } => {
                FingerprintInput::DescribePicture(*picture, words)
            }
            Self::DiscardPicture { picture, .. } => FingerprintInput::DiscardPicture(*picture),
            Self::SetProfilePicture { purpose, picture, .. } => {
                FingerprintInput::SetProfilePicture(*purpose, *picture)
            }
        };
        let input = postcard::to_stdvec(&input).expect("plain data always encodes");
        let hash: [u8; 32] = Sha256::digest(input).into();
        let (first, _) = hash.split_first_chunk().expect("a hash has 32 bytes");
        Some(u64::from_be_bytes(*first))
    }
}

/// The answer to a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// Done, with nothing more to say.
    Done,
    /// The requested account, new or not.
    Account(Account),
    /// The post was published.
    Published {
        /// Its number.
        post: PostId,
        /// Its time, which never runs backwards along the numbers.
        posted_at: UnixMillis,
    },
    /// Nothing was changed.
    Refused(CommandRefusal),
    /// Whom the caller wants to follow is asked first.
    Requested,
    /// Done; whether the code that came with it is needed.
    WithCode(bool),
    /// Kept under this number.
    Numbered(u64),
    /// There is a session, now or since the same login before.
    SessionBegun {
        /// Which.
        session: SessionKey,
        /// When it ends by itself, if it does.
        expires_at: Option<UnixMillis>,
    },
}

/// An account as the state holds it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its number.
    pub user: UserId,
    /// The name as its owner wrote it.
    pub name: UserName,
    /// True only in the reply to the command that created it.
    pub created: bool,
    /// None if it has no password.
    pub password_hash: Option<String>,
    /// How often the password was changed, or all sessions were ended.
    pub password_version: u32,
}

impl fmt::Debug for Account {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, name, created, password_hash, password_version } = self;
        formatter
            .debug_struct("Account")
            .field("user", user)
            .field("name", name)
            .field("created", created)
            .field("has_password", &password_hash.is_some())
            .field("password_version", password_version)
            .finish()
    }
}

/// Why nothing was changed, in words for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum CommandRefusal {
    /// The target does not exist.
    #[error("there is no user of that name")]
    NoSuchUser,
    /// The edge is there already.
    #[error("you already follow that user")]
    AlreadyFollowing,
    /// There is no edge to remove.
    #[error("you do not follow that user")]
    NotFollowing,
    /// The target is the caller.
    #[error("you cannot follow or unfollow yourself")]
    Oneself,
    /// Its client has said that it has the reply, or the reply was kept for long enough.
    #[error(
        "this request was answered before, and its reply is no longer kept: it is not done again"
    )]
    StaleRequest,
    /// The caller does not exist.
    #[error("this account does not exist; log in again")]
    NoSuchAccount,
    /// The session of an account without a password: there was a password since.
    #[error("the session has expired: log in again")]
    SessionEnded,
    /// The key belongs to another request, with other contents.
    #[error("this request id was used before, for something else")]
    KeyReused,
    /// The account has reached its limit of remembered replies: nothing was done.
    #[error(
        "this account has made too many requests in a day: ask again later, and let clients say which of their requests were answered"
    )]
    TooManyRequests,
    /// This cluster was abandoned for another one.
    #[error("this server's cluster was abandoned for an older one: ask again")]
    ClusterAbandoned,
    /// The cluster is not abandoned, because people have made something in it.
    #[error("people have made something in this cluster, so it is not abandoned")]
    NotEmpty,
    /// There is no such post, or the caller may not see it: the same, for whoever asks.
    #[error("there is no such post")]
    NoSuchPost,
    /// The post is somebody else's.
    #[error("that post is somebody else's")]
    NotYours,
    /// Such a post is not boosted, because more people would see it than it is meant for.
    #[error("only posts that everybody may see can be boosted, and your own for your followers")]
    NotForBoosting,
    /// The caller has pinned as many posts as anybody may.
    #[error("you have pinned as many posts as you may: unpin one first")]
    TooManyPins,
    /// The post was changed too often.
    #[error("this post was changed as often as a post may be")]
    TooManyEdits,
    /// One of them has blocked the other.
    #[error("you cannot do that: one of you has blocked the other")]
    Blocked,
    /// They have not asked to follow.
    #[error("that user has not asked to follow you")]
    NoSuchRequest,
    /// The caller has asked already.
    #[error("you have asked to follow that user already")]
    AlreadyRequested,
    /// The caller follows as many as anybody may.
    #[error("you follow as many people as you may: unfollow somebody first")]
    FollowsTooMany,
    /// The network takes nobody without a password.
    #[error("everybody here has a password of at least 8 characters: choose one")]
    PasswordNeeded,
    /// The network takes nobody.
    #[error("this network takes no new members")]
    JoiningClosed,
    /// The network takes those who are invited.
    #[error("this network takes those who are invited: sign up with the code of an invitation")]
    InvitationNeeded,
    /// There is no such invitation, or no longer.
    #[error("that invitation does not work: it was used up or taken back, or its time is over")]
    NoSuchInvitation,
    /// It is not the caller's to do.
    #[error("that is not yours to decide")]
    NotAllowed,
    /// The network has an owner.
    #[error("this network has an owner already")]
    HasOwner,
    /// It would have none.
    #[error("this network would have no owner: make somebody else one first")]
    LastOwner,
    /// It makes no sense for somebody of that standing.
    #[error("that does not fit what was decided about that user before: see `users show`")]
    DoesNotFit,
    /// There is no such report.
    #[error("there is no such report")]
    NoSuchReport,
    /// Somebody has said already what has come of it.
    #[error("that report was resolved already")]
    ResolvedAlready,
    /// There is no such announcement.
    #[error("there is no such announcement")]
    NoSuchAnnouncement,
    /// Reports of it are waiting.
    #[error(
        "you have reported that user as often as anybody may at a time: somebody will look at it"
    )]
    TooManyReports,
    /// Whoever has asked to follow the caller follows as many as anybody may.
    #[error("that user follows as many people as anybody may")]
    TheyFollowTooMany,
    /// It was that of somebody who is gone.
    #[error("that name is not free: whoever had it deleted their account a short while ago")]
    NameReserved,
    /// The session was ended.
    #[error("this session was ended: log in again")]
    SessionRevoked,
    /// There is no such session, or no longer.
    #[error("there is no such session, or no longer")]
    NoSuchSession,
    /// Whoever knows the name of such an account is in.
    #[error("an account without a password has no sessions to end: give it a password")]
    NoPassword,
    /// The password was changed while it was checked.
    #[error("the password was changed at this moment: log in with the new one")]
    PasswordChanged,
    /// The password is a code whose time is over.
    #[error("this code works no longer: ask a moderator for another")]
    CodeExpired,
    /// The password is a code with which somebody has logged in.
    #[error("somebody has logged in with this code already: ask a moderator for another")]
    CodeUsed,
    /// There is no such list of the caller.
    #[error("you have no such list")]
    NoSuchList,
    /// There is no such filter of the caller.
    #[error("you have no such filter")]
    NoSuchFilter,
    /// The filter has no such keyword.
    #[error("that filter has no such keyword")]
    NoSuchKeyword,
    /// The caller has as many of these as anybody may.
    #[error("you have as many of these as anybody may: remove some first")]
    KeepsTooMany,
    /// Whoever knows the name of such an account is in: so would every app be.
    #[error("an account without a password cannot be used by apps: give it a password first")]
    NoPasswordForApps,
    /// The password is a code, which works for a day and one login.
    #[error(
        "your password is a code for one login: log in with it and choose another, then let apps in"
    )]
    OwnPasswordFirst,
    /// There is no such grant, or no longer.
    #[error("this code does not work: it has expired, or what it granted was taken back")]
    NoSuchGrant,
    /// Somebody has redeemed the grant before.
    #[error("this code was used before: what it granted is taken back")]
    GrantReused,
    /// There is no such picture of the caller, or no longer.
    #[error(
        "you have no such picture, or no longer: a picture that nobody uses is gone after a day"
    )]
    NoSuchPicture,
    /// Not all of it has arrived.
    #[error("not all of this picture has arrived: upload it again")]
    PictureIncomplete,
    /// It belongs to a post or to a profile.
    #[error("this picture is used already: upload it again to use it twice")]
    PictureInUse,
    /// It was made for something else.
    #[error("this picture was uploaded for something else: upload it again for this")]
    PictureOfOtherKind,
    /// The pictures of the caller take as much room as anybody's may.
    #[error(
        "your pictures take as much room as anybody's may: delete some posts with pictures first"
    )]
    PicturesTakeTooMuch,
}

/// What a command caused. A refused or repeated one causes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// There is a new post, or a boost.
    Published(Post),
    /// A post says something else.
    Edited {
        /// When, in the feed.
        position: PostId,
        /// The post as it is now.
        post: Post,
    },
    /// A post, or a boost, is gone.
    Deleted {
        /// When, in the feed.
        position: PostId,
        /// What is gone.
        deleted: DeletedPost,
    },
    /// Somebody has a notification.
    Notified {
        /// Who.
        user: UserId,
        /// Which; its post as everybody sees it.
        notification: Notification,
    },
    /// A timeline has gained an author.
    Followed {
        /// Whose timeline.
        follower: UserId,
        /// Whose posts.
        followee: UserId,
        /// Only posts with a greater number belong to a timeline of those made since.
        since: PostId,
    },
    /// A timeline has lost an author.
    Unfollowed {
        /// Whose timeline.
        follower: UserId,
        /// Whose posts.
        followee: UserId,
    },
    /// The posts of an author are left out of somebody's timelines, or no longer.
    Muted {
        /// Whose timelines.
        user: UserId,
        /// Whose posts.
        muted: UserId,
        /// Whether they are left out from now on.
        is_muted: bool,
    },
    /// Somebody reads other posts from now on than before, at home or in their lists.
    Rearranged {
        /// Who.
        user: UserId,
    },
    /// Some sessions of an account have ended, or all.
    SessionsEnded {
        /// Whose sessions.
        user: UserId,
    },
}

/// What is still known of a post that is gone: who could see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletedPost {
    /// Its number.
    pub id: PostId,
    /// What the rules need to know of it.
    pub facts: PostFacts,
    /// What it had of them.
    pub hashtags: Vec<Hashtag>,
}

impl Event {
    /// Its position in the feed, if it has one.
    pub fn position(&self) -> Option<PostId> {
        match self {
            Self::Published(post) => Some(post.id),
            Self::Edited { position, .. } | Self::Deleted { position, .. } => Some(*position),
            Self::Notified { notification, .. } => Some(notification.id),
            Self::Followed { .. }
            | Self::Unfollowed { .. }
            | Self::Muted { .. }
            | Self::Rearranged { .. }
            | Self::SessionsEnded { .. } => None,
        }
    }
}
