//! What people keep for themselves, as far as histories have it: lists, hashtags that they follow, how far they
//! have read, and preferences.

use super::*;
use crate::domain::{
    ListSettings, Marker, Markers, PeopleList, PersonalChange, PersonalId, Preferences,
    RepliesPolicy,
};

type Done = Result<Reply, CommandRefusal>;

/// What somebody keeps.
#[derive(Default)]
pub struct Kept {
    given: u64,
    lists: BTreeMap<PersonalId, (ListSettings, BTreeSet<UserId>)>,
    home: Marker,
    notifications: (u64, UnixMillis),
    preferences: Preferences,
}

impl Model {
    pub(super) fn change_personal(&mut self, user: UserId, change: &PersonalChange) -> Done {
        match change {
            PersonalChange::CreateList(settings) => {
                let kept = self.kept.entry(user).or_default();
                if kept.lists.len() >= 50 {
                    return Err(CommandRefusal::KeepsTooMany);
                }
                kept.given += 1;
                let list = PersonalId::new(kept.given);
                kept.lists.insert(list, (settings.clone(), BTreeSet::new()));
                Ok(Reply::Numbered(kept.given))
            }
            PersonalChange::ChangeList(list, settings) => {
                let before = &mut self.list_of(user, *list)?.0;
                let shows_others =
                    before.replies != settings.replies || before.exclusive != settings.exclusive;
                before.clone_from(settings);
                Ok(self.rearranged(user, shows_others))
            }
            PersonalChange::DeleteList(list) => {
                self.list_of(user, *list)?;
                self.kept.get_mut(&user).expect("it was found").lists.remove(list);
                Ok(self.rearranged(user, true))
            }
            PersonalChange::SetMembers { list, people, present } => {
                self.list_of(user, *list)?;
                let mut others = BTreeSet::new();
                for name in people {
                    let other = self.find(name).ok_or(CommandRefusal::NoSuchUser)?.user;
                    if other == user || (*present && !self.follows.contains_key(&(user, other))) {
                        return Err(CommandRefusal::NotFollowing);
                    }
                    others.insert(other);
                }
                let members = &mut self.list_of(user, *list)?.1;
                let before = members.clone();
                if *present {
                    members.extend(others);
                } else {
                    members.retain(|member| !others.contains(member));
                }
                let has_changed = before != *members;
                Ok(self.rearranged(user, has_changed))
            }
            PersonalChange::FollowHashtag { hashtag, set } => {
                let tag = (user, hashtag.clone());
                let has_changed = if *set {
                    self.followed_hashtags.insert(tag)
                } else {
                    self.followed_hashtags.remove(&tag)
                };
                Ok(self.rearranged(user, has_changed))
            }
            PersonalChange::ReadHomeUpTo(position) => {
                let read_up_to = (*position).min(self.newest);
                let home = &mut self.kept.entry(user).or_default().home;
                *home = Marker { read_up_to, version: home.version + 1, at: self.now };
                Ok(Reply::Done)
            }
            PersonalChange::SetPreferences(preferences) => {
                self.kept.entry(user).or_default().preferences = preferences.clone();
                Ok(Reply::Done)
            }
            PersonalChange::CreateFilter { .. }
            | PersonalChange::ChangeFilter { .. }
            | PersonalChange::DeleteFilter(_)
            | PersonalChange::FilterPost { .. }
            | PersonalChange::UnfilterPost { .. } => unreachable!("no history has filters"),
        }
    }

    fn rearranged(&mut self, user: UserId, has_changed: bool) -> Reply {
        self.events.extend(has_changed.then_some(Event::Rearranged { user }));
        Reply::Done
    }

    fn list_of(
        &mut self,
        user: UserId,
        list: PersonalId,
    ) -> Result<&mut (ListSettings, BTreeSet<UserId>), CommandRefusal> {
        let kept = self.kept.get_mut(&user).ok_or(CommandRefusal::NoSuchList)?;
        kept.lists.get_mut(&list).ok_or(CommandRefusal::NoSuchList)
    }

