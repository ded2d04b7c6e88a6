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
/// A certificate for another domain is replaced after this time: authorities date them back by an hour.
const DOMAIN_LASTS: Duration = Duration::from_hours(2);
/// Between attempts to keep what an order has given, while the cluster has no quorum.
const KEEPS_AGAIN: Duration = Duration::from_millis(500);

/// Lets this master prove what its state says; never returns.
pub async fn follow(state: StateReader, encryption: Encryption) {
    let mut looks = interval(LOOKS_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        if let Some(known) = certification(&state) {
            encryption.hears(&known);
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
        let needs_another = |known| is_due(&known, domain, clock::now());
        if !node.leads()
            || Instant::now() < not_before
            || !certification(&state).is_some_and(needs_another)
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
    let known = certification(state).and_then(|known| known.account);
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

/// What the state has; none if it cannot be read at this moment, as while another takes its place.
fn certification(state: &StateReader) -> Option<Certification> {
    let read = state.view().and_then(|view| view.certification());
    if let Err(why) = &read {
        tracing::debug!(%why, "cannot read the certification");
    }
    read.ok().map(Option::unwrap_or_default)
}

/// Whether a certificate has to be ordered: there is none, it ends soon, or it is for another domain.
/// Masters that were told different domains must not order in turn whenever another leads.
fn is_due(certification: &Certification, domain: &str, now: UnixMillis) -> bool {
    let Some(certificate) = &certification.certificate else { return true };
    let Some(validity) = Validity::of_pem(&certificate.chain) else { return true };
    let is_ours = certificate.domain == domain;
    now >= validity.renewed_from() || !is_ours && now >= validity.from.saturating_add(DOMAIN_LASTS)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;
    use crate::domain::{DomainCertificate, PrivateText};

    #[test]
    fn a_certificate_is_ordered_when_it_is_needed_and_not_whenever_another_leads() {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["a.example".to_owned()]).unwrap();
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(2026, 4, 1);
        let chain = params.self_signed(&key).unwrap().pem();
        let key = PrivateText::new(key.serialize_pem());
        let certificate = Some(DomainCertificate { domain: "a.example".to_owned(), chain, key });
        let known = Certification { certificate, ..Certification::default() };
        let after = |hours: i64| UnixMillis::new((20_454 * 24 + hours) * 3_600_000);
        for (known, domain, hours, due) in [
            (&Certification::default(), "a.example", 0, true),
            (&known, "a.example", 1, false),
            (&known, "a.example", 60 * 24 - 1, false),
            (&known, "a.example", 60 * 24, true),
            (&known, "b.example", 0, false),
            (&known, "b.example", 2, true),
        ] {
            assert_eq!(is_due(known, domain, after(hours)), due, "{domain} after {hours} h");
        }
    }
}
