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
        let _standstill = match loss {
            Loss::Crash => {
                signal(lost.pid, Signal::SIGKILL);
                None
            }
            Loss::Standstill => Some(Standstill::begin(lost.pid)),
        };
        sleep(PAUSE).await;
        let taken_over =
            |name: &Option<String>| name.as_ref().is_some_and(|name| *name != lost.name);
        own.until("another server is available", |status| taken_over(&status.available)).await?;
    }
}

/// A process that stands still until this is dropped: also if the measurement ends meanwhile. Otherwise it would
/// be waited for in vain.
struct Standstill {
    pid: u32,
}

impl Standstill {
    fn begin(pid: u32) -> Self {
        signal(pid, Signal::SIGSTOP);
        Self { pid }
    }
}

impl Drop for Standstill {
    fn drop(&mut self) {
        signal(self.pid, Signal::SIGCONT);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        process::{Command, Stdio},
        thread,
        time::{Duration, Instant},
    };

    use super::*;

    #[test]
    fn a_server_goes_on_if_the_measurement_ends_while_it_stands_still() {
        let mut child = Command::new("cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("starts");
        let pid = child.id();
        let until_it_is = |stopped: bool| {
            let deadline = Instant::now() + Duration::from_mins(1);
            loop {
                let status =
                    fs::read_to_string(format!("/proc/{pid}/status")).expect("it is there");
                if status.contains("State:\tT") == stopped {
                    return;
                }
                assert!(Instant::now() < deadline, "{status}");
                thread::sleep(Duration::from_millis(1));
            }
        };
        let standstill = Standstill::begin(pid);
        until_it_is(true);
        drop(standstill);
        until_it_is(false);
        child.kill().expect("ours");
        child.wait().expect("ours");
    }
}