    pub(super) fn notifications_were_read(&mut self, user: UserId) {
        let (version, _) = self.kept.entry(user).or_default().notifications;
        self.kept.entry(user).or_default().notifications = (version + 1, self.now);
    }

    /// Whoever is no longer followed is in no list any more.
    pub(super) fn leave_lists(&mut self, user: UserId, other: UserId) {
        let lists = self.kept.get_mut(&user).into_iter().flat_map(|kept| kept.lists.values_mut());
        for (_, members) in lists {
            members.remove(&other);
        }
    }

    /// Whether somebody is in a list whose people are left out at home.
    pub(super) fn is_kept_from_home(&self, reader: UserId, other: UserId) -> bool {
        let lists = self.kept.get(&reader).into_iter().flat_map(|kept| kept.lists.values());
        let mut lists = lists;
        lists.any(|(settings, members)| settings.exclusive && members.contains(&other))
    }

    pub(super) fn lists(&self, user: UserId) -> Vec<PeopleList> {
        let lists = self.kept.get(&user).into_iter().flat_map(|kept| &kept.lists);
        let list = |(id, (settings, members)): (&PersonalId, &(ListSettings, BTreeSet<_>))| {
            let members = u32::try_from(members.len()).expect("few");
            PeopleList { id: *id, settings: settings.clone(), members }
        };
        lists.map(list).collect()
    }

    pub(super) fn is_member(&self, user: UserId, list: PersonalId, other: UserId) -> bool {
        let kept = self.kept.get(&user);
        let list = kept.and_then(|kept| kept.lists.get(&list));
        list.is_some_and(|(_, members)| members.contains(&other))
    }

    /// A list shows what its people post and boost; and of their answers, those to the reader, to themselves, and to
    /// whom it says.
    pub(super) fn is_in_list(
        &self,
        reader: UserId,
        (list, replies): (PersonalId, RepliesPolicy),
        post: &PostFacts,
    ) -> bool {
        let is_shown = post.reply_to.is_none_or(|answered| {
            answered == post.author
                || answered == reader
                || match replies {
                    RepliesPolicy::Followed => self.follows.contains_key(&(reader, answered)),
                    RepliesPolicy::List => self.is_member(reader, list, answered),
                    RepliesPolicy::None => false,
                }
        });
        self.is_member(reader, list, post.author)
            && is_shown
            && !self.is_muted(reader, post)
            && self.may_see(Some(reader), post)
    }

    /// Asserts that a view says the same of what somebody keeps.
    pub(super) fn assert_personal_agrees(&self, view: &View, user: UserId) {
        let lists = self.lists(user);
        assert_eq!(view.lists(user).unwrap(), lists);
        for PeopleList { id, settings, .. } in &lists {
            assert_eq!(view.list(user, *id).unwrap().as_ref(), Some(settings));
            let members = self.names(|other| self.is_member(user, *id, other)).names;
            let mut read = view.members(user, *id);
            let found = loop {
                if let Some(found) = view.read_members(&mut read).unwrap().done {
                    break found;
                }
            };
            assert_eq!(found, members);
        }
        for account in &self.accounts {
            let mut with = lists.clone();
            with.retain(|list| self.is_member(user, list.id, account.user));
            assert_eq!(view.lists_with(user, account.user).unwrap(), with);
        }
        let followed = self.followed_hashtags.iter().filter(|(whose, _)| *whose == user);
        let followed: Vec<_> = followed.map(|(_, hashtag)| hashtag.clone()).collect();
        assert_eq!(view.followed_hashtags(user).unwrap(), followed);
        let nothing = Kept::default();
        let kept = self.kept.get(&user).unwrap_or(&nothing);
        let read_up_to = self.read_up_to.get(&user).copied().unwrap_or_default();
        let (version, at) = kept.notifications;
        let notifications = Marker { read_up_to, version, at };
        assert_eq!(view.markers(user).unwrap(), Markers { home: kept.home, notifications });
        assert_eq!(view.preferences(user).unwrap(), kept.preferences);
    }
}
