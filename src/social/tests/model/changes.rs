//! What commands do.

use super::*;

type Done = Result<Reply, CommandRefusal>;

const DAY_MS: i64 = 24 * HOUR_MS;

impl Model {
    pub(super) fn carry_out(&mut self, user: UserId, own: Option<u64>, command: &Command) -> Done {
        match command {
            Command::SetPassword { password_hash, .. } => {
                let account = self.accounts.iter_mut().find(|account| account.user == user);
                let account = account.expect("it was looked up before");
                account.password_hash.clone_from(password_hash);
                account.password_version += 1;
                self.end_other_sessions(user, own);
                Ok(Reply::Done)
            }
            Command::EndSessions { which, .. } => self.end_sessions(user, own, *which),
            Command::Follow { target, .. } => self.follow(user, target),
            Command::Unfollow { target, .. } => self.unfollow(user, target),
            Command::Publish { draft, .. } => self.publish(user, draft),
            Command::Edit { post, content, .. } => self.edit(user, *post, content),
            Command::Delete { post, .. } => self.delete(user, *post),
            Command::Boost { post, set: true, .. } => self.boost(user, *post),
            Command::Boost { post, set: false, .. } => self.unboost(user, *post),
            Command::Mark { post, mark, set: true, .. } => self.mark(user, *post, *mark),
            Command::Mark { post, mark, set: false, .. } => self.unmark(user, *post, *mark),
            Command::Relate { target, change, .. } => self.relate(user, target, change),
            Command::SetProfile { profile, words, .. } => {
                self.profiles.insert(user, (profile.clone(), words.clone()));
                Ok(Reply::Done)
            }
            Command::ChangeNotifications { change, .. } => {
                match change {
                    NotificationChange::ReadUpTo(up_to) => {
                        let read = self.read_up_to.entry(user).or_default();
                        *read = (*read).max((*up_to).min(self.newest));
                        self.notifications_were_read(user);
                    }
                    NotificationChange::Dismiss(position) => {
                        self.notifications.remove(&(user, *position));
                    }
                    NotificationChange::Clear => {
                        self.notifications.retain(|(whose, _), _| *whose != user);
                    }
                }
                Ok(Reply::Done)
            }
            Command::ChangePersonal { change, .. } => self.change_personal(user, change),
            Command::BootstrapCluster { .. }
            | Command::CreateAccount { .. }
            | Command::AbandonCluster { .. }
            | Command::Certify { .. }
            | Command::SignUp(_)
            | Command::BeginSession(_)
            | Command::RedeemGrant { .. }
            | Command::EndAppSession { .. }
            | Command::Report { .. }
            | Command::Administer { .. }
            // No history has these: see `chores` and `picture_rules`.
            | Command::BeginPicture { .. }
            | Command::PutPiece { .. }
            | Command::DescribePicture { .. }
            | Command::DiscardPicture { .. }
            | Command::SetProfilePicture { .. }
            | Command::ForgetPictures
            | Command::DeleteAccount { .. }
            | Command::GoOn { .. }
            | Command::TestNoop => unreachable!("nobody in particular asks for it"),
        }
    }

    pub(super) fn begin_session(&mut self, new: NewSession) -> Reply {
        let NewSession { user, password_version, login, client, expires_at, grant } = new;
        let Some(account) = self.account(user) else {
            return Reply::Refused(CommandRefusal::NoSuchAccount);
        };
        let (version, has_password) = (account.password_version, account.password_hash.is_some());
        let begun = |number, session: &SessionRecord| Reply::SessionBegun {
            session: SessionKey { number, begun_at: session.begun_at },
            expires_at: session.expires_at,
        };
        let mut all = self.sessions.iter();
        if let Some(((_, number), session)) =
            all.find(|((whose, _), session)| *whose == user && session.login == login)
        {
            return begun(*number, session);
        }
        if version != password_version {
            return Reply::Refused(CommandRefusal::PasswordChanged);
        }
        if grant.is_some() && !has_password {
            return Reply::Refused(CommandRefusal::NoPasswordForApps);
        }
        let now = self.now;
        let is_over = |session: &SessionRecord| {
            let granted_until = match &session.app {
                Some(AppSession { stage: GrantStage::Pending { until }, .. }) => *until,
                _ => UnixMillis::MAX,
            };
            granted_until <= now || session.expires_at.is_some_and(|expires| expires <= now)
        };
        self.sessions.retain(|(whose, _), session| *whose != user || !is_over(session));
        let number = self.begun.entry(user).or_default();
        *number += 1;
        let app = grant.map(|NewGrant { grant, until }| AppSession {
            grant,
            stage: GrantStage::Pending { until },
        });
        let session = SessionRecord { begun_at: now, expires_at, login, client, app };
        let reply = begun(*number, &session);
        self.sessions.insert((user, *number), session);
        reply
    }

