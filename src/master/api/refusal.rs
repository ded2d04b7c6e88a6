//! Every kind of refusal: a gRPC status, a message for people, and, for programs, one of *repeat
//! here*, *go elsewhere*, *give up*.

use tonic::{Code, Status, metadata::MetadataMap};

use crate::{
    domain::{NameError, TextError},
    master::sessions::SessionError,
    social::Refusal,
    wire::{AVAILABLE_KEY, RETRY_KEY},
};

/// Why a call is refused.
#[derive(Debug)]
pub enum ApiRefusal {
    /// Another master is the available server: at this address, if known.
    Elsewhere(Option<String>),
    /// Too much at once.
    Overloaded,
    /// The limit of open live timelines is reached.
    TooManyStreams,
    /// A live timeline was closed: its reader was too slow, or this master no longer leads.
    Interrupted,
    /// More than an account may request at present, with a reason for people.
    Full(String),
    /// A fault of this server.
    Broken(String),
    /// A refusal for good: asking again gives the same answer.
    Never(Code, String),
}

impl ApiRefusal {
    /// The request itself is wrong.
    pub fn invalid(why: impl Into<String>) -> Self {
        Self::Never(Code::InvalidArgument, why.into())
    }

    /// Not logged in, or no longer.
    pub fn session(error: &SessionError) -> Self {
        match error {
            SessionError::Invalid | SessionError::Expired | SessionError::Version(_) => {
                Self::Never(Code::Unauthenticated, error.to_string())
            }
            SessionError::NoKey => Self::Overloaded,
            SessionError::State(error) => Self::broken(error),
        }
    }

    /// This node's own disk or state failed.
    pub fn broken(error: &redb::Error) -> Self {
        tracing::error!(%error, "cannot read the state");
        Self::Broken(error.to_string())
    }
}

impl From<NameError> for ApiRefusal {
    fn from(error: NameError) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<TextError> for ApiRefusal {
    fn from(error: TextError) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<Refusal> for ApiRefusal {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal {
            Refusal::NoSuchUser => Code::NotFound,
            Refusal::AlreadyFollowing => Code::AlreadyExists,
            // No call asks for what the latter refuses.
            Refusal::NotFollowing | Refusal::NotEmpty => Code::FailedPrecondition,
            Refusal::Oneself | Refusal::KeyReused => Code::InvalidArgument,
            Refusal::StaleRequest => Code::OutOfRange,
            Refusal::NoSuchAccount | Refusal::SessionEnded => Code::Unauthenticated,
            Refusal::TooManyRequests => return Self::Full(refusal.to_string()),
            Refusal::ClusterAbandoned => return Self::Elsewhere(None),
        };
        Self::Never(code, refusal.to_string())
    }
}

impl From<ApiRefusal> for Status {
    fn from(refused: ApiRefusal) -> Self {
        let (code, message, retry, available) = match refused {
            ApiRefusal::Elsewhere(available) => {
                let message = match &available {
                    Some(address) => format!("the available server is at {address}: ask there"),
                    None => "there is no available server at this moment: ask again".to_owned(),
                };
                (Code::Unavailable, message, "elsewhere", available)
            }
            ApiRefusal::Overloaded => {
                let message = "this server is overloaded: ask again in a moment".to_owned();
                (Code::ResourceExhausted, message, "here", None)
            }
            ApiRefusal::TooManyStreams => {
                let message =
                    "this server has reached its limit of live timelines: ask again later";
                (Code::ResourceExhausted, message.to_owned(), "here", None)
            }
            ApiRefusal::Interrupted => {
                let message = "the live timeline was closed, because its reader was too slow or \
                    the available server has changed: resume after the last post";
                (Code::Aborted, message.to_owned(), "here", None)
            }
            ApiRefusal::Full(message) => (Code::ResourceExhausted, message, "here", None),
            ApiRefusal::Broken(why) => {
                let message = format!("this server is broken: {why}");
                (Code::Internal, message, "elsewhere", None)
            }
            ApiRefusal::Never(code, message) => (code, message, "never", None),
        };
        let mut metadata = MetadataMap::new();
        metadata.insert(RETRY_KEY, retry.parse().expect("ASCII"));
        if let Some(address) = available.and_then(|address| address.parse().ok()) {
            metadata.insert(AVAILABLE_KEY, address);
        }
        Self::with_metadata(code, message, metadata)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_request_was_refused_for_tells_its_caller_what_to_do() {
        for (refusal, code, retry) in [
            (Refusal::KeyReused, Code::InvalidArgument, "never"),
            (Refusal::StaleRequest, Code::OutOfRange, "never"),
            (Refusal::SessionEnded, Code::Unauthenticated, "never"),
            (Refusal::NoSuchAccount, Code::Unauthenticated, "never"),
            (Refusal::TooManyRequests, Code::ResourceExhausted, "here"),
        ] {
            let status = Status::from(ApiRefusal::from(refusal));
            assert_eq!(status.code(), code, "{refusal:?}");
            assert_eq!(status.metadata().get(RETRY_KEY).expect("a word"), retry, "{refusal:?}");
            assert_eq!(status.message(), refusal.to_string());
        }
    }
}
