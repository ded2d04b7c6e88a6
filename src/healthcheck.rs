//! `tinysns healthcheck`: asks the standard gRPC health service of one process, and says why it is
//! not healthy.

use std::{process::ExitCode, time::Duration};

use anyhow::{Context as _, bail};
use tonic::Code;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::{
    client,
    host::net::{self, Security},
    serving::{QUORUM_HEALTH, WITNESS_HEALTH},
    settings::HealthcheckSettings,
};

/// A healthy process answers in milliseconds; container runtimes allow a check a few seconds.
const DEADLINE: Duration = Duration::from_secs(2);

/// Succeeds if the process says that it serves.
pub async fn run(settings: HealthcheckSettings) -> anyhow::Result<ExitCode> {
    let address = &settings.address;
    let mut health = HealthClient::new(net::channel(address, &Security::InClear)?);
    // The empty name asks for the process as a whole. A router also speaks for its witness.
    for (service, of) in [("", ""), (WITNESS_HEALTH, " for its witness: see its log")] {
        let request = HealthCheckRequest { service: service.to_owned() };
        let reply = tokio::time::timeout(DEADLINE, health.check(request))
            .await
            .with_context(|| format!("{address} did not answer within {DEADLINE:?}"))?;
        match reply {
            Ok(reply) => match reply.into_inner().status() {
                ServingStatus::Serving => {}
                other => bail!("{address} answers {}{of}", other.as_str_name()),
            },
            // It is not a router.
            Err(status) if status.code() == Code::NotFound && service == WITNESS_HEALTH => {}
            Err(status) => {
                bail!("{address} could not be asked: {}", client::innermost_cause(&status))
            }
        }
    }
    // A router without enough masters is healthy: they are started after it.
    let request = HealthCheckRequest { service: QUORUM_HEALTH.to_owned() };
    if let Ok(Ok(reply)) = tokio::time::timeout(DEADLINE, health.check(request)).await
        && reply.into_inner().status() == ServingStatus::NotServing
        && let Ok(cluster) = client::cluster(address).await
    {
        for problem in cluster.problems {
            tracing::warn!("{address}: {problem}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;
    use tonic::service::Routes;

    use super::*;
    use crate::serving::{self, Served};

    async fn check(address: String) -> Result<ExitCode, String> {
        run(HealthcheckSettings { address }).await.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_process_is_well_when_it_says_so_and_the_reason_is_told_when_not() {
        let listener = net::listen("test", ([127, 0, 0, 1], 0).into()).await.unwrap();
        let address = format!("127.0.0.1:{}", listener.port());
        let (reporter, service) = tonic_health::server::health_reporter();
        let served = Served::to_anybody(Routes::new(service));
        tokio::spawn(serving::serve(listener, served, CancellationToken::new()));
        assert_eq!(check(address.clone()).await, Ok(ExitCode::SUCCESS));
        for (service, said) in [(WITNESS_HEALTH, " for its witness: see its log"), ("", "")] {
            reporter.set_service_status(service, tonic_health::ServingStatus::Serving).await;
            assert_eq!(check(address.clone()).await, Ok(ExitCode::SUCCESS));
            reporter.set_service_status(service, tonic_health::ServingStatus::NotServing).await;
            let expected = Err(format!("{address} answers NOT_SERVING{said}"));
            assert_eq!(check(address.clone()).await, expected);
            reporter.set_service_status(service, tonic_health::ServingStatus::Serving).await;
        }
    }

    #[tokio::test]
    async fn a_process_that_is_not_there_is_not_well() {
        let listener = net::listen("test", ([127, 0, 0, 1], 0).into()).await.unwrap();
        let address = format!("127.0.0.1:{}", listener.port());
        drop(listener);
        let reason = check(address).await.unwrap_err();
        assert!(reason.contains("Connection refused"), "{reason}");
    }
}
