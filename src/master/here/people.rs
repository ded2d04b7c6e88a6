//! Who people are, what they are to each other, and lists of them.

use super::{
    Here,
    scopes::{self, Needs},
    within,
};
use crate::{
    domain::{Person, Relationship, UserId},
    master::sessions::Session,
    network::{Call, ListKind, MOST_PEOPLE, PersonRef, Refusal},
    social::{self, CommandRefusal, Crowd, CrowdRead, NameCursor, StateError, Step, View},
};

/// About so many rows are read to say who somebody is.
const ROWS_OF_A_PERSON: usize = 16;
/// And what one is to them.
const ROWS_OF_A_RELATIONSHIP: usize = 8;

/// Reads a page of somebody's own lists, or of everybody.
type ReadPage = fn(&View, UserId, Option<&NameCursor>, usize) -> Result<social::Page, StateError>;

/// A page of names that is read in steps. All steps must be given the same view.
pub(super) enum NamesRead {
    /// In one step.
    Own { read: ReadPage, caller: UserId, after: Option<NameCursor>, limit: usize },
    /// Of others, as far as the caller may find them.
    Crowd(Box<CrowdRead>),
}

impl NamesRead {
    pub(super) fn step(&mut self, view: &View) -> Result<Step<social::Page>, StateError> {
        match self {
            Self::Own { read, caller, after, limit } => {
                let page = read(view, *caller, after.as_ref(), *limit)?;
                Ok(Step { rows: page.names.len(), done: Some(page) })
            }
            Self::Crowd(read) => view.read_crowd(read),
        }
    }
}

impl Here {
    /// A page of names, to be read.
    pub(super) fn names(
        &self,
        view: &View,
        caller: UserId,
        kind: &ListKind,
        (after, limit): (Option<NameCursor>, usize),
    ) -> Result<NamesRead, Refusal> {
        let known = |name| {
            let user = self.user_named(view, name)?;
            let is_there = self.found(view.is_there(user))?;
            let user = is_there.then_some(user);
            user.ok_or_else(|| Refusal::from(CommandRefusal::NoSuchUser))
        };
        // A boost stands for what was boosted.
        let seen = |post| {
            let post = self.found(view.post(Some(caller), post))?;
            let post = post.ok_or_else(|| Refusal::from(CommandRefusal::NoSuchPost))?;
            Ok::<_, Refusal>(post.boost_of.map_or(post.id, |boosted| boosted.id))
        };
        let crowd =
            |crowd| NamesRead::Crowd(Box::new(view.crowd(caller, crowd, after.clone(), limit)));
        let own = |read| NamesRead::Own { read, caller, after: after.clone(), limit };
        Ok(match kind {
            ListKind::Users => own(|view, _, after, limit| view.users(after, limit)),
            ListKind::Following => own(View::following),
            ListKind::Followers => own(View::followers),
            ListKind::Blocked => own(View::blocked),
            ListKind::Muted => own(View::muted),
            ListKind::Requests => own(View::requests),
            ListKind::FollowingOf(name) => crowd(Crowd::FollowedBy(known(name)?)),
            ListKind::FollowersOf(name) => crowd(Crowd::Following(known(name)?)),
            ListKind::LikedBy(post) => crowd(Crowd::Liking(seen(*post)?)),
            ListKind::BoostedBy(post) => crowd(Crowd::Boosting(seen(*post)?)),
        })
    }

    pub(super) async fn people_here(
        &self,
        call: &Call,
        whom: &[PersonRef],
    ) -> Result<Vec<Option<Person>>, Refusal> {
        check_number(whom.len())?;
        let person = |view: &View, caller, who: &PersonRef| {
            let user = match who {
                PersonRef::Id(user) => Some(*user),
                PersonRef::Name(name) => view.user_named(name)?,
            };
            user.map_or(Ok(None), |user| view.person(Some(caller), user))
        };
        self.of_each(call, scopes::PEOPLE, whom, ROWS_OF_A_PERSON, person).await
    }