    /// What makes a session an app's, if it is one's.
    pub(super) fn app_session(
        &mut self,
        user: UserId,
        SessionKey { number, begun_at }: SessionKey,
    ) -> Option<&mut SessionRecord> {
        let session = self.sessions.get_mut(&(user, number));
        session.filter(|session| session.begun_at == begun_at && session.app.is_some())
    }

    pub(super) fn redeem_grant(
        &mut self,
        user: UserId,
        session: SessionKey,
        attempt: LoginId,
    ) -> Done {
        let now = self.now;
        let record = self.app_session(user, session).ok_or(CommandRefusal::NoSuchGrant)?;
        let reply = Reply::SessionBegun { session, expires_at: record.expires_at };
        let expires_at = record.expires_at.unwrap_or(UnixMillis::MAX);
        let app = record.app.as_mut().expect("it was looked for");
        let refusal = match app.stage {
            GrantStage::Pending { until } if until.min(expires_at) > now => {
                app.stage = GrantStage::Redeemed { by: attempt };
                return Ok(reply);
            }
            GrantStage::Pending { .. } => CommandRefusal::NoSuchGrant,
            GrantStage::Redeemed { by } if by == attempt => return Ok(reply),
            GrantStage::Redeemed { .. } => {
                self.events.push(Event::SessionsEnded { user });
                CommandRefusal::GrantReused
            }
        };
        self.sessions.remove(&(user, session.number));
        Err(refusal)
    }

    fn end_sessions(&mut self, user: UserId, own: Option<u64>, which: EndedSessions) -> Done {
        let number = match which {
            EndedSessions::One(number) => number,
            EndedSessions::Own => own.ok_or(CommandRefusal::NoPassword)?,
            EndedSessions::Others => {
                self.end_other_sessions(user, Some(own.ok_or(CommandRefusal::NoPassword)?));
                return Ok(Reply::Done);
            }
        };
        self.sessions.remove(&(user, number)).ok_or(CommandRefusal::NoSuchSession)?;
        self.events.push(Event::SessionsEnded { user });
        Ok(Reply::Done)
    }

    fn end_other_sessions(&mut self, user: UserId, own: Option<u64>) {
        self.sessions.retain(|(whose, number), _| *whose != user || own == Some(*number));
        self.events.push(Event::SessionsEnded { user });
    }

    fn next_position(&mut self) -> PostId {
        self.newest = self.newest.next().expect("there are not so many");
        self.newest
    }

    fn target(&self, user: UserId, name: &UserName) -> Result<UserId, CommandRefusal> {
        match self.find(name) {
            None => Err(CommandRefusal::NoSuchUser),
            Some(account) if account.user == user => Err(CommandRefusal::Oneself),
            Some(account) => Ok(account.user),
        }
    }

    fn follow(&mut self, user: UserId, target: &UserName) -> Done {
        let other = self.target(user, target)?;
        if self.follows.contains_key(&(user, other)) {
            return Err(CommandRefusal::AlreadyFollowing);
        }
        if self.is_blocked(user, other) {
            return Err(CommandRefusal::Blocked);
        }
        if self.profiles.get(&other).is_some_and(|(profile, _)| profile.locked) {
            if !self.requests.insert((user, other)) {
                return Err(CommandRefusal::AlreadyRequested);
            }
            self.tell(other, user, NotificationKind::FollowRequested, None);
            return Ok(Reply::Requested);
        }
        self.begin_to_follow(user, other);
        self.tell(other, user, NotificationKind::Followed, None);
        Ok(Reply::Done)
    }

    fn begin_to_follow(&mut self, follower: UserId, followee: UserId) {
        self.requests.remove(&(follower, followee));
        let since = self.newest;
        self.follows.insert((follower, followee), since);
        self.events.push(Event::Followed { follower, followee, since });
    }

    fn cease_to_follow(&mut self, follower: UserId, followee: UserId) -> bool {
        let was_there = self.follows.remove(&(follower, followee)).is_some();
        if was_there {
            self.leave_lists(follower, followee);
            self.events.push(Event::Unfollowed { follower, followee });
        }
        was_there
    }

