//! From when to when a certificate is good.

use rustls::pki_types::CertificateDer;
use x509_parser::parse_x509_certificate;

use super::pem;
use crate::domain::UnixMillis;

/// From when to when a certificate is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// From then on.
    pub from: UnixMillis,
    /// Until then.
    pub until: UnixMillis,
}

impl Validity {
    /// That of the first certificate in a text in the format PEM; none if it cannot be read.
    pub fn of_pem(chain: &str) -> Option<Self> {
        Self::of(pem::certificates_in(chain.as_bytes()).ok()?.first()?)
    }

    pub(super) fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_rest, certificate) = parse_x509_certificate(certificate).ok()?;
        let [from, until] = [certificate.validity().not_before, certificate.validity().not_after]
            .map(|time| UnixMillis::new(time.timestamp().saturating_mul(1_000)));
        Some(Self { from, until })
    }

    /// When another has to be ordered: after two thirds of its time, as authorities advise
    /// (<https://letsencrypt.org/docs/integration-guide/#when-to-renew>).
    pub fn renewed_from(self) -> UnixMillis {
        let third = self.until.saturating_ms_since(self.from) / 3;
        UnixMillis::new(self.until.get().saturating_sub(third))
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    #[test]
    fn a_certificate_is_replaced_when_a_third_of_its_time_is_left() {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["sns.example.net".to_owned()]).unwrap();
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(2026, 4, 1);
        let pem = params.self_signed(&key).unwrap().pem();
        let day = |days: i64| UnixMillis::new((20_454 + days) * 86_400_000);
        let validity = Validity::of_pem(&pem).expect("a certificate");
        assert_eq!(validity, Validity { from: day(0), until: day(90) });
        assert_eq!(validity.renewed_from(), day(60));
        assert_eq!(Validity::of_pem("no certificate"), None);
    }
}
