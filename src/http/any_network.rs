//! The network, whichever way leads to it. All handlers are compiled once for this, and not for each way: they are
//! many, and each would hold the whole way to the available server.

use std::{future::Future, pin::Pin};

use crate::{
    domain::{
        App, Mark, NotificationChange, Person, PersonalChange, PersonalId, Picture, PictureAddress,
        PictureId, PicturePurpose, PictureSize, PictureWords, Post, PostId, Profile,
        RelationChange, Relationship, RequestKey, Revision, Scopes, UserId, UserName,
    },
    network::{
        Apps, Call, Cursor, FollowOutcome, Found, ListKind, NamePage, NamePosition, NewPost,
        NotificationPage, PersonRef, PersonalAnswer, PersonalQuestion, PostPage, PostWords,
        Published, Refusal, SearchKind, StreamKind, Thread, Timeline, TimelineKind,
        administration::{About, Administration, NewReport},
        apps::{
            AppCredentials, AppOfToken, AppToken, Grant, GrantCode, Me, NewApp, Redemption,
            RegisteredApp,
        },
        pictures::{PicturePart, Pictures, Upload},
    },
};

/// What comes of a call.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Refusal>> + Send + 'a>>;

macro_rules! calls {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $answer:ty;)*) => {
        /// What the adapter asks of the network: the calls of the same names of [`Network`](crate::network::Network),
        /// [`Administration`], [`Apps`] and [`Pictures`].
        pub trait AnyNetwork: Send + Sync {
            $(
                #[doc = concat!("See there: `", stringify!($name), "`.")]
                fn $name<'a>(&'a self, call: &'a Call, $($argument: $kind),*) -> Answer<'a, $answer>;
            )*
        }

        impl<N: Administration + Apps + Pictures> AnyNetwork for N {
            $(
                fn $name<'a>(&'a self, call: &'a Call, $($argument: $kind),*) -> Answer<'a, $answer> {
                    Box::pin(N::$name(self, call, $($argument),*))
                }
            )*
        }
    };
}

calls! {
    follow(key: &'a RequestKey, target: &'a UserName) -> FollowOutcome;
    unfollow(key: &'a RequestKey, target: &'a UserName) -> ();
    publish(key: &'a RequestKey, post: &'a NewPost) -> Published;
    edit(key: &'a RequestKey, post: PostId, says: &'a PostWords) -> ();
    delete(key: &'a RequestKey, post: PostId) -> ();
    boost(key: &'a RequestKey, post: PostId) -> Published;
    unboost(key: &'a RequestKey, post: PostId) -> ();
    mark(key: &'a RequestKey, post: PostId, mark: Mark, set: bool) -> ();
    relate(key: &'a RequestKey, target: &'a UserName, change: &'a RelationChange) -> ();
    set_profile(key: &'a RequestKey, profile: &'a Profile) -> ();
    change_notifications(key: &'a RequestKey, change: NotificationChange) -> ();
    change_personal(key: &'a RequestKey, change: &'a PersonalChange) -> Option<PersonalId>;
    personal(question: &'a PersonalQuestion) -> PersonalAnswer;
    list(kind: &'a ListKind, position: Option<&'a NamePosition>, limit: Option<u32>) -> NamePage;
    timeline(kind: &'a TimelineKind, cursor: Cursor, limit: Option<u32>) -> PostPage;
    post(post: PostId) -> Post;
    thread(post: PostId) -> Thread;
    history(post: PostId) -> Vec<Revision>;
    notifications(cursor: Cursor, limit: Option<u32>) -> NotificationPage;
    people(whom: &'a [PersonRef]) -> Vec<Option<Person>>;
    relationships(whom: &'a [UserId]) -> Vec<(UserId, Relationship)>;
    search(kind: SearchKind, text: &'a str, before: Option<PostId>, limit: Option<u32>) -> Found;
    subscribe(kind: &'a StreamKind, after: Option<PostId>) -> Timeline;
    about() -> About;
    report(key: &'a RequestKey, report: &'a NewReport) -> u64;
    register_app(app: &'a NewApp) -> RegisteredApp;
    app(client_id: &'a str) -> App;
    grant(wanted: &'a Grant) -> GrantCode;
    redeem(redemption: &'a Redemption) -> AppToken;
    app_token(credentials: &'a AppCredentials, scopes: &'a Scopes) -> AppToken;
    revoke_token(credentials: &'a AppCredentials, token: &'a str) -> ();
    me() -> Me;
    app_of_token() -> AppOfToken;
    upload_picture(key: &'a RequestKey, upload: &'a Upload) -> Picture;
    picture(picture: PictureId) -> Picture;
    describe_picture(key: &'a RequestKey, picture: PictureId, words: &'a PictureWords) -> ();
    discard_picture(key: &'a RequestKey, picture: PictureId) -> ();
    set_profile_picture(key: &'a RequestKey, purpose: PicturePurpose, picture: Option<PictureId>) -> ();
    read_picture(address: PictureAddress, size: PictureSize, offset: u32) -> PicturePart;
}
