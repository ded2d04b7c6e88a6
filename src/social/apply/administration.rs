//! Joining, reports, and what those do who run the network. Who may do what is one table
//! ([`permission`](crate::domain::may)).

use super::{Asked, Graph, Outcome};
use crate::{
    domain::{
        Action, Authority, Joining, Judgement, NetworkSetting, PostId, Role, SecretCode, Standing,
        UnixMillis, UserId, UserName, may,
    },
    social::{
        CommandRefusal, Context, Reply,
        administration::{
            Administration, AnnouncementRecord, CodeHash, InvitationRecord, Logged, LoggedRecord,
            NewReport, OPERATOR, ReportRecord, Resolution, SignUp, StandingRecord,
        },
        store::{StateError, UserRecord},
    },
};

/// So many reports of one person about another may wait at a time.
pub const MOST_REPORTS: usize = 10;
/// Of so many of the newest reports it is looked how many wait.
const REPORTS_LOOKED_AT: usize = 100;

/// What is to be written into the log.
struct Entry {
    what: Logged,
    about: Option<UserId>,
    number: Option<u64>,
    words: String,
}

impl Entry {
    fn of(what: Logged) -> Self {
        Self { what, about: None, number: None, words: String::new() }
    }

    fn about(self, user: UserId) -> Self {
        Self { about: Some(user), ..self }
    }

    fn number(self, number: u64) -> Self {
        Self { number: Some(number), ..self }
    }

    fn words(self, words: impl Into<String>) -> Self {
        Self { words: words.into(), ..self }
    }
}

/// A change that was made, and how it is logged; or why it was not.
type Administered = Result<Result<(Reply, Entry), CommandRefusal>, StateError>;

