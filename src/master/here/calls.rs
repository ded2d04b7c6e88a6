//! The calls.

use super::{
    Here, live_timeline,
    refusals::{broken, done, too_many_reads, unexpected},
    scopes::{self, Needs},
    turns::Reading,
    within,
};
use crate::{
    domain::{
        Draft, EndedSessions, MOST_PICTURES, Mark, NotificationChange, Person, PersonalChange,
        PersonalId, Post, PostContent, PostId, PostText, Profile, Query, RelationChange,
        Relationship, RepliesPolicy, RequestKey, Revision, TextError, UserId, UserName,
    },
    master::{
        delivery::{Delivers, Inbox, TooMany},
        rate_limits::Activity,
        sessions::{Session, StreamSession},
    },
    network::{
        Begins, Call, Cursor, Deadline, FollowOutcome, Found, ListKind, LoggedIn, Login, NamePage,
        NamePosition, Network, NewPost, NotificationPage, PasswordChange, PersonRef, PersonView,
        PersonalAnswer, PersonalQuestion, PostPage, PostWords, Published, Refusal, RefusalKind,
        SearchKind, SessionInfo, StreamKind, Thread, Timeline, TimelineKind,
    },
    social::{
        self, Command, CommandRefusal, Context, FeedKind, NameCursor, PageOfNotifications,
        PageOfPosts, PageRead, Reply, Source, SourceRead, StateError, Step, View,
    },
};

/// Posts on a page if the caller does not say.
const DEFAULT_PAGE: usize = 20;

impl Network for Here {
    async fn log_in(
        &self,
        call: &Call,
        login: &Login,
        begins: &Begins,
    ) -> Result<LoggedIn, Refusal> {
        self.log_in_here(call, login, begins).await
    }

    async fn set_password(
        &self,
        call: &Call,
        key: &RequestKey,
        change: &PasswordChange,
    ) -> Result<(), Refusal> {
        self.change_password(call, key, change).await
    }

    async fn sessions(&self, call: &Call) -> Result<Vec<SessionInfo>, Refusal> {
        self.sessions_here(call).await
    }

    async fn end_sessions(
        &self,
        call: &Call,
        key: &RequestKey,
        which: EndedSessions,
    ) -> Result<(), Refusal> {
        let command = |context| Command::EndSessions { context, which };
        self.change(call, key, (Activity::Marking, Needs::OwnClient), command).await
    }

    async fn delete_account(
        &self,
        call: &Call,
        key: &RequestKey,
        password: &str,
    ) -> Result<(), Refusal> {
        self.delete_account_here(call, key, password).await
    }

    async fn follow(
        &self,
        call: &Call,
        key: &RequestKey,
        target: &UserName,
    ) -> Result<FollowOutcome, Refusal> {
        let caller = self.caller(call, scopes::FOLLOWING)?;
        let context = context(&caller, key);
        let command = Command::Follow { context, target: target.clone() };
        match self.submit_counted(call, &caller, Activity::Following, command).await? {
            Reply::Done => Ok(FollowOutcome::Follows),
            Reply::Requested => Ok(FollowOutcome::Requested),
            Reply::Refused(CommandRefusal::Oneself) => {
                let why = "you cannot follow yourself: you know your own posts already";
                Err(Refusal::new(RefusalKind::AlreadyExists, why))
            }
            other => Err(unexpected(&other)),
        }
    }

    async fn unfollow(
        &self,
        call: &Call,
        key: &RequestKey,
        target: &UserName,
    ) -> Result<(), Refusal> {
        let target = target.clone();
        let command = |context| Command::Unfollow { context, target };
        self.change(call, key, (Activity::Following, scopes::FOLLOWING), command).await
    }

    async fn publish(
        &self,
        call: &Call,
        key: &RequestKey,
        post: &NewPost,
    ) -> Result<Published, Refusal> {
        let draft = self.draft(post)?;
        let command = |context| Command::Publish { context, draft };
        self.publishing(call, key, Activity::Posting, command).await
    }

