//! Apps: what they get, lose, and may do.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use tokio_stream::StreamExt as _;

use super::{
    Here,
    tests::{bootstrap, here_on},
};
use crate::{
    domain::{
        AppId, ClientId, ClientName, EndedSessions, FilterAction, FilterContext, FilterSettings,
        Hashtag, ListSettings, LoginId, Mark, NotificationChange, OUT_OF_BAND, PersonalChange,
        PersonalId, PictureId, PicturePurpose, PictureWords, PostId, Preferences, Profile,
        RedirectId, RelationChange, RepliesPolicy, RequestKey, Scope, Scopes, UnixMillis, UserId,
        UserName,
    },
    network::{
        Apps, Begins, Call, CallId, Changed, Cursor, Deadline, FeedChange, ListKind, Login,
        Network, NewPost, PasswordChange, PersonRef, PersonalQuestion, PostWords, Refusal,
        RefusalKind, SearchKind, SessionToken, StreamKind, TimelineEvent, TimelineKind,
        administration::{AdminQuestion, AdminRequest, Administration, NewReport},
        apps::{AppCredentials, AppToken, Grant, GrantCode, NewApp, Redemption, RegisteredApp},
        pictures::{Pictures, Upload},
    },
    replication::tests::cluster::{Member, cluster},
    social::{
        Command, Reply,
        sessions::{self as stored, NewGrant, NewSession, SessionRef},
    },
};

const PASSWORD: &str = "a long password of ann's";
const ADDRESS: &str = "app://back";
const EVERY_WORD: &str = "read write follow push profile admin:read admin:write";

fn call(session: Option<SessionToken>) -> Call {
    Call {
        id: CallId::new("a-call").expect("allowed"),
        session,
        deadline: Deadline::after(Instant::now(), Duration::from_mins(1)),
        origin: None,
        connection: None,
        by_operator: false,
    }
}

fn key(sequence: &mut u64) -> RequestKey {
    *sequence += 1;
    RequestKey::Counted { client: ClientId(5), sequence: *sequence, answered_below: 0 }
}

fn name(name: &str) -> UserName {
    UserName::new(name).expect("valid")
}

fn scopes(text: &str) -> Scopes {
    Scopes::parse(text).expect("scopes")
}

fn login(who: &str, password: &str) -> Login {
    Login { name: name(who), password: password.to_owned(), must_exist: true }
}

/// A network with ann, who has a password, and bob, who has none.
async fn network() -> (Here, [Member; 2]) {
    let (mut masters, witness) = cluster(1).await;
    let master = masters.remove(0);
    bootstrap(&master).await;
    let here = here_on(&master).0;
    for (who, password) in [("ann", PASSWORD), ("bob", "")] {
        log_in(&here, who, password).await;
    }
    (here, [master, witness])
}

async fn log_in(here: &Here, who: &str, password: &str) -> Call {
    let wanted = Login { must_exist: false, ..login(who, password) };
    let begins = Begins { login: LoginId(1), client: ClientName::new("our own") };
    let begun = here.log_in(&call(None), &wanted, &begins).await.expect("logged in");
    call(Some(begun.session))
}

async fn register(here: &Here) -> RegisteredApp {
    let app = NewApp {
        name: "Tusky".to_owned(),
        website: Some("https://tusky.app".to_owned()),
        redirect_uris: vec![OUT_OF_BAND.to_owned(), ADDRESS.to_owned()],
        scopes: scopes(EVERY_WORD),
    };
    here.register_app(&call(None), &app).await.expect("registered")
}

fn grant(app: &RegisteredApp, attempt: u128) -> Grant {
    Grant {
        client_id: app.client_id.clone(),
        redirect_uri: ADDRESS.to_owned(),
        scopes: scopes("read write push"),
        challenge: None,
        login: login("ann", PASSWORD),
        attempt: LoginId(attempt),
    }
}

fn redemption(app: &RegisteredApp, code: &GrantCode, attempt: u128) -> Redemption {
    Redemption {
        client_id: app.client_id.clone(),
        client_secret: Some(app.client_secret.clone()),
        code: code.clone(),
        redirect_uri: ADDRESS.to_owned(),
        verifier: None,
        attempt: LoginId(attempt),
    }
}

