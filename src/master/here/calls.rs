//! The calls.

use super::{
    Here, live_timeline,
    refusals::{
        broken, done, session_refusal, too_many_reads, unchecked, unexpected, wrong_password,
    },
    turns::Reading,
    within,
};
use crate::{
    domain::{PostId, PostText, RequestKey, UserId, UserName},
    master::{
        delivery::TooMany,
        passwords::{self, Asker},
        rate_limits::Activity,
        sessions::{Session, StreamSession},
    },
    network::{
        Call, Cursor, Deadline, ListKind, LoggedIn, Login, NamePage, NamePosition, Network,
        PasswordChange, Post, PostPage, Published, Refusal, RefusalKind, SessionToken, Timeline,
    },
    social::{
        self, Account, Command, CommandRefusal, Context, NameCursor, PageRead, Reply, Step, View,
    },
};

/// Posts on a page if the caller does not say.
const DEFAULT_PAGE: usize = 20;

impl Network for Here {
    async fn log_in(&self, call: &Call, login: &Login) -> Result<LoggedIn, Refusal> {
        let Login { name, password, must_exist } = login;
        self.ensure_available()?;
        check_length(password)?;
        let view = self.linearizable_view(call.deadline).await?;
        let asker = Asker::new(call, name);
        let account = match view.account_by_name(name) {
            Ok(Some(account)) => account,
            Ok(None) if *must_exist => return Err(CommandRefusal::NoSuchUser.into()),
            Ok(None) => self.create(call, asker.clone(), name.clone(), password).await?,
            Err(error) => return Err(broken(self.damage(), &error)),
        };
        if !account.created {
            self.verify_password(call.deadline, asker, &account, password).await?;
        }
        let begun = self.parts.sessions.begin(&account, self.parts.node.now());
        let (token, expires_at) = begun.map_err(|error| session_refusal(self.damage(), &error))?;
        let Account { name, created, .. } = account;
        Ok(LoggedIn { session: SessionToken::new(token), name, created, expires_at })
    }

    /// The current password is checked against everything that was acknowledged before. Of two
    /// concurrent changes that both verify it, the first ends the session of the other.
    async fn set_password(
        &self,
        call: &Call,
        key: &RequestKey,
        PasswordChange { current, new }: &PasswordChange,
    ) -> Result<(), Refusal> {
        check_length(current)?;
        check_length(new)?;
        // A new leader learns only now what was acknowledged before it led. That may include this
        // very change, which ended the session. The owner of the session can then try another
        // password.
        let (Session { account, .. }, _) = self.authenticated_view(call).await?;
        let asker = Asker::new(call, &account.name);
        self.verify_password(call.deadline, asker.clone(), &account, current).await?;
        // Only now: whoever has stolen a session must not be able to use up what the owner may do.
        self.count(call, Some(&account), Activity::ChangingPasswords)?;
        let password_hash = self.hash(call.deadline, asker.clone(), new).await?;
        let change = Command::SetPassword { context: context(&account, key), password_hash };
        done(&self.submit(call.deadline, change).await?)?;
        self.parts.passwords.was_opened(&asker);
        Ok(())
    }

    async fn follow(
        &self,
        call: &Call,
        key: &RequestKey,
        target: &UserName,
    ) -> Result<(), Refusal> {
        let caller = self.caller(call)?;
        let context = context(&caller, key);
        let command = Command::Follow { context, target: target.clone() };
        let reply = self.submit_counted(call, &caller, Activity::Following, command).await?;
        if reply == Reply::Refused(CommandRefusal::Oneself) {
            let why = "you cannot follow yourself: you know your own posts already";
            return Err(Refusal::new(RefusalKind::AlreadyExists, why));
        }
        done(&reply)
    }

    async fn unfollow(
        &self,
        call: &Call,
        key: &RequestKey,
        target: &UserName,
    ) -> Result<(), Refusal> {
        let caller = self.caller(call)?;
        let context = context(&caller, key);
        let command = Command::Unfollow { context, target: target.clone() };
        done(&self.submit_counted(call, &caller, Activity::Following, command).await?)
    }

