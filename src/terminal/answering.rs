//! What an answer to a post is, besides its text. Pure.

use crate::{
    domain::{Post, PostId, UserName, Visibility, entities},
    network::{NewPost, PostWords},
};

/// A post that is answered, as far as its answers depend on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    pub id: PostId,
    pub author: UserName,
    /// For whom it is, and an answer, too, unless its author says otherwise.
    pub visibility: Visibility,
}

impl Answered {
    /// A post; of a boost, the post that was boosted.
    pub fn of(post: &Post) -> Self {
        let Post { id, author, visibility, .. } = post.boost_of.as_deref().unwrap_or(post);
        Self { id: *id, author: author.clone(), visibility: *visibility }
    }

    /// An answer by `user`. What not everybody sees mentions the author, who might not see it otherwise.
    pub fn answer(
        &self,
        user: Option<&UserName>,
        visibility: Visibility,
        mut says: PostWords,
    ) -> NewPost {
        let is_own = user == Some(&self.author);
        let is_author = |name: &UserName| name.folded() == self.author.folded();
        let is_mentioned = || entities::mentions(&says.text).iter().any(is_author);
        if !visibility.is_for_everybody() && !is_own && !is_mentioned() {
            says.text = format!("@{} {}", self.author, says.text);
        }
        NewPost { says, reply_to: Some(self.id), visibility }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_not_everybody_sees_mentions_whom_it_answers_unless_that_is_oneself() {
        let [ann, bob] = ["ann", "bob"].map(|name| UserName::new(name).expect("valid"));
        let (id, visibility) = (PostId::new(7), Visibility::Followers);
        let answered = Answered { id, author: ann.clone(), visibility };
        let said = |user: &UserName, visibility, text: &str| {
            answered.answer(Some(user), visibility, PostWords::of(text)).says.text
        };
        assert_eq!(said(&bob, Visibility::Followers, "yes"), "@ann yes");
        assert_eq!(said(&bob, Visibility::Followers, "yes, @Ann"), "yes, @Ann");
        assert_eq!(said(&bob, Visibility::Unlisted, "yes"), "yes");
        assert_eq!(said(&ann, Visibility::Followers, "yes"), "yes");
    }
}
