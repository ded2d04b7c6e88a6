//! The network's certificate, if it has a domain: ordered and renewed by whoever leads, kept in the
//! state, and shown by every master as its state has it.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use crate::{
    acme::AcmeError,
    backoff::Backoff,
    domain::{AcmeAccount, Certification, CertificationStep, UnixMillis},
    host::{clock, random},
    metrics,
    replication::{node::Node, writes::Writes},
    serving::Encryption,
    settings::DomainSettings,
    social::{Command, StateReader},
    tls::Validity,
};

/// How often a master looks what its state has, and whether there is something to order.
const LOOKS_EVERY: Duration = Duration::from_secs(1);
/// After a failed order. Authorities allow few of them: Let's Encrypt five in an hour
/// (<https://letsencrypt.org/docs/rate-limits/>).
const RETRY: Backoff = Backoff::new(Duration::from_mins(4), Duration::from_hours(1));
/// An order has failed after this time, whatever it waits for.
const ORDERED_WITHIN: Duration = Duration::from_mins(10);
/// Between attempts to keep what an order has given, while the cluster has no quorum.
const KEEPS_AGAIN: Duration = Duration::from_millis(500);

/// Lets this master prove what its state says; never returns.
pub async fn follow(state: StateReader, encryption: Encryption) {
    let mut known = None;
    let mut looks = interval(LOOKS_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let now = certification(&state);
        if known.as_ref() != Some(&now) {
            encryption.hears(&now);
            known = Some(now);
        }
    }
}

/// Orders certificates, whenever one is due and this master leads; never returns.
pub async fn order(node: Node, state: StateReader, writes: Writes, settings: DomainSettings) {
    let DomainSettings { domain, .. } = &settings;
    let (mut failures, mut not_before) = (0, Instant::now());
    let mut looks = interval(LOOKS_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        if !node.leads()
            || Instant::now() < not_before
            || !is_due(&certification(&state), domain, clock::now())
        {
            continue;
        }
        tracing::info!(%domain, directory = %settings.authority.directory, "ordering a certificate");
        let ordered = timeout(ORDERED_WITHIN, order_once(&node, &state, &writes, &settings)).await;
        let ordered = ordered.unwrap_or(Err(OrderError::TooLate));
        let outcome = if ordered.is_ok() { "issued" } else { "failed" };
        metrics::CERTIFICATE_ORDERS.with_label_values(&[outcome]).inc();
        match ordered {
            Ok(()) => failures = 0,
            Err(why) => {
                failures += 1;
                let pause = RETRY.pause(failures, random::id());
                let again_in = humantime::format_duration(Duration::from_secs(pause.as_secs()));
                tracing::error!(%domain, %why, %again_in, "there is no new certificate");
                not_before = Instant::now() + pause;
            }
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum OrderError {
    #[error("{source}{}", remedy(.source))]
    Acme {
        #[from]
        source: AcmeError,
    },
    #[error("this master does not lead any more")]
    Deposed,
    #[error("it took too long")]
    TooLate,
}

fn remedy(error: &AcmeError) -> &'static str {
    match error {
        AcmeError::NotProved { .. } => {
            "; the domain has to lead to a node of this network whose http_listen, router_http_listen or \
             usual port is reached at port 80"
        }
        _ => "",
    }
}

async fn order_once(
    node: &Node,
    state: &StateReader,
    writes: &Writes,
    DomainSettings { domain, authority }: &DomainSettings,
) -> Result<(), OrderError> {
    let keep = async |step: CertificationStep| {
        while node.leads() {
            match writes.submit(Command::Certify { step: step.clone() }).await {
                Ok(_reply) => return Ok(()),
                Err(error) => tracing::debug!(%error, "the certification is not written yet"),
            }
            sleep(KEEPS_AGAIN).await;
        }
        Err(OrderError::Deposed)
    };
    let open_account = async || {
        let account = authority.open_account().await?;
        keep(CertificationStep::Account(account.clone())).await?;
        Ok::<AcmeAccount, OrderError>(account)
    };
    let known = certification(state).account;
    let account = match known.filter(|account| account.directory == authority.directory) {
        Some(account) => account,
        None => open_account().await?,
    };
    let (placed, challenges) = match authority.order(&account, domain).await {
        Err(error) if error.is_unknown_account() => {
            authority.order(&open_account().await?, domain).await?
        }
        placed => placed?,
    };
    keep(CertificationStep::Challenges(challenges)).await?;
    match placed.finish().await {
        Ok(certificate) => keep(CertificationStep::Certificate(certificate)).await,
        Err(why) => {
            keep(CertificationStep::Challenges(Vec::new())).await?;
            Err(why.into())
        }
    }
}

fn certification(state: &StateReader) -> Certification {
    let view = state.view().expect("a state that cannot be read ends this master");
    let known = view.certification().expect("a state that cannot be read ends this master");
    known.unwrap_or_default()
}

/// Whether a certificate has to be ordered: there is none for the domain, or it ends soon.
fn is_due(certification: &Certification, domain: &str, now: UnixMillis) -> bool {
    let certificate = certification.certificate.as_ref();
    let current = certificate.filter(|certificate| certificate.domain == domain);
    let validity = current.and_then(|certificate| Validity::of_pem(&certificate.chain));
    validity.is_none_or(|validity| now >= validity.renewed_from())
}
