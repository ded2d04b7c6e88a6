//! The consensus library's own tests of stores.
//!
//! Its `transfer_snapshot` is left out: it moves a snapshot's data unchanged from one store to the
//! other, while ours travels as rows and arrives as a database of its own (see `snapshots`). And
//! `get_initial_state_log_ids` purges a log beside an empty state, which a master must refuse: only
//! the witness runs it.

use openraft::{
    storage::RaftStateMachine,
    testing::{StoreBuilder, Suite},
};
use tempfile::TempDir;

use super::entries::{open_log, open_state};
use crate::replication::{
    Consensus, StorageError, log_store::LogStore, state_store::StateStore,
    witness_store::WitnessStore,
};

struct Masters;

impl StoreBuilder<Consensus, LogStore, StateStore, TempDir> for Masters {
    async fn build(&self) -> Result<(TempDir, LogStore, StateStore), StorageError> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let (log, state) = (open_log(directory.path()), open_state(directory.path()));
        Ok((directory, log, state))
    }
}

struct Witnesses;

impl StoreBuilder<Consensus, LogStore, WitnessStore, TempDir> for Witnesses {
    async fn build(&self) -> Result<(TempDir, LogStore, WitnessStore), StorageError> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let log = open_log(directory.path());
        let witness = WitnessStore::open(log.clone()).expect("a new witness opens");
        Ok((directory, log, witness))
    }
}

macro_rules! run {
    ($builder:expr, $($test:ident),* $(,)?) => {$(
        eprintln!("{}", stringify!($test));
        let (_directory, log, state) = $builder.build().await.expect("built");
        Suite::<Consensus, LogStore, S, B, TempDir>::$test(log, state).await.expect("no errors");
    )*};
}

async fn pass<S, B>(builder: B)
where
    S: RaftStateMachine<Consensus>,
    B: StoreBuilder<Consensus, LogStore, S, TempDir>,
{
    // All but `get_initial_state_membership_from_log_and_sm`: it skips an index, which our log
    // refuses (`durability`), and tests only how the consensus reads both stores. And, of a master,
    // `last_applied_state`: it applies the fifth entry after the third, which a master's state
    // refuses; `stores` tells the same story without a gap.
    run!(
        builder,
        last_membership_in_log_initial,
        last_membership_in_log,
        last_membership_in_log_multi_step,
        get_membership_initial,
        get_membership_from_log_and_empty_sm,
        get_membership_from_empty_log_and_sm,
        get_membership_from_log_le_sm_last_applied,
        get_membership_from_log_gt_sm_last_applied_1,
        get_membership_from_log_gt_sm_last_applied_2,
        get_initial_state_without_init,
        get_initial_state_with_state,
        get_initial_state_last_log_gt_sm,
        get_initial_state_last_log_lt_sm,
        get_initial_state_re_apply_committed,
        save_vote,
        get_log_entries,
        limited_get_log_entries,
        try_get_log_entry,
        initial_logs,
        get_log_state,
        get_log_id,
        last_id_in_log,
        purge_logs_upto_0,
        purge_logs_upto_5,
        purge_logs_upto_20,
        delete_logs_since_11,
        delete_logs_since_0,
        append_to_log,
        snapshot_meta,
        apply_single,
        apply_multiple,
    );
}

#[tokio::test]
async fn a_masters_log_and_state_keep_the_contract_of_the_consensus() {
    pass::<StateStore, _>(Masters).await;
}

#[tokio::test]
async fn a_witnesss_log_and_count_keep_the_contract_of_the_consensus() {
    pass::<WitnessStore, _>(Witnesses).await;
    let (_directory, log, witness) = Witnesses.build().await.expect("built");
    Suite::<Consensus, LogStore, WitnessStore, Witnesses, TempDir>::get_initial_state_log_ids(
        log, witness,
    )
    .await
    .expect("no errors");
    let (_directory, log, witness) = Witnesses.build().await.expect("built");
    Suite::<Consensus, LogStore, WitnessStore, Witnesses, TempDir>::last_applied_state(
        log, witness,
    )
    .await
    .expect("no errors");
}
