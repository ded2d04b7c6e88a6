# Recipes for developers: `just` lists them, https://just.systems runs them. Each is one command
# that can also be typed.

_list:
    @just --list --unsorted

# Build the program and run a whole cluster of it
run:
    sh run.sh

# Every check and every test; changes nothing in the sources
verify:
    sh scripts/test

# Every check except the tests
check:
    sh scripts/check

# Tests alone, such as `just test slave`
test *ARGUMENTS:
    cargo nextest run --all-features {{ ARGUMENTS }}

# Fix what can be fixed automatically: formatting, simple lints, spelling
fix:
    cargo clippy --fix --allow-dirty --allow-staged --all-targets --all-features
    cargo fmt --all
    typos --write-changes

# Run the tests of seeded faults with more seeds than usual, such as `just seeds 1000`
seeds COUNT="256":
    PROPTEST_CASES={{ COUNT }} cargo nextest run --all-features social::tests

# Simulated worlds, each from a seed, such as `just sim --from 1000 --seeds 10000`
sim *ARGUMENTS:
    cargo test --release --all-features --test simulation -- seeds {{ ARGUMENTS }}

# Simulated days of ordinary life, such as `just sim-days --seeds 14`
sim-days *ARGUMENTS:
    cargo test --release --all-features --test simulation -- seeds --ordinary {{ ARGUMENTS }}

# One of them, such as `just sim-seed 7 --print --log info`
sim-seed *ARGUMENTS:
    cargo test --release --all-features --test simulation -- seed {{ ARGUMENTS }}

# Which of its faults a seed needs in order to fail
sim-shrink SEED:
    cargo test --release --all-features --test simulation -- shrink {{ SEED }}

# How many seeds it takes to find each deliberate bug
sim-planted *ARGUMENTS:
    cargo test --release --all-features --test simulation -- planted {{ ARGUMENTS }}

# Crash images at every write of state and log, such as `just crash-images --from 100 --seeds 1000`
crash-images *ARGUMENTS:
    cargo test --release --all-features --test crash_images -- seeds {{ ARGUMENTS }}

# One of them, as a failure has named it
crash-image *ARGUMENTS:
    cargo test --release --all-features --test crash_images -- case {{ ARGUMENTS }}

# Put on record how many instructions the hot paths take now
instructions:
    WRITE_BASELINE=1 cargo test --all-features --test instructions

# Whether counts are right after 20 failovers, with 1,000 followers and 10,000 posts
counts:
    FULL_SCALE=1 cargo nextest run --all-features counts_are_right_after_many_failovers

# How much an account of 100,000 posts holds up others while it is deleted
deletion:
    FULL_SCALE=1 cargo nextest run --all-features --no-capture others_go_on_posting_while_an_account

# Whether apps lose anything while the available server is killed again and again for so long
kills SECONDS="60":
    KILLS_SECONDS={{ SECONDS }} cargo nextest run --all-features --no-capture apps_lose_nothing

# Faults of every kind on real processes, such as `just chaos --minutes 30 --seed 7`
chaos *ARGUMENTS:
    cargo test --all-features --test chaos -- run {{ ARGUMENTS }}

# Feed decoders of bytes from outside with made-up ones, such as `just fuzz settings 300`: all of them, a
# minute each, unless told otherwise. Needs a C++ compiler for libFuzzer; installs cargo-fuzz if missing
fuzz NAME="all" SECONDS="60":
    sh scripts/fuzz run {{ NAME }} {{ SECONDS }}

# Keep what fuzzing has found of a decoder: the smallest part of it that reaches as much
fuzz-keep NAME="all":
    sh scripts/fuzz keep {{ NAME }}

# Write the seeds of all decoders into their corpora, after one was added or an encoding has changed
fuzz-seeds:
    WRITE_SEEDS=1 cargo nextest run --all-features --test decoders seeds

# Measure a network on this machine, such as `just bench 8 failover standstill`; by default, everything usual
bench MASTERS="3" *ARGUMENTS:
    cargo run --release -- bench --start {{ MASTERS }} {{ ARGUMENTS }}

# Measure a network while it is filled, and draw that as a picture, such as `just growth 1000000 > growth.svg`
growth POSTS="100000":
    cargo run --release -- bench --start 3 growth --posts {{ POSTS }} --json | cargo run --example plot_growth

# Measure what a command costs in a large state, and what a page of it costs
bench-state:
    cargo bench --bench state

# Install what the checks and tests need
setup:
    sh scripts/setup