    async fn publish(
        &self,
        call: &Call,
        key: &RequestKey,
        text: &str,
    ) -> Result<Published, Refusal> {
        let caller = self.caller(call)?;
        let context = context(&caller, key);
        let text = PostText::new(text, self.parts.limits.post_chars)?;
        let command = Command::Publish { context, text };
        match self.submit_counted(call, &caller, Activity::Posting, command).await? {
            Reply::Published { post, posted_at } => Ok(Published { id: post, posted_at }),
            other => Err(unexpected(&other)),
        }
    }

    async fn list(
        &self,
        call: &Call,
        kind: ListKind,
        position: Option<&NamePosition>,
        limit: Option<u32>,
    ) -> Result<NamePage, Refusal> {
        let (Session { account: caller, .. }, view) = self.authenticated_view(call).await?;
        let limit = page_size(limit, self.parts.limits.page_size, self.parts.limits.page_size);
        let after = position.map(|position| NameCursor::from_token(position.as_str()));
        let after = after.as_ref();
        let reading = self.begin_read(call.deadline, caller.user).await?;
        let page = reading.steps(|| {
            let page = match kind {
                ListKind::Users => view.users(after, limit),
                ListKind::Following => view.following(caller.user, after, limit),
                ListKind::Followers => view.followers(caller.user, after, limit),
            }?;
            Ok(Step { rows: page.names.len(), done: Some(page) })
        });
        let page = page.await.map_err(|error| broken(self.damage(), &error))?;
        let social::Page { names, next } = page;
        Ok(NamePage { names, next: next.map(|next| NamePosition::new(next.to_token())) })
    }

    async fn timeline(
        &self,
        call: &Call,
        cursor: Cursor,
        limit: Option<u32>,
    ) -> Result<PostPage, Refusal> {
        let (Session { account: caller, .. }, view) = self.authenticated_view(call).await?;
        let limit = page_size(limit, DEFAULT_PAGE, self.parts.limits.page_size);
        let page = view.timeline(caller.user, state_cursor(cursor), limit);
        self.read_page(call.deadline, caller.user, view, page).await
    }

    async fn posts(
        &self,
        call: &Call,
        author: &UserName,
        cursor: Cursor,
        limit: Option<u32>,
    ) -> Result<PostPage, Refusal> {
        let (Session { account: caller, .. }, view) = self.authenticated_view(call).await?;
        let limit = page_size(limit, DEFAULT_PAGE, self.parts.limits.page_size);
        let author = view.account_by_name(author).map_err(|error| broken(self.damage(), &error))?;
        let author = author.ok_or(CommandRefusal::NoSuchUser)?;
        let page = view.posts_of(author.user, state_cursor(cursor), limit);
        let page = page.map_err(|error| broken(self.damage(), &error))?;
        self.read_page(call.deadline, caller.user, view, page).await
    }

    async fn subscribe(&self, call: &Call, after: Option<PostId>) -> Result<Timeline, Refusal> {
        let (session, view) = self.authenticated_view(call).await?;
        let user = session.account.user;
        let after = after.unwrap_or_else(|| view.newest_post());
        let reading = self.begin_read(call.deadline, user).await?;
        let inbox = self.parts.delivery.open(user).map_err(|too_many| match too_many {
            TooMany::InAll => Refusal::too_many_timelines(),
            TooMany::OfAccount => Refusal::too_many_timelines_of_account(),
        })?;
        // Of the same moment. The session is checked again, because one that ends from now on closes
        // the inbox, but one that ended before does not.
        let view = self.local_view()?;
        self.session(&view, call)?;
        let mut sources = view.sources(user);
        let add = || {
            let some = view.next_sources(&mut sources)?;
            let (rows, done) = (some.as_ref().map_or(0, Vec::len), some.is_none().then_some(()));
            inbox.add(some.unwrap_or_default());
            Ok(Step { done, rows })
        };
        reading.steps(add).await.map_err(|error| broken(self.damage(), &error))?;
        drop(reading);
        inbox.complete();
        let stream_session = StreamSession {
            sessions: self.parts.sessions.clone(),
            session,
            clock: self.parts.node.clock(),
        };
        let (state, turns) = (self.parts.state.clone(), self.turns.clone());
        Ok(live_timeline::start(stream_session, after, inbox, state, turns))
    }
}

