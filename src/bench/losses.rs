//! Takes the available server away from a network of the bench's own, again and again.

use std::{convert::Infallible, time::Duration};

use nix::sys::signal::Signal;
use tokio::time::sleep;

use super::own_cluster::{OwnCluster, OwnClusterError, signal};

/// Between the return of a server and the loss of the next one; and after a loss, when looking at the cluster would
/// take processor time from those that are measured.
const PAUSE: Duration = Duration::from_millis(500);

/// How a server is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// It is killed: whoever is connected to it sees that at once.
    Crash,
    /// It stands still until another has taken over: nobody sees it, but it does not answer.
    Standstill,
}

/// Waits each time until all masters are back and have everything. Otherwise the return of one would be part
/// of the loss of the next.
pub async fn go_on(own: &mut OwnCluster, loss: Loss) -> Result<Infallible, OwnClusterError> {
    loop {
        own.until_all_vote(own.size()).await?;
        sleep(PAUSE).await;
        let status = own.until_all_vote(own.size()).await?;
        let lost =
            status.masters.iter().find(|master| Some(&master.name) == status.available.as_ref());
        let Some(lost) = lost else { continue };
        match loss {
            Loss::Crash => signal(lost.pid, Signal::SIGKILL),
            Loss::Standstill => signal(lost.pid, Signal::SIGSTOP),
        }
        sleep(PAUSE).await;
        let taken_over =
            |name: &Option<String>| name.as_ref().is_some_and(|name| *name != lost.name);
        own.until("another server is available", |status| taken_over(&status.available)).await?;
        signal(lost.pid, Signal::SIGCONT);
    }
}
