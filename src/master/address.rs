//! The host by which others reach this master.

use std::{fmt::Display, net::IpAddr, time::Duration};

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    backoff::Backoff,
    host::{net, random},
    settings::MasterSettings,
};

/// First and longest wait between attempts to find out.
const RETRY: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(1));
/// Between two log lines while the address cannot be found.
const TELL_AGAIN: Duration = Duration::from_mins(1);

/// The host that the settings name, or this machine's address on the way to the router. If that
/// cannot be found, for example because the router's name does not resolve, it tries again: the
/// name may come back at any moment. None if `stop` came first.
pub async fn advertised(settings: &MasterSettings, stop: &CancellationToken) -> Option<String> {
    if let Some(host) = &settings.advertise_host {
        return Some(host.clone());
    }
    let found = until_found(&settings.router, async || find_address(settings).await, stop);
    found.await.map(net::host_of)
}

async fn find_address(settings: &MasterSettings) -> std::io::Result<IpAddr> {
    let listening = listening(settings);
    match net::local_ip_towards(&settings.router, &listening).await {
        Ok(ip) => Ok(ip),
        // The router may be away, and its name with it. The reporter checks again when it is back.
        Err(error) => net::own_ip(&listening).await.map_err(|_| error),
    }
}

/// Where this master listens: an address of the other family would not lead to it.
pub fn listening(settings: &MasterSettings) -> [IpAddr; 2] {
    [settings.client_listen.ip(), settings.peer_listen.ip()]
}

async fn until_found<E: Display>(
    router: &str,
    mut look: impl AsyncFnMut() -> Result<IpAddr, E>,
    stop: &CancellationToken,
) -> Option<IpAddr> {
    let mut failures = 0;
    let mut told: Option<Instant> = None;
    loop {
        let error = tokio::select! {
            biased;
            looked = look() => match looked {
                Ok(ip) => return Some(ip),
                Err(error) => error,
            },
            () = stop.cancelled() => return None,
        };
        if told.is_none_or(|told| told.elapsed() >= TELL_AGAIN) {
            told = Some(Instant::now());
            tracing::warn!(
                %router, %error,
                "cannot find out by which address others reach this machine, and tries again until it \
                 can; advertise_host may name it"
            );
        }
        failures += 1;
        tokio::select! {
            biased;
            () = sleep(RETRY.pause(failures, random::id())) => {}
            () = stop.cancelled() => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_router_without_an_address_is_looked_for_until_it_has_one() {
        let mut looks = 0;
        let look = async || {
            looks += 1;
            if looks < 4 { Err("no such name") } else { Ok(IpAddr::from([10, 0, 0, 7])) }
        };
        let found = until_found("router:3010", look, &CancellationToken::new()).await;
        assert_eq!(found, Some(IpAddr::from([10, 0, 0, 7])));
    }

    #[tokio::test]
    async fn a_master_that_looks_for_its_router_can_be_stopped() {
        let stop = CancellationToken::new();
        let look = async || {
            stop.cancel();
            Err("no such name")
        };
        assert_eq!(until_found("router:3010", look, &stop).await, None);
        let hanging = until_found("router:3010", std::future::pending::<Result<_, &str>>, &stop);
        assert_eq!(hanging.await, None);
    }
}
