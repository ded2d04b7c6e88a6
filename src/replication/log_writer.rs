//! What the thread that writes the log does: everything that waits, in the order of asking. Appends that
//! wait one behind the other are one frame, which is on disk with one sync.

use std::{collections::VecDeque, io, ops::ControlFlow};

use tokio::sync::oneshot;

use super::{
    LogId, Vote,
    durability::{DurableIndexWriter, LogChange},
    log_error::LogError,
    log_facts::{Fact, LogFacts, NewFact},
    log_segments::{NewEntries, SegmentWriter},
};
use crate::{
    metrics,
    planted::{self, PlantedFault},
};

/// No more appends are added to a frame of so many bytes: whoever reads one of its entries reads all of
/// it.
const FRAME_BYTES: usize = 1 << 20;

/// Who waits for a write.
pub type Done = oneshot::Sender<Result<(), LogError>>;

/// A write, and who waits for it. If nobody does, a failure ends the writer.
pub struct Job {
    pub write: Write,
    pub done: Option<Done>,
}

/// What is to be written.
pub enum Write {
    /// Entries with the indexes `first` to `last`.
    Entries { first: u64, last: u64, encoded: Vec<Vec<u8>>, members: Option<NewFact> },
    /// The entries from this index on are cut off.
    Truncation(u64),
    /// The entries up to this one are purged.
    Purge(LogId),
    /// The newest segment ends, and the next entry begins another.
    SegmentEnd,
    /// A vote: what is granted or asked for is on disk when it is done. A won election is only
    /// carried by the next frame.
    Vote(Vote),
    /// Anything else that is known.
    Fact(NewFact),
}

impl Write {
    /// How the log changes with it.
    pub fn change(&self) -> LogChange {
        match self {
            Self::Entries { first, last, .. } => LogChange::Appended { first: *first, last: *last },
            Self::Truncation(since) => LogChange::Truncated(*since),
            Self::Purge(upto) => LogChange::Purged(upto.index),
            Self::SegmentEnd | Self::Vote(_) | Self::Fact(_) => LogChange::Unchanged,
        }
    }
}

/// Writes the log. It ends with the last handle, or after a failure that no caller waits for: from then
/// on it is unknown what is on disk, and nothing may rely on it.
pub struct LogWriter {
    segments: SegmentWriter,
    written: DurableIndexWriter,
    has_failed: bool,
    /// Dropped last: whoever opens the log next waits for it.
    facts: LogFacts,
}

impl LogWriter {
    /// Writes these segments and facts, and says how far they reach.
    pub fn new(segments: SegmentWriter, facts: LogFacts, written: DurableIndexWriter) -> Self {
        Self { segments, written, has_failed: false, facts }
    }

    /// Does everything that waits.
    pub fn write(&mut self, jobs: Vec<Job>) -> ControlFlow<()> {
        let mut jobs = VecDeque::from(jobs);
        while let Some(together) = next_together(&mut jobs) {
            self.write_together(together)?;
        }
        self.segments.prepare();
        ControlFlow::Continue(())
    }

    fn write_together(&mut self, jobs: Vec<Job>) -> ControlFlow<()> {
        let outcome = self.try_write(&jobs);
        self.has_failed |= outcome.is_err();
        let mut failure = outcome.err();
        for Job { write, done } in jobs {
            let outcome = if self.has_failed {
                Err(failure.take().unwrap_or_else(an_earlier_write_has_failed))
            } else {
                self.written.wrote(write.change());
                Ok(())
            };
            match (done, outcome) {
                // A caller that no longer waits is stopping.
                (Some(done), outcome) => _ = done.send(outcome),
                (None, Ok(())) => {}
                (None, Err(error)) => {
                    tracing::error!(%error, "cannot write the log");
                    return ControlFlow::Break(());
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn try_write(&mut self, jobs: &[Job]) -> Result<(), LogError> {
        if self.has_failed {
            return Err(an_earlier_write_has_failed());
        }
        let _measured = metrics::LOG_WRITE_DURATION.start_timer();
        match jobs {
            [Job { write: Write::Truncation(since), .. }] => Ok(self.segments.truncate(*since)?),
            [Job { write: Write::Purge(upto), .. }] => {
                self.facts.write(&[Fact::PURGED.of(upto)])?;
                Ok(self.segments.purge(upto.index + 1)?)
            }
            [Job { write: Write::SegmentEnd, .. }] => Ok(self.segments.end_segment()?),
            [Job { write: Write::Vote(vote), .. }] => {
                if !vote.is_committed() {
                    self.facts.write(&[Fact::VOTE.of(vote)])?;
                }
                self.segments.set_vote(*vote);
                Ok(())
            }
            [Job { write: Write::Fact(fact), .. }] => self.facts.write(std::slice::from_ref(fact)),
            appends => self.append(appends),
        }
    }

    fn append(&mut self, jobs: &[Job]) -> Result<(), LogError> {
        let (mut indexes, mut parts, mut newest) = (None, Vec::new(), None);
        for job in jobs {
            let Write::Entries { first, last, encoded, members } = &job.write else {
                unreachable!("only appends are written together");
            };
            let (begin, _) = indexes.unwrap_or((*first, *last));
            indexes = Some((begin, *last));
            parts.extend(encoded.iter().map(Vec::as_slice));
            newest = members.as_ref().or(newest);
        }
        let Some((first, last)) = indexes else { return Ok(()) };
        // Before the entry: afterwards, a crash in between would leave an entry that nobody knows of.
        if let Some(members) = newest {
            self.facts.write(std::slice::from_ref(members))?;
        }
        let sync = !planted::is(PlantedFault::AcknowledgeBeforeFsync);
        assert_eq!(last - first + 1, parts.len() as u64, "entries follow each other");
        let new = NewEntries { first, count: parts.len(), encoded: parts };
        Ok(self.segments.append(&new, sync)?)
    }
}

fn an_earlier_write_has_failed() -> LogError {
    io::Error::other("an earlier write to the log has failed").into()
}

/// Takes the jobs that are written with one sync: the first, and if it is an append, those behind it.
fn next_together(jobs: &mut VecDeque<Job>) -> Option<Vec<Job>> {
    let mut together = vec![jobs.pop_front()?];
    let mut bytes = appended_bytes(&together[0]);
    while let Some(so_far) = bytes.filter(|bytes| *bytes < FRAME_BYTES)
        && let Some(more) = jobs.front().and_then(appended_bytes)
    {
        together.extend(jobs.pop_front());
        bytes = Some(so_far + more);
    }
    Some(together)
}

/// How long the entries of an append are.
fn appended_bytes(job: &Job) -> Option<usize> {
    match &job.write {
        Write::Entries { encoded, .. } => Some(encoded.iter().map(Vec::len).sum()),
        _ => None,
    }
}
