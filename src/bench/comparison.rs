//! Rounds of a scenario, turn by turn with the bare servers.

use std::{env, fs, io};

use super::{
    ceiling::Ceiling,
    figures::{Figures, Rounds},
    load::{Load, LoadError},
    mounts,
    operation::Operation,
    people::{Answers, People},
    progress::Progress,
    refusals,
    report::Report,
    workload::{self, Work, Workload},
};
use crate::{client::ClientOptions, host::disk, settings::BenchSettings};

/// The bare servers, which answer what the network has answered.
pub struct Bare {
    plain: Ceiling,
    /// Only posts need it.
    durable: Option<Ceiling>,
    answers: Answers,
}

impl Bare {
    /// Asks the network for one answer of each kind.
    pub async fn start(
        options: &ClientOptions,
        settings: &BenchSettings,
        report: &mut Report,
    ) -> anyhow::Result<Self> {
        let people = People::gather(options, settings.clients).await.map_err(LoadError::from)?;
        let answers = people.answers().await.map_err(LoadError::from)?;
        let pushbacks = workload::pushbacks_of(people.clients.iter());
        report.refused.extend(refusals::of("preparation", pushbacks));
        Ok(Self { plain: Ceiling::start(answers.clone(), None)?, durable: None, answers })
    }

    fn durable(&mut self, report: &mut Report) -> io::Result<&Ceiling> {
        match &mut self.durable {
            Some(durable) => Ok(durable),
            none => {
                let directory = fs::canonicalize(env::temp_dir())?;
                let file = disk::open_unnamed(&directory)?;
                let mounts = fs::read_to_string("/proc/mounts")?;
                report.disk = mounts::mount_of(&directory, &mounts);
                Ok(none.insert(Ceiling::start(self.answers.clone(), Some(file))?))
            }
        }
    }

    /// Ends them.
    pub async fn end(self) {
        self.plain.end().await;
        if let Some(durable) = self.durable {
            durable.end().await;
        }
    }
}

/// What all rounds of a scenario need.
pub struct Comparison<'a> {
    pub settings: &'a BenchSettings,
    pub options: &'a ClientOptions,
    pub bare: &'a mut Bare,
    pub progress: Progress,
}

/// Those who do the same at one of the servers, and what came of it.
struct Contestant {
    workload: Workload,
    rounds: Rounds,
}

impl Comparison<'_> {
    /// Measures one scenario, and reports it.
    pub async fn carry_out(
        self,
        scenario: &'static str,
        work: Work,
        report: &mut Report,
    ) -> anyhow::Result<()> {
        let Self { settings, options, bare, progress } = self;
        let prepare = async |options: &ClientOptions, progress| {
            Workload::prepare(work, options, settings, progress).await
        };
        let ours = prepare(options, progress).await?;
        let plain = prepare(&bare.plain.options(), Progress::HIDDEN).await?;
        let mut durable = None;
        if work == Work::Repeat(Operation::Publish) {
            let options = bare.durable(report)?.options();
            durable = Some(prepare(&options, Progress::HIDDEN).await?);
        }
        compare(scenario, settings, progress, (ours, plain, durable), report).await
    }
}

/// Lets the network, a bare server and perhaps a durable one take turns, and reports it.
pub async fn compare(
    scenario: &'static str,
    settings: &BenchSettings,
    progress: Progress,
    (ours, plain, durable): (Workload, Workload, Option<Workload>),
    report: &mut Report,
) -> anyhow::Result<()> {
    let contestant = |workload| Contestant { workload, rounds: Rounds::new() };
    let (mut ours, mut plain) = (contestant(ours), contestant(plain));
    let mut durable = durable.map(contestant);
    // The first round warms up connections and caches, and does not count.
    for round in 0..=settings.rounds {
        let name = if round == 0 { "warm-up".to_owned() } else { format!("round {round}") };
        progress.say(&format!("{scenario}, {name}"));
        let others = [Some(&mut plain), durable.as_mut()].into_iter().flatten();
        for contestant in [&mut ours].into_iter().chain(others) {
            contestant.take_turn(settings, round > 0).await?;
        }
    }
    let durable = durable.map(|durable| durable.rounds);
    report.scenarios.push(Figures::of(scenario, &ours.rounds, &plain.rounds, durable.as_ref()));
    report.refused.extend(refusals::of(scenario, ours.workload.pushbacks()));
    Ok(())
}

impl Contestant {
    async fn take_turn(&mut self, settings: &BenchSettings, counts: bool) -> Result<(), LoadError> {
        let load = Load { callers: settings.callers, rate: settings.rate };
        let length = if counts { settings.round } else { settings.round / 4 };
        let round = self.workload.carry_out(load, length).await?;
        if counts {
            self.rounds.add(&round);
        }
        Ok(())
    }
}
