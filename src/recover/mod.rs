//! `tinysns recover`: makes a new cluster of what is left of one whose voters are no longer a quorum, because
//! most of their disks are lost.
//!
//! - [`words`]: what is left, what may be lost, and what is about to be made (pure)
//! - [`running`]: what the router says of nodes that are still up
//!
//! It looks first, says what it has found, and asks. The old data is left as it is. What is made, and of what, is
//! decided by [`replication::recovery`](crate::replication::recovery).

pub mod running;
pub mod words;

use std::{
    io::{self, BufRead as _, BufReader, IsTerminal as _},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::Context as _;

use self::{
    running::{Running, RunningError},
    words::{Left, LeftNode},
};
use crate::{
    domain::NodeId,
    host::{disk, random, stdio, untouched::Claim},
    progress::ProgressLines,
    replication::{
        inspection::data::Data,
        recovery::{
            assessment::{self, Copy, NoPlan, Plan},
            founding::{self, Made},
        },
    },
    settings::RecoverSettings,
    slot::{self, Slot},
};

/// What somebody has to type.
const AGREED: &str = "recover";

/// Something that was asked for cannot be done; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Of what is left.
    #[error("{0}; nothing was changed")]
    NoPlan(#[from] NoPlan),
    /// Of what is up.
    #[error("{0}; nothing was changed")]
    Running(#[from] RunningError),
    /// Nobody can be asked.
    #[error(
        "there is no terminal to ask at: if this is what you want, say so with --yes; nothing was changed"
    )]
    CannotAsk,
    /// Somebody was asked, and did not agree.
    #[error("nothing was changed")]
    NotAgreed,
}

/// What is left in all directories, held so that no node of them is started.
struct Found {
    left: Left,
    /// Where the data of each copy is, in their order.
    directories: Vec<PathBuf>,
    _claims: Vec<Claim>,
}

/// Recovers, and says what was made and how to go on.
pub async fn run(settings: RecoverSettings) -> anyhow::Result<ExitCode> {
    slot::must_be_new(&settings.data_dir)?;
    let found = look(&settings)?;
    stdio::print(&found.left.to_text())?;
    let copies: Vec<Copy> = found.left.copies().cloned().collect();
    let running = Running::ask(&settings, &copies).await?;
    let plan = assessment::assess(&copies, &running.up()).map_err(Refusal::NoPlan)?;
    running.check(&plan).map_err(Refusal::Running)?;
    let of = |at: usize| copies[at].name.as_str();
    stdio::print(&words::plan(&plan, of(plan.log_of), &running, &settings.data_dir))?;
    if !settings.is_agreed {
        ask()?;
    }
    let text = make(&settings, &found, &plan).await?;
    Ok(stdio::exit_code(stdio::print(&text)))
}

/// Looks at everything that is left.
fn look(settings: &RecoverSettings) -> anyhow::Result<Found> {
    let (mut nodes, mut directories, mut claims) = (Vec::new(), Vec::new(), Vec::new());
    for directory in &settings.directories {
        let data = Data::in_directory(directory)?;
        claims.extend(data.claim()?);
        for node in data.nodes {
            let name = node.directory.display().to_string();
            let copy = Copy::of(&name, &node.inspect(&name)?);
            if copy.is_ok() {
                directories.push(node.directory);
            }
            nodes.push(LeftNode { name, copy });
        }
    }
    Ok(Found { left: Left { nodes }, directories, _claims: claims })
}

/// Asks whether to go on.
fn ask() -> Result<(), Refusal> {
    if !io::stdin().is_terminal() {
        return Err(Refusal::CannotAsk);
    }
    let mut line = String::new();
    let asked = stdio::print(&format!("Type \"{AGREED}\" to make it: "));
    let answered = asked.and_then(|()| BufReader::new(stdio::input()).read_line(&mut line));
    if answered.is_ok() && line.trim() == AGREED { Ok(()) } else { Err(Refusal::NotAgreed) }
}

/// Makes the new cluster; gives what there is to say about it.
async fn make(settings: &RecoverSettings, found: &Found, plan: &Plan) -> anyhow::Result<String> {
    let data_dir = &settings.data_dir;
    let slot = Slot::claim(data_dir)?;
    let directory = slot.info(0).directory;
    let random = u32::try_from(random::id() >> 32).expect("half of the bits");
    let cluster = plan.cluster.successor(random);
    let (node, name) = (NodeId::new(random::id()), slot::server_name(slot.number()));
    let (mut lines, mut rows, mut entries) = (ProgressLines::new(), 0, 0);
    let mut tell = |made| {
        match made {
            Made::Rows(more) => rows += more,
            Made::Entries(more) => entries += more,
        }
        lines.print(|| format!("copied {rows} rows, and applied {entries} entries"));
    };
    let directory_of = |at: usize| found.directories[at].as_path();
    let of = (plan.state_of.map(directory_of), directory_of(plan.log_of));
    let made = founding::found(plan, of, &directory, (cluster, node, &name), &mut tell);
    if let Err(error) = made.await {
        drop(slot);
        disk::remove_directory(&directory)?;
        return Err(error).context("nothing was made, and the old data is as it was");
    }
    slot::save_cluster_id(data_dir, slot.number(), cluster)?;
    Ok(words::made(cluster, &directory, data_dir))
}
