//! Requests from the wire, validated once.

use super::refusal::ApiRefusal;
use crate::{
    domain::{ClientId, PostId, RequestKey},
    social::{Account, Context, Cursor},
    wire::v1,
};

/// Posts on a page if the caller does not say.
const DEFAULT_PAGE: usize = 20;

/// Who makes the request, under which key.
pub fn context(caller: &Account, request_id: Option<v1::RequestId>) -> Result<Context, ApiRefusal> {
    let key = request_key(request_id)?;
    Ok(Context { user: caller.user, password_version: caller.password_version, key })
}

fn request_key(wire: Option<v1::RequestId>) -> Result<RequestKey, ApiRefusal> {
    let v1::RequestId { client_id, sequence, answered_below } =
        wire.ok_or_else(|| ApiRefusal::invalid("request_id is missing"))?;
    let client: [u8; 16] = client_id
        .try_into()
        .map_err(|_| ApiRefusal::invalid("request_id.client_id must have 16 bytes"))?;
    if sequence == 0 {
        return Err(ApiRefusal::invalid("request_id.sequence must be at least 1"));
    }
    if answered_below > sequence {
        return Err(ApiRefusal::invalid("request_id.answered_below must be at most sequence"));
    }
    let client = ClientId(u128::from_be_bytes(client));
    Ok(RequestKey::Counted { client, sequence, answered_below })
}

/// How many posts a page gets.
pub fn post_count(wanted: u32, limit: usize) -> usize {
    match usize::try_from(wanted) {
        Ok(0) => DEFAULT_PAGE.min(limit),
        wanted => wanted.unwrap_or(limit).min(limit),
    }
}

/// How many names a page gets.
pub fn name_count(wanted: u32, limit: usize) -> usize {
    match usize::try_from(wanted) {
        Ok(0) | Err(_) => limit,
        Ok(wanted) => wanted.min(limit),
    }
}

/// Where to read from: the newest posts by default.
pub fn cursor(before: Option<PostId>, after: Option<PostId>) -> Cursor {
    match (before, after) {
        (_, Some(after)) => Cursor::After(after),
        (before, None) => Cursor::Before(before.unwrap_or(PostId::MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_needs_a_whole_id() {
        let whole = v1::RequestId { client_id: vec![1; 16], sequence: 2, answered_below: 2 };
        assert!(request_key(Some(whole.clone())).is_ok());
        for broken in [
            None,
            Some(v1::RequestId { sequence: 0, answered_below: 0, ..whole.clone() }),
            Some(v1::RequestId { answered_below: 3, ..whole.clone() }),
            Some(v1::RequestId { client_id: vec![1; 15], ..whole }),
        ] {
            assert!(request_key(broken).is_err());
        }
    }

    #[test]
    fn pages_stay_within_the_limit() {
        assert_eq!([0, 7, 1_000].map(|wanted| post_count(wanted, 100)), [20, 7, 100]);
        assert_eq!([0, 7, 1_000].map(|wanted| name_count(wanted, 100)), [100, 7, 100]);
    }
}