fn credentials(app: &RegisteredApp) -> AppCredentials {
    let RegisteredApp { client_id, client_secret, .. } = app.clone();
    AppCredentials { client_id, client_secret }
}

async fn granted(here: &Here, wanted: &Grant) -> Result<GrantCode, RefusalKind> {
    here.grant(&call(None), wanted).await.map_err(|refusal| refusal.kind)
}

async fn redeemed(here: &Here, redemption: &Redemption) -> Result<AppToken, RefusalKind> {
    here.redeem(&call(None), redemption).await.map_err(|refusal| refusal.kind)
}

async fn who(here: &Here, token: &SessionToken) -> Result<String, RefusalKind> {
    let me = here.me(&call(Some(token.clone()))).await.map_err(|refusal| refusal.kind)?;
    Ok(format!("{} with {:?}, {:?}", me.person.name, me.app.map(|app| app.name), me.scopes))
}

#[tokio::test]
async fn an_app_acts_for_whoever_let_it_until_it_gives_its_token_back() {
    let (here, _nodes) = network().await;
    let own = log_in(&here, "ann", PASSWORD).await;
    let app = register(&here).await;
    assert_eq!(here.app(&call(None), &app.client_id).await.expect("known"), app.app);
    let code = granted(&here, &grant(&app, 11)).await.expect("granted");
    assert_eq!(granted(&here, &grant(&app, 11)).await.expect("repeated"), code);
    assert_eq!(here.sessions(&own).await.expect("listed").len(), 1, "it is no session yet");
    let first = redemption(&app, &code, 21);
    let token = redeemed(&here, &first).await.expect("redeemed");
    assert_eq!(redeemed(&here, &first).await, Ok(token.clone()), "the same attempt");
    assert_eq!(token.scopes.as_str(), "read write push");
    let expected = "ann with Some(ClientName(\"Tusky\")), Scopes(read write push)";
    assert_eq!(who(&here, &token.token).await.expect("it is a session"), expected);
    let listed = here.sessions(&own).await.expect("listed");
    let listed: Vec<_> = listed.iter().map(|it| (it.client.as_str(), it.expires_at)).collect();
    assert_eq!(listed[0], ("Tusky", None));
    assert!(listed[1].1.is_some(), "our own clients' sessions expire");
    let by_app = call(Some(token.token.clone()));
    let of_token = here.app_of_token(&by_app).await.expect("known");
    assert_eq!((of_token.name.as_str(), of_token.scopes.as_str()), ("Tusky", "read write push"));
    assert_eq!(of_token.website.as_deref(), Some("https://tusky.app"));
    let of_own = here.app_of_token(&own).await.expect("known");
    assert_eq!((of_own.name.as_str(), of_own.scopes.is_all()), ("our own", true));

    let revoke = async |app: &RegisteredApp, token: &SessionToken| {
        let revoked = here.revoke_token(&call(None), &credentials(app), token.expose()).await;
        revoked.map_err(|refusal| refusal.kind)
    };
    let other = register(&here).await;
    let own_token = own.session.clone().expect("it has one");
    assert_eq!(revoke(&other, &token.token).await, Err(RefusalKind::NotPossible));
    assert_eq!(revoke(&app, &own_token).await, Err(RefusalKind::NotPossible));
    assert_eq!(revoke(&app, &SessionToken::new("a.b")).await, Err(RefusalKind::NotPossible));
    let forged = RegisteredApp { client_secret: other.client_secret.clone(), ..app.clone() };
    assert_eq!(revoke(&forged, &token.token).await, Err(RefusalKind::UnknownApp));
    assert!(who(&here, &token.token).await.is_ok());
    for _ in 0..2 {
        assert_eq!(revoke(&app, &token.token).await, Ok(()));
        assert_eq!(who(&here, &token.token).await, Err(RefusalKind::SessionRevoked));
    }
}