    async fn edit(
        &self,
        call: &Call,
        key: &RequestKey,
        post: PostId,
        says: &PostWords,
    ) -> Result<(), Refusal> {
        let content = self.content(says)?;
        let command = |context| Command::Edit { context, post, content };
        self.change(call, key, (Activity::Posting, scopes::POSTS), command).await
    }

    async fn delete(&self, call: &Call, key: &RequestKey, post: PostId) -> Result<(), Refusal> {
        let command = |context| Command::Delete { context, post };
        self.change(call, key, (Activity::Marking, scopes::POSTS), command).await
    }

    async fn boost(
        &self,
        call: &Call,
        key: &RequestKey,
        post: PostId,
    ) -> Result<Published, Refusal> {
        let command = |context| Command::Boost { context, post, set: true };
        self.publishing(call, key, Activity::Marking, command).await
    }

    async fn unboost(&self, call: &Call, key: &RequestKey, post: PostId) -> Result<(), Refusal> {
        let command = |context| Command::Boost { context, post, set: false };
        self.change(call, key, (Activity::Marking, scopes::POSTS), command).await
    }

    async fn mark(
        &self,
        call: &Call,
        key: &RequestKey,
        post: PostId,
        mark: Mark,
        set: bool,
    ) -> Result<(), Refusal> {
        let command = |context| Command::Mark { context, post, mark, set };
        self.change(call, key, (Activity::Marking, scopes::mark(mark)), command).await
    }

    async fn relate(
        &self,
        call: &Call,
        key: &RequestKey,
        target: &UserName,
        change: &RelationChange,
    ) -> Result<(), Refusal> {
        check_note(change)?;
        let needs = scopes::relate(change);
        let (target, change) = (target.clone(), change.clone());
        let command = |context| Command::Relate { context, target, change };
        self.change(call, key, (Activity::Following, needs), command).await
    }

    async fn set_profile(
        &self,
        call: &Call,
        key: &RequestKey,
        profile: &Profile,
    ) -> Result<(), Refusal> {
        profile.check()?;
        let (profile, words) = (profile.clone(), profile.words());
        let command = |context| Command::SetProfile { context, profile, words };
        self.change(call, key, (Activity::Following, scopes::PROFILE), command).await
    }

    async fn change_notifications(
        &self,
        call: &Call,
        key: &RequestKey,
        change: NotificationChange,
    ) -> Result<(), Refusal> {
        let command = |context| Command::ChangeNotifications { context, change };
        self.change(call, key, (Activity::Marking, scopes::NOTIFICATIONS), command).await
    }

    async fn change_personal(
        &self,
        call: &Call,
        key: &RequestKey,
        change: &PersonalChange,
    ) -> Result<Option<PersonalId>, Refusal> {
        self.carry_out_personal(call, key, change).await
    }

    async fn personal(
        &self,
        call: &Call,
        question: &PersonalQuestion,
    ) -> Result<PersonalAnswer, Refusal> {
        let (Session { account: caller, .. }, view) =
            self.authenticated_view(call, scopes::personal(question)).await?;
        self.answer_personal(call.deadline, caller.user, &view, question).await
    }

    async fn list(
        &self,
        call: &Call,
        kind: &ListKind,
        position: Option<&NamePosition>,
        limit: Option<u32>,
    ) -> Result<NamePage, Refusal> {
        let (Session { account: caller, .. }, view) =
            self.authenticated_view(call, scopes::list(kind)).await?;
        let limit = page_size(limit, self.parts.limits.page_size, self.parts.limits.page_size);
        let after = position.map(|position| NameCursor::from_token(position.as_str()));
        let mut names = self.names(&view, caller.user, kind, (after, limit))?;
        let reading = self.begin_read(call.deadline, caller.user).await?;
        let read = within(call.deadline, reading.steps(|| names.step(&view))).await?;
        let social::Page { names, next } = self.found(read)?;
        Ok(NamePage { names, next: next.map(|next| NamePosition::new(next.to_token())) })
    }