impl Here {
    /// Waits for the turns of a read.
    async fn begin_read(&self, deadline: Deadline, user: UserId) -> Result<Reading, Refusal> {
        within(deadline, self.turns.begin(user)).await?.map_err(too_many_reads)
    }

    async fn read_page(
        &self,
        deadline: Deadline,
        user: UserId,
        view: View,
        mut page: PageRead,
    ) -> Result<PostPage, Refusal> {
        let reading = self.begin_read(deadline, user).await?;
        let read = within(deadline, reading.steps(|| view.read_on(&mut page))).await?;
        let (posts, more) = read.map_err(|error| broken(self.damage(), &error))?;
        let posts = posts.into_iter().map(Post::from).collect();
        Ok(PostPage { posts, as_of: view.newest_post(), more })
    }

    async fn create(
        &self,
        call: &Call,
        asker: Asker,
        name: UserName,
        password: &str,
    ) -> Result<Account, Refusal> {
        self.count(call, None, Activity::Joining)?;
        let password_hash = self.hash(call.deadline, asker.clone(), password).await?;
        match self.submit(call.deadline, Command::CreateAccount { name, password_hash }).await? {
            Reply::Account(account) => {
                if account.created && account.password_hash.is_some() {
                    self.parts.passwords.was_opened(&asker);
                }
                Ok(account)
            }
            other => Err(unexpected(&other)),
        }
    }

    async fn hash(
        &self,
        deadline: Deadline,
        asker: Asker,
        password: &str,
    ) -> Result<Option<String>, Refusal> {
        if password.is_empty() {
            return Ok(None);
        }
        let hash = self.parts.passwords.hash(asker, password.to_owned());
        within(deadline, hash).await?.map(Some).map_err(unchecked)
    }

    async fn verify_password(
        &self,
        deadline: Deadline,
        asker: Asker,
        account: &Account,
        password: &str,
    ) -> Result<(), Refusal> {
        match &account.password_hash {
            None if password.is_empty() => Ok(()),
            None => Err(wrong_password("this account has no password: leave it out")),
            Some(_) if password.is_empty() => {
                Err(wrong_password("this account needs its password"))
            }
            Some(hash) => {
                let (password, hash) = (password.to_owned(), hash.clone());
                let verified = self.parts.passwords.verify(asker, password, hash);
                if within(deadline, verified).await?.map_err(unchecked)? {
                    Ok(())
                } else {
                    Err(wrong_password("wrong password"))
                }
            }
        }
    }
}

/// Who asks for a change, and under which key.
fn context(caller: &Account, key: &RequestKey) -> Context {
    let Account { user, password_version, .. } = caller;
    Context { user: *user, password_version: *password_version, key: key.clone() }
}

fn check_length(password: &str) -> Result<(), Refusal> {
    if password.len() <= passwords::MAX_BYTES {
        return Ok(());
    }
    Err(Refusal::invalid(format!("a password has at most {} bytes", passwords::MAX_BYTES)))
}

/// How many names or posts a page gets.
fn page_size(wanted: Option<u32>, default: usize, limit: usize) -> usize {
    match wanted {
        Some(wanted) => usize::try_from(wanted).unwrap_or(limit).min(limit),
        None => default.min(limit),
    }
}

fn state_cursor(cursor: Cursor) -> social::Cursor {
    match cursor {
        Cursor::Newest => social::Cursor::Before(PostId::MAX),
        Cursor::Before(post) => social::Cursor::Before(post),
        Cursor::After(post) => social::Cursor::After(post),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_stay_within_the_limit() {
        let sizes =
            |default| [None, Some(7), Some(1_000)].map(|wanted| page_size(wanted, default, 100));
        assert_eq!(sizes(DEFAULT_PAGE), [20, 7, 100]);
        assert_eq!(sizes(100), [100, 7, 100]);
    }
}
