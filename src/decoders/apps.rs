//! What apps are given, and the calls that they make.

use prost::Message as _;

use super::{choice, chosen, messages::message, requests::is_sent_on, states};
use crate::{
    domain::{
        App, AppId, AppName, ClientName, LoginId, OUT_OF_BAND, RedirectUris, Role, Scopes,
        UnixMillis, UserId, UserName, Website,
    },
    envelope::{Kind, seal},
    grpc::messages::apps as messages,
    master::app_tokens::{self, AppClaims, GrantClaims, Purpose, Registration},
    network::{
        Login, SessionToken,
        apps::{
            AppCredentials, AppLabel, AppOfToken, AppToken, Grant, GrantCode, NewApp, Redemption,
        },
    },
    social::sessions::SessionKey,
    wire::v1,
};

/// The calls of apps, and their answers.
pub fn calls(bytes: &[u8]) {
    let Some((kind, bytes)) = choice(bytes, 9) else { return };
    let drawn = LoginId(7);
    match kind {
        0 => {
            let Some(wire) = message::<v1::RegisterAppRequest>(bytes) else { return };
            is_sent_on(messages::new_app_from_wire(wire), |app| {
                messages::new_app_from_wire(messages::new_app_to_wire(app.clone()))
            });
        }
        1 => {
            let Some(wire) = message::<v1::RegisterAppReply>(bytes) else { return };
            is_sent_on(messages::registered_from_wire(wire), |registered| {
                messages::registered_from_wire(messages::registered_to_wire(registered.clone()))
            });
        }
        2 => {
            let Some(wire) = message::<v1::GrantRequest>(bytes) else { return };
            let Ok(grant) = messages::grant_from_wire(wire, drawn) else { return };
            let sent = messages::grant_to_wire(grant);
            let again = messages::grant_from_wire(sent.clone(), drawn).expect("it was understood");
            assert_eq!(messages::grant_to_wire(again), sent);
        }
        3 => {
            let Some(wire) = message::<v1::RedeemRequest>(bytes) else { return };
            let Ok(redemption) = messages::redemption_from_wire(wire, drawn) else { return };
            let sent = messages::redemption_to_wire(redemption);
            let again = messages::redemption_from_wire(sent.clone(), drawn);
            assert_eq!(messages::redemption_to_wire(again.expect("it was understood")), sent);
        }
        4 => {
            let Some(wire) = message::<v1::AppTokenRequest>(bytes) else { return };
            let Ok((credentials, scopes)) = messages::app_token_from_wire(wire) else { return };
            let sent = messages::app_token_to_wire(credentials, scopes);
            let again = messages::app_token_from_wire(sent.clone()).expect("it was understood");
            assert_eq!(messages::app_token_to_wire(again.0, again.1), sent);
        }
        5 => {
            let Some(wire) = message::<v1::AppTokenReply>(bytes) else { return };
            is_sent_on(messages::token_from_wire(wire), |token| {
                messages::token_from_wire(messages::token_to_wire(token.clone()))
            });
        }
        6 => {
            let Some(wire) = message::<v1::RevokeTokenRequest>(bytes) else { return };
            let (credentials, token) = messages::revocation_from_wire(wire.clone());
            assert_eq!(messages::revocation_to_wire(credentials, &token), wire);
        }
        7 => {
            let Some(wire) = message::<v1::MeReply>(bytes) else { return };
            is_sent_on(messages::me_from_wire(wire), |me| {
                messages::me_from_wire(messages::me_to_wire(me.clone()))
            });
        }
        _ => {
            let Some(wire) = message::<v1::AppOfTokenReply>(bytes) else { return };
            is_sent_on(messages::app_of_token_from_wire(wire), |app| {
                messages::app_of_token_from_wire(messages::app_of_token_to_wire(app.clone()))
            });
        }
    }
}

fn scopes() -> Scopes {
    Scopes::parse("read write:statuses admin:read").expect("scopes")
}

fn some_app() -> App {
    App {
        name: AppName::new("größer").expect("a name"),
        website: Some(Website::new("https://app.example").expect("a website")),
        redirect_uris: RedirectUris::new(vec![OUT_OF_BAND.to_owned(), "app://".to_owned()])
            .expect("taken"),
        scopes: scopes(),
        registered_at: UnixMillis::new(9),
    }
}

