//! What went wrong with a store of objects, and what to do. Pure.

use std::{error::Error as StdError, iter};

use object_store::{
    Error,
    client::{HttpError, HttpErrorKind},
};

use super::address::Address;

/// Something could not be done in a store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A bucket was named where an object has to be.
    #[error("{0} is a bucket: name an object in it, such as {example}", example = .0.child("tinysns.backup"))]
    NoKey(Address),
    /// There is no such bucket.
    #[error("there is no bucket {}: make it, or name another ({address})", .address.bucket())]
    NoBucket {
        /// What was named.
        address: Address,
    },
    /// There is no such object.
    #[error("{0} is not there")]
    NotThere(Address),
    /// A variable cannot be used.
    #[error("the variables that say how to reach {address} cannot be used: {reason}")]
    Variables {
        /// What was to be reached.
        address: Address,
        /// What is wrong with which.
        reason: String,
    },
    /// Nobody says who asks.
    #[error(
        "there are no credentials for {address}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; without them, a role \
         of this machine or container is asked for, but: {reason}"
    )]
    NoCredentials {
        /// What was to be reached.
        address: Address,
        /// Why there are none.
        reason: String,
    },
    /// The store does not let the owner of the credentials do it.
    #[error(
        "the store does not allow it to {doing} {address} with these credentials (AWS_ACCESS_KEY_ID, \
         AWS_SECRET_ACCESS_KEY): they have to be right, and may have to be given the right to list, read, write and \
         delete there: {reason}"
    )]
    Forbidden {
        /// What was to be done.
        doing: &'static str,
        /// With what.
        address: Address,
        /// The store's words.
        reason: String,
    },
    /// The bucket is elsewhere.
    #[error("the bucket of {0} is in another region: name that by AWS_REGION")]
    OtherRegion(Address),
    /// The store does not answer.
    #[error(
        "cannot reach the store of {address}: {reason}; is AWS_ENDPOINT right (without it, it is Amazon's for \
         AWS_REGION), and the way there open?"
    )]
    Unreachable {
        /// What was to be reached.
        address: Address,
        /// Why not.
        reason: String,
    },
    /// More than a store takes.
    #[error(
        "{address} would have more than {parts} parts of {part_bytes} bytes, which is the most that a store takes"
    )]
    TooLong {
        /// What was to be written.
        address: Address,
        /// So many parts an object has at most.
        parts: usize,
        /// The length of each.
        part_bytes: usize,
    },
    /// Anything else.
    #[error("cannot {doing} {address}: {reason}")]
    Failed {
        /// What was to be done.
        doing: &'static str,
        /// With what.
        address: Address,
        /// Why not.
        reason: String,
    },
}

impl StoreError {
    /// What an error of the store means for somebody who wanted to do this.
    pub(super) fn of(doing: &'static str, address: &Address, error: &Error) -> Self {
        let (address, reason) = (address.clone(), reason(error));
        if reason.contains("NoSuchBucket") {
            return Self::NoBucket { address };
        }
        match error {
            Error::NotFound { .. } => Self::NotThere(address),
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
                Self::Forbidden { doing, address, reason }
            }
            _ if causes(error).any(is_of_the_way) => Self::Unreachable { address, reason },
            _ if is_elsewhere(&reason) => Self::OtherRegion(address),
            _ => Self::Failed { doing, address, reason },
        }
    }

    /// Whether what was asked for has to be changed, so that trying again does not help.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::NoKey(_)
            | Self::NoBucket { .. }
            | Self::NotThere(_)
            | Self::Variables { .. }
            | Self::NoCredentials { .. }
            | Self::Forbidden { .. }
            | Self::OtherRegion(_) => true,
            Self::Unreachable { .. } | Self::TooLong { .. } | Self::Failed { .. } => false,
        }
    }
}

fn causes<'a>(error: &'a Error) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    iter::successors(Some(error as &(dyn StdError + 'static)), |&error| error.source())
}

/// Whether the store was not reached, or was silent.
fn is_of_the_way(cause: &(dyn StdError + 'static)) -> bool {
    cause.downcast_ref::<HttpError>().is_some_and(|error| match error.kind() {
        HttpErrorKind::Connect
        | HttpErrorKind::Timeout
        | HttpErrorKind::Request
        | HttpErrorKind::Interrupted => true,
        HttpErrorKind::Decode | HttpErrorKind::Unknown | _ => false,
    })
}

fn is_elsewhere(reason: &str) -> bool {
    ["PermanentRedirect", "AuthorizationHeaderMalformed", "incorrectly configured region"]
        .iter()
        .any(|sign| reason.contains(sign))
}

/// The reason alone: what the store said, or else the last of the causes.
pub(super) fn reason(error: &Error) -> String {
    let last = causes(error).last().map(ToString::to_string).unwrap_or_default();
    let said = |name: &str| between(&last, &format!("<{name}>"), &format!("</{name}>"));
    match (said("Code"), said("Message")) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        (None, _) => last,
    }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(found, _)| found)
}