#[tokio::test]
async fn a_code_is_for_one_app_one_address_and_one_attempt() {
    let (here, _nodes) = network().await;
    let [app, other] = [register(&here).await, register(&here).await];
    let code = granted(&here, &grant(&app, 11)).await.expect("granted");
    let good = redemption(&app, &code, 21);
    let foreign = redemption(&other, &code, 21);
    let session = SessionToken::new(code.expose());
    assert_eq!(who(&here, &session).await, Err(RefusalKind::SessionEnded), "it is no token");
    let secret = Some(other.client_secret.clone());
    let unknown = "a.b".to_owned();
    for (redemption, expected) in [
        (foreign, RefusalKind::BadGrant),
        (Redemption { client_secret: secret, ..good.clone() }, RefusalKind::UnknownApp),
        (Redemption { client_secret: None, ..good.clone() }, RefusalKind::UnknownApp),
        (Redemption { client_id: unknown, ..good.clone() }, RefusalKind::UnknownApp),
        (Redemption { code: GrantCode::new("a.b"), ..good.clone() }, RefusalKind::BadGrant),
        (
            Redemption { redirect_uri: OUT_OF_BAND.to_owned(), ..good.clone() },
            RefusalKind::BadGrant,
        ),
        (Redemption { verifier: Some("v".repeat(43)), ..good.clone() }, RefusalKind::BadGrant),
    ] {
        assert_eq!(redeemed(&here, &redemption).await, Err(expected));
    }
    let token = redeemed(&here, &good).await.expect("nothing of that used it up").token;
    // Whoever is not the app cannot take it back by using the code again.
    let stolen = redemption(&other, &code, 22);
    assert_eq!(redeemed(&here, &stolen).await, Err(RefusalKind::BadGrant));
    assert!(who(&here, &token).await.is_ok());
    let again = redemption(&app, &code, 22);
    assert_eq!(redeemed(&here, &again).await, Err(RefusalKind::BadGrant));
    assert_eq!(who(&here, &token).await, Err(RefusalKind::SessionRevoked));
    assert_eq!(redeemed(&here, &good).await, Err(RefusalKind::BadGrant));
}

#[tokio::test]
async fn a_challenge_takes_the_place_of_the_secret_and_is_asked_for_even_with_it() {
    /// The example of RFC 7636, appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: [u8; 32] = [
        19, 211, 30, 150, 26, 26, 216, 236, 47, 22, 177, 12, 76, 152, 46, 8, 118, 168, 120, 173,
        109, 241, 68, 86, 110, 225, 137, 74, 203, 112, 249, 195,
    ];
    let (here, _nodes) = network().await;
    let app = register(&here).await;
    let wanted = Grant { challenge: Some(CHALLENGE), ..grant(&app, 11) };
    let code = granted(&here, &wanted).await.expect("granted");
    let without = redemption(&app, &code, 21);
    assert_eq!(redeemed(&here, &without).await, Err(RefusalKind::BadGrant));
    let wrong = Redemption { verifier: Some(VERIFIER.replace('d', "e")), ..without.clone() };
    assert_eq!(redeemed(&here, &wrong).await, Err(RefusalKind::BadGrant));
    let verifier = Some(VERIFIER.to_owned());
    let public = Redemption { client_secret: None, verifier, ..without };
    let token = redeemed(&here, &public).await.expect("redeemed");
    let thief = Redemption { verifier: None, attempt: LoginId(22), ..public };
    assert_eq!(redeemed(&here, &thief).await, Err(RefusalKind::BadGrant));
    assert!(who(&here, &token.token).await.is_ok(), "nor does a thief end it");
}

