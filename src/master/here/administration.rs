//! Joining, reports, and the calls of those who run the network. Whether they may is asked here before anything
//! is computed for them, and decided when the change is applied.

use std::time::Duration;

use super::{
    Here,
    calls::{context, page_size},
    refusals::unexpected,
    scopes::{self, Needs},
};
use crate::{
    domain::{
        NetworkSettings, RequestKey, Role, SecretCode, Standing, UnixMillis, UserId, UserName,
    },
    master::{passwords::Asker, rate_limits::Activity, sessions::Session},
    network::{
        Begins, Call, NamePosition, Refusal, RefusalKind,
        administration::{
            About, AdminAnswer, AdminDone, AdminQuestion, AdminRequest, Administration,
            Announcement, Invitation, LogEntry, Member, NewReport, Report, Resolution, SignUp,
            SignedUp,
        },
    },
    social::{
        Command, CommandRefusal, Context, NameCursor, PersonStanding, Reply, View,
        administration as stored, sessions::SessionRef,
    },
};

/// For so long a code works that is a password for a while.
const CODE_LASTS: Duration = Duration::from_hours(24);
/// The longest text of those who run the network, and of a report, in characters.
const MAX_WORDS: usize = 1_000;
/// The longest reason to join, in characters.
const MAX_REASON: usize = 500;
/// The most posts in a report.
const MOST_REPORTED: usize = 10;
/// The most who may accept an invitation.
const MOST_USES: u32 = 10_000;
/// So many announcements are shown, the newest.
const ANNOUNCEMENTS: usize = 10;
/// So many invitations are listed.
const INVITATIONS: usize = 1_000;
/// Rows on a page if the caller does not say.
const DEFAULT_PAGE: usize = 50;

impl Administration for Here {
    async fn about(&self, call: &Call) -> Result<About, Refusal> {
        self.ensure_available()?;
        let view = self.linearizable_view(call.deadline).await?;
        let settings = self.found(view.network_settings())?;
        let page = self.found(view.announcements(ANNOUNCEMENTS))?;
        let announcements = page.rows.into_iter().map(|(number, said)| Announcement {
            number,
            at: said.at,
            text: said.text,
        });
        let usual = u32::try_from(self.parts.limits.post_chars).unwrap_or(u32::MAX);
        let post_chars = settings.post_chars.unwrap_or(usual);
        Ok(About { settings, announcements: announcements.collect(), post_chars })
    }

    async fn sign_up(
        &self,
        call: &Call,
        wanted: &SignUp,
        begins: &Begins,
    ) -> Result<SignedUp, Refusal> {
        self.ensure_available()?;
        check_words(&wanted.reason, MAX_REASON)?;
        let view = self.linearizable_view(call.deadline).await?;
        let account = match self.found(view.account_by_name(&wanted.name))? {
            Some(account) => account,
            None => self.make_account(call, &view, wanted).await?,
        };
        if !account.created {
            // A repetition by its owner; or the name is somebody else's.
            let asker = Asker::new(call, &wanted.name);
            let verified = self.verify_password(call.deadline, asker, &account, &wanted.password);
            verified.await.map_err(|refusal| match refusal.kind {
                RefusalKind::WrongPassword => {
                    Refusal::new(RefusalKind::AlreadyExists, "that name is taken: choose another")
                }
                _ => refusal,
            })?;
        }
        let view = self.local_view()?;
        if self.found(view.standing(account.user))?.standing == Standing::Pending {
            return Ok(SignedUp::Pending);
        }
        self.check_standing(&view, &account)?;
        self.begin_session(call, account, begins).await.map(SignedUp::LoggedIn)
    }

    async fn report(
        &self,
        call: &Call,
        key: &RequestKey,
        NewReport { about, posts, comment }: &NewReport,
    ) -> Result<u64, Refusal> {
        check_words(comment, MAX_WORDS)?;
        if posts.len() > MOST_REPORTED {
            return Err(Refusal::invalid(format!("a report names at most {MOST_REPORTED} posts")));
        }
        let caller = self.caller(call, scopes::REPORTING)?;
        let (about, posts, comment) = (about.clone(), posts.clone(), comment.clone());
        let report = stored::NewReport { about, posts, comment };
        let command = Command::Report { context: context(&caller, key), report };
        match self.submit_counted(call, &caller, Activity::Following, command).await? {
            Reply::Numbered(number) => Ok(number),
            other => Err(unexpected(&other)),
        }
    }

