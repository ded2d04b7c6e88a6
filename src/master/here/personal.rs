//! What people keep for themselves.

use super::{
    Here,
    calls::context,
    refusals::{broken, unexpected},
    scopes, within,
};
use crate::{
    domain::{Hashtag, ListSettings, PersonalChange, PersonalId, RequestKey, UserId},
    master::rate_limits::Activity,
    network::{Call, Deadline, HashtagUse, PersonalAnswer, PersonalQuestion, Refusal},
    social::{Command, CommandRefusal, Reply, View},
};

impl Here {
    pub(super) async fn carry_out_personal(
        &self,
        call: &Call,
        key: &RequestKey,
        change: &PersonalChange,
    ) -> Result<Option<PersonalId>, Refusal> {
        change.check()?;
        let caller = self.caller(call, scopes::change_personal(change))?;
        let activity = match change {
            PersonalChange::SetMembers { .. } | PersonalChange::FollowHashtag { .. } => {
                Activity::Following
            }
            _ => Activity::Marking,
        };
        let (context, change) = (context(&caller, key), change.clone());
        let command = Command::ChangePersonal { context, change };
        match self.submit_counted(call, &caller, activity, command).await? {
            Reply::Done => Ok(None),
            Reply::Numbered(number) => Ok(Some(PersonalId::new(number))),
            other => Err(unexpected(&other)),
        }
    }

    pub(super) async fn answer_personal(
        &self,
        deadline: Deadline,
        user: UserId,
        view: &View,
        question: &PersonalQuestion,
    ) -> Result<PersonalAnswer, Refusal> {
        Ok(match question {
            PersonalQuestion::Lists => PersonalAnswer::Lists(self.found(view.lists(user))?),
            PersonalQuestion::Members(list) => {
                self.list_of(view, user, *list)?;
                let mut members = view.members(user, *list);
                let reading = self.begin_read(deadline, user).await?;
                let read = reading.steps(|| view.read_members(&mut members));
                PersonalAnswer::Members(self.found(within(deadline, read).await?)?)
            }
            PersonalQuestion::ListsWith(name) => {
                let other = self.user_named(view, name)?;
                PersonalAnswer::Lists(self.found(view.lists_with(user, other))?)
            }
            PersonalQuestion::Hashtags => {
                let followed = self.found(view.followed_hashtags(user))?.into_iter();
                let uses = followed.map(|hashtag| {
                    let posts = self.found(view.posts_with(&hashtag))?;
                    Ok(HashtagUse { hashtag, posts, is_followed: true })
                });
                PersonalAnswer::Hashtags(uses.collect::<Result<_, Refusal>>()?)
            }
            PersonalQuestion::Hashtag(hashtag) => {
                let posts = self.found(view.posts_with(hashtag))?;
                let found = self.hashtag_use(view, user, hashtag.clone(), posts)?;
                PersonalAnswer::Hashtags(vec![found])
            }
            PersonalQuestion::Markers => PersonalAnswer::Markers(self.found(view.markers(user))?),
            PersonalQuestion::Preferences => {
                PersonalAnswer::Preferences(self.found(view.preferences(user))?)
            }
            PersonalQuestion::Filters => PersonalAnswer::Filters(self.found(view.filters(user))?),
        })
    }

    /// What is said of a list of somebody.
    pub(super) fn list_of(
        &self,
        view: &View,
        user: UserId,
        list: PersonalId,
    ) -> Result<ListSettings, Refusal> {
        let found = view.list(user, list).map_err(|error| broken(self.damage(), &error))?;
        found.ok_or_else(|| CommandRefusal::NoSuchList.into())
    }

    /// A hashtag as somebody finds it.
    pub(super) fn hashtag_use(
        &self,
        view: &View,
        user: UserId,
        hashtag: Hashtag,
        posts: u64,
    ) -> Result<HashtagUse, Refusal> {
        let is_followed = self.found(view.follows_hashtag(user, &hashtag))?;
        Ok(HashtagUse { hashtag, posts, is_followed })
    }
}
