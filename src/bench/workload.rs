//! The people of a scenario at one network, ours or a bare one, and what they do.

use std::{collections::BTreeMap, time::Duration};

use super::{
    audience::Audience,
    crowd::Crowd,
    http::PageReaders,
    load::{Load, LoadError, Round},
    operation::Operation,
    people::People,
    progress::Progress,
    refusals,
};
use crate::{
    client::{Client, ClientOptions},
    settings::BenchSettings,
};

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// The same call again and again.
    Repeat(Operation),
    /// One publishes, and many read along.
    Fanout,
    /// What people do.
    Mixed,
}

/// People who are ready to do it.
pub enum Workload {
    Repeat(People, Operation),
    Fanout(Audience),
    Mixed(Crowd),
    Pages(PageReaders),
}

impl Workload {
    /// Makes what has to be there before the warm-up.
    pub async fn prepare(
        work: Work,
        options: &ClientOptions,
        settings: &BenchSettings,
        progress: Progress,
    ) -> Result<Self, LoadError> {
        let BenchSettings { clients, readers, people, .. } = *settings;
        Ok(match work {
            Work::Repeat(operation) => Self::Repeat(People::at(options, clients).await?, operation),
            Work::Fanout => Self::Fanout(Audience::gather(options, readers, progress).await?),
            Work::Mixed => Self::Mixed(Crowd::gather(options, clients, people, progress).await?),
        })
    }

    /// Does it for so long.
    pub async fn carry_out(&self, load: Load, length: Duration) -> Result<Round, LoadError> {
        match self {
            Self::Repeat(people, operation) => {
                let call = async |caller, _due| operation.carry_out(people.client(caller)).await;
                Ok(load.carry_out(length, call).await?)
            }
            Self::Fanout(audience) => audience.carry_out(load, length).await,
            Self::Mixed(crowd) => Ok(crowd.carry_out(load, length).await?),
            Self::Pages(readers) => {
                Ok(load.carry_out(length, async |caller, _due| readers.read(caller).await).await?)
            }
        }
    }

    /// How often servers have refused a call because it was too much, by their reasons.
    pub fn pushbacks(&self) -> BTreeMap<String, u64> {
        match self {
            Self::Repeat(people, _) => pushbacks_of(people.clients.iter()),
            Self::Fanout(audience) => pushbacks_of(audience.connections()),
            Self::Mixed(crowd) => pushbacks_of(crowd.connections()),
            // An app sees each refusal itself.
            Self::Pages(_) => BTreeMap::new(),
        }
    }
}

/// The same for these clients, each of whom has a connection of its own.
pub fn pushbacks_of<'a>(clients: impl Iterator<Item = &'a Client>) -> BTreeMap<String, u64> {
    let mut all = BTreeMap::new();
    clients.for_each(|client| refusals::add(&mut all, client.pushbacks()));
    all
}