    async fn administer(
        &self,
        call: &Call,
        key: &RequestKey,
        request: &AdminRequest,
    ) -> Result<AdminDone, Refusal> {
        self.ensure_available()?;
        let context = if is_by_operator(call) {
            let session = SessionRef::Unlisted(0);
            Context { user: stored::OPERATOR, session, key: key.clone() }
        } else {
            let caller = self.caller(call, Needs::OwnClient)?;
            self.check_role(&self.local_view()?, caller.account.user)?;
            context(&caller, key)
        };
        let request = self.prepared(call, request).await?;
        let command = Command::Administer { context, request };
        match self.submit(call.deadline, command).await? {
            Reply::Done => Ok(AdminDone::default()),
            Reply::WithCode(code_is_needed) => Ok(AdminDone { code_is_needed, number: None }),
            Reply::Numbered(number) => {
                Ok(AdminDone { code_is_needed: false, number: Some(number) })
            }
            other => Err(unexpected(&other)),
        }
    }

    async fn inspect(&self, call: &Call, question: &AdminQuestion) -> Result<AdminAnswer, Refusal> {
        self.ensure_available()?;
        let view = if is_by_operator(call) {
            self.linearizable_view(call.deadline).await?
        } else {
            let (Session { account, .. }, view) =
                self.authenticated_view(call, Needs::OwnClient).await?;
            self.check_role(&view, account.user)?;
            view
        };
        let most = self.parts.limits.page_size;
        match question {
            AdminQuestion::People { standing, position, limit } => {
                let after = position.as_ref();
                let after = after.map(|position| NameCursor::from_token(position.as_str()));
                let limit = page_size(*limit, DEFAULT_PAGE, most);
                let people = view.people_of_standing(*standing, after.as_ref(), limit);
                let (people, next) = self.found(people)?;
                let next = next.map(|next| NamePosition::new(next.to_token()));
                Ok(AdminAnswer::People { members: people.into_iter().map(member).collect(), next })
            }
            AdminQuestion::Person(name) => {
                let user = self.user_named(&view, name)?;
                let person = self.found(view.person_standing(user))?;
                let members = person.into_iter().map(member).collect();
                Ok(AdminAnswer::People { members, next: None })
            }
            AdminQuestion::Invitations => {
                let invitations = self.found(view.invitations(INVITATIONS))?.into_iter();
                let invitations = invitations.map(|(code, row)| self.invitation(&view, code, row));
                Ok(AdminAnswer::Invitations(invitations.collect::<Result<_, _>>()?))
            }
            AdminQuestion::Reports { before, limit } => {
                let limit = page_size(*limit, DEFAULT_PAGE, most);
                let page = self.found(view.reports(before.unwrap_or(u64::MAX), limit))?;
                let reports = page.rows.into_iter();
                let reports = reports.map(|(number, row)| self.stored_report(&view, number, row));
                Ok(AdminAnswer::Reports(reports.collect::<Result<_, _>>()?, page.more))
            }
            AdminQuestion::Log { before, limit } => {
                let limit = page_size(*limit, DEFAULT_PAGE, most);
                let page = self.found(view.logged(before.unwrap_or(u64::MAX), limit))?;
                let entries = page.rows.into_iter();
                let entries = entries.map(|(number, row)| self.entry(&view, number, row));
                Ok(AdminAnswer::Log(entries.collect::<Result<_, _>>()?, page.more))
            }
        }
    }
}

impl Here {
    /// What the network is, as far as this master knows.
    pub(super) fn network_settings(&self) -> Result<NetworkSettings, Refusal> {
        self.found(self.local_view()?.network_settings())
    }

    /// Refuses whoever runs nothing.
    fn check_role(&self, view: &View, user: UserId) -> Result<(), Refusal> {
        match self.found(view.standing(user))?.role {
            Role::Moderator | Role::Owner => Ok(()),
            Role::User => Err(CommandRefusal::NotAllowed.into()),
        }
    }

