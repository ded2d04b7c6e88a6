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
        sessions::SessionRef,
    },
};

/// Commands for one figure.
const MEASURED: u64 = 40_000;
/// Pages that are read for one figure.
const PAGES: u64 = 2_000;
/// So many people anybody may follow.
const MOST_FOLLOWED: u64 = 7_500;
/// Pages that are read of somebody who follows many.
const PAGES_OF_MANY: usize = 50;
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
    println!("home of somebody who follows {MOST_FOLLOWED}: {}", network.home_of_many());
    println!("deleting the account with most posts: {}", network.deleted_account());
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
        // One more, who follows many.
        let accounts: Vec<_> = (1..=people + 1).map(account).collect();
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
        let context = Context { user: UserId(user), session: SessionRef::Unlisted(0), key };
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

    /// Pages of somebody who follows as many as one may, from the newest on.
    fn home_of_many(&mut self) -> String {
        let reader = self.people + 1;
        for number in 1..=MOST_FOLLOWED.min(self.people) {
            let context = context(reader, number);
            let target = UserName::new(format!("user-{number}")).expect("valid");
            self.apply(vec![Command::Follow { context, target }]);
        }
        self.flush_and_wait();
        let view = self.state.reader().view().expect("readable");
        let (mut before, mut steps, mut pages) = (PostId::MAX, Vec::new(), Vec::new());
        for _ in 0..PAGES_OF_MANY {
            let (began, mut page) =
                (Instant::now(), view.home(UserId(reader), Cursor::Before(before), PAGE));
            let read = loop {
                let step = Instant::now();
                let done = view.read_on(&mut page).expect("readable").done;
                steps.push(step.elapsed());
                if let Some(read) = done {
                    break read;
                }
            };
            pages.push(began.elapsed());
            before = read.posts.last().map_or(PostId::MAX, |last| last.id);
        }
        format!(
            "{} steps a page, the median page {}, the median step {}, the longest {}",
            steps.len() / pages.len(),
            ms(median(&mut pages)),
            ms(median(&mut steps)),
            ms(steps.last().copied().unwrap_or_default())
        )
    }

    /// All that there is of somebody goes.
    fn deleted_account(&mut self) -> String {
        self.sequence += 1;
        let context = context(1, self.sequence);
        self.apply(vec![Command::DeleteAccount { context }]);
        let mut steps = Vec::new();
        while let [chore, ..] =
            self.state.reader().view().expect("readable").chores(1).expect("readable")[..]
        {
            steps.push(self.apply(vec![Command::GoOn { chore }]));
        }
        let all = steps.len();
        let middle = median(&mut steps);
        let longest = steps.last().copied().unwrap_or_default();
        format!("{all} steps, the median {}, the longest {}", ms(middle), ms(longest))
    }
}

/// A request of its own.
fn context(user: u64, sequence: u64) -> Context {
    let client = ClientId(u128::from(user) << 64);
    let key = RequestKey::Counted { client, sequence, answered_below: sequence };
    Context { user: UserId(user), session: SessionRef::Unlisted(0), key }
}

/// The middle one; sorts them.
fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn ms(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
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
