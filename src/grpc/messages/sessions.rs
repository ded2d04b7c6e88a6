//! Logging in, and passwords.

use super::{key_from_wire, key_to_wire, unreadable};
use crate::{
    domain::{ClientName, EndedSessions, LoginId, RequestKey, UnixMillis, UserName},
    network::{Begins, LoggedIn, Login, PasswordChange, Refusal, SessionInfo, SessionToken},
    wire::v1::{self, end_sessions_request::Which},
};

/// A login.
pub fn login_to_wire(
    Login { name, password, must_exist }: Login,
    begins: Begins,
) -> v1::LogInRequest {
    let (login_id, client) = begins_to_wire(begins);
    v1::LogInRequest { username: name.into(), password, must_exist, login_id, client }
}

/// A login; `drawn` is random, for one that has no id.
pub fn login_from_wire(wire: v1::LogInRequest, drawn: LoginId) -> Result<(Login, Begins), Refusal> {
    let v1::LogInRequest { username, password, must_exist, login_id, client } = wire;
    let begins = begins_from_wire(login_id, &client, drawn)?;
    Ok((Login { name: UserName::new(username)?, password, must_exist }, begins))
}

/// A session that is to begin.
pub(super) fn begins_to_wire(Begins { login, client }: Begins) -> (Vec<u8>, String) {
    (login.0.to_be_bytes().to_vec(), client.into())
}

/// A session that is to begin.
pub(super) fn begins_from_wire(
    login_id: Vec<u8>,
    client: &str,
    drawn: LoginId,
) -> Result<Begins, Refusal> {
    let client = ClientName::new(client);
    if login_id.is_empty() {
        return Ok(Begins { login: drawn, client });
    }
    let id = login_id.try_into().map_err(|_| Refusal::invalid("login_id must have 16 bytes"))?;
    Ok(Begins { login: LoginId(u128::from_be_bytes(id)), client })
}

/// The sessions of an account.
pub fn sessions_to_wire(sessions: Vec<SessionInfo>) -> v1::SessionsReply {
    let session = |SessionInfo { number, client, begun_at, expires_at, is_this }| v1::Session {
        number,
        client: client.into(),
        begun_at_ms: begun_at.get(),
        expires_at_ms: expires_at.map(UnixMillis::get),
        is_this,
    };
    v1::SessionsReply { sessions: sessions.into_iter().map(session).collect() }
}

/// The sessions of an account.
pub fn sessions_from_wire(wire: v1::SessionsReply) -> Vec<SessionInfo> {
    let session =
        |v1::Session { number, client, begun_at_ms, expires_at_ms, is_this }| SessionInfo {
            number,
            client: ClientName::new(&client),
            begun_at: UnixMillis::new(begun_at_ms),
            expires_at: expires_at_ms.map(UnixMillis::new),
            is_this,
        };
    wire.sessions.into_iter().map(session).collect()
}

/// Which sessions are to end, under a key.
pub fn ended_sessions_to_wire(key: &RequestKey, which: EndedSessions) -> v1::EndSessionsRequest {
    let which = match which {
        EndedSessions::One(number) => Which::Number(number),
        EndedSessions::Own => Which::Own(true),
        EndedSessions::Others => Which::Others(true),
    };
    v1::EndSessionsRequest { request_id: Some(key_to_wire(key)), which: Some(which) }
}

/// Which sessions are to end, under a key.
pub fn ended_sessions_from_wire(
    wire: v1::EndSessionsRequest,
) -> Result<(RequestKey, EndedSessions), Refusal> {
    let v1::EndSessionsRequest { request_id, which } = wire;
    let which = match which {
        Some(Which::Number(number)) if number > 0 => EndedSessions::One(number),
        Some(Which::Own(true)) => EndedSessions::Own,
        Some(Which::Others(true)) => EndedSessions::Others,
        _ => return Err(Refusal::invalid("say which sessions are to end")),
    };
    Ok((key_from_wire(request_id)?, which))
}

/// The answer to a login.
pub fn logged_in_to_wire(logged_in: LoggedIn) -> v1::LogInReply {
    let LoggedIn { session, name, created, expires_at } = logged_in;
    v1::LogInReply {
        session_token: session.expose().to_owned(),
        username: name.into(),
        created,
        expires_at_ms: expires_at.get(),
    }
}

/// The answer to a login.
pub fn logged_in_from_wire(wire: v1::LogInReply) -> Result<LoggedIn, Refusal> {
    let v1::LogInReply { session_token, username, created, expires_at_ms } = wire;
    Ok(LoggedIn {
        session: SessionToken::new(session_token),
        name: UserName::new(username).map_err(unreadable)?,
        created,
        expires_at: UnixMillis::new(expires_at_ms),
    })
}

/// A change of password, under a key.
pub fn password_change_to_wire(key: &RequestKey, change: PasswordChange) -> v1::SetPasswordRequest {
    let PasswordChange { current, new } = change;
    v1::SetPasswordRequest {
        request_id: Some(key_to_wire(key)),
        current_password: current,
        new_password: new,
    }
}