    /// A request as it is replicated: codes are hashed, and texts are within their limits.
    async fn prepared(
        &self,
        call: &Call,
        request: &AdminRequest,
    ) -> Result<stored::Administration, Refusal> {
        use stored::Administration as Stored;
        Ok(match request.clone() {
            AdminRequest::Begin { owner, title, joining, code } => {
                let code = self.code_hash(call, &owner, &code).await?;
                Stored::Begin { owner, title: checked(title)?, joining, code }
            }
            AdminRequest::Set(setting) => Stored::Set(setting),
            AdminRequest::SetRole { name, role } => Stored::SetRole { name, role },
            AdminRequest::Judge { name, judgement, why } => {
                Stored::Judge { name, judgement, why: checked(why)? }
            }
            AdminRequest::DeletePost { post, why } => {
                Stored::DeletePost { post, why: checked(why)? }
            }
            AdminRequest::ResetPassword { name, code } => {
                let code = self.code_hash(call, &name, &code).await?;
                Stored::ResetPassword { name, code }
            }
            AdminRequest::Invite { code, uses, until } => {
                if !(1..=MOST_USES).contains(&uses) {
                    let why = format!("an invitation is for 1 to {MOST_USES}");
                    return Err(Refusal::invalid(why));
                }
                Stored::Invite { code, uses, until }
            }
            AdminRequest::Revoke(code) => Stored::Revoke { code },
            AdminRequest::Announce(text) if text.trim().is_empty() => {
                return Err(Refusal::invalid("say what is to be announced"));
            }
            AdminRequest::Announce(text) => Stored::Announce { text: checked(text)? },
            AdminRequest::Retract(number) => Stored::Retract { number },
            AdminRequest::Resolve { report, outcome } => {
                Stored::Resolve { report, outcome: checked(outcome)? }
            }
        })
    }

    async fn code_hash(
        &self,
        call: &Call,
        name: &UserName,
        code: &SecretCode,
    ) -> Result<stored::CodeHash, Refusal> {
        let asker = Asker::new(call, name);
        let hash = self.hash(call.deadline, asker, code.expose()).await?;
        let hash = hash.ok_or(CommandRefusal::PasswordNeeded)?;
        let until: UnixMillis = self.parts.node.now().saturating_add(CODE_LASTS);
        Ok(stored::CodeHash { hash, until })
    }

    fn somebody(&self, view: &View, user: UserId) -> Result<Option<UserName>, Refusal> {
        self.found(view.name_of(user))
    }

    fn known(&self, view: &View, user: UserId) -> Result<UserName, Refusal> {
        let name = self.somebody(view, user)?;
        name.ok_or_else(|| Refusal::broken("an operator is named where somebody is expected"))
    }

    fn invitation(
        &self,
        view: &View,
        code: SecretCode,
        row: stored::InvitationRecord,
    ) -> Result<Invitation, Refusal> {
        let stored::InvitationRecord { by, at, uses, used, until, revoked } = row;
        let by = self.somebody(view, by)?;
        Ok(Invitation { code, by, at, uses, used, until, revoked })
    }

    fn stored_report(
        &self,
        view: &View,
        number: u64,
        row: stored::ReportRecord,
    ) -> Result<Report, Refusal> {
        let stored::ReportRecord { at, by, about, posts, comment, resolved } = row;
        let resolution = |stored::Resolution { at, by, outcome }| {
            Ok::<_, Refusal>(Resolution { at, by: self.somebody(view, by)?, outcome })
        };
        let resolved = resolved.map(resolution).transpose()?;
        let (by, about) = (self.known(view, by)?, self.known(view, about)?);
        Ok(Report { number, at, by, about, posts, comment, resolved })
    }

    fn entry(
        &self,
        view: &View,
        number: u64,
        row: stored::LoggedRecord,
    ) -> Result<LogEntry, Refusal> {
        let stored::LoggedRecord { at, by, what, about, number: about_number, words } = row;
        let (by, what) = (self.somebody(view, by)?, what.name().to_owned());
        let about = about.map(|about| self.known(view, about)).transpose()?;
        Ok(LogEntry { number, at, by, what, about, about_number, words })
    }
}

/// A session says who somebody is, whatever else they can prove.
fn is_by_operator(call: &Call) -> bool {
    call.by_operator && call.session.is_none()
}

fn member(person: PersonStanding) -> Member {
    let PersonStanding { user, name, created_at, has_password, record } = person;
    let stored::StandingRecord { role, standing, code_until, reason, .. } = record;
    Member { id: user, name, created_at, role, standing, has_password, code_until, reason }
}

fn checked(words: String) -> Result<String, Refusal> {
    check_words(&words, MAX_WORDS)?;
    Ok(words)
}

fn check_words(words: &str, most: usize) -> Result<(), Refusal> {
    if words.chars().nth(most).is_some() {
        return Err(Refusal::invalid(format!("say that in at most {most} characters")));
    }
    if words.chars().any(|c| c.is_control() && c != '\n') {
        return Err(Refusal::invalid("control characters are not allowed, except newlines"));
    }
    Ok(())
}