    async fn timeline(
        &self,
        call: &Call,
        kind: &TimelineKind,
        cursor: Cursor,
        limit: Option<u32>,
    ) -> Result<PostPage, Refusal> {
        let (Session { account: caller, .. }, view) =
            self.authenticated_view(call, scopes::timeline(kind)).await?;
        let limit = page_size(limit, DEFAULT_PAGE, self.parts.limits.page_size);
        let page = self.page_of(&view, caller.user, kind, state_cursor(cursor), limit)?;
        self.read_page(call.deadline, caller.user, view, page).await
    }

    async fn post(&self, call: &Call, post: PostId) -> Result<Post, Refusal> {
        let (Session { account: caller, .. }, view) =
            self.authenticated_view(call, scopes::READ_POST).await?;
        let found = view.post(Some(caller.user), post);
        self.found(found)?.ok_or_else(|| CommandRefusal::NoSuchPost.into())
    }

    async fn thread(&self, call: &Call, post: PostId) -> Result<Thread, Refusal> {
        let (Session { account: caller, .. }, view) =
            self.authenticated_view(call, scopes::READ_POSTS).await?;
        let post = self.found(view.post(Some(caller.user), post))?;
        let post = post.ok_or(CommandRefusal::NoSuchPost)?;
        let mut thread = view.thread(Some(caller.user), &post);
        let reading = self.begin_read(call.deadline, caller.user).await?;
        let read = within(call.deadline, reading.steps(|| view.read_thread(&mut thread))).await?;
        let (ancestors, descendants) = self.found(read)?;
        Ok(Thread { ancestors, descendants })
    }

    async fn history(&self, call: &Call, post: PostId) -> Result<Vec<Revision>, Refusal> {
        let (Session { account: caller, .. }, view) =
            self.authenticated_view(call, scopes::READ_POSTS).await?;
        let revisions = self.found(view.history(Some(caller.user), post))?;
        revisions.ok_or_else(|| CommandRefusal::NoSuchPost.into())
    }

    async fn notifications(
        &self,
        call: &Call,
        cursor: Cursor,
        limit: Option<u32>,
    ) -> Result<NotificationPage, Refusal> {
        let (Session { account: caller, .. }, view) =
            self.authenticated_view(call, scopes::READ_NOTIFICATIONS).await?;
        let limit = page_size(limit, DEFAULT_PAGE, self.parts.limits.page_size);
        let page = view.notifications(caller.user, state_cursor(cursor), limit);
        let PageOfNotifications { notifications, more, read_up_to } = self.found(page)?;
        Ok(NotificationPage { notifications, as_of: view.newest_post(), more, read_up_to })
    }

    async fn person(&self, call: &Call, name: &UserName) -> Result<PersonView, Refusal> {
        let (Session { account: caller, .. }, view) =
            self.authenticated_view(call, scopes::PERSON).await?;
        let user = self.user_named(&view, name)?;
        let person = self.found(view.person(Some(caller.user), user))?;
        let person = person.ok_or(CommandRefusal::NoSuchUser)?;
        let relationship = self.found(view.relationship(caller.user, user))?;
        Ok(PersonView { person, relationship })
    }

    async fn people(
        &self,
        call: &Call,
        whom: &[PersonRef],
    ) -> Result<Vec<Option<Person>>, Refusal> {
        self.people_here(call, whom).await
    }

    async fn relationships(
        &self,
        call: &Call,
        whom: &[UserId],
    ) -> Result<Vec<(UserId, Relationship)>, Refusal> {
        self.relationships_here(call, whom).await
    }

