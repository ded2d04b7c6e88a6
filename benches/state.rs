//! What a command costs in the state, and what reading costs in a large one. Prints a table.
//!
//! The state alone, on a real disk, without consensus or network: people follow each other and post,
//! some much more than others, and what has changed is flushed beside that, as a master does. Variables:
//! `COMMANDS` (default 2,000,000) is how many it has seen before it is measured, `PEOPLE` (default
//! 100,000) how many accounts it has, `MEMORY` how many MiB of memory it may take.

use std::{
    env,
    path::Path,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use nix::{
    sys::resource::{UsageWho, getrusage},
    sys::time::TimeValLike as _,
};
use rand::{Rng as _, SeedableRng as _, rngs::SmallRng};
use tinysns::{
    domain::{ClientId, Draft, PostId, PostText, RequestKey, UnixMillis, UserId, UserName},
    social::{
        Command, Context, Cursor, Graph, MemoryBudget, PageOfPosts, Stamped, State, StateError,
    },
};

/// Commands for one figure.
const MEASURED: u64 = 40_000;
/// Pages that are read for one figure.
const PAGES: u64 = 2_000;
/// Posts on a page.
const PAGE: usize = 20;

fn setting(name: &str, default: u64) -> u64 {
    env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// As much as a master takes, or `MEMORY` MiB.
fn memory() -> MemoryBudget {
    match usize::try_from(setting("MEMORY", 0)) {
        Ok(mib) if mib > 0 => MemoryBudget::mib(mib),
        _ => MemoryBudget::default(),
    }
}

fn main() {
    let (commands, people) = (setting("COMMANDS", 2_000_000), setting("PEOPLE", 100_000));
    let slot = tempfile::tempdir().expect("a temporary directory");
    let mut network = Network::open(slot.path(), people);
    println!(
        "{people} people, {commands} commands, of which a tenth are follows; 80 characters a post"
    );
    let filled = network.measured(commands, 20);
    println!("filling it, 20 commands at a time: {filled}");
    for at_a_time in [1, 20, 256] {
        println!("{at_a_time:>3} commands at a time: {}", network.measured(MEASURED, at_a_time));
    }
    network.flush_and_wait();
    let posts = network.state.reader().view().expect("readable").newest_post().get();
    let bytes = State::length(slot.path()).expect("readable").expect("it is there");
    println!("on disk: {} bytes a post", bytes / posts.max(1));
    println!("a page of home: {}", network.pages_of_home());
    println!("resident: {} MiB", resident() >> 20);
    let began = Instant::now();
    drop(network);
    drop(State::open(slot.path(), memory()).expect("opens"));
    println!("opened again in {:.0} ms", began.elapsed().as_secs_f64() * 1e3);
}

/// A state and the people in it.
struct Network {
    state: State,
    people: u64,
    random: SmallRng,
    sequence: u64,
    flush: Option<JoinHandle<Result<(), StateError>>>,
}

impl Network {
    fn open(slot: &Path, people: u64) -> Self {
        let state = State::open(slot, memory()).expect("opens");
        let random = SmallRng::seed_from_u64(7);
        let mut network = Self { state, people, random, sequence: 0, flush: None };
        let accounts: Vec<_> = (1..=people).map(account).collect();
        for accounts in accounts.chunks(256) {
            network.apply(accounts.to_vec());
        }
        network
    }

    /// Some people do much more than others.
    fn somebody(&mut self) -> u64 {
        let even: f64 = self.random.random();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below 2^53")]
        #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
        let number = (even.powi(3) * self.people as f64) as u64;
        number + 1
    }

    fn command(&mut self) -> Command {
        self.sequence += 1;
        let user = self.somebody();
        let key = RequestKey::Counted {
            client: ClientId(user.into()),
            sequence: self.sequence,
            answered_below: self.sequence.saturating_sub(8),
        };
        let context = Context { user: UserId(user), password_version: 0, key };
        if self.random.random_bool(0.1) {
            let target = UserName::new(format!("user-{}", self.somebody())).expect("valid");
            return Command::Follow { context, target };
        }
        let text = format!("{:<80}", format!("post {}, as it might be written", self.sequence));
        let draft = Draft::of(PostText::new(text, 1_000).expect("valid"));
        Command::Publish { context, draft }
    }

    /// Applies commands, and begins to flush if that is due; gives how long it held the thread.
    fn apply(&mut self, commands: Vec<Command>) -> Duration {
        if self.state.should_be_flushed() {
            self.wait_for_flush();
            let state = self.state.clone();
            self.flush = Some(thread::spawn(move || state.flush()));
        }
        let began = Instant::now();
        let change = self.state.begin();
        let mut graph = Graph::open(&change).expect("readable");
        for command in commands {
            let at = UnixMillis::new(i64::try_from(self.sequence).expect("few"));
            graph.apply(Stamped { at, command }).expect("readable");
        }
        change.commit();
        began.elapsed()
    }

    fn wait_for_flush(&mut self) {
        if let Some(flush) = self.flush.take() {
            flush.join().expect("no panic").expect("written");
        }
    }

    fn flush_and_wait(&mut self) {
        self.wait_for_flush();
        self.state.flush().expect("written");
    }

    fn measured(&mut self, commands: u64, at_a_time: u64) -> String {
        let (cpu, began) = (cpu(), Instant::now());
        let mut longest = Duration::ZERO;
        for _ in 0..commands / at_a_time {
            let commands = (0..at_a_time).map(|_| self.command()).collect();
            longest = longest.max(self.apply(commands));
        }
        let each = |time: Duration| {
            time.as_secs_f64() * 1e6 / f64::from(u32::try_from(commands).expect("few"))
        };
        format!(
            "{:.1} µs of CPU a command, {:.1} µs in all, the longest apply {:.1} ms",
            each(self::cpu().saturating_sub(cpu)),
            each(began.elapsed()),
            longest.as_secs_f64() * 1e3
        )
    }

    fn pages_of_home(&mut self) -> String {
        let (cpu, mut posts) = (cpu(), 0);
        for _ in 0..PAGES {
            let user = UserId(self.somebody());
            let view = self.state.reader().view().expect("readable");
            let mut page = view.followed(user, Cursor::Before(PostId::MAX), PAGE);
            posts += loop {
                let step = view.read_on(&mut page).expect("readable");
                if let Some(PageOfPosts { posts, .. }) = step.done {
                    break posts.len();
                }
            };
        }
        let each = self::cpu().saturating_sub(cpu).as_secs_f64() * 1e6
            / f64::from(u32::try_from(PAGES).expect("few"));
        format!("{each:.0} µs of CPU, {} posts on average", posts as u64 / PAGES)
    }
}

fn account(number: u64) -> Command {
    let name = UserName::new(format!("user-{number}")).expect("valid");
    Command::CreateAccount { name, password_hash: None }
}

/// The time that all threads of this process have computed.
fn cpu() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("this process");
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Duration::from_micros(u64::try_from(micros).expect("not negative"))
}

/// The memory that this process has in use, in bytes.
fn resident() -> u64 {
    const PAGE_BYTES: u64 = 4_096;
    let pages = std::fs::read_to_string("/proc/self/statm").expect("of Linux");
    pages.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * PAGE_BYTES
}
