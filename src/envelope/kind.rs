//! What an envelope may contain. The byte of a kind is never reused for another.

use std::fmt;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $byte:literal, $name:literal;)*) => {
        /// What an envelope contains.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Kind {
            $($(#[$doc])* $kind = $byte,)*
        }

        impl Kind {
            /// All kinds.
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            /// The kind with this byte; none if this program does not know it.
            pub const fn of(byte: u8) -> Option<Self> {
                match byte {
                    $($byte => Some(Self::$kind),)*
                    _ => None,
                }
            }

            /// Its display name.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }
        }
    };
}

kinds! {
    // The log, in its segments and in `raft.redb`.
    /// An entry of the log.
    LogEntry = 1, "log entry";
    /// Commands to the state, as one entry of the log carries them.
    Commands = 2, "batch of commands";
    /// From here on, the cluster writes in a newer version of the format.
    Upgrade = 3, "change of the cluster's format";
    /// The vote of a node.
    Vote = 4, "vote";
    /// A position in the log.
    Position = 5, "log position";
    /// The id of a node.
    NodeId = 6, "node id";
    /// The id of a cluster.
    ClusterId = 7, "cluster id";
    /// How far a witness has counted, and the membership at that point.
    Checkpoint = 8, "checkpoint of the witness";
    /// How often a node has started.
    Starts = 9, "count of starts";
    /// The header of a segment of the log.
    LogSegment = 10, "log segment";
    /// The head of a frame in a segment of the log.
    LogFrame = 11, "log frame";
    /// The id that all segments of a log carry.
    LogId = 12, "id of a log";

    // Databases, and other contents of the state.
    /// The mark of a `raft.redb`.
    LogFile = 16, "log file";
    /// Which of the directories beside it holds the state.
    StateFile = 17, "state file";
    /// The membership as of the applied position.
    Membership = 18, "membership";
    /// The version in which the cluster writes.
    ClusterVersion = 19, "cluster's format";
    /// What was deleted so far is in no file.
    Erasure = 20, "note of what was erased";

    // Rows of the state.
    /// The single row of general facts.
    Meta = 32, "state record";
    /// An account.
    User = 33, "user record";
    /// One edge of the graph.
    Follow = 34, "follow record";
    /// A post.
    Post = 35, "post record";
    /// A series of requests whose replies are remembered.
    Series = 36, "series of requests";
    /// A remembered reply.
    Reply = 37, "reply record";
    /// What proves that the network is its domain.
    Certification = 38, "certification";
    /// Whom somebody has blocked.
    Block = 39, "block record";
    /// Whom somebody has muted.
    Mute = 40, "mute record";
    /// Somebody asks to follow.
    FollowRequest = 41, "follow request";
    /// What somebody remembers of another person.
    Note = 42, "note";
    /// What somebody says about themselves.
    Profile = 43, "profile";
    /// What a post said before an edit.
    Revision = 44, "revision of a post";
    /// What a reader has done with a post.
    Mark = 45, "marks of a post";
    /// What somebody is told of what others do.
    Notification = 46, "notification";
    /// How many notifications somebody has, and which of them are read.
    NotificationState = 47, "state of notifications";

    // A snapshot in transfer.
    /// Its header.
    SnapshotHeader = 48, "snapshot header";
    /// Some of its rows.
    SnapshotRows = 49, "snapshot chunk";
    /// Its end.
    SnapshotEnd = 50, "snapshot end";

    // A backup.
    /// Its header.
    BackupHeader = 56, "backup header";
    /// What one chunk of a snapshot holds, compressed.
    BackupBlock = 57, "block of a backup";
    /// Its end.
    BackupEnd = 58, "end of a backup";

    // Between nodes.
    /// Entries for the log of another node, or none as a heartbeat.
    Append = 64, "call to append";
    /// The answer.
    Appended = 65, "answer to an append";
    /// A call for a vote.
    Ballot = 66, "call for a vote";
    /// The answer.
    Voted = 67, "answer to a call for a vote";
    /// The answer to a snapshot.
    Installed = 68, "answer to a snapshot";

    // Given to clients.
    /// The contents of a session token.
    Session = 80, "session token";
    /// An app as it has registered: what is in a client id.
    App = 81, "client id";
    /// What somebody has granted to an app, until it redeems it.
    GrantCode = 82, "authorization code";
    /// What lets an app act for nobody.
    AppToken = 83, "token of an app";

    // More rows of the state.
    /// An edit or a deletion, for those who are to learn of it.
    FeedChange = 96, "change in the feed";
    /// Somebody is logged in.
    SessionRecord = 104, "session";

    // What the network is, and what it is run with.
    /// Its settings.
    NetworkSettings = 112, "settings of the network";
    /// How much there is of what it is run with.
    AdministrationCounts = 113, "counts of administration";
    /// What somebody may do, and what was decided about them.
    Standing = 114, "standing";
    /// An invitation.
    Invitation = 115, "invitation";
    /// Somebody is told on.
    Report = 116, "report";
    /// What everybody is told.
    Announcement = 117, "announcement";
    /// What somebody has done to run the network.
    Logged = 118, "entry of the log of moderators";

    // What is done in the state over many entries of the log.
    /// Work that goes on.
    Chore = 128, "work that goes on";
    /// Until when a name is nobody's.
    ReservedName = 129, "reserved name";

    // What people keep for themselves.
    /// What somebody has of each but once.
    Personal = 136, "personal record";
    /// A list of people.
    PeopleList = 137, "list of people";
    /// In which lists somebody is.
    ListMembership = 138, "membership in lists";
    /// A filter of words.
    WordFilter = 139, "word filter";

    // Pictures.
    /// What is known of a picture.
    Picture = 144, "picture";
    /// Some of its bytes.
    PicturePiece = 145, "piece of a picture";
}

impl Kind {
    /// Its byte.
    pub const fn byte(self) -> u8 {
        self as u8
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