    async fn search(
        &self,
        call: &Call,
        kind: SearchKind,
        text: &str,
        before: Option<PostId>,
        limit: Option<u32>,
    ) -> Result<Found, Refusal> {
        let (Session { account: caller, .. }, view) =
            self.authenticated_view(call, scopes::SEARCHING).await?;
        self.count(call, Some(&caller), Activity::Searching)?;
        let limit = page_size(limit, DEFAULT_PAGE, self.parts.limits.page_size);
        let reader = Some(caller.user);
        let text = text.trim();
        Ok(match kind {
            SearchKind::People => {
                let beginning = searched_for(text.strip_prefix('@').unwrap_or(text))?;
                Found::People(self.found(view.search_people(reader, beginning, limit))?)
            }
            SearchKind::Hashtags => {
                let beginning = searched_for(text.strip_prefix('#').unwrap_or(text))?;
                let found = self.found(view.search_hashtags(beginning, limit))?.into_iter();
                let uses = found
                    .map(|(hashtag, posts)| self.hashtag_use(&view, caller.user, hashtag, posts));
                Found::Hashtags(uses.collect::<Result<_, _>>()?)
            }
            SearchKind::Posts => {
                let query = Query::new(searched_for(text)?)
                    .ok_or_else(|| Refusal::invalid("search for a word, at least"))?;
                let cursor = social::Cursor::Before(before.unwrap_or(PostId::MAX));
                let page = view.search_posts(reader, query, cursor, limit);
                Found::Posts(self.read_page(call.deadline, caller.user, view, page).await?)
            }
        })
    }

    async fn subscribe(
        &self,
        call: &Call,
        kind: &StreamKind,
        after: Option<PostId>,
    ) -> Result<Timeline, Refusal> {
        let (session, view) = self.authenticated_view(call, scopes::READ_POSTS).await?;
        let user = session.account.user;
        let after = after.unwrap_or_else(|| view.newest_post());
        let reading = self.begin_read(call.deadline, user).await?;
        let delivers = self.delivers(&self.local_view()?, user, kind)?;
        let inbox = self.parts.delivery.open(user, delivers.clone());
        let inbox = inbox.map_err(|too_many| match too_many {
            TooMany::InAll => Refusal::too_many_timelines(),
            TooMany::OfAccount => Refusal::too_many_timelines_of_account(),
        })?;
        // Of the same moment. The session is checked again, because one that ends from now on closes
        // the inbox, but one that ended before does not.
        let view = self.local_view()?;
        self.session(&view, call, scopes::READ_POSTS)?;
        if let Some(mut sources) = self.found(begin_to_hear(&view, user, &delivers, &inbox))? {
            let add = || {
                let some = view.next_sources(&mut sources)?;
                let rows = some.as_ref().map_or(0, Vec::len);
                let done = some.is_none().then_some(());
                hear(&view, user, &delivers, &inbox, some.unwrap_or_default())?;
                Ok(Step { done, rows })
            };
            self.found(reading.steps(add).await)?;
        }
        drop(reading);
        inbox.complete();
        let stream_session = StreamSession {
            sessions: self.parts.sessions.clone(),
            session,
            clock: self.parts.node.clock(),
        };
        let (state, turns) = (self.parts.state.clone(), self.turns.clone());
        Ok(live_timeline::start(stream_session, delivers, after, inbox, state, turns))
    }
}

impl Here {
    /// Waits for the turns of a read.
    pub(super) async fn begin_read(
        &self,
        deadline: Deadline,
        user: UserId,
    ) -> Result<Reading, Refusal> {
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
        let PageOfPosts { posts, more, last } = self.found(read)?;
        Ok(PostPage { posts, as_of: view.newest_post(), more, last })
    }

    /// What was read of the state, unless that is damaged.
    pub(super) fn found<T>(&self, read: Result<T, StateError>) -> Result<T, Refusal> {
        read.map_err(|error| broken(self.damage(), &error))
    }

    pub(super) fn user_named(&self, view: &View, name: &UserName) -> Result<UserId, Refusal> {
        self.found(view.user_named(name))?.ok_or_else(|| CommandRefusal::NoSuchUser.into())
    }

