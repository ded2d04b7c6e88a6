//! Who sees what.

use super::*;
use crate::domain::{
    Marks, Mentioned, Notification, Person, PersonCounts, PostCounts, Relationship, ReplyTo,
};

impl Model {
    pub(super) fn is_blocked(&self, one: UserId, other: UserId) -> bool {
        self.blocks.contains(&(one, other)) || self.blocks.contains(&(other, one))
    }

    /// Whether notifications are muted too, and until when; none if it has ended.
    pub(super) fn mute(&self, one: UserId, other: UserId) -> Option<(bool, Option<UnixMillis>)> {
        let (notifications, until) = *self.mutes.get(&(one, other))?;
        let has_ended = until.is_some_and(|until| until <= self.now);
        (!has_ended).then_some((notifications, until))
    }

    fn is_following(&self, one: UserId, other: UserId) -> bool {
        self.follows.contains_key(&(one, other))
    }

    /// What the rules say of a post that is not gone.
    pub(super) fn facts(&self, post: PostId) -> PostFacts {
        let Entry { author, what, .. } = &self.posts[&post];
        let author = *author;
        let author_of = |post: &PostId| self.posts[post].author;
        match what {
            What::Said(said) => PostFacts {
                author,
                visibility: said.visibility,
                mentioned: said.mentioned.clone(),
                reply_to: said.reply_to.as_ref().map(author_of),
                boosted: None,
            },
            What::Boost { of, visibility } => PostFacts {
                author,
                visibility: *visibility,
                mentioned: Vec::new(),
                reply_to: None,
                boosted: Some(author_of(of)),
            },
            What::Gone { .. } => panic!("nothing is known of what is gone"),
        }
    }

    /// Whether there is something at a number that somebody may see; a boost only with what was boosted.
    pub(super) fn is_visible(&self, reader: Option<UserId>, post: PostId) -> bool {
        match self.posts.get(&post).map(|entry| &entry.what) {
            None | Some(What::Gone { .. }) => false,
            Some(What::Said(_)) => self.may_see(reader, &self.facts(post)),
            Some(What::Boost { of, .. }) => {
                self.may_see(reader, &self.facts(post)) && self.is_visible(reader, *of)
            }
        }
    }

    pub(super) fn may_see(&self, reader: Option<UserId>, post: &PostFacts) -> bool {
        let is_for_everybody = matches!(post.visibility, Visibility::Public | Visibility::Unlisted);
        let Some(reader) = reader else { return is_for_everybody };
        if people_of(post).any(|other| self.is_blocked(reader, other)) {
            return false;
        }
        let is_for_followers = post.visibility == Visibility::Followers;
        reader == post.author
            || is_for_everybody
            || post.mentioned.contains(&reader)
            || (is_for_followers && self.is_following(reader, post.author))
    }

    pub(super) fn is_muted(&self, reader: UserId, post: &PostFacts) -> bool {
        people_of(post).any(|other| self.mute(reader, other).is_some())
    }

    /// The home timeline: what those post and boost whom one follows, unless they are kept for a list; one's own;
    /// and what everybody posts for everybody with a hashtag that one follows.
    pub(super) fn is_at_home(
        &self,
        reader: UserId,
        post: &PostFacts,
        hashtags: &[Hashtag],
    ) -> bool {
        let follows =
            |hashtag: &Hashtag| self.followed_hashtags.contains(&(reader, hashtag.clone()));
        let is_followed = hashtags.iter().any(follows) && self.is_public(Some(reader), post);
        let is_kept_away = self.is_kept_from_home(reader, post.author);
        is_followed || (!is_kept_away && self.is_at_home_for_its_author(reader, post))
    }

    fn is_at_home_for_its_author(&self, reader: UserId, post: &PostFacts) -> bool {
        let knows = |other| other == reader || self.is_following(reader, other);
        let is_heard =
            post.reply_to.is_none_or(|answered| answered == post.author || knows(answered));
        knows(post.author)
            && (is_heard || post.author == reader)
            && !self.is_muted(reader, post)
            && self.may_see(Some(reader), post)
    }

    /// The classic timeline: what those have posted whom one follows, since then.
    pub(super) fn is_followed(&self, reader: UserId, id: PostId, post: &PostFacts) -> bool {
        let since = self.follows.get(&(reader, post.author));
        since.is_some_and(|since| id > *since)
            && post.boosted.is_none()
            && !self.is_muted(reader, post)
            && self.may_see(Some(reader), post)
    }

    /// What may be in a timeline of what everybody posts.
    pub(super) fn is_public(&self, reader: Option<UserId>, post: &PostFacts) -> bool {
        post.visibility == Visibility::Public
            && post.boosted.is_none()
            && reader.is_none_or(|reader| !self.is_muted(reader, post))
            && self.may_see(reader, post)
    }

