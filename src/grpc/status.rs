//! Refusals on the wire: a gRPC status with a message for people, and metadata that tells programs
//! what to do.

use std::time::Duration;

use tonic::{Code, Status, metadata::MetadataMap};

use crate::{
    network::{Advice, Refusal, RefusalKind},
    wire::{AVAILABLE_KEY, PUSHBACK_KEY, REASON_KEY, RETRY_KEY, SESSION_KEY},
};

/// The value of [`SESSION_KEY`].
const REVOKED: &str = "revoked";

/// The kinds that share their code with others, by the value of [`REASON_KEY`].
const REASONS: [(&str, RefusalKind); 4] = [
    ("outside-scope", RefusalKind::OutsideScope),
    ("unknown-app", RefusalKind::UnknownApp),
    ("bad-grant", RefusalKind::BadGrant),
    ("user-needed", RefusalKind::UserNeeded),
];

/// The code of a kind of refusal.
pub const fn code(kind: &RefusalKind) -> Code {
    match kind {
        RefusalKind::Invalid => Code::InvalidArgument,
        RefusalKind::NotFound => Code::NotFound,
        RefusalKind::AlreadyExists => Code::AlreadyExists,
        RefusalKind::NotPossible | RefusalKind::BadGrant | RefusalKind::UserNeeded => {
            Code::FailedPrecondition
        }
        RefusalKind::Stale => Code::OutOfRange,
        RefusalKind::SessionEnded | RefusalKind::SessionRevoked | RefusalKind::UnknownApp => {
            Code::Unauthenticated
        }
        RefusalKind::WrongPassword | RefusalKind::OutsideScope => Code::PermissionDenied,
        RefusalKind::TooMuch => Code::ResourceExhausted,
        RefusalKind::Interrupted => Code::Aborted,
        RefusalKind::Elsewhere(_) => Code::Unavailable,
        RefusalKind::Broken => Code::Internal,
        RefusalKind::Unanswered => Code::DeadlineExceeded,
        RefusalKind::Unsupported => Code::Unimplemented,
        RefusalKind::Unknown => Code::Unknown,
    }
}

fn kind(code: Code, available: Option<String>) -> RefusalKind {
    match code {
        Code::InvalidArgument => RefusalKind::Invalid,
        Code::NotFound => RefusalKind::NotFound,
        Code::AlreadyExists => RefusalKind::AlreadyExists,
        Code::FailedPrecondition => RefusalKind::NotPossible,
        Code::OutOfRange => RefusalKind::Stale,
        Code::Unauthenticated => RefusalKind::SessionEnded,
        Code::PermissionDenied => RefusalKind::WrongPassword,
        Code::ResourceExhausted => RefusalKind::TooMuch,
        Code::Aborted => RefusalKind::Interrupted,
        Code::Unavailable => RefusalKind::Elsewhere(available),
        Code::Internal => RefusalKind::Broken,
        Code::DeadlineExceeded => RefusalKind::Unanswered,
        Code::Unimplemented => RefusalKind::Unsupported,
        Code::Ok | Code::Cancelled | Code::Unknown | Code::DataLoss => RefusalKind::Unknown,
    }
}

/// The refusal that a server has sent.
pub fn refusal(status: &Status) -> Refusal {
    let available = status.metadata().get(AVAILABLE_KEY).and_then(|at| at.to_str().ok());
    let available = available.filter(|at| !at.is_empty()).map(str::to_owned);
    let reason = status.metadata().get(REASON_KEY);
    let reason = reason.and_then(|word| REASONS.into_iter().find(|(name, _)| word == *name));
    let kind = match kind(status.code(), available) {
        _ if reason.as_ref().is_some_and(|(_, kind)| code(kind) == status.code()) => {
            reason.map_or(RefusalKind::Unknown, |(_, kind)| kind)
        }
        RefusalKind::SessionEnded
            if status.metadata().get(SESSION_KEY).is_some_and(|word| word == REVOKED) =>
        {
            RefusalKind::SessionRevoked
        }
        kind => kind,
    };
    let refusal = Refusal::new(kind, status.message().to_owned());
    Refusal { again_after: again_after(status), ..refusal }
}

/// How long a server wants to be left alone.
pub fn again_after(status: &Status) -> Option<Duration> {
    let pushback = status.metadata().get(PUSHBACK_KEY)?.to_str().ok()?;
    Some(Duration::from_millis(pushback.parse().ok()?))
}

impl From<Refusal> for Status {
    fn from(Refusal { kind, message, again_after }: Refusal) -> Self {
        let advice = match kind.advice() {
            Advice::Here => "here",
            Advice::Elsewhere => "elsewhere",
            Advice::Never => "never",
        };
        let code = code(&kind);
        let mut metadata = MetadataMap::new();
        metadata.insert(RETRY_KEY, advice.parse().expect("ASCII"));
        if let Some(pause) = again_after {
            metadata.insert(PUSHBACK_KEY, pause.as_millis().to_string().parse().expect("ASCII"));
        }
        if kind == RefusalKind::SessionRevoked {
            metadata.insert(SESSION_KEY, REVOKED.parse().expect("ASCII"));
        }
        if let Some((name, _)) = REASONS.iter().find(|(_, reason)| *reason == kind) {
            metadata.insert(REASON_KEY, name.parse().expect("ASCII"));
        }
        if let RefusalKind::Elsewhere(Some(address)) = kind
            && let Ok(address) = address.parse()
        {
            metadata.insert(AVAILABLE_KEY, address);
        }
        Self::with_metadata(code, message, metadata)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [RefusalKind; 19] = [
        RefusalKind::Invalid,
        RefusalKind::NotFound,
        RefusalKind::AlreadyExists,
        RefusalKind::NotPossible,
        RefusalKind::Stale,
        RefusalKind::SessionEnded,
        RefusalKind::SessionRevoked,
        RefusalKind::WrongPassword,
        RefusalKind::OutsideScope,
        RefusalKind::UnknownApp,
        RefusalKind::BadGrant,
        RefusalKind::UserNeeded,
        RefusalKind::TooMuch,
        RefusalKind::Interrupted,
        RefusalKind::Elsewhere(None),
        RefusalKind::Broken,
        RefusalKind::Unanswered,
        RefusalKind::Unsupported,
        RefusalKind::Unknown,
    ];

    #[test]
    fn a_refusal_arrives_as_it_was_sent() {
        for kind in KINDS {
            let sent = Refusal::new(kind, "because");
            assert_eq!(refusal(&Status::from(sent.clone())), sent);
        }
        for sent in [
            Refusal::elsewhere(Some("h:1".to_owned())),
            Refusal::too_many_wrong_passwords(Duration::from_millis(27_500)),
        ] {
            assert_eq!(refusal(&Status::from(sent.clone())), sent);
        }
    }

    #[test]
    fn a_refusal_tells_programs_what_to_do() {
        for (kind, advice) in [
            (RefusalKind::Invalid, "never"),
            (RefusalKind::Stale, "never"),
            (RefusalKind::SessionEnded, "never"),
            (RefusalKind::SessionRevoked, "never"),
            (RefusalKind::TooMuch, "here"),
            (RefusalKind::Interrupted, "here"),
            (RefusalKind::Elsewhere(None), "elsewhere"),
            (RefusalKind::Broken, "elsewhere"),
        ] {
            let status = Status::from(Refusal::new(kind.clone(), "because"));
            assert_eq!(status.metadata().get(RETRY_KEY).expect("a word"), advice, "{kind:?}");
        }
    }
}
