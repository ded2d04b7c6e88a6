//! What a status means for the call that received it. Pure.

use std::time::Duration;

use tonic::{Code, Status};

use crate::{
    grpc::status::again_after,
    wire::{AVAILABLE_KEY, RETRY_KEY},
};

/// A server that wants to be left alone for longer than this is not waited for: whoever calls is told,
/// and can decide.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What to do about a failed attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RetryDecision {
    /// Repeat on the same server, which is alive and asks for a little patience.
    Here {
        /// At least so much.
        patience: Duration,
    },
    /// Repeat on the available server, which this one is not; it may know which one is.
    Elsewhere {
        /// host:port.
        available: Option<String>,
    },
    /// The connection or the server is lost: drop it, and repeat on the available server.
    Lost,
    /// An answer, though an unwelcome one.
    Never,
}

/// Decides by `status`. A status without our metadata comes from the transport, from a proxy, or
/// from a server that died while answering.
pub fn decide(status: &Status) -> RetryDecision {
    // Only a status created on this side has a source: the connection has failed.
    if std::error::Error::source(status).is_some() {
        return RetryDecision::Lost;
    }
    // The session is renewed by its owner, not by asking elsewhere.
    if status.code() == Code::Unauthenticated {
        return RetryDecision::Never;
    }
    let text = |key| status.metadata().get(key).and_then(|value| value.to_str().ok());
    match text(RETRY_KEY) {
        Some("here") => here(again_after(status)),
        Some("elsewhere") => RetryDecision::Elsewhere {
            available: text(AVAILABLE_KEY).filter(|at| !at.is_empty()).map(str::to_owned),
        },
        Some(_) => RetryDecision::Never,
        None => by_code(status.code()),
    }
}

fn here(again_after: Option<Duration>) -> RetryDecision {
    let patience = again_after.unwrap_or_default();
    if patience > LONGEST_PAUSE { RetryDecision::Never } else { RetryDecision::Here { patience } }
}

fn by_code(code: Code) -> RetryDecision {
    match code {
        Code::Unavailable
        | Code::Unknown
        | Code::Internal
        | Code::Cancelled
        | Code::Aborted
        | Code::DeadlineExceeded => RetryDecision::Lost,
        Code::ResourceExhausted => here(None),
        Code::Ok
        | Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::FailedPrecondition
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::DataLoss
        | Code::Unauthenticated => RetryDecision::Never,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::wire::PUSHBACK_KEY;

    fn status(code: Code, retry: Option<&str>, available: Option<&str>) -> Status {
        let mut status = Status::new(code, "because");
        for (key, value) in [(RETRY_KEY, retry), (AVAILABLE_KEY, available)] {
            if let Some(value) = value {
                status.metadata_mut().insert(key, value.parse().expect("a metadata value"));
            }
        }
        status
    }

    fn elsewhere(available: Option<&str>) -> RetryDecision {
        RetryDecision::Elsewhere { available: available.map(str::to_owned) }
    }

    #[test]
    fn the_servers_word_comes_before_the_code() {
        for (code, retry, available, decision) in [
            (Code::Unavailable, Some("here"), None, here(None)),
            (Code::Unavailable, Some("elsewhere"), None, elsewhere(None)),
            (Code::FailedPrecondition, Some("elsewhere"), Some("h:1"), elsewhere(Some("h:1"))),
            (Code::Unavailable, Some("elsewhere"), Some(""), elsewhere(None)),
            (Code::Unavailable, Some("never"), None, RetryDecision::Never),
            (Code::ResourceExhausted, Some("never"), None, RetryDecision::Never),
            (Code::Internal, Some("a word of the future"), None, RetryDecision::Never),
            (Code::Unauthenticated, Some("elsewhere"), None, RetryDecision::Never),
            // Without a hint from the server:
            (Code::Unavailable, None, Some("h:1"), RetryDecision::Lost),
            (Code::Unknown, None, None, RetryDecision::Lost),
            (Code::Internal, None, None, RetryDecision::Lost),
            (Code::Cancelled, None, None, RetryDecision::Lost),
            (Code::ResourceExhausted, None, None, here(None)),
            (Code::InvalidArgument, None, None, RetryDecision::Never),
            (Code::NotFound, None, None, RetryDecision::Never),
            (Code::AlreadyExists, None, None, RetryDecision::Never),
            (Code::FailedPrecondition, None, None, RetryDecision::Never),
            (Code::PermissionDenied, None, None, RetryDecision::Never),
            (Code::Unauthenticated, None, None, RetryDecision::Never),
            (Code::Unimplemented, None, None, RetryDecision::Never),
        ] {
            assert_eq!(
                decide(&status(code, retry, available)),
                decision,
                "{code:?} {retry:?} {available:?}"
            );
        }
    }

    #[test]
    fn a_server_is_waited_for_as_long_as_it_asks_unless_that_is_long() {
        let asked = |pushback: &str| {
            let mut status = status(Code::ResourceExhausted, Some("here"), None);
            status.metadata_mut().insert(PUSHBACK_KEY, pushback.parse().expect("a value"));
            decide(&status)
        };
        let patience = |ms| RetryDecision::Here { patience: Duration::from_millis(ms) };
        assert_eq!(asked("0"), patience(0));
        assert_eq!(asked("1500"), patience(1_500));
        assert_eq!(asked("5000"), patience(5_000));
        assert_eq!(asked("27500"), RetryDecision::Never);
        assert_eq!(asked("-1"), patience(0), "not understood");
    }

    #[test]
    fn a_failed_connection_is_lost_whatever_its_code() {
        let mut status = Status::permission_denied("h2 protocol error");
        status.set_source(Arc::new(std::io::Error::other("reset")));
        assert_eq!(decide(&status), RetryDecision::Lost);
    }
}
