//! What the nodes of a network have in common so that each of them can prove to be its domain.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// All of it. One certificate is asked for once, by whoever leads, and every node shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certification {
    /// With whom certificates are ordered.
    pub account: Option<AcmeAccount>,
    /// What the authority may ask any node for, in order to see that the domain is this network.
    pub challenges: Vec<AcmeChallenge>,
    /// What all nodes show.
    pub certificate: Option<DomainCertificate>,
}

/// A step on the way to a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CertificationStep {
    /// There is an account now.
    Account(AcmeAccount),
    /// These challenges have to be answered now, instead of earlier ones.
    Challenges(Vec<AcmeChallenge>),
    /// The certificate is there, and challenges need no answer any more.
    Certificate(DomainCertificate),
}

/// An account with an authority.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcmeAccount {
    /// The authority, by the address of its directory (RFC 8555, section 7.1.1).
    pub directory: String,
    /// By which the network proves to be who opened it.
    pub credentials: PrivateText,
}

/// What an authority asks for (RFC 8555, section 8.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcmeChallenge {
    /// Its name, in base64url.
    pub token: String,
    /// The answer: the token, and whose account it is.
    pub answer: String,
}

/// A certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainCertificate {
    /// The domain for which it was ordered.
    pub domain: String,
    /// The certificate, and those between it and an authority that callers know, in the format PEM.
    pub chain: String,
    /// Its key, in the format PEM.
    pub key: PrivateText,
}

/// A text that nobody else may see: it is in no log, and overwritten after its use.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrivateText(Zeroizing<String>);

impl PrivateText {
    /// Keeps this to itself.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// What nobody else may see.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PrivateText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

impl Certification {
    /// The same after this step.
    #[must_use]
    pub fn after(mut self, step: CertificationStep) -> Self {
        match step {
            CertificationStep::Account(account) => self.account = Some(account),
            CertificationStep::Challenges(challenges) => self.challenges = challenges,
            CertificationStep::Certificate(certificate) => {
                self.certificate = Some(certificate);
                self.challenges.clear();
            }
        }
        self
    }

    /// What those need of it who only show the certificate and answer challenges.
    #[must_use]
    pub fn to_show(&self) -> Self {
        Self { account: None, ..self.clone() }
    }

    /// The answer to the challenge with this token.
    pub fn answer(&self, token: &str) -> Option<&str> {
        let asked = self.challenges.iter().find(|challenge| challenge.token == token)?;
        Some(&asked.answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge(token: &str) -> AcmeChallenge {
        AcmeChallenge { token: token.to_owned(), answer: format!("{token}.thumb") }
    }

    fn certificate() -> DomainCertificate {
        let key = PrivateText::new("KEY");
        DomainCertificate { domain: "a.example".to_owned(), chain: "CHAIN".to_owned(), key }
    }

    #[test]
    fn each_step_keeps_what_the_others_gave() {
        let directory = "https://ca.example/directory".to_owned();
        let account = AcmeAccount { directory, credentials: PrivateText::new("{}") };
        let ordered = Certification::default()
            .after(CertificationStep::Account(account.clone()))
            .after(CertificationStep::Challenges(vec![challenge("one")]))
            .after(CertificationStep::Challenges(vec![challenge("two")]));
        assert_eq!((ordered.answer("one"), ordered.answer("two")), (None, Some("two.thumb")));
        let done = ordered.after(CertificationStep::Certificate(certificate()));
        let expected = Certification {
            account: Some(account),
            challenges: Vec::new(),
            certificate: Some(certificate()),
        };
        assert_eq!(done, expected);
        assert_eq!(done.to_show(), Certification { account: None, ..expected });
    }

    #[test]
    fn nothing_secret_is_told_of() {
        let told = format!("{:?}", certificate());
        assert!(told.contains("CHAIN") && !told.contains("KEY"), "{told}");
    }
}
