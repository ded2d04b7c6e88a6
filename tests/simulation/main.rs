//! thin
mod interposed;
mod process;

use std::time::Duration;
use tinysns::{cli::{self, Subcommand}, client::{Client, ClientOptions}, host::{random, thread, disk, simulated::{self, Machine, clock, network}}, master, router, settings::{MasterSettings, RouterSettings}, slot::SlotInfo};
use tokio_util::sync::CancellationToken;
use process::Process;

fn settings(arguments: &[&str]) -> Subcommand {
    let program = ["tinysns"].into_iter().chain(arguments.iter().copied());
    let parsed = cli::parse(program, [("TINYSNS_SECRET", "a secret of the cluster")]);
    parsed.unwrap_or_else(|refused| panic!("{refused}")).command
}
fn router_settings() -> RouterSettings {
    match settings(&["router", "--router-data-dir", "/data/router"]) { Subcommand::Router(s) => s, _ => unreachable!() }
}
fn master_settings(router: &str) -> MasterSettings {
    match settings(&["master", "--router", router, "--data-dir", "/data"]) { Subcommand::Master(s) => s, _ => unreachable!() }
}

fn main() {
    let seed: u64 = std::env::args().nth(1).and_then(|s| s.parse().ok()).unwrap_or(1);
    let began = std::time::Instant::now();
    interposed::simulate(seed);
    simulated::create(seed);
    thread::stay_on_one();
    random::seed(seed);
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::INFO).with_ansi(false).without_time().finish();
    if std::env::args().nth(2).is_some() { tracing::subscriber::set_global_default(subscriber).unwrap(); }
    let router_machine = Machine::add();
    let masters: Vec<Machine> = (0..3).map(|_| Machine::add()).collect();
    let client = Machine::add();
    let stop = CancellationToken::new();
    let mut processes: Vec<(Machine, Process<String>)> = vec![];
    let s = stop.clone();
    processes.push((router_machine, Process::start(router_machine, || async move { format!("{:?}", router::run(router_settings(), s).await) })));
    let at = format!("{}:3010", router_machine.ip());
    for (i, m) in masters.iter().enumerate() {
        let s = stop.clone();
        let at = at.clone();
        processes.push((*m, Process::start(*m, move || async move {
            let settings = master_settings(&at);
            let directory = std::path::PathBuf::from("/data/slot-001");
            disk::create_directory(&directory).unwrap();
            let mut settings = settings; settings.name = Some(format!("server-{i}"));
            format!("{:?}", master::run(settings, SlotInfo { number: 1, directory, reboots: 0 }, s).await)
        })));
    }
    processes.push((client, Process::start(client, move || async move {
        let client = Client::connect(ClientOptions::new(at)).unwrap();
        client.log_in("ann", None).await.unwrap();
        for i in 0..1000 {
            let p = client.publish(&format!("post {i}")).await.unwrap();
            if i % 100 == 0 { println!("{} {:?}", clock::now() / 1000, p.id); }
        }
        tokio::time::sleep(Duration::from_secs(600)).await;
        "done".to_owned()
    })));
    let mut runs = 0u64;
    'world: loop {
        let mut next = network::next_event();
        for (_, p) in &processes { next = match (next, p.wakes_at) { (Some(a), Some(b)) => Some(a.min(b)), (a, b) => a.or(b) }; }
        let Some(next) = next else { println!("nothing more"); break };
        clock::advance(next.max(clock::now()));
        let touched = network::run_events();
        let now = clock::now();
        for (m, p) in &mut processes {
            if touched.contains(m) || p.wakes_at.is_some_and(|at| at <= now) {
                runs += 1;
                if let Some(ended) = p.run() { println!("{m:?} ended: {ended}"); break 'world; }
            }
        }
    }
    println!("simulated {} s, {runs} runs, {:?}", clock::now() / 1_000_000_000, began.elapsed());
    std::process::exit(0);
}