    fn unfollow(&mut self, user: UserId, target: &UserName) -> Done {
        let other = self.target(user, target)?;
        if self.cease_to_follow(user, other) || self.requests.remove(&(user, other)) {
            return Ok(Reply::Done);
        }
        Err(CommandRefusal::NotFollowing)
    }

    fn relate(&mut self, user: UserId, target: &UserName, change: &RelationChange) -> Done {
        let other = self.target(user, target)?;
        match change {
            RelationChange::Block => {
                for (one, other) in [(user, other), (other, user)] {
                    self.cease_to_follow(one, other);
                    self.requests.remove(&(one, other));
                }
                self.blocks.insert((user, other));
            }
            RelationChange::Unblock => {
                self.blocks.remove(&(user, other));
            }
            RelationChange::Mute { notifications, until } => {
                self.mutes.insert((user, other), (*notifications, *until));
                self.events.push(Event::Muted { user, muted: other, is_muted: true });
            }
            RelationChange::Unmute => {
                self.mutes.remove(&(user, other));
                self.events.push(Event::Muted { user, muted: other, is_muted: false });
            }
            RelationChange::RemoveFollower => {
                self.cease_to_follow(other, user);
            }
            RelationChange::AcceptRequest | RelationChange::RejectRequest => {
                if !self.requests.remove(&(other, user)) {
                    return Err(CommandRefusal::NoSuchRequest);
                }
                if *change == RelationChange::AcceptRequest {
                    self.begin_to_follow(other, user);
                }
            }
            RelationChange::Note(text) if text.is_empty() => {
                self.notes.remove(&(user, other));
            }
            RelationChange::Note(text) => {
                self.notes.insert((user, other), text.clone());
            }
        }
        Ok(Reply::Done)
    }

    /// Which post somebody means by a number: a boost stands for what was boosted. None if they see nothing there.
    fn seen(&self, user: UserId, post: PostId) -> Result<PostId, CommandRefusal> {
        let is_there = self.is_visible(Some(user), post);
        if is_there { Ok(self.original(post)) } else { Err(CommandRefusal::NoSuchPost) }
    }

    fn original(&self, post: PostId) -> PostId {
        match self.posts[&post].what {
            What::Boost { of, .. } => of,
            What::Said(_) | What::Gone { .. } => post,
        }
    }

    fn conversation(&self, post: PostId) -> PostId {
        let reply_to = match &self.posts[&post].what {
            What::Said(Said { reply_to, .. }) | What::Gone { reply_to } => *reply_to,
            What::Boost { .. } => None,
        };
        reply_to.map_or(post, |above| self.conversation(above))
    }

    fn meant(&self, user: UserId, names: &[UserName]) -> Vec<UserId> {
        let found = names.iter().filter_map(|name| self.find(name));
        let others = found.map(|account| account.user).filter(|other| *other != user);
        others.filter(|other| !self.is_blocked(user, *other)).collect()
    }

    fn publish(&mut self, user: UserId, draft: &Draft) -> Done {
        let Draft { content, reply_to, visibility } = draft;
        let reply_to = reply_to.map(|post| self.seen(user, post)).transpose()?;
        let id = self.next_position();
        let mentioned = self.meant(user, &content.mentions);
        let said = Said {
            visibility: *visibility,
            reply_to,
            now: revision(self.now, content),
            language: content.language.clone(),
            mentioned: mentioned.clone(),
            hashtags: content.hashtags.clone(),
            earlier: Vec::new(),
        };
        let what = What::Said(said);
        self.posts.insert(id, Entry { author: user, at: self.now, what });
        self.events.push(Event::Published(self.read(None, id).expect("it was just made")));
        let mut told = BTreeSet::from_iter(mentioned);
        if let Some(answered) = reply_to {
            let author = self.posts[&answered].author;
            if author != user && self.is_visible(Some(author), id) {
                told.insert(author);
            }
        }
        for other in told {
            self.tell(other, user, NotificationKind::Mentioned, Some(id));
        }
        Ok(Reply::Published { post: id, posted_at: self.now })
    }

    /// Somebody's own post or boost. Of others, they learn only if they see it.
    fn own(&self, user: UserId, post: PostId) -> Result<&Entry, CommandRefusal> {
        match self.posts.get(&post) {
            Some(entry) if entry.author == user => Ok(entry),
            _ => self.seen(user, post).and(Err(CommandRefusal::NotYours)),
        }
    }