#[tokio::test]
async fn nobody_grants_what_is_not_theirs_or_was_not_registered() {
    let (here, [master, _witness]) = network().await;
    let app = register(&here).await;
    let good = grant(&app, 11);
    let elsewhere = "app://elsewhere".to_owned();
    for (wanted, expected) in [
        (Grant { login: login("ann", "wrong"), ..good.clone() }, RefusalKind::WrongPassword),
        (Grant { login: login("ann", ""), ..good.clone() }, RefusalKind::WrongPassword),
        (Grant { login: login("eve", ""), ..good.clone() }, RefusalKind::NotFound),
        (Grant { login: login("bob", ""), ..good.clone() }, RefusalKind::NotPossible),
        (Grant { redirect_uri: elsewhere, ..good.clone() }, RefusalKind::BadGrant),
        (Grant { scopes: scopes("read crypto"), ..good.clone() }, RefusalKind::OutsideScope),
        (Grant { scopes: Scopes::all(), ..good.clone() }, RefusalKind::Invalid),
        (Grant { client_id: "a.b".to_owned(), ..good.clone() }, RefusalKind::UnknownApp),
    ] {
        assert_eq!(granted(&here, &wanted).await, Err(expected));
    }
    assert_eq!(
        master.state().view().expect("readable").sessions(UserId(1)).expect("read").len(),
        1
    );

    let new = |redirect_uri: &str, name: &str| NewApp {
        name: name.to_owned(),
        website: None,
        redirect_uris: vec![redirect_uri.to_owned()],
        scopes: scopes("read"),
    };
    for wrong in [new("javascript:alert(1)", "x"), new(ADDRESS, " "), new("", "x")] {
        let refused = here.register_app(&call(None), &wrong).await.expect_err("refused");
        assert_eq!(refused.kind, RefusalKind::Invalid, "{wrong:?}");
    }
}

#[tokio::test]
async fn a_token_without_a_user_tells_which_app_it_is_and_does_nothing_for_anybody() {
    let (here, _nodes) = network().await;
    let app = register(&here).await;
    let ask = async |words: &str| {
        let token = here.app_token(&call(None), &credentials(&app), &scopes(words)).await;
        token.map_err(|refusal| refusal.kind)
    };
    let token = ask("read push").await.expect("given").token;
    assert_eq!(ask("read crypto").await, Err(RefusalKind::OutsideScope));
    let by_app = call(Some(token.clone()));
    let of_token = here.app_of_token(&by_app).await.expect("known");
    assert_eq!((of_token.name.as_str(), of_token.scopes.as_str()), ("Tusky", "read push"));
    assert_eq!(who(&here, &token).await, Err(RefusalKind::UserNeeded));
    let kind = TimelineKind::Local;
    let read = here.timeline(&by_app, &kind, Cursor::Newest, None).await.expect_err("refused");
    assert_eq!(read.kind, RefusalKind::UserNeeded);
    let refused = here.revoke_token(&call(None), &credentials(&app), token.expose()).await;
    assert_eq!(refused.expect_err("it is not kept").kind, RefusalKind::NotPossible);
    let forged = AppCredentials { client_secret: String::new(), ..credentials(&app) };
    let refused = here.app_token(&call(None), &forged, &scopes("read")).await;
    assert_eq!(refused.expect_err("refused").kind, RefusalKind::UnknownApp);
}

/// A session of ann's with these scopes, made without a password.
async fn session_with(here: &Here, allowed: &str, login: u128) -> Call {
    let grant = stored::Grant {
        app: AppId::of("a client id"),
        website: None,
        scopes: scopes(allowed),
        redirect: RedirectId::of(ADDRESS),
        challenge: None,
    };
    let (user, attempt) = (UserId(1), LoginId(login));
    let begin = Command::BeginSession(NewSession {
        user,
        password_version: 0,
        login: attempt,
        client: ClientName::new("an app"),
        expires_at: None,
        grant: Some(NewGrant { grant, until: UnixMillis::MAX }),
    });
    let begun = here.parts.writes.submit(begin).await.expect("written");
    let Reply::SessionBegun { session, .. } = begun else { panic!("{begun:?}") };
    let redeem = Command::RedeemGrant { user, session, attempt };
    here.parts.writes.submit(redeem).await.expect("written");
    let session = SessionRef::Listed(session);
    let token = here.parts.sessions.token(user, session, UnixMillis::MAX).expect("signed");
    call(Some(SessionToken::new(token)))
}

/// What a call needs, as this test has it: any of these, or no app at all.
type Allowed = &'static [&'static str];

const NO_APP: Allowed = &[];

fn is_outside<T>(outcome: &Result<T, Refusal>) -> bool {
    matches!(outcome, Err(Refusal { kind: RefusalKind::OutsideScope, .. }))
}

