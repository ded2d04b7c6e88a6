//! The texts of classic replies, which clients compare letter by letter. Pure.

use crate::network::RefusalKind;

/// Why a message is not a post.
pub const NO_TEXT: &str = "it is not valid UTF-8, the encoding of posts";
pub const LOGGED_IN: &str = "Login Successful!";

/// The text for the outcome of a follow; none if the protocol has none.
pub fn followed(outcome: Result<(), &RefusalKind>) -> Option<&'static str> {
    match outcome {
        Ok(()) => Some("Join Successful"),
        Err(RefusalKind::AlreadyExists) => Some("Join Failed -- Already Following User"),
        Err(kind) if is_about_a_name(kind) => Some("Join Failed -- Invalid Username"),
        Err(_) => None,
    }
}

/// The text for the outcome of an unfollow; none if the protocol has none.
pub fn unfollowed(outcome: Result<(), &RefusalKind>) -> Option<&'static str> {
    match outcome {
        Ok(()) => Some("Leave Successful"),
        Err(RefusalKind::NotPossible) => Some("Leave Failed -- Not Following User"),
        Err(kind) if is_about_a_name(kind) => Some("Leave Failed -- Invalid Username"),
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
pub fn is_about_a_name(kind: &RefusalKind) -> bool {
    matches!(kind, RefusalKind::NotFound | RefusalKind::Invalid | RefusalKind::WrongPassword)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_told_to_the_letter() {
        for (outcome, follow, unfollow) in [
            (Ok(()), Some("Join Successful"), Some("Leave Successful")),
            (
                Err(&RefusalKind::NotFound),
                Some("Join Failed -- Invalid Username"),
                Some("Leave Failed -- Invalid Username"),
            ),
            (
                Err(&RefusalKind::Invalid),
                Some("Join Failed -- Invalid Username"),
                Some("Leave Failed -- Invalid Username"),
            ),
            (Err(&RefusalKind::AlreadyExists), Some("Join Failed -- Already Following User"), None),
            (Err(&RefusalKind::NotPossible), None, Some("Leave Failed -- Not Following User")),
            (Err(&RefusalKind::Broken), None, None),
        ] {
            assert_eq!(followed(outcome), follow, "{outcome:?}");
            assert_eq!(unfollowed(outcome), unfollow, "{outcome:?}");
        }
    }
}