    /// A page of a timeline, to be read.
    fn page_of(
        &self,
        view: &View,
        caller: UserId,
        kind: &TimelineKind,
        cursor: social::Cursor,
        limit: usize,
    ) -> Result<PageRead, Refusal> {
        let reader = Some(caller);
        Ok(match kind {
            TimelineKind::Followed => view.followed(caller, cursor, limit),
            TimelineKind::Home => view.home(caller, cursor, limit),
            TimelineKind::Local => view.local(reader, cursor, limit),
            TimelineKind::Hashtag(hashtag) => {
                self.found(view.with_hashtag(reader, hashtag, cursor, limit))?
            }
            TimelineKind::Of { author, replies, boosts } => {
                let author = self.user_named(view, author)?;
                self.found(view.posts_of(reader, author, (*replies, *boosts), cursor, limit))?
            }
            TimelineKind::PicturesOf(author) => {
                let author = self.user_named(view, author)?;
                self.found(view.pictures_of(reader, author, cursor, limit))?
            }
            TimelineKind::Pinned(name) => {
                let user = self.user_named(view, name)?;
                view.marked(reader, user, Mark::Pin, cursor, limit)
            }
            TimelineKind::List(list) => {
                let settings = self.list_of(view, caller, *list)?;
                view.in_list(caller, (*list, settings.replies), cursor, limit)
            }
            TimelineKind::Direct => view.direct(caller, cursor, limit),
            TimelineKind::Liked => view.marked(reader, caller, Mark::Like, cursor, limit),
            TimelineKind::Bookmarked => view.marked(reader, caller, Mark::Bookmark, cursor, limit),
        })
    }

    /// What a stream of a kind delivers to its reader.
    fn delivers(&self, view: &View, user: UserId, kind: &StreamKind) -> Result<Delivers, Refusal> {
        Ok(match kind {
            StreamKind::Followed => Delivers::Followed,
            StreamKind::Home => Delivers::Feed(FeedKind::Home),
            StreamKind::Local => Delivers::Feed(FeedKind::Local),
            StreamKind::Direct => Delivers::Feed(FeedKind::Direct),
            StreamKind::Hashtag(hashtag) => Delivers::Feed(FeedKind::Hashtag(hashtag.clone())),
            StreamKind::List(list) => {
                let settings = self.list_of(view, user, *list)?;
                Delivers::Feed(FeedKind::List(*list, settings.replies))
            }
        })
    }

    /// Makes a change that is answered with nothing more than that it is made.
    pub(super) async fn change(
        &self,
        call: &Call,
        key: &RequestKey,
        (activity, needs): (Activity, Needs),
        command: impl FnOnce(Context) -> Command,
    ) -> Result<(), Refusal> {
        let caller = self.caller(call, needs)?;
        let command = command(context(&caller, key));
        done(&self.submit_counted(call, &caller, activity, command).await?)
    }

    /// Makes a post, or a boost.
    async fn publishing(
        &self,
        call: &Call,
        key: &RequestKey,
        activity: Activity,
        command: impl FnOnce(Context) -> Command,
    ) -> Result<Published, Refusal> {
        let caller = self.caller(call, scopes::POSTS)?;
        let command = command(context(&caller, key));
        match self.submit_counted(call, &caller, activity, command).await? {
            Reply::Published { post, posted_at } => Ok(Published { id: post, posted_at }),
            other => Err(unexpected(&other)),
        }
    }

    fn draft(&self, NewPost { says, reply_to, visibility }: &NewPost) -> Result<Draft, Refusal> {
        let content = self.content(says)?;
        Ok(Draft { content, reply_to: *reply_to, visibility: *visibility })
    }

