//! What is damaged of a node's data, and what a person can do about it. Pure.

use std::path::PathBuf;

/// Something that is damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file or the folder, in the node's directory.
    pub file: PathBuf,
    /// Where in it, if that is known.
    pub position: Option<String>,
    /// What is wrong with it.
    pub damage: String,
    /// What to do.
    pub remedy: Remedy,
}

/// What helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Nothing needs to be done: the next start notices, and replaces the state.
    Start(Source),
    /// The next start would not notice, or would not in time: the state has to be removed.
    RemoveState(Source),
    /// A log is never repaired: its votes exist nowhere else.
    JoinAnew(Others),
    /// The same for the router, whose witness keeps nothing that the masters do not have.
    NewWitness,
    /// Nobody else has the state.
    LastCopy,
    /// The file is written again.
    RemoveFile,
    /// The router goes on without its copy of the certificate, and writes another.
    StartRouter,
}

/// Where a state comes from that replaces another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The node's own log, which is complete.
    Log,
    /// Another master.
    AnotherMaster,
}

/// Whether other masters have the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// They do, as far as this node knows.
    HaveIt,
    /// There are none, as far as this node knows.
    None,
    /// This node does not know any more.
    Unknown,
}

impl Source {
    fn words(self) -> &'static str {
        match self {
            Self::Log => "makes it anew from its log",
            Self::AnotherMaster => "fetches it from another master",
        }
    }
}

impl Remedy {
    /// For a person, who knows in which directory it is.
    pub fn words(self) -> String {
        match self {
            Self::Start(source) => {
                let how = source.words();
                format!("start the node: it puts its state aside and {how}, by itself")
            }
            Self::RemoveState(source) => {
                let how = source.words();
                format!("remove its folder state, and nothing else, and start the node: it {how}")
            }
            Self::JoinAnew(Others::HaveIt) => {
                "remove this whole directory and start the node: it joins as a new one, and the other \
                 masters give it everything"
                    .to_owned()
            }
            Self::JoinAnew(Others::Unknown) => {
                "if other masters are up and have the data (`tinysns status` shows them), remove this \
                 whole directory and start the node: it joins as a new one; if this was the only master, \
                 keep the directory, and restore a backup (`tinysns restore`)"
                    .to_owned()
            }
            Self::JoinAnew(Others::None) => {
                "this is the only master: keep the directory, and restore a backup (`tinysns restore`)"
                    .to_owned()
            }
            Self::NewWitness => {
                "remove this whole directory and start the router: it gets a new witness, which takes the \
                 place of the lost one"
                    .to_owned()
            }
            Self::LastCopy => {
                "its log does not reach back to the beginning, and no other master has the state: keep the \
                 directory, and restore a backup (`tinysns restore`)"
                    .to_owned()
            }
            Self::RemoveFile => {
                "remove the file: it is written again when a master has found its cluster".to_owned()
            }
            Self::StartRouter => {
                "start the router: it goes on without, and writes the file again when the available server \
                 has told it the certificate; until then it cannot be called by its domain. If no domain is \
                 set any more, remove the file"
                    .to_owned()
            }
        }
    }

    /// For programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Start(_) | Self::StartRouter => "start",
            Self::RemoveState(_) => "remove-state",
            Self::JoinAnew(Others::HaveIt) => "join-anew",
            Self::JoinAnew(Others::Unknown) => "join-anew-or-restore",
            Self::JoinAnew(Others::None) | Self::LastCopy => "restore",
            Self::NewWitness => "new-witness",
            Self::RemoveFile => "remove-file",
        }
    }
}
