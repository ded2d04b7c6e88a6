//! The simulation.

mod cluster;
mod interposed;
mod invariants;
#[path = "../laboratory/mod.rs"]
mod laboratory;
mod nemesis;
mod plan;
mod process;
mod seed;
mod workload;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize| arguments.get(index).and_then(|text| text.parse().ok());
    seed::run(number(0).unwrap_or(1), arguments.get(1).cloned(), arguments.get(2).cloned());
}