/// Every call there is: its name, which scopes allow it, and whether it is refused for want of them.
#[expect(clippy::too_many_lines, reason = "it is one table")]
async fn every_call(here: &Here, call: &Call, sequence: &mut u64) -> Vec<(String, Allowed, bool)> {
    const ANY_READING: Allowed = &["read:"];
    let mut seen: Vec<(String, Allowed, bool)> = Vec::new();
    let bob = name("bob");
    let post = PostId::new(1);
    let list = PersonalId::new(1);
    let hashtag = Hashtag::new("cats").expect("valid");
    macro_rules! seen {
        ($name:expr, $allowed:expr, $outcome:expr) => {{
            let outcome = $outcome.await;
            seen.push(($name.to_string(), $allowed, is_outside(&outcome)));
        }};
    }
    let words = PostWords::of("hello");
    seen!("publish", &["write:statuses"], here.publish(call, &key(sequence), &NewPost::of("hi")));
    seen!("edit", &["write:statuses"], here.edit(call, &key(sequence), post, &words));
    seen!("delete", &["write:statuses"], here.delete(call, &key(sequence), post));
    seen!("boost", &["write:statuses"], here.boost(call, &key(sequence), post));
    seen!("unboost", &["write:statuses"], here.unboost(call, &key(sequence), post));
    for mark in Mark::ALL {
        let allowed: Allowed = match mark {
            Mark::Like => &["write:favourites"],
            Mark::Bookmark => &["write:bookmarks"],
            Mark::Pin => &["write:accounts"],
            Mark::Mute => &["write:mutes"],
        };
        seen!(format!("{mark:?}"), allowed, here.mark(call, &key(sequence), post, mark, true));
    }
    seen!("follow", &["write:follows"], here.follow(call, &key(sequence), &bob));
    seen!("unfollow", &["write:follows"], here.unfollow(call, &key(sequence), &bob));
    let mute = RelationChange::Mute { notifications: true, until: None };
    let relations: [(RelationChange, Allowed); 8] = [
        (RelationChange::Block, &["write:blocks"]),
        (RelationChange::Unblock, &["write:blocks"]),
        (mute, &["write:mutes"]),
        (RelationChange::Unmute, &["write:mutes"]),
        (RelationChange::RemoveFollower, &["write:follows"]),
        (RelationChange::AcceptRequest, &["write:follows"]),
        (RelationChange::RejectRequest, &["write:follows"]),
        (RelationChange::Note("nice".to_owned()), &["write:accounts"]),
    ];
    for (change, allowed) in relations {
        let called = format!("{change:?}");
        seen!(called, allowed, here.relate(call, &key(sequence), &bob, &change));
    }
    let profile = Profile::default();
    seen!("profile", &["write:accounts"], here.set_profile(call, &key(sequence), &profile));
    let media: Allowed = &["write:media"];
    let (picture, none) = (PictureId::new(1), PictureWords::default());
    for (purpose, allowed) in [
        (PicturePurpose::Post, media),
        (PicturePurpose::Avatar, &["write:accounts"]),
        (PicturePurpose::Header, &["write:accounts"]),
    ] {
        let upload = Upload { purpose, bytes: Bytes::from_static(b"GIF89a"), words: none.clone() };
        let (first, second) = (key(sequence), key(sequence));
        let uploaded = here.upload_picture(call, &first, &upload);
        seen!(format!("upload {purpose:?}"), allowed, uploaded);
        let chosen = here.set_profile_picture(call, &second, purpose, Some(picture));
        seen!(format!("choose {purpose:?}"), &["write:accounts"], chosen);
    }
    seen!("picture", media, here.picture(call, picture));
    let described: Allowed = &["write:media", "write:statuses"];
    seen!(
        "describe picture",
        described,
        here.describe_picture(call, &key(sequence), picture, &none)
    );
    seen!("discard picture", media, here.discard_picture(call, &key(sequence), picture));
    let clear = NotificationChange::Clear;
    seen!(
        "clear",
        &["write:notifications"],
        here.change_notifications(call, &key(sequence), clear)
    );
    let filter = FilterSettings {
        title: "spoilers".to_owned(),
        contexts: [FilterContext::Home].into(),
        action: FilterAction::Warn,
        until: None,
    };
    let lists: Allowed = &["write:lists"];
    let filters: Allowed = &["write:filters"];
    let (title, replies) = ("friends".to_owned(), RepliesPolicy::List);
    let settings = || ListSettings { title: title.clone(), replies, exclusive: false };
    let changes: [(PersonalChange, Allowed); 12] = [
        (PersonalChange::CreateList(settings()), lists),
        (PersonalChange::ChangeList(list, settings()), lists),
        (PersonalChange::DeleteList(list), lists),
        (PersonalChange::SetMembers { list, people: vec![bob.clone()], present: true }, lists),
        (PersonalChange::FollowHashtag { hashtag: hashtag.clone(), set: true }, &["write:follows"]),
        (PersonalChange::ReadHomeUpTo(post), &["write:statuses"]),
        (PersonalChange::SetPreferences(Preferences::default()), &["write:accounts"]),
        (PersonalChange::CreateFilter { settings: filter, keywords: Vec::new() }, filters),
        (
            PersonalChange::ChangeFilter { filter: list, settings: None, keywords: Vec::new() },
            filters,
        ),
        (PersonalChange::DeleteFilter(list), filters),
        (PersonalChange::FilterPost { filter: list, post }, filters),
        (PersonalChange::UnfilterPost { filter: list, entry: list }, filters),
    ];
    for (change, allowed) in changes {
        let called = format!("{change:?}");
        seen!(called, allowed, here.change_personal(call, &key(sequence), &change));
    }
    let questions: [(PersonalQuestion, Allowed); 8] = [
        (PersonalQuestion::Lists, &["read:lists"]),
        (PersonalQuestion::Members(list), &["read:lists"]),
        (PersonalQuestion::ListsWith(bob.clone()), &["read:lists"]),
        (PersonalQuestion::Hashtags, &["read:follows"]),
        (PersonalQuestion::Hashtag(hashtag.clone()), ANY_READING),
        (PersonalQuestion::Markers, &["read:statuses"]),
        (PersonalQuestion::Preferences, &["read:accounts"]),
        (PersonalQuestion::Filters, &["read:filters"]),
    ];
    for (question, allowed) in questions {
        seen!(format!("{question:?}"), allowed, here.personal(call, &question));
    }
    let kinds: [(ListKind, Allowed); 10] = [
        (ListKind::Users, &["read:accounts"]),
        (ListKind::Following, &["read:follows", "read:accounts"]),
        (ListKind::Followers, &["read:follows", "read:accounts"]),
        (ListKind::Blocked, &["read:blocks"]),
        (ListKind::Muted, &["read:mutes"]),
        (ListKind::Requests, &["read:follows"]),
        (ListKind::FollowersOf(bob.clone()), &["read:follows", "read:accounts"]),
        (ListKind::FollowingOf(bob.clone()), &["read:follows", "read:accounts"]),
        (ListKind::LikedBy(post), &["read:statuses"]),
        (ListKind::BoostedBy(post), &["read:statuses"]),
    ];
    for (kind, allowed) in kinds {
        seen!(format!("{kind:?}"), allowed, here.list(call, &kind, None, None));
    }
    let posts: Allowed = &["read:statuses"];
    let of_bob = TimelineKind::Of { author: bob.clone(), replies: true, boosts: true };
    let timelines: [(TimelineKind, Allowed); 10] = [
        (TimelineKind::Followed, posts),
        (TimelineKind::Home, posts),
        (TimelineKind::Local, posts),
        (TimelineKind::Hashtag(hashtag.clone()), posts),
        (of_bob, posts),
        (TimelineKind::Pinned(bob.clone()), posts),
        (TimelineKind::Liked, &["read:favourites"]),
        (TimelineKind::Bookmarked, &["read:bookmarks"]),
        (TimelineKind::List(list), &["read:lists"]),
        (TimelineKind::Direct, posts),
    ];
    for (kind, allowed) in timelines {
        let called = format!("timeline {kind:?}");
        seen!(called, allowed, here.timeline(call, &kind, Cursor::Newest, None));
    }
    seen!("post", &["read:statuses", "write:statuses"], here.post(call, post));
    seen!("thread", posts, here.thread(call, post));
    seen!("history", posts, here.history(call, post));
    let streams = [StreamKind::Followed, StreamKind::Home, StreamKind::Local];
    let others = [StreamKind::Hashtag(hashtag), StreamKind::List(list), StreamKind::Direct];
    for kind in streams.into_iter().chain(others) {
        let outcome = here.subscribe(call, &kind, None).await.map(drop);
        seen.push((format!("stream {kind:?}"), posts, is_outside(&outcome)));
    }
    let notifications = here.notifications(call, Cursor::Newest, None);
    seen!("notifications", &["read:notifications"], notifications);
    seen!("person", ANY_READING, here.person(call, &bob));
    let [whom, ids] = [[PersonRef::Name(bob.clone())], [PersonRef::Id(UserId(1))]];
    seen!("people", &[""], here.people(call, &whom));
    seen!("people by number", &[""], here.people(call, &ids));
    let follows: Allowed = &["read:follows", "write:follows"];
    seen!("relationships", follows, here.relationships(call, &[UserId(1)]));
    let found = here.search(call, SearchKind::People, "b", None, None);
    seen!("search", &["read:search"], found);
    seen!("me", &[""], here.me(call));
    seen!("app of token", &[""], here.app_of_token(call));
    let report = NewReport { about: bob, posts: Vec::new(), comment: "spam".to_owned() };
    seen!("report", &["write:reports"], here.report(call, &key(sequence), &report));
    let request = AdminRequest::Announce("soon".to_owned());
    seen!("administer", NO_APP, here.administer(call, &key(sequence), &request));
    seen!("inspect", NO_APP, here.inspect(call, &AdminQuestion::Invitations));
    seen!("sessions", NO_APP, here.sessions(call));
    let change = PasswordChange { current: String::new(), new: String::new() };
    seen!("password", NO_APP, here.set_password(call, &key(sequence), &change));
    let which = EndedSessions::One(9_999);
    seen!("end sessions", NO_APP, here.end_sessions(call, &key(sequence), which));
    seen!("delete account", NO_APP, here.delete_account(call, &key(sequence), ""));
    seen
}

