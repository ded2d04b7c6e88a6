//! Logging in, and passwords.

use super::{key_to_wire, unreadable};
use crate::{
    domain::{RequestKey, UnixMillis, UserName},
    network::{LoggedIn, Login, PasswordChange, Refusal, SessionToken},
    wire::v1,
};

/// A login.
pub fn login_to_wire(Login { name, password, must_exist }: Login) -> v1::LogInRequest {
    v1::LogInRequest { username: name.into(), password, must_exist }
}

/// A login.
pub fn login_from_wire(wire: v1::LogInRequest) -> Result<Login, Refusal> {
    let v1::LogInRequest { username, password, must_exist } = wire;
    Ok(Login { name: UserName::new(username)?, password, must_exist })
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
