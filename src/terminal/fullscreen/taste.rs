//! How the user reads: what their filters leave of what there is, as they were when the full screen was opened. Pure.

use std::sync::Arc;

use crate::{
    client::{Changed, FeedChange, NotificationPage, Post, Thread, TimelineEvent},
    domain::{FilterContext, Notification, UnixMillis, UserName, WordFilter},
    network::Posts,
    terminal::filtered,
};

/// The filters of a reader.
#[derive(Clone)]
pub struct Taste {
    pub reader: UserName,
    pub filters: Arc<[WordFilter]>,
}

impl Taste {
    fn left(&self, context: FilterContext, post: Post, now: UnixMillis) -> Option<Post> {
        filtered::left(&self.filters, context, Some(&self.reader), post, now)
    }

    /// What is left of some posts.
    pub fn posts(&self, context: FilterContext, posts: Vec<Post>, now: UnixMillis) -> Vec<Post> {
        posts.into_iter().filter_map(|post| self.left(context, post, now)).collect()
    }

    /// What is left of a conversation.
    pub fn thread(&self, Thread { ancestors, descendants }: Thread, now: UnixMillis) -> Thread {
        let left = |posts| self.posts(FilterContext::Thread, posts, now);
        Thread { ancestors: left(ancestors), descendants: left(descendants) }
    }

    /// What is left of notifications.
    pub fn notifications(&self, page: NotificationPage, now: UnixMillis) -> NotificationPage {
        let context = FilterContext::Notifications;
        let left = |mut told: Notification| {
            if let Some(post) = told.post.take() {
                told.post = Some(self.left(context, post, now)?);
            }
            Some(told)
        };
        let notifications = page.notifications.into_iter().filter_map(left).collect();
        NotificationPage { notifications, ..page }
    }

    /// What is left of something that comes live: of what is hidden, only where it was.
    pub fn event(
        &self,
        context: FilterContext,
        event: TimelineEvent,
        now: UnixMillis,
    ) -> TimelineEvent {
        match event {
            TimelineEvent::Posts(posts) => {
                let position = posts.position();
                let left = Posts::new(self.posts(context, posts.into_vec(), now));
                left.map_or(TimelineEvent::Position(position), TimelineEvent::Posts)
            }
            TimelineEvent::Change(FeedChange { position, what }) => {
                self.change(context, what, now).map_or(TimelineEvent::Position(position), |what| {
                    TimelineEvent::Change(FeedChange { position, what })
                })
            }
            TimelineEvent::Position(_) | TimelineEvent::ReadAgain(_) => event,
        }
    }

    fn change(&self, context: FilterContext, what: Changed, now: UnixMillis) -> Option<Changed> {
        Some(match what {
            Changed::Edited(post) => match self.left(context, Post::clone(&post), now) {
                Some(post) => Changed::Edited(Arc::new(post)),
                // It did not say so before, and may be on the screen.
                None => Changed::Deleted(post.id),
            },
            Changed::Notified(told) => match &told.post {
                Some(post) => {
                    let left = self.left(FilterContext::Notifications, post.clone(), now)?;
                    let told = Notification { post: Some(left), ..(*told).clone() };
                    Changed::Notified(Arc::new(told))
                }
                None => Changed::Notified(told),
            },
            Changed::Deleted(post) => Changed::Deleted(post),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        FilterAction, FilterSettings, Keyword, NewKeyword, NotificationKind, PersonalId, PostId,
        UserId,
    };

    const NOW: UnixMillis = UnixMillis::EPOCH;

    fn name(name: &str) -> UserName {
        UserName::new(name).expect("valid")
    }

    fn post(id: u64, text: &str) -> Post {
        Post::plain(PostId::new(id), UserId(2), name("bob"), NOW, text)
    }

    /// Somebody who wants to know nothing of cats.
    fn taste() -> Taste {
        let keyword = NewKeyword { text: "cat".to_owned(), whole_word: true };
        let filter = WordFilter {
            id: PersonalId::new(1),
            settings: FilterSettings {
                title: "cats".to_owned(),
                contexts: [FilterContext::Home, FilterContext::Notifications].into(),
                action: FilterAction::Hide,
                until: None,
            },
            keywords: vec![Keyword { id: PersonalId::new(2), keyword }],
            posts: Vec::new(),
        };
        Taste { reader: name("ann"), filters: [filter].into() }
    }

    fn live(event: TimelineEvent) -> TimelineEvent {
        taste().event(FilterContext::Home, event, NOW)
    }

    fn change(what: Changed) -> TimelineEvent {
        TimelineEvent::Change(FeedChange { position: PostId::new(9), what })
    }

    #[test]
    fn of_live_posts_that_are_hidden_only_their_place_is_left() {
        let posts = Posts::new(vec![post(7, "a cat"), post(8, "a dog")]).expect("two");
        let left = TimelineEvent::Posts(Posts::from(post(8, "a dog")));
        assert_eq!(live(TimelineEvent::Posts(posts)), left);
        let hidden = TimelineEvent::Posts(Posts::from(post(7, "a cat")));
        assert_eq!(live(hidden), TimelineEvent::Position(PostId::new(7)));
    }

    #[test]
    fn a_post_that_is_edited_into_what_is_hidden_leaves_the_screen() {
        let edited = |text| change(Changed::Edited(Arc::new(post(7, text))));
        assert_eq!(live(edited("a dog")), edited("a dog"));
        assert_eq!(live(edited("a cat")), change(Changed::Deleted(PostId::new(7))));
    }

    #[test]
    fn nobody_is_told_of_what_is_hidden() {
        let told = |post| Notification {
            id: PostId::new(9),
            kind: NotificationKind::Liked,
            at: NOW,
            actor_id: UserId(3),
            actor: name("eve"),
            post,
        };
        let notified = |post| change(Changed::Notified(Arc::new(told(post))));
        for shown in [None, Some(post(7, "a dog"))] {
            assert_eq!(live(notified(shown.clone())), notified(shown));
        }
        assert_eq!(live(notified(Some(post(7, "a cat")))), TimelineEvent::Position(PostId::new(9)));
        let page = NotificationPage {
            notifications: vec![told(None), told(Some(post(7, "a cat")))],
            read_up_to: PostId::NONE,
            as_of: PostId::new(9),
            more: false,
        };
        assert_eq!(taste().notifications(page, NOW).notifications, [told(None)]);
    }
}