impl Graph<'_> {
    pub(super) fn sign_up(
        &mut self,
        at: UnixMillis,
        SignUp { name, password_hash, invitation, reason }: SignUp,
    ) -> Result<Reply, StateError> {
        if let Some(user) = self.tables.user_named(&name)? {
            let record = self.tables.known_user(user)?;
            return Ok(Reply::Account(record.into_account(user, false)));
        }
        let accepted = match self.accepted(at, invitation.as_ref())? {
            Ok(accepted) => accepted,
            Err(refusal) => return Ok(Reply::Refused(refusal)),
        };
        let standing = match (self.tables.network_settings()?.joining, &accepted) {
            (Joining::Closed, _) => return Ok(Reply::Refused(CommandRefusal::JoiningClosed)),
            (Joining::Invite, None) => {
                return Ok(Reply::Refused(CommandRefusal::InvitationNeeded));
            }
            (Joining::Approval, None) => Standing::Pending,
            (Joining::Classic | Joining::Open, _)
            | (Joining::Invite | Joining::Approval, Some(_)) => Standing::Active,
        };
        if !self.is_free(at, &name)? {
            return Ok(Reply::Refused(CommandRefusal::NameReserved));
        }
        if let Some((code, invitation)) = accepted {
            let used = invitation.used.saturating_add(1);
            self.tables.put_invitation(&code, &InvitationRecord { used, ..invitation });
        }
        let account = self.make_account(at, name, Some(password_hash))?;
        if standing == Standing::Pending {
            let record = StandingRecord { standing, reason, ..StandingRecord::default() };
            self.tables.put_standing(account.user, &record)?;
        }
        Ok(Reply::Account(account))
    }

    /// The invitation of a code; a code without one is refused, whoever may join.
    fn accepted(
        &self,
        at: UnixMillis,
        code: Option<&SecretCode>,
    ) -> Result<Result<Option<(SecretCode, InvitationRecord)>, CommandRefusal>, StateError> {
        let Some(code) = code else { return Ok(Ok(None)) };
        let invitation = self.tables.invitation(code)?.filter(|invitation| invitation.is_open(at));
        Ok(match invitation {
            Some(invitation) => Ok(Some((code.clone(), invitation))),
            None => Err(CommandRefusal::NoSuchInvitation),
        })
    }

    pub(super) fn report(
        &mut self,
        at: UnixMillis,
        by: UserId,
        NewReport { about, posts, comment }: &NewReport,
    ) -> Result<Outcome, StateError> {
        let Some(about) = self.tables.user_named(about)? else {
            return Ok(Err(CommandRefusal::NoSuchUser));
        };
        if about == by {
            return Ok(Err(CommandRefusal::Oneself));
        }
        for post in posts {
            let author = self.tables.author(*post)?;
            if author != Some(about) || !self.is_visible(by, *post)? {
                return Ok(Err(CommandRefusal::NoSuchPost));
            }
        }
        if self.waiting_reports(by, about)? >= MOST_REPORTS {
            return Ok(Err(CommandRefusal::TooManyReports));
        }
        let (posts, comment) = (posts.clone(), comment.clone());
        let record = ReportRecord { at, by, about, posts, comment, resolved: None };
        Ok(Ok(Reply::Numbered(self.tables.add_report(&record)?)))
    }

    /// How many of the newest reports of one about another nobody has resolved.
    fn waiting_reports(&self, by: UserId, about: UserId) -> Result<usize, StateError> {
        let newest = self.tables.administration_counts()?.reports;
        let mut waiting = 0;
        for number in (1..=newest).rev().take(REPORTS_LOOKED_AT) {
            let report = self.tables.report(number)?;
            let waits = report.is_some_and(|report| {
                (report.by, report.about) == (by, about) && report.resolved.is_none()
            });
            waiting += usize::from(waits);
            if waiting >= MOST_REPORTS {
                break;
            }
        }
        Ok(waiting)
    }

    /// Does what somebody asks who runs the network, once, and logs it.
    pub(super) fn administer(
        &mut self,
        at: UnixMillis,
        context: &Context,
        asked: Asked,
        request: Administration,
    ) -> Result<Reply, StateError> {
        let Context { user, key, .. } = context;
        if *user == OPERATOR {
            return self.once_for_an_operator(key, asked, |graph| {
                graph.carry_out(at, OPERATOR, Authority::Operator, request)
            });
        }
        self.once(context, asked, |graph, _| {
            let role = graph.tables.standing(*user)?.role;
            graph.carry_out(at, *user, Authority::Role(role), request)
        })
    }

    fn carry_out(
        &mut self,
        at: UnixMillis,
        by: UserId,
        who: Authority,
        request: Administration,
    ) -> Result<Outcome, StateError> {
        let done = match request {
            Administration::Begin { owner, title, joining, code } => {
                self.begin(at, who, owner, title, joining, code)?
            }
            Administration::Set(setting) => self.set(who, setting)?,
            Administration::SetRole { name, role } => self.set_role(who, &name, role)?,
            Administration::Judge { name, judgement, why } => {
                self.judge(who, &name, judgement, why)?
            }
            Administration::DeletePost { post, why } => self.delete_post_of(at, who, post, why)?,
            Administration::ResetPassword { name, code } => {
                self.reset_password(who, &name, code)?
            }
            Administration::Invite { code, uses, until } => {
                self.invite((at, by), who, &code, uses, until)?
            }
            Administration::Revoke { code } => self.revoke(who, &code)?,
            Administration::Announce { text } => self.announce((at, by), who, text)?,
            Administration::Retract { number } => self.retract(who, number)?,
            Administration::Resolve { report, outcome } => {
                self.resolve((at, by), who, report, outcome)?
            }
        };
        let (reply, Entry { what, about, number, words }) = match done {
            Ok(done) => done,
            Err(refusal) => return Ok(Err(refusal)),
        };
        self.tables.add_logged(&LoggedRecord { at, by, what, about, number, words })?;
        Ok(Ok(reply))
    }

    fn begin(
        &mut self,
        at: UnixMillis,
        who: Authority,
        owner: UserName,
        title: String,
        joining: Joining,
        CodeHash { hash, until }: CodeHash,
    ) -> Administered {
        if !may(who, Action::Begin) {
            return Ok(Err(CommandRefusal::NotAllowed));
        }
        if self.tables.administration_counts()?.owners > 0 {
            return Ok(Err(CommandRefusal::HasOwner));
        }
        let known = self.tables.user_named(&owner)?;
        if known.is_none() && !self.is_free(at, &owner)? {
            return Ok(Err(CommandRefusal::NameReserved));
        }
        let words = format!("{title}; joining {}", joining.name());
        let settings = self.tables.network_settings()?;
        let settings = settings.with(NetworkSetting::Title(title));
        self.tables.put_network_settings(&settings.with(NetworkSetting::Joining(joining)));
        let (user, needs_code) = match known {
            Some(user) => (user, self.tables.known_user(user)?.password_hash.is_none()),
            None => (self.make_account(at, owner, None)?.user, true),
        };
        let before = self.tables.standing(user)?;
        let record = StandingRecord { role: Role::Owner, standing: Standing::Active, ..before };
        self.tables.put_standing(user, &record)?;
        if needs_code {
            self.put_code(user, hash, until)?;
        }
        Ok(Ok((Reply::WithCode(needs_code), Entry::of(Logged::Begin).about(user).words(words))))
    }

    fn set(&mut self, who: Authority, setting: NetworkSetting) -> Administered {
        if !may(who, Action::Govern) {
            return Ok(Err(CommandRefusal::NotAllowed));
        }
        let (name, value) = setting.as_text();
        let words = format!("{name} = {value}");
        let settings = self.tables.network_settings()?.with(setting);
        self.tables.put_network_settings(&settings);
        Ok(Ok((Reply::Done, Entry::of(Logged::Set).words(words))))
    }

    fn set_role(&mut self, who: Authority, name: &UserName, role: Role) -> Administered {
        if !may(who, Action::Govern) {
            return Ok(Err(CommandRefusal::NotAllowed));
        }
        let Some(user) = self.tables.user_named(name)? else {
            return Ok(Err(CommandRefusal::NoSuchUser));
        };
        let record = self.tables.standing(user)?;
        if record.role == role {
            return Ok(Err(CommandRefusal::DoesNotFit));
        }
        if record.role == Role::Owner {
            if !may(who, Action::Judge(Role::Owner)) {
                return Ok(Err(CommandRefusal::NotAllowed));
            }
            if self.tables.administration_counts()?.owners <= 1 {
                return Ok(Err(CommandRefusal::LastOwner));
            }
        }
        self.tables.put_standing(user, &StandingRecord { role, ..record })?;
        Ok(Ok((Reply::Done, Entry::of(Logged::SetRole).about(user).words(role.name()))))
    }

    fn judge(
        &mut self,
        who: Authority,
        name: &UserName,
        judgement: Judgement,
        why: String,
    ) -> Administered {
        let user = match self.judged(who, name)? {
            Ok(user) => user,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let record = self.tables.standing(user)?;
        let was_silenced = match judgement {
            Judgement::Suspend => record.standing == Standing::Silenced,
            _ => false,
        };
        let standing = match judgement.of(record.standing) {
            Some(Standing::Active) if record.was_silenced => Some(Standing::Silenced),
            standing => standing,
        };
        let Some(standing) = standing else {
            return Ok(Err(CommandRefusal::DoesNotFit));
        };
        let is_last = record.role == Role::Owner && standing == Standing::Suspended;
        if is_last && self.tables.administration_counts()?.owners <= 1 {
            return Ok(Err(CommandRefusal::LastOwner));
        }
        self.tables.put_standing(user, &StandingRecord { standing, was_silenced, ..record })?;
        if standing == Standing::Suspended {
            self.end_sessions(user)?;
        }
        Ok(Ok((Reply::Done, Entry::of(Logged::Judge(judgement)).about(user).words(why))))
    }

    /// Somebody about whom something is decided.
    fn judged(
        &self,
        who: Authority,
        name: &UserName,
    ) -> Result<Result<UserId, CommandRefusal>, StateError> {
        let Some(user) = self.tables.user_named(name)? else {
            let looks = may(who, Action::Look);
            let refusal =
                if looks { CommandRefusal::NoSuchUser } else { CommandRefusal::NotAllowed };
            return Ok(Err(refusal));
        };
        let role = self.tables.standing(user)?.role;
        Ok(if may(who, Action::Judge(role)) { Ok(user) } else { Err(CommandRefusal::NotAllowed) })
    }

    fn delete_post_of(
        &mut self,
        at: UnixMillis,
        who: Authority,
        post: PostId,
        why: String,
    ) -> Administered {
        if !may(who, Action::Look) {
            return Ok(Err(CommandRefusal::NotAllowed));
        }
        let Some(author) = self.tables.author(post)? else {
            return Ok(Err(CommandRefusal::NoSuchPost));
        };
        if !may(who, Action::Judge(self.tables.standing(author)?.role)) {
            return Ok(Err(CommandRefusal::NotAllowed));
        }
        Ok(self.delete(at, author, post)?.map(|reply| {
            (reply, Entry::of(Logged::DeletePost).about(author).number(post.get()).words(why))
        }))
    }

    fn reset_password(
        &mut self,
        who: Authority,
        name: &UserName,
        CodeHash { hash, until }: CodeHash,
    ) -> Administered {
        let user = match self.judged(who, name)? {
            Ok(user) => user,
            Err(refusal) => return Ok(Err(refusal)),
        };
        self.put_code(user, hash, until)?;
        Ok(Ok((Reply::WithCode(true), Entry::of(Logged::ResetPassword).about(user))))
    }

    fn invite(
        &mut self,
        (at, by): (UnixMillis, UserId),
        who: Authority,
        code: &SecretCode,
        uses: u32,
        until: Option<UnixMillis>,
    ) -> Administered {
        if !may(who, Action::Attend) {
            return Ok(Err(CommandRefusal::NotAllowed));
        }
        if self.tables.invitation(code)?.is_some() {
            return Ok(Err(CommandRefusal::DoesNotFit));
        }
        let record = InvitationRecord { by, at, uses, used: 0, until, revoked: false };
        self.tables.put_invitation(code, &record);
        let words = if uses == 1 { "for one".to_owned() } else { format!("for {uses}") };
        Ok(Ok((Reply::Done, Entry::of(Logged::Invite).words(words))))
    }

    fn revoke(&mut self, who: Authority, code: &SecretCode) -> Administered {
        if !may(who, Action::Attend) {
            return Ok(Err(CommandRefusal::NotAllowed));
        }
        let invitation = self.tables.invitation(code)?.filter(|invitation| !invitation.revoked);
        let Some(invitation) = invitation else {
            return Ok(Err(CommandRefusal::NoSuchInvitation));
        };
        self.tables.put_invitation(code, &InvitationRecord { revoked: true, ..invitation });
        Ok(Ok((Reply::Done, Entry::of(Logged::Revoke).words(code.expose()))))
    }

    fn announce(
        &mut self,
        (at, by): (UnixMillis, UserId),
        who: Authority,
        text: String,
    ) -> Administered {
        if !may(who, Action::Govern) {
            return Ok(Err(CommandRefusal::NotAllowed));
        }
        let entry = Entry::of(Logged::Announce).words(text.as_str());
        let number = self.tables.add_announcement(&AnnouncementRecord { at, by, text })?;
        Ok(Ok((Reply::Numbered(number), entry.number(number))))
    }

    fn retract(&mut self, who: Authority, number: u64) -> Administered {
        if !may(who, Action::Govern) {
            return Ok(Err(CommandRefusal::NotAllowed));
        }
        if !self.tables.remove_announcement(number)? {
            return Ok(Err(CommandRefusal::NoSuchAnnouncement));
        }
        Ok(Ok((Reply::Done, Entry::of(Logged::Retract).number(number))))
    }

    fn resolve(
        &mut self,
        (at, by): (UnixMillis, UserId),
        who: Authority,
        number: u64,
        outcome: String,
    ) -> Administered {
        if !may(who, Action::Attend) {
            return Ok(Err(CommandRefusal::NotAllowed));
        }
        let Some(report) = self.tables.report(number)? else {
            return Ok(Err(CommandRefusal::NoSuchReport));
        };
        if report.resolved.is_some() {
            return Ok(Err(CommandRefusal::ResolvedAlready));
        }
        let about = report.about;
        let entry = Entry::of(Logged::Resolve).about(about).number(number).words(outcome.as_str());
        let resolved = Some(Resolution { at, by, outcome });
        self.tables.put_report(number, &ReportRecord { resolved, ..report });
        Ok(Ok((Reply::Done, entry)))
    }

    /// Makes a code somebody's password for a while, which ends their sessions.
    fn put_code(
        &mut self,
        user: UserId,
        hash: String,
        until: UnixMillis,
    ) -> Result<(), StateError> {
        let record = self.tables.known_user(user)?;
        self.tables.put_user(user, &UserRecord { password_hash: Some(hash), ..record });
        let standing = self.tables.standing(user)?;
        let standing = StandingRecord { code_until: Some(until), code_was_used: false, ..standing };
        self.tables.put_standing(user, &standing)?;
        self.end_sessions(user)
    }
}