    fn edit(&mut self, user: UserId, post: PostId, content: &PostContent) -> Done {
        let What::Said(before) = self.own(user, post)?.what.clone() else {
            return Err(CommandRefusal::NoSuchPost);
        };
        if before.earlier.len() >= 100 {
            return Err(CommandRefusal::TooManyEdits);
        }
        let now = revision(before.now.at, content);
        if now == before.now && content.language == before.language {
            return Ok(Reply::Done);
        }
        let mentioned = self.meant(user, &content.mentions);
        let mut said = before.clone();
        said.now = Revision { at: self.now, ..now };
        said.language.clone_from(&content.language);
        said.mentioned.clone_from(&mentioned);
        said.hashtags.clone_from(&content.hashtags);
        said.earlier.push(before.now);
        self.posts.get_mut(&post).expect("it is there").what = What::Said(said);
        let position = self.changed(post, self.facts(post), content.hashtags.clone(), false);
        let is_boosted = |entry: &Entry| matches!(entry.what, What::Boost { of, .. } if of == post);
        if self.posts.values().any(is_boosted) {
            let began = self.next_position();
            self.edits_to_tell_of.insert(began, post);
        }
        let edited = self.read(None, post).expect("it is there");
        self.events.push(Event::Edited { position, post: edited });
        for other in mentioned.into_iter().filter(|other| !before.mentioned.contains(other)) {
            self.tell(other, user, NotificationKind::Mentioned, Some(post));
        }
        Ok(Reply::Done)
    }

    /// Whoever has boosted the post is told of its edit, if they see it and it is still there.
    pub(super) fn go_on(&mut self, began: PostId) {
        let Some(post) = self.edits_to_tell_of.remove(&began) else { return };
        if !matches!(self.posts[&post].what, What::Said(_)) {
            return;
        }
        let author = self.posts[&post].author;
        let boosts = |entry: &&Entry| matches!(entry.what, What::Boost { of, .. } if of == post);
        let boosters: BTreeSet<UserId> =
            self.posts.values().filter(boosts).map(|entry| entry.author).collect();
        for booster in boosters {
            if self.is_visible(Some(booster), post) {
                self.tell(booster, author, NotificationKind::Edited, Some(post));
            }
        }
    }

    fn delete(&mut self, user: UserId, post: PostId) -> Done {
        match self.own(user, post)?.what.clone() {
            What::Gone { .. } => Err(CommandRefusal::NoSuchPost),
            What::Boost { .. } => self.unboost(user, post),
            What::Said(said) => {
                let facts = self.facts(post);
                self.marks.remove(&(user, Mark::Pin, post));
                let entry = self.posts.get_mut(&post).expect("it is there");
                entry.what = What::Gone { reply_to: said.reply_to };
                self.deleted(post, facts, said.hashtags);
                Ok(Reply::Done)
            }
        }
    }

    fn deleted(&mut self, id: PostId, facts: PostFacts, hashtags: Vec<Hashtag>) {
        let position = self.changed(id, facts.clone(), hashtags.clone(), true);
        let deleted = DeletedPost { id, facts, hashtags };
        self.events.push(Event::Deleted { position, deleted });
    }

    /// Notes an edit or a deletion, and forgets at most two that are older than a week.
    fn changed(
        &mut self,
        post: PostId,
        facts: PostFacts,
        hashtags: Vec<Hashtag>,
        is_deletion: bool,
    ) -> PostId {
        let position = self.next_position();
        let change = Changed { at: self.now, post, facts, hashtags, is_deletion };
        self.changes.insert(position, change);
        for _ in 0..2 {
            let first = self.changes.first_entry().expect("one was just added");
            if self.now.saturating_ms_since(first.get().at) > 7 * DAY_MS {
                self.changes_since = *first.key();
                first.remove();
            }
        }
        position
    }

    fn boost(&mut self, user: UserId, post: PostId) -> Done {
        let of = self.seen(user, post)?;
        let visibility = self.facts(of).visibility;
        let author = self.posts[&of].author;
        let may = match visibility {
            Visibility::Public | Visibility::Unlisted => true,
            Visibility::Followers => author == user,
            Visibility::Mentioned => false,
        };
        if !may {
            return Err(CommandRefusal::NotForBoosting);
        }
        if let Some((post, posted_at)) = self.boost_of(user, of) {
            return Ok(Reply::Published { post, posted_at });
        }
        let id = self.next_position();
        let what = What::Boost { of, visibility };
        self.posts.insert(id, Entry { author: user, at: self.now, what });
        self.events.push(Event::Published(self.read(None, id).expect("it was just made")));
        self.tell(author, user, NotificationKind::Boosted, Some(of));
        Ok(Reply::Published { post: id, posted_at: self.now })
    }

