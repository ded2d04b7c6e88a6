//! The form in which a conversation is printed: words for people, or JSON for scripts. Pure.

use chrono::Local;

use super::{
    colour::Paint,
    json,
    report::{Failure, Report},
    text,
    verb::Verb,
};
use crate::client::{ActiveServer, ClientError, Post};

/// The input was not acceptable: `EX_DATAERR` of sysexits.h.
pub const UNACCEPTABLE: u8 = 65;
/// Nobody answers: `EX_UNAVAILABLE`.
pub const UNAVAILABLE: u8 = 69;

/// How answers are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputFormat {
    Text(Paint),
    Json,
}

/// An answer, and a notice printed beside it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Output {
    pub said: String,
    pub notice: Option<String>,
}

impl OutputFormat {
    /// Printed before everything else.
    pub fn opening(self) -> &'static str {
        match self {
            Self::Text(_) => text::BANNER,
            Self::Json => "",
        }
    }

    /// Printed before every command.
    pub fn prompt(self) -> &'static str {
        match self {
            Self::Text(_) => text::PROMPT,
            Self::Json => "",
        }
    }

    /// Printed after everything else.
    pub fn closing(self) -> &'static str {
        match self {
            Self::Text(_) => "\n",
            Self::Json => "",
        }
    }

    /// The outcome of a command.
    pub fn result(self, report: &Report) -> Output {
        let Self::Text(paint) = self else {
            return Output { said: json::result(report), notice: None };
        };
        let status = text::status(report);
        let said = match &report.outcome {
            Ok(answer) => paint.good(status) + &text::answer(answer, &Local, paint),
            Err(_) => paint.bad(status),
        };
        Output { said, notice: text::explanation(report) }
    }

    /// The outcome of a post in the timeline, where the classic client prints nothing.
    pub fn result_in_timeline(self, report: &Report) -> Output {
        match (self, &report.outcome) {
            (Self::Json, _) => self.result(report),
            (Self::Text(_), Ok(_)) => Output::default(),
            (Self::Text(_), Err(failure)) => {
                Output { said: String::new(), notice: Some(text::not_posted(failure)) }
            }
        }
    }

    /// A post, from a timeline or a list.
    pub fn post(self, post: &Post) -> String {
        match self {
            Self::Text(paint) => text::post(post, &Local, paint),
            Self::Json => json::post(post),
        }
    }

    /// A move to another server.
    pub fn moved(self, active_server: &ActiveServer) -> Option<String> {
        match self {
            Self::Text(_) => text::moved(active_server),
            Self::Json => json::moved(active_server),
        }
    }

    /// No more posts of others will come.
    pub fn live_ended(self, error: &ClientError) -> Output {
        match self {
            Self::Text(_) => Output { said: String::new(), notice: Some(text::live_ended(error)) },
            Self::Json => Output { said: json::live_ended(error), notice: None },
        }
    }
}

/// The exit code that reports a failure to a script, if it is to be reported. The classic client's
/// own commands fail without one if there is a status line for it; `strict` counts every failure.
pub fn exit_code(report: &Report, strict: bool) -> Option<u8> {
    let failure = report.outcome.as_ref().err()?;
    let is_classic = report.verb.is_none_or(Verb::is_classic);
    if !strict && is_classic && text::status(report) != text::UNKNOWN_REASON {
        return None;
    }
    Some(match failure {
        Failure::Call(ClientError::Refused { .. })
        | Failure::Invalid(_)
        | Failure::Differ
        | Failure::NoList
        | Failure::NoPassword
        | Failure::SomebodyElse
        | Failure::NotDeleted
        | Failure::NoText => UNACCEPTABLE,
        Failure::Call(_) => UNAVAILABLE,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        client::{Published, Refusal, RefusalKind},
        domain::{PostId, UnixMillis},
        terminal::{prompt_command::Mistake, report::Answer},
    };

    const PLAIN: OutputFormat = OutputFormat::Text(Paint { is_wanted: false });

    fn refused(kind: RefusalKind) -> Failure {
        Failure::Call(ClientError::Refused(Refusal::new(kind, "because")))
    }

    fn failed(verb: Option<Verb>, failure: Failure) -> Report {
        Report { verb, outcome: Err(failure) }
    }

    #[test]
    fn the_exit_code_tells_of_failures_without_classic_words_or_of_all() {
        let unanswered = || Failure::Call(ClientError::Unanswered { message: String::new() });
        let unknown = Mistake::Unknown { word: "x".to_owned(), meant: None };
        for (verb, failure, classic, strict) in [
            (Some(Verb::Follow), refused(RefusalKind::AlreadyExists), None, UNACCEPTABLE),
            (Some(Verb::Follow), refused(RefusalKind::Broken), Some(UNACCEPTABLE), UNACCEPTABLE),
            (Some(Verb::Follow), unanswered(), Some(UNAVAILABLE), UNAVAILABLE),
            (Some(Verb::Posts), refused(RefusalKind::NotFound), Some(UNACCEPTABLE), UNACCEPTABLE),
            (Some(Verb::Post), refused(RefusalKind::Invalid), Some(UNACCEPTABLE), UNACCEPTABLE),
            (Some(Verb::Password), Failure::Differ, Some(UNACCEPTABLE), UNACCEPTABLE),
            (None, Failure::NoText, Some(UNACCEPTABLE), UNACCEPTABLE),
            (Some(Verb::List), Mistake::Form(Verb::List).into(), None, UNACCEPTABLE),
            (None, unknown.into(), None, UNACCEPTABLE),
        ] {
            let report = failed(verb, failure);
            assert_eq!(exit_code(&report, false), classic, "{report:?}");
            assert_eq!(exit_code(&report, true), Some(strict), "{report:?}");
        }
        let done = Report { verb: Some(Verb::Post), outcome: Ok(Answer::Done) };
        assert_eq!([true, false].map(|strict| exit_code(&done, strict)), [None; 2]);
    }

    #[test]
    fn words_keep_explanations_beside_the_conversation_and_json_has_everything_in_line() {
        let report = failed(Some(Verb::Post), refused(RefusalKind::Invalid));
        let told = PLAIN.result(&report);
        assert_eq!(told.said, text::UNKNOWN_REASON);
        assert_eq!(told.notice.as_deref(), Some("because\n"));
        let told = PLAIN.result_in_timeline(&report);
        assert_eq!((&*told.said, told.notice.as_deref()), ("", Some("not posted: because\n")));
        for told in
            [OutputFormat::Json.result(&report), OutputFormat::Json.result_in_timeline(&report)]
        {
            assert!(told.said.contains("INVALID_ARGUMENT") && told.notice.is_none(), "{told:?}");
        }
        let published =
            Answer::Published(Published { id: PostId::new(1), posted_at: UnixMillis::new(2) });
        let report = Report { verb: Some(Verb::Post), outcome: Ok(published) };
        assert_eq!(PLAIN.result_in_timeline(&report), Output::default());
        assert_eq!(PLAIN.result(&report).said, text::SUCCESS);
        assert!(OutputFormat::Json.result_in_timeline(&report).said.contains("\"id\":1"));
        let painted = OutputFormat::Text(Paint { is_wanted: true }).result(&report).said;
        assert_eq!(painted, "\u{1b}[32mCommand completed successfully\u{1b}[0m\n");
    }
}
