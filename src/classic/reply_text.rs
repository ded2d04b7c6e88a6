//! The texts of classic replies, which clients compare letter by letter. Pure.

use tonic::Code;

/// Why a message is not a post.
pub const NO_TEXT: &str = "it is not valid UTF-8, the encoding of posts";
pub const LOGGED_IN: &str = "Login Successful!";

/// The text for the outcome of a follow; none if the protocol has none.
pub fn followed(outcome: Result<(), Code>) -> Option<&'static str> {
    match outcome {
        Ok(()) => Some("Join Successful"),
        Err(Code::AlreadyExists) => Some("Join Failed -- Already Following User"),
        Err(code) if is_about_a_name(code) => Some("Join Failed -- Invalid Username"),
        Err(_) => None,
    }
}

/// The text for the outcome of an unfollow; none if the protocol has none.
pub fn unfollowed(outcome: Result<(), Code>) -> Option<&'static str> {
    match outcome {
        Ok(()) => Some("Leave Successful"),
        Err(Code::FailedPrecondition) => Some("Leave Failed -- Not Following User"),
        Err(code) if is_about_a_name(code) => Some("Leave Failed -- Invalid Username"),
        Err(_) => None,
    }
}

/// A final refusal of a login, for a client that takes anything but success for a crash.
pub fn not_logged_in(why: &str) -> String {
    format!("Login Failed -- {why}")
}

/// A post that was refused.
pub fn not_posted(why: &str) -> String {
    format!("not posted: {why}\n")
}

/// No such user, an invalid name, or a name for which this protocol may not act.
pub fn is_about_a_name(code: Code) -> bool {
    matches!(code, Code::NotFound | Code::InvalidArgument | Code::PermissionDenied)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_told_to_the_letter() {
        for (outcome, follow, unfollow) in [
            (Ok(()), Some("Join Successful"), Some("Leave Successful")),
            (
                Err(Code::NotFound),
                Some("Join Failed -- Invalid Username"),
                Some("Leave Failed -- Invalid Username"),
            ),
            (
                Err(Code::InvalidArgument),
                Some("Join Failed -- Invalid Username"),
                Some("Leave Failed -- Invalid Username"),
            ),
            (Err(Code::AlreadyExists), Some("Join Failed -- Already Following User"), None),
            (Err(Code::FailedPrecondition), None, Some("Leave Failed -- Not Following User")),
            (Err(Code::Internal), None, None),
        ] {
            assert_eq!(followed(outcome), follow, "{outcome:?}");
            assert_eq!(unfollowed(outcome), unfollow, "{outcome:?}");
        }
    }
}