    /// Somebody's boost of a post, and when it was made.
    fn boost_of(&self, user: UserId, post: PostId) -> Option<(PostId, UnixMillis)> {
        let is_it = |entry: &Entry| {
            entry.author == user && matches!(entry.what, What::Boost { of, .. } if of == post)
        };
        let (id, entry) = self.posts.iter().find(|(_, entry)| is_it(entry))?;
        Some((*id, entry.at))
    }

    fn unboost(&mut self, user: UserId, post: PostId) -> Done {
        if !self.posts.contains_key(&post) {
            return Err(CommandRefusal::NoSuchPost);
        }
        match self.boost_of(user, self.original(post)) {
            Some((boost, _)) => {
                let facts = self.facts(boost);
                self.posts.remove(&boost);
                self.deleted(boost, facts, Vec::new());
                Ok(Reply::Done)
            }
            None => self.seen(user, post).map(|_| Reply::Done),
        }
    }

    fn mark(&mut self, user: UserId, post: PostId, mark: Mark) -> Done {
        let post = self.seen(user, post)?;
        let author = self.posts[&post].author;
        if mark == Mark::Pin {
            if author != user {
                return Err(CommandRefusal::NotYours);
            }
            if self.facts(post).visibility == Visibility::Mentioned {
                return Err(CommandRefusal::NotForBoosting);
            }
        }
        let marked = if mark == Mark::Mute { self.conversation(post) } else { post };
        if self.marks.contains_key(&(user, mark, marked)) {
            return Ok(Reply::Done);
        }
        let pins = self.marks.keys().filter(|(who, mark, _)| *who == user && *mark == Mark::Pin);
        if mark == Mark::Pin && pins.count() >= 5 {
            return Err(CommandRefusal::TooManyPins);
        }
        let position = self.next_position();
        self.marks.insert((user, mark, marked), position);
        if mark == Mark::Like {
            self.tell(author, user, NotificationKind::Liked, Some(post));
        }
        Ok(Reply::Done)
    }

    /// A mark can be removed from what its owner no longer sees.
    fn unmark(&mut self, user: UserId, post: PostId, mark: Mark) -> Done {
        if !self.posts.contains_key(&post) {
            return Err(CommandRefusal::NoSuchPost);
        }
        let original = self.original(post);
        let marked = if mark == Mark::Mute { self.conversation(original) } else { original };
        if self.marks.remove(&(user, mark, marked)).is_some() {
            return Ok(Reply::Done);
        }
        self.seen(user, post).map(|_| Reply::Done)
    }

    /// Nobody is told what they have done themselves, nor anything of those who are blocked either way or muted with
    /// their notifications, nor of conversations that they have muted.
    fn tell(&mut self, user: UserId, actor: UserId, kind: NotificationKind, post: Option<PostId>) {
        let is_silenced = self.mute(user, actor).is_some_and(|(notifications, _)| notifications);
        let is_muted = |post| self.marks.contains_key(&(user, Mark::Mute, self.conversation(post)));
        if user == actor
            || self.is_blocked(user, actor)
            || is_silenced
            || post.is_some_and(is_muted)
        {
            return;
        }
        let id = self.next_position();
        let told = Told { kind, at: self.now, actor, post };
        self.notifications.insert((user, id), told);
        let of_user = |(whose, _): &&(UserId, PostId)| *whose == user;
        if self.notifications.keys().filter(of_user).count() > 1_000 {
            let oldest = *self.notifications.keys().find(of_user).expect("there are many");
            self.notifications.remove(&oldest);
        }
        let notification = self.notification(None, id, told);
        self.events.push(Event::Notified { user, notification });
    }
}

fn revision(at: UnixMillis, content: &PostContent) -> Revision {
    Revision {
        at,
        text: content.text.as_str().to_owned(),
        warning: content.warning.as_ref().map(|warning| warning.as_str().to_owned()),
        sensitive: content.sensitive,
        pictures: Vec::new(),
    }
}