    /// What is for those mentioned, if one wrote it or is mentioned in it.
    pub(super) fn is_direct(&self, reader: UserId, post: &PostFacts) -> bool {
        post.visibility == Visibility::Mentioned
            && post.boosted.is_none()
            && !self.is_muted(reader, post)
            && self.may_see(Some(reader), post)
    }

    /// Whom of some a reader may find: not those with whom one has blocked the other.
    pub(super) fn findable(
        &self,
        reader: UserId,
        some: impl Iterator<Item = UserId>,
    ) -> Vec<UserName> {
        some.filter(|other| !self.is_blocked(reader, *other))
            .map(|other| self.name(other))
            .collect()
    }

    /// A post as its reader sees it who may; none if it is gone.
    pub(super) fn read(&self, reader: Option<UserId>, id: PostId) -> Option<Post> {
        let Entry { author, at, what } = self.posts.get(&id)?;
        let plain = |text: &str| Post::plain(id, *author, self.name(*author), *at, text);
        match what {
            What::Gone { .. } => None,
            What::Boost { of, visibility } => {
                let boosted = self.read(reader, *of)?;
                let boost_of = Some(Box::new(boosted));
                Some(Post { visibility: *visibility, boost_of, ..plain("") })
            }
            What::Said(said) => {
                let mentioned = |user: &UserId| Mentioned { user: *user, name: self.name(*user) };
                let reply_to = |post: PostId| ReplyTo { post, author: self.posts[&post].author };
                let was_edited = !said.earlier.is_empty();
                Some(Post {
                    warning: said.now.warning.clone(),
                    sensitive: said.now.sensitive,
                    language: said.language.clone(),
                    visibility: said.visibility,
                    reply_to: said.reply_to.map(reply_to),
                    mentions: said.mentioned.iter().map(mentioned).collect(),
                    hashtags: said.hashtags.clone(),
                    edited_at: was_edited.then_some(said.now.at),
                    counts: self.counts(id),
                    marks: reader.map(|reader| self.marks_of(reader, id)).unwrap_or_default(),
                    ..plain(&said.now.text)
                })
            }
        }
    }

    fn counts(&self, id: PostId) -> PostCounts {
        let mut counts = PostCounts::default();
        for entry in self.posts.values() {
            match &entry.what {
                What::Said(said) => {
                    let is_for_everybody =
                        matches!(said.visibility, Visibility::Public | Visibility::Unlisted);
                    counts.replies += u64::from(is_for_everybody && said.reply_to == Some(id));
                }
                What::Boost { of, .. } => counts.boosts += u64::from(*of == id),
                What::Gone { .. } => {}
            }
        }
        let is_like = |mark: &&(UserId, Mark, PostId)| mark.1 == Mark::Like && mark.2 == id;
        counts.likes = self.marks.keys().filter(is_like).count() as u64;
        counts
    }

    fn marks_of(&self, reader: UserId, post: PostId) -> Marks {
        let is_set = |mark| self.marks.contains_key(&(reader, mark, post));
        let is_boost = |entry: &Entry| {
            entry.author == reader && matches!(entry.what, What::Boost { of, .. } if of == post)
        };
        Marks {
            liked: is_set(Mark::Like),
            boosted: self.posts.values().any(is_boost),
            bookmarked: is_set(Mark::Bookmark),
            pinned: is_set(Mark::Pin),
            muted: is_set(Mark::Mute),
        }
    }

    /// What a post answers, from the first on, and what answers it, each after what it answers.
    pub(super) fn thread(
        &self,
        reader: Option<UserId>,
        post: PostId,
    ) -> (Vec<PostId>, Vec<PostId>) {
        let mut above = Vec::new();
        let mut at = self.answered_by(post);
        while let Some(post) = at {
            above.insert(0, post);
            at = self.answered_by(post);
        }
        let mut below = Vec::new();
        self.add_answers(post, &mut below);
        for posts in [&mut above, &mut below] {
            posts.retain(|post| self.is_visible(reader, *post));
        }
        (above, below)
    }

    fn answered_by(&self, post: PostId) -> Option<PostId> {
        match &self.posts[&post].what {
            What::Said(Said { reply_to, .. }) | What::Gone { reply_to } => *reply_to,
            What::Boost { .. } => None,
        }
    }

    fn add_answers(&self, post: PostId, answers: &mut Vec<PostId>) {
        for (id, _) in self.posts.range(post..) {
            if self.answered_by(*id) == Some(post) {
                answers.push(*id);
                self.add_answers(*id, answers);
            }
        }
    }

    pub(super) fn history(&self, reader: Option<UserId>, post: PostId) -> Option<Vec<Revision>> {
        match &self.posts.get(&post)?.what {
            What::Said(said) if self.is_visible(reader, post) => {
                Some(said.earlier.iter().chain([&said.now]).cloned().collect())
            }
            _ => None,
        }
    }