pub fn seeds_of_calls() -> Vec<Vec<u8>> {
    let short = |text: &str| text.to_owned();
    let new = NewApp {
        name: short("größer"),
        website: Some(short("https://app.example")),
        redirect_uris: vec![short(OUT_OF_BAND)],
        scopes: scopes(),
    };
    let registered = v1::RegisterAppReply {
        client_id: short("a.b"),
        client_secret: short("c"),
        app: Some(messages::app_to_wire(some_app())),
    };
    let name = UserName::new("ann").expect("valid");
    let grant = Grant {
        client_id: short("a.b"),
        redirect_uri: short("app://"),
        scopes: scopes(),
        challenge: Some([7; 32]),
        login: Login { name, password: short("a long one"), must_exist: true },
        attempt: LoginId(5),
    };
    let redemption = Redemption {
        client_id: short("a.b"),
        client_secret: Some(short("c")),
        code: GrantCode::new("d.e"),
        redirect_uri: short("app://"),
        verifier: Some("v".repeat(43)),
        attempt: LoginId(6),
    };
    let credentials = AppCredentials { client_id: short("a.b"), client_secret: short("c") };
    let created_at = UnixMillis::new(9);
    let token = AppToken { token: SessionToken::new("f.g"), scopes: scopes(), created_at };
    let label = AppLabel { name: ClientName::new("größer"), website: None };
    let me = v1::MeReply {
        person: Some(v1::Person { id: 1, username: short("ann"), ..v1::Person::default() }),
        role: Role::Owner.name().to_owned(),
        preferences: Some(v1::Preferences::default()),
        follow_requests: 3,
        app: Some(v1::AppLabel { name: label.name.clone().into(), website: String::new() }),
        scopes: Some(scopes().into()),
    };
    let AppLabel { name, website } = label;
    let app_of_token = AppOfToken { name, website, scopes: Scopes::all() };
    let token_request = messages::app_token_to_wire(credentials.clone(), scopes());
    vec![
        chosen(0, messages::new_app_to_wire(new).encode_to_vec()),
        chosen(1, registered.encode_to_vec()),
        chosen(2, messages::grant_to_wire(grant).encode_to_vec()),
        chosen(3, messages::redemption_to_wire(redemption).encode_to_vec()),
        chosen(4, token_request.encode_to_vec()),
        chosen(5, messages::token_to_wire(token).encode_to_vec()),
        chosen(6, messages::revocation_to_wire(credentials, "f.g").encode_to_vec()),
        chosen(7, me.encode_to_vec()),
        chosen(8, messages::app_of_token_to_wire(app_of_token).encode_to_vec()),
    ]
}

/// What is signed, in its envelope, whatever its kind. It is signed first: without that, none would be looked at.
pub fn signed(kind: Kind, sealed: &[u8]) {
    let view = states::view();
    let sign = |purpose| app_tokens::sign(&view, purpose, sealed).expect("there is a key");
    let readable = "memory does not fail";
    match kind {
        Kind::App => {
            let id = sign(Purpose::ClientId);
            let Some(app) = app_tokens::app(&view, &id).expect(readable) else { return };
            let registration = Registration { app: app.clone(), drawn: 1 };
            let again = app_tokens::client_id(&view, &registration).expect("there is a key");
            assert_eq!(app_tokens::app(&view, &again).expect(readable), Some(app));
        }
        Kind::GrantCode => {
            let code = sign(Purpose::GrantCode);
            let Some(claims) = app_tokens::granted(&view, &code).expect(readable) else { return };
            let again = app_tokens::grant_code(&view, &claims).expect("there is a key");
            assert_eq!(app_tokens::granted(&view, &again).expect(readable), Some(claims));
        }
        _ => {
            let token = sign(Purpose::AppToken);
            let claims = app_tokens::app_of_token(&view, &token).expect(readable);
            let Some(claims) = claims else { return };
            let again = app_tokens::app_token(&view, &claims).expect("there is a key");
            assert_eq!(app_tokens::app_of_token(&view, &again).expect(readable), Some(claims));
        }
    }
}

/// What is given to apps, as anybody may present it.
pub fn tokens(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let view = states::view();
    let readable = "memory does not fail";
    let _app = app_tokens::app(&view, text).expect(readable);
    let _granted = app_tokens::granted(&view, text).expect(readable);
    let _token = app_tokens::app_of_token(&view, text).expect(readable);
    let _secret = app_tokens::is_secret(&view, "a.b", text).expect(readable);
}

fn some_registration() -> Registration {
    Registration { app: some_app(), drawn: 300 }
}

fn some_claims() -> (GrantClaims, AppClaims) {
    let session = SessionKey { number: 300, begun_at: UnixMillis::new(9) };
    let App { name, website, scopes, .. } = some_app();
    let (app, at) = (AppId::of("a.b"), UnixMillis::new(9));
    (GrantClaims { user: UserId(1), session }, AppClaims { app, name, website, scopes, at })
}

pub fn seeds_of_tokens() -> Vec<Vec<u8>> {
    let view = states::view();
    let (grant, app) = some_claims();
    let signed = [
        app_tokens::client_id(&view, &some_registration()),
        app_tokens::client_secret(&view, "a.b"),
        app_tokens::grant_code(&view, &grant),
        app_tokens::app_token(&view, &app),
    ];
    signed.map(|text| text.expect("there is a key").into()).to_vec()
}

/// What is signed, in its envelope.
pub fn sealed() -> Vec<Vec<u8>> {
    let (grant, app) = some_claims();
    vec![
        seal(Kind::App, &some_registration()),
        seal(Kind::GrantCode, &grant),
        seal(Kind::AppToken, &app),
    ]
}
