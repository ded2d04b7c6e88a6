//! The terms of this system as types: every id and name is checked once, in its constructor.
//!
//! Pure: no clock, no randomness, no I/O. If something that people type is invalid, the error says
//! why in words for people.

mod app;
mod certification;
mod draft;
pub mod entities;
mod hashtag;
mod ids;
mod importable;
mod language;
mod log_position;
mod mark;
mod notification;
pub mod personal;
mod picture;
mod post;
mod profile;
mod relation;
mod request;
mod scope;
mod search_term;
mod session;
mod time;
mod username;
mod visibility;
pub mod word_filter;

mod network_settings;
mod permission;
mod secret_code;
mod standing;

pub use app::{
    App, AppError, AppId, AppName, OUT_OF_BAND, RedirectId, RedirectUris, Website, meets_challenge,
};
pub use certification::{
    AcmeAccount, AcmeChallenge, Certification, CertificationStep, DomainCertificate, PrivateText,
};
pub use draft::{Draft, PostContent};
pub use hashtag::{Hashtag, HashtagError};
pub use ids::{ClusterId, ClusterIdError, NodeId, UserId};
pub use importable::Importable;
pub use language::{Language, LanguageError};
pub use log_position::LogPosition;
pub use mark::{Mark, Marks};
pub use notification::{Notification, NotificationChange, NotificationKind};
pub use personal::{
    ListSettings, Marker, Markers, MediaDisplay, PeopleList, PersonalChange, PersonalError,
    PersonalId, Preferences, RepliesPolicy,
};
pub use picture::{
    DescriptionError, Dimensions, Focus, MOST_PICTURES, MOST_UPLOADED_BYTES, Picture,
    PictureAddress, PictureDescription, PictureFile, PictureFormat, PictureId, PicturePurpose,
    PictureSize, PictureWords,
};
pub use post::{Mentioned, Post, PostCounts, PostId, PostText, ReplyTo, Revision, TextError};
pub use profile::{Person, PersonCounts, Profile, ProfileError, ProfileLink};
pub use relation::{RelationChange, Relationship};
pub use request::{ClientId, KeyError, OpaqueKey, RequestKey};
pub use scope::{Scope, ScopeError, Scopes};
pub use search_term::{Query, SearchTerm};
pub use session::{ClientName, EndedSessions, LoginId};
pub use time::UnixMillis;
pub use username::{NameError, UserName};
pub use visibility::Visibility;
pub use word_filter::{
    FilterAction, FilterContext, FilterMatch, FilterSettings, FilteredPost, Keyword, KeywordChange,
    NewKeyword, WordFilter,
};

pub use network_settings::{
    Joining, NetworkSetting, NetworkSettingError, NetworkSettings, RateFigure, Rated, RatedBy,
};
pub use permission::{Action, Authority, may};
pub use secret_code::{CodeError, SecretCode};
pub use standing::{Judgement, Role, Standing};
