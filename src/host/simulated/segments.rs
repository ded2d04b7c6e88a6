//! One direction of a connection: bytes on their way, and bytes that have arrived. Pure.
//!
//! TCP delivers in order, sends again what was lost, and lets no more than a window be unread; so
//! does this.

use std::{collections::VecDeque, task::Waker};

use bytes::Bytes;

use super::Life;

/// Bytes that may be on their way or unread; then the sender waits. A usual buffer of a socket.
const WINDOW: usize = 256 << 10;

/// What travels.
#[derive(Debug)]
pub enum Segment {
    Data(Bytes),
    /// The sender sends nothing more.
    End,
    /// The connection is void.
    Reset,
}

/// Why nothing more can be written or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    Ended,
    Reset,
}

/// One direction.
#[derive(Debug)]
pub struct Direction {
    pub from: Life,
    pub to: Life,
    /// With the time at which each arrives, at the earliest.
    on_the_way: VecDeque<(u64, Segment)>,
    /// How often in a row the first of them was lost.
    pub losses: u32,
    arrived: VecDeque<Bytes>,
    /// Bytes on their way or unread.
    held: usize,
    pub closed: Option<Closed>,
    /// The receiver reads no more.
    pub unwanted: bool,
    /// The sender's end is gone.
    pub abandoned: bool,
    /// The sender's machine has lost its power, so that nothing lost is sent again.
    pub silent: bool,
    pub reader: Option<Waker>,
    pub writer: Option<Waker>,
}

impl Direction {
    pub fn new(from: Life, to: Life) -> Self {
        Self {
            from,
            to,
            on_the_way: VecDeque::new(),
            losses: 0,
            arrived: VecDeque::new(),
            held: 0,
            closed: None,
            unwanted: false,
            abandoned: false,
            silent: false,
            reader: None,
            writer: None,
        }
    }

    /// How many of `bytes` may be sent now.
    pub fn room(&self, bytes: usize) -> usize {
        bytes.min(WINDOW.saturating_sub(self.held))
    }

    /// Sends a segment that arrives at `at`, or behind the one before it. True if it is the only
    /// one on its way.
    pub fn send(&mut self, at: u64, segment: Segment) -> bool {
        if let Segment::Data(bytes) = &segment {
            self.held += bytes.len();
        }
        let at = self.on_the_way.back().map_or(at, |(last, _)| at.max(*last));
        self.on_the_way.push_back((at, segment));
        self.on_the_way.len() == 1
    }

    /// When the first segment on its way arrives.
    pub fn next_arrival(&self) -> Option<u64> {
        self.on_the_way.front().map(|(at, _)| *at)
    }

    /// The first segment has arrived.
    pub fn arrive(&mut self) {
        self.losses = 0;
        match self.on_the_way.pop_front() {
            Some((_, Segment::Data(bytes))) if self.closed.is_none() => {
                self.arrived.push_back(bytes);
            }
            Some((_, Segment::End)) => self.closed = self.closed.or(Some(Closed::Ended)),
            Some((_, Segment::Reset)) => self.reset(),
            Some((_, Segment::Data(_))) | None => {}
        }
    }

    /// Nobody has anything to do with it any more.
    pub fn is_over(&self) -> bool {
        self.abandoned && self.unwanted && self.on_the_way.is_empty()
    }

    /// Whether the first segment on its way only says that the connection is void.
    pub fn is_being_reset(&self) -> bool {
        matches!(self.on_the_way.front(), Some((_, Segment::Reset)))
    }

    /// What is on its way gets nowhere.
    pub fn lose(&mut self) {
        self.on_the_way.clear();
    }

    /// It is void, with all that it carries.
    pub fn reset(&mut self) {
        self.on_the_way.clear();
        self.arrived.clear();
        self.held = 0;
        self.closed = Some(Closed::Reset);
    }

    /// What has arrived, at most `most` bytes of it; true if that lets a waiting writer go on.
    pub fn read(&mut self, most: usize) -> Option<(Bytes, bool)> {
        let first = self.arrived.front_mut()?;
        let bytes = if first.len() > most {
            first.split_to(most)
        } else {
            self.arrived.pop_front().expect("it was there")
        };
        self.held -= bytes.len();
        Some((bytes, self.writer.is_some()))
    }
}