    /// Of whoever has blocked the reader, there is nothing but the name.
    pub(super) fn person(&self, reader: Option<UserId>, user: UserId) -> Person {
        let is_hidden = reader.is_some_and(|reader| self.blocks.contains(&(user, reader)));
        let profile = self.profiles.get(&user).map(|(profile, _)| profile.clone());
        let (profile, counts) = if is_hidden {
            (Profile::default(), PersonCounts::default())
        } else {
            (profile.unwrap_or_default(), self.counts_of(user))
        };
        Person {
            id: user,
            name: self.name(user),
            created_at: self.created_at[&user],
            profile,
            counts,
            avatar: None,
            header: None,
        }
    }

    fn counts_of(&self, user: UserId) -> PersonCounts {
        let is_counted = |entry: &Entry| match &entry.what {
            What::Said(said) => {
                matches!(said.visibility, Visibility::Public | Visibility::Unlisted)
            }
            What::Boost { .. } | What::Gone { .. } => false,
        };
        let own = || self.posts.values().filter(|entry| entry.author == user);
        // When they last posted is looked for among their last 20 only.
        let last = own().rev().take(20).find(|entry| is_counted(entry));
        PersonCounts {
            posts: own().filter(|entry| is_counted(entry)).count() as u64,
            followers: self.follows.keys().filter(|(_, followee)| *followee == user).count() as u64,
            following: self.follows.keys().filter(|(follower, _)| *follower == user).count() as u64,
            last_post_at: last.map(|entry| entry.at),
        }
    }

    pub(super) fn relationship(&self, reader: UserId, other: UserId) -> Relationship {
        let mute = self.mute(reader, other);
        Relationship {
            following: self.is_following(reader, other),
            requested: self.requests.contains(&(reader, other)),
            followed_by: self.is_following(other, reader),
            requested_by: self.requests.contains(&(other, reader)),
            blocking: self.blocks.contains(&(reader, other)),
            muting: mute.is_some(),
            muting_notifications: mute.is_some_and(|(notifications, _)| notifications),
            muting_until: mute.and_then(|(_, until)| until),
            note: self.notes.get(&(reader, other)).cloned().unwrap_or_default(),
        }
    }

    /// A notification of something that there is, with the post as `reader` sees it.
    pub(super) fn notification(
        &self,
        reader: Option<UserId>,
        id: PostId,
        Told { kind, at, actor, post }: Told,
    ) -> Notification {
        let post = post.and_then(|post| self.read(reader, post));
        Notification { id, kind, at, actor_id: actor, actor: self.name(actor), post }
    }

    /// Nothing is told of what its user may no longer see, nor of people who are blocked either way.
    pub(super) fn visible_notifications(&self, user: UserId) -> Vec<(PostId, Told)> {
        let of_user = self.notifications.iter().filter(|((whose, _), _)| *whose == user);
        let is_visible = |told: &Told| {
            let sees = |post| self.is_visible(Some(user), post);
            !self.is_blocked(user, told.actor) && told.post.is_none_or(sees)
        };
        let visible = of_user.filter(|(_, told)| is_visible(told));
        visible.map(|((_, position), told)| (*position, *told)).collect()
    }

    /// By name first, then by the words of display names.
    pub(super) fn search_people(&self, reader: Option<UserId>, beginning: &str) -> Vec<UserId> {
        let mut names: Vec<(String, UserId)> =
            self.accounts.iter().map(|account| (account.name.folded(), account.user)).collect();
        names.sort();
        let mut words: Vec<(String, UserId)> = self
            .profiles
            .iter()
            .flat_map(|(user, (_, words))| words.iter().map(|word| (word.clone(), *user)))
            .collect();
        words.sort();
        let mut found = Vec::new();
        for (text, user) in names.into_iter().chain(words) {
            let is_blocked = reader.is_some_and(|reader| self.is_blocked(reader, user));
            if text.starts_with(&beginning.to_lowercase()) && !found.contains(&user) && !is_blocked
            {
                found.push(user);
            }
        }
        found
    }

    /// How many public posts have each.
    pub(super) fn hashtags(&self) -> BTreeMap<Hashtag, u64> {
        let mut counts = BTreeMap::new();
        for entry in self.posts.values() {
            if let What::Said(Said { visibility: Visibility::Public, hashtags, .. }) = &entry.what {
                for hashtag in hashtags {
                    *counts.entry(hashtag.clone()).or_default() += 1;
                }
            }
        }
        counts
    }
}

/// Whose post it is, and whose was boosted.
fn people_of(post: &PostFacts) -> impl Iterator<Item = UserId> {
    post.boosted.into_iter().chain([post.author])
}