    pub(super) async fn relationships_here(
        &self,
        call: &Call,
        whom: &[UserId],
    ) -> Result<Vec<(UserId, Relationship)>, Refusal> {
        check_number(whom.len())?;
        let relationship = |view: &View, caller, user: &UserId| {
            if !view.is_there(*user)? {
                return Ok(None);
            }
            view.relationship(caller, *user).map(|relationship| Some((*user, relationship)))
        };
        let found = self
            .of_each(call, scopes::RELATIONSHIPS, whom, ROWS_OF_A_RELATIONSHIP, relationship)
            .await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// What is read of each, in one view, with about so many rows.
    async fn of_each<T, F>(
        &self,
        call: &Call,
        needs: Needs,
        all: &[T],
        rows: usize,
        read: impl Fn(&View, UserId, &T) -> Result<F, StateError>,
    ) -> Result<Vec<F>, Refusal> {
        let (Session { account: caller, .. }, view) = self.authenticated_view(call, needs).await?;
        let reading = self.begin_read(call.deadline, caller.user).await?;
        let mut rest = all.iter();
        let mut found = Vec::with_capacity(all.len());
        let steps = reading.steps(|| {
            let Some(next) = rest.next() else {
                return Ok(Step { done: Some(std::mem::take(&mut found)), rows: 0 });
            };
            found.push(read(&view, caller.user, next)?);
            Ok(Step { done: None, rows })
        });
        self.found(within(call.deadline, steps).await?)
    }
}

fn check_number(asked: usize) -> Result<(), Refusal> {
    if asked > MOST_PEOPLE {
        let why = format!("ask for at most {MOST_PEOPLE} people at a time");
        return Err(Refusal::invalid(why));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;
    use crate::{
        domain::{ClientId, ClientName, LoginId, Mark, RelationChange, RequestKey, UserName},
        master::here::tests::{bootstrap, here_on},
        network::{
            Begins, CallId, Deadline, Login, NamePosition, Network as _, NewPost, RefusalKind,
            SessionToken,
        },
        replication::tests::cluster::{Member, cluster},
    };

    fn name(text: &str) -> UserName {
        UserName::new(text).expect("valid")
    }

    fn key(sequence: u64) -> RequestKey {
        RequestKey::Counted { client: ClientId(5), sequence, answered_below: 0 }
    }

    fn call(session: Option<SessionToken>) -> Call {
        let deadline = Deadline::after(Instant::now(), Duration::from_mins(1));
        let id = CallId::new("a-call").expect("allowed");
        Call { id, session, deadline, origin: None, connection: None, by_operator: false }
    }

    /// The available server, and calls of ann, bob and eve, numbered from 1.
    async fn three_people() -> (Here, [Call; 3], [Member; 2]) {
        let (mut masters, witness) = cluster(1).await;
        let master = masters.remove(0);
        bootstrap(&master).await;
        let (here, _) = here_on(&master);
        let mut calls = Vec::new();
        for user in ["ann", "bob", "eve"] {
            let login = Login { name: name(user), password: String::new(), must_exist: false };
            let begins = Begins { login: LoginId(1), client: ClientName::default() };
            let begun = here.log_in(&call(None), &login, &begins).await.expect("logged in");
            calls.push(call(Some(begun.session)));
        }
        (here, calls.try_into().expect("three"), [master, witness])
    }

    #[tokio::test]
    async fn several_people_are_found_as_one_would_be_and_in_the_order_of_asking() {
        let (here, [ann, bob, eve], _nodes) = three_people().await;
        let block = RelationChange::Block;
        here.relate(&ann, &key(1), &name("bob"), &block).await.expect("blocked");
        here.follow(&bob, &key(1), &name("eve")).await.expect("followed");
        let one = async |who| here.person(&bob, &name(who)).await.expect("found").person;
        let (of_ann, of_eve) = (one("ann").await, one("eve").await);
        let id = |id| PersonRef::Id(UserId(id));
        let whom = [id(3), id(99), PersonRef::Name(name("ANN")), id(0), id(1), id(3)];
        let found = here.people(&bob, &whom).await.expect("found");
        let expected = [Some(&of_eve), None, Some(&of_ann), None, Some(&of_ann), Some(&of_eve)];
        assert_eq!(found.iter().map(Option::as_ref).collect::<Vec<_>>(), expected);

        let whom = [3, 99, 2, 1].map(UserId);
        let found = here.relationships(&bob, &whom).await.expect("found");
        let (eve_to_bob, others) = found.split_first().expect("eve is there");
        assert!(eve_to_bob.0 == UserId(3) && eve_to_bob.1.following);
        let nothing = Relationship::default;
        assert_eq!(others, [(UserId(2), nothing()), (UserId(1), nothing())], "whoever has blocked");

        here.delete_account(&eve, &key(1), "").await.expect("deleted");
        assert_eq!(
            here.people(&bob, &[id(3), PersonRef::Name(name("eve"))]).await,
            Ok(vec![None; 2])
        );
        assert_eq!(here.relationships(&bob, &[UserId(3)]).await, Ok(Vec::new()));
    }

    #[tokio::test]
    async fn eighty_people_are_asked_for_at_a_time_and_no_more() {
        let (here, [ann, ..], _nodes) = three_people().await;
        let whom = vec![PersonRef::Id(UserId(2)); MOST_PEOPLE + 1];
        let found = here.people(&ann, &whom[1..]).await.expect("found");
        assert_eq!(found.iter().flatten().count(), MOST_PEOPLE);
        let refused = here.people(&ann, &whom).await.expect_err("too many");
        assert_eq!(refused.kind, RefusalKind::Invalid);
        let whom = vec![UserId(2); MOST_PEOPLE + 1];
        assert_eq!(here.relationships(&ann, &whom[1..]).await.expect("found").len(), MOST_PEOPLE);
        let refused = here.relationships(&ann, &whom).await.expect_err("too many");
        assert_eq!(refused.kind, RefusalKind::Invalid);
    }

    #[tokio::test]
    async fn those_are_listed_who_have_to_do_with_somebody_else_or_with_a_post_that_one_sees() {
        let (here, [ann, bob, eve], _nodes) = three_people().await;
        let post = here.publish(&ann, &key(1), &NewPost::of("hello")).await.expect("published").id;
        let hidden =
            NewPost { visibility: crate::domain::Visibility::Followers, ..NewPost::of("x") };
        let hidden = here.publish(&ann, &key(2), &hidden).await.expect("published").id;
        here.follow(&eve, &key(1), &name("ann")).await.expect("followed");
        here.mark(&bob, &key(2), post, Mark::Like, true).await.expect("liked");
        here.mark(&eve, &key(2), post, Mark::Like, true).await.expect("liked");
        let boost = here.boost(&eve, &key(3), post).await.expect("boosted").id;
        let list = async |kind: ListKind| {
            let page = here.list(&bob, &kind, None, None).await?;
            Ok::<_, Refusal>(page.names.into_iter().map(String::from).collect::<Vec<_>>())
        };
        let names = |names: &[&str]| Ok(names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(list(ListKind::FollowersOf(name("Ann"))).await, names(&["eve"]));
        assert_eq!(list(ListKind::FollowingOf(name("eve"))).await, names(&["ann"]));
        assert_eq!(list(ListKind::LikedBy(post)).await, names(&["bob", "eve"]));
        assert_eq!(
            list(ListKind::LikedBy(boost)).await,
            names(&["bob", "eve"]),
            "of what it boosts"
        );
        assert_eq!(list(ListKind::BoostedBy(post)).await, names(&["eve"]));
        for (kind, missing) in [
            (ListKind::LikedBy(hidden), CommandRefusal::NoSuchPost),
            (ListKind::BoostedBy(hidden), CommandRefusal::NoSuchPost),
            (ListKind::FollowersOf(name("nobody")), CommandRefusal::NoSuchUser),
        ] {
            assert_eq!(list(kind).await, Err(missing.into()));
        }
        // Page by page.
        let kind = ListKind::LikedBy(post);
        let first = here.list(&ann, &kind, None, Some(1)).await.expect("listed");
        assert_eq!(first.names, [name("bob")]);
        let position: NamePosition = first.next.expect("there is more");
        let second = here.list(&ann, &kind, Some(&position), Some(1)).await.expect("listed");
        assert_eq!((second.names, second.next), (vec![name("eve")], None));
    }
}