    fn content(&self, says: &PostWords) -> Result<PostContent, Refusal> {
        let PostWords { text, warning, sensitive, language, pictures } = says;
        if pictures.len() > MOST_PICTURES {
            return Err(Refusal::invalid(format!("a post has at most {MOST_PICTURES} pictures")));
        }
        let limit = self.network_settings()?.post_chars;
        let limit = limit.map_or(self.parts.limits.post_chars, |most| most as usize);
        let text = if text.trim().is_empty() && !pictures.is_empty() {
            PostText::none()
        } else {
            PostText::new(text, limit)?
        };
        let warning = warning.as_ref().map(|warning| PostText::new(warning, limit)).transpose()?;
        let (sensitive, language, pictures) = (*sensitive, language.clone(), pictures.clone());
        let content =
            PostContent { warning, sensitive, language, pictures, ..PostContent::of(text) };
        let length = content.length();
        if length > limit {
            return Err(TextError::TooLong { limit, length }.into());
        }
        Ok(content)
    }
}

/// Who asks for a change, and under which key.
pub(super) fn context(caller: &Session, key: &RequestKey) -> Context {
    Context { user: caller.account.user, session: caller.session, key: key.clone() }
}

/// The longest note about somebody, in characters.
const MAX_NOTE_CHARS: usize = 2_000;

fn check_note(change: &RelationChange) -> Result<(), Refusal> {
    let RelationChange::Note(note) = change else { return Ok(()) };
    if note.chars().count() > MAX_NOTE_CHARS {
        return Err(Refusal::invalid(format!("a note has at most {MAX_NOTE_CHARS} characters")));
    }
    if note.chars().any(|c| c.is_control() && c != '\n') {
        return Err(Refusal::invalid("a note cannot contain control characters, except newlines"));
    }
    Ok(())
}

/// What somebody searches for; a limited amount of it.
fn searched_for(text: &str) -> Result<&str, Refusal> {
    const MAX_CHARS: usize = 200;
    if text.is_empty() {
        return Err(Refusal::invalid("say what to search for"));
    }
    if text.chars().nth(MAX_CHARS).is_some() {
        return Err(Refusal::invalid(format!("search for at most {MAX_CHARS} characters")));
    }
    Ok(text)
}

/// Adds what belongs to a stream whoever its reader follows; what remains to be read of whom they follow, if that
/// matters.
pub(super) fn begin_to_hear(
    view: &View,
    user: UserId,
    delivers: &Delivers,
    inbox: &Inbox,
) -> Result<Option<SourceRead>, StateError> {
    Ok(match delivers {
        Delivers::Feed(FeedKind::Local | FeedKind::Hashtag(_) | FeedKind::Direct) => None,
        Delivers::Feed(FeedKind::Home) => {
            inbox.add(vec![Source::all_of(user)]);
            inbox.add_hashtags(view.followed_hashtags(user)?);
            Some(view.sources(user))
        }
        Delivers::Followed | Delivers::Feed(FeedKind::List(..)) => Some(view.sources(user)),
    })
}

/// Adds what belongs to a stream because its reader follows these.
pub(super) fn hear(
    view: &View,
    user: UserId,
    delivers: &Delivers,
    inbox: &Inbox,
    sources: Vec<Source>,
) -> Result<(), StateError> {
    let unmuted = view.unmuted(user, sources)?;
    match delivers {
        Delivers::Followed => inbox.add(unmuted),
        Delivers::Feed(kind) => {
            let (heard, others) = view.heard(user, kind, unmuted)?;
            inbox.add(heard);
            if hears_answers_to_others(kind) {
                inbox.add_others(others);
            }
        }
    }
    Ok(())
}

/// Whether answers belong to a feed if the reader follows whom they answer, even if what these post does not.
fn hears_answers_to_others(kind: &FeedKind) -> bool {
    matches!(kind, FeedKind::Home | FeedKind::List(_, RepliesPolicy::Followed))
}

/// How many names or posts a page gets.
pub(super) fn page_size(wanted: Option<u32>, default: usize, limit: usize) -> usize {
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