#[tokio::test]
async fn an_app_does_what_its_scopes_allow_and_nothing_else_whatever_it_calls() {
    let (here, _nodes) = network().await;
    let mut sequence = 0;
    for (scope, login) in Scope::ALL.iter().zip(100..) {
        let call = session_with(&here, scope.name(), login).await;
        for (called, allowed, is_refused) in every_call(&here, &call, &mut sequence).await {
            let is_allowed = allowed.iter().any(|word| scope.name().starts_with(word));
            assert_eq!(is_refused, !is_allowed, "{called} with {}", scope.name());
        }
    }
    let call = session_with(&here, EVERY_WORD, 99).await;
    for (called, allowed, is_refused) in every_call(&here, &call, &mut sequence).await {
        assert_eq!(is_refused, allowed.is_empty(), "{called} with every word");
    }
    let own = log_in(&here, "ann", PASSWORD).await;
    for (called, _, is_refused) in every_call(&here, &own, &mut sequence).await {
        assert!(!is_refused, "{called} with a client of our own");
    }
}

#[tokio::test]
async fn a_live_timeline_tells_an_app_of_notifications_if_it_may_read_them() {
    let (here, _nodes) = network().await;
    let bob = log_in(&here, "bob", "").await;
    let mut sequence = 0;
    let mention = NewPost::of("hello @ann");
    here.publish(&bob, &key(&mut sequence), &mention).await.expect("published");
    for (words, login, expected) in
        [("read:statuses", 7, false), ("read:statuses read:notifications", 8, true)]
    {
        let call = session_with(&here, words, login).await;
        let live = here.subscribe(&call, &StreamKind::Home, Some(PostId::NONE)).await;
        let mut live = live.expect("opened");
        // One that comes while it is open, after what was missed.
        let mention = NewPost::of(format!("again @ann {words}"));
        let last = here.publish(&bob, &key(&mut sequence), &mention).await.expect("published").id;
        let (mut told, mut reached) = (0, PostId::NONE);
        while reached <= last {
            let event = live.next().await.expect("it goes on").expect("an event");
            let is_notified = matches!(
                event,
                TimelineEvent::Change(FeedChange { what: Changed::Notified(_), .. })
            );
            told += usize::from(is_notified);
            reached = event.position().unwrap_or(reached);
        }
        assert_eq!(told > 0, expected, "{words}: {told}");
    }
}
