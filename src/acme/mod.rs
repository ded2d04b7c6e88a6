//! How a certificate is ordered from an authority that speaks ACME (RFC 8555), such as Let's Encrypt.
//!
//! - `https`: one request to the authority
//! - this file: an order, from its placement to the certificate
//!
//! It takes place in steps, because everything that an order gives has to be kept by all nodes before it
//! goes on: the account, so that it is opened once; the answers to challenges, so that any node can give
//! them; the certificate, so that all nodes show it. Who keeps it is up to the caller.

mod https;

use std::time::Duration;

use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, ChallengeType, Error, Identifier, NewAccount,
    NewOrder, Order, OrderStatus, RetryPolicy,
};

use self::https::Https;
use crate::{
    domain::{AcmeAccount, AcmeChallenge, DomainCertificate, PrivateText},
    tls::{TlsError, Trust},
};

/// How long the authority may take to look at the answers, and then to issue the certificate.
const PATIENCE: RetryPolicy = RetryPolicy::new().timeout(Duration::from_mins(2));

/// An authority, as the settings name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// The address of its directory.
    pub directory: String,
    /// Who is trusted with its own name.
    pub trust: Trust,
    /// Whom it may write to about certificates.
    pub email: Option<String>,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum AcmeError {
    /// Nothing can be sent to it.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// It does not answer, or refuses.
    #[error("the authority {directory}: {}{}", told(.source), remedy(.source))]
    Authority {
        /// Which one.
        directory: String,
        /// What went wrong.
        source: Error,
    },
    /// It has looked at this network and was not satisfied.
    #[error("the authority does not see that {domain} is this network: {why}")]
    NotProved {
        /// The domain.
        domain: String,
        /// What it says.
        why: String,
    },
    /// It wants something else than files at port 80.
    #[error("the authority does not offer the challenge http-01 for {domain}")]
    NoChallenge {
        /// The domain.
        domain: String,
    },
}

impl AcmeError {
    /// Whether the authority does not know the account any more (RFC 8555, section 6.7).
    pub fn is_unknown_account(&self) -> bool {
        const UNKNOWN: &str = "urn:ietf:params:acme:error:accountDoesNotExist";
        let Self::Authority { source: Error::Api(problem), .. } = self else { return false };
        problem.r#type.as_deref() == Some(UNKNOWN)
    }
}

/// An order, placed with the account of the network.
pub struct Placed {
    authority: Authority,
    domain: String,
    order: Order,
}

impl Authority {
    /// Opens an account, which agrees to the terms of service.
    pub async fn open_account(&self) -> Result<AcmeAccount, AcmeError> {
        let contact = self.email.as_ref().map(|email| format!("mailto:{email}"));
        let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
        let account = NewAccount {
            contact: &contact,
            terms_of_service_agreed: true,
            only_return_existing: false,
        };
        let opened = self.builder()?.create(&account, self.directory.clone(), None).await;
        let (_account, credentials) = opened.map_err(|source| self.failure(source))?;
        let credentials = serde_json::to_string(&credentials).expect("texts are valid JSON");
        let credentials = PrivateText::new(credentials);
        Ok(AcmeAccount { directory: self.directory.clone(), credentials })
    }

    /// Orders a certificate for `domain`. Its challenges can be answered from now on.
    pub async fn order(
        &self,
        account: &AcmeAccount,
        domain: &str,
    ) -> Result<(Placed, Vec<AcmeChallenge>), AcmeError> {
        let credentials: AccountCredentials = serde_json::from_str(account.credentials.reveal())
            .map_err(|why| self.failure(why.into()))?;
        let account: Account = self
            .builder()?
            .from_credentials(credentials)
            .await
            .map_err(|source| self.failure(source))?;
        let identifiers = [Identifier::Dns(domain.to_owned())];
        let order = account.new_order(&NewOrder::new(&identifiers)).await;
        let order = order.map_err(|source| self.failure(source))?;
        let mut placed = Placed { authority: self.clone(), domain: domain.to_owned(), order };
        let challenges = placed.challenges().await?;
        Ok((placed, challenges))
    }

    fn builder(&self) -> Result<instant_acme::AccountBuilder, TlsError> {
        Ok(Account::builder_with_http(Box::new(Https::trusting(&self.trust)?)))
    }

    fn failure(&self, source: Error) -> AcmeError {
        AcmeError::Authority { directory: self.directory.clone(), source }
    }
}

impl Placed {
    async fn challenges(&mut self) -> Result<Vec<AcmeChallenge>, AcmeError> {
        let Self { authority, domain, order } = self;
        let mut challenges = Vec::new();
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization.map_err(|source| authority.failure(source))?;
            if authorization.status == AuthorizationStatus::Valid {
                // Proved for an earlier order, and still believed.
                continue;
            }
            let challenge = authorization
                .challenge(ChallengeType::Http01)
                .ok_or_else(|| AcmeError::NoChallenge { domain: domain.clone() })?;
            let answer = challenge.key_authorization().as_str().to_owned();
            challenges.push(AcmeChallenge { token: challenge.token.clone(), answer });
        }
        Ok(challenges)
    }

    /// Lets the authority ask for the answers, which nodes have to give by now, and fetches the
    /// certificate.
    pub async fn finish(mut self) -> Result<DomainCertificate, AcmeError> {
        self.ask_to_look().await?;
        let Self { authority, domain, order } = &mut self;
        let failure = |source| authority.failure(source);
        match order.poll_ready(&PATIENCE).await {
            Ok(OrderStatus::Invalid) => return Err(self.not_proved().await),
            Ok(_ready) => {}
            Err(Error::Api(problem)) => {
                let (domain, why) = (domain.clone(), problem.to_string());
                return Err(AcmeError::NotProved { domain, why });
            }
            Err(other) => return Err(failure(other)),
        }
        let key = PrivateText::new(order.finalize().await.map_err(failure)?);
        let chain = order.poll_certificate(&PATIENCE).await.map_err(failure)?;
        Ok(DomainCertificate { domain: domain.clone(), chain, key })
    }

    async fn ask_to_look(&mut self) -> Result<(), AcmeError> {
        let Self { authority, order, .. } = self;
        let failure = |source| authority.failure(source);
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization.map_err(failure)?;
            if authorization.status == AuthorizationStatus::Pending
                && let Some(mut challenge) = authorization.challenge(ChallengeType::Http01)
            {
                challenge.set_ready().await.map_err(failure)?;
            }
        }
        Ok(())
    }

    /// What the authority has to say about its refusal.
    async fn not_proved(&mut self) -> AcmeError {
        let mut why = "it does not say why".to_owned();
        let mut authorizations = self.order.authorizations();
        while let Some(Ok(mut authorization)) = authorizations.next().await {
            if let Ok(now) = authorization.refresh().await
                && let Some(problem) = now.challenges.iter().find_map(|asked| asked.error.as_ref())
            {
                why = problem.to_string();
            }
        }
        AcmeError::NotProved { domain: self.domain.clone(), why }
    }
}

/// What there is to do if it is not the authority itself that refuses.
fn remedy(error: &Error) -> &'static str {
    match error {
        Error::Json(_) => "; is acme_directory the address of its directory?",
        Error::Other(_) => {
            "; can acme_directory be reached from here, and is the authority behind its name trusted \
             (ca_file)?"
        }
        _ => "",
    }
}

/// With what is behind it.
fn told(error: &Error) -> String {
    match error {
        Error::Other(source) => source.to_string(),
        other => other.to_string(),
    }
}
