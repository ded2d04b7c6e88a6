//! Which page of a list is asked for, and where its neighbours are.

use axum::http::HeaderValue;

use super::{base_url::BaseUrl, fault::Fault, parameters::Parameters};
use crate::{
    domain::PostId,
    network::{Cursor, NamePosition},
};

/// Which parameters say where a page is.
const PLACE: [&str; 3] = ["max_id", "since_id", "min_id"];

/// The page that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paging {
    /// Only what is older.
    pub max: Option<u64>,
    /// Only what is newer, the newest of it.
    pub since: Option<u64>,
    /// Only what is newer, the oldest of it.
    pub min: Option<u64>,
    /// How much at most.
    pub limit: u32,
}

/// How much a page has if nobody says, and at most.
pub type Limits = (u32, u32);

/// The limits of pages of posts,
pub const POSTS: Limits = (20, 40);
/// and of people and notifications.
pub const PEOPLE: Limits = (40, 80);

/// How much is asked for.
pub fn limit(parameters: &Parameters, (usual, most): Limits) -> Result<u32, Fault> {
    Ok(parameters.number("limit")?.unwrap_or(usual).clamp(1, most))
}

impl Paging {
    /// Reads it.
    pub fn of(parameters: &Parameters, limits: Limits) -> Result<Self, Fault> {
        let limit = limit(parameters, limits)?;
        let [max, since, min] = PLACE.map(|name| parameters.number(name));
        Ok(Self { max: max?, since: since?, min: min?, limit })
    }

    /// Where to read.
    pub fn cursor(self) -> Cursor {
        match self {
            Self { min: Some(min), .. } => Cursor::After(PostId::new(min)),
            Self { max: Some(max), .. } => Cursor::Before(PostId::new(max)),
            _ => Cursor::Newest,
        }
    }

    /// What was read there, as it is to be shown: the newest first, and nothing beyond what was asked for.
    pub fn shown<T>(self, mut read: Vec<T>, id: impl Fn(&T) -> u64) -> Vec<T> {
        if self.min.is_some() {
            read.reverse();
        }
        read.retain(|item| {
            self.max.is_none_or(|max| id(item) < max)
                && self.since.is_none_or(|since| id(item) > since)
        });
        read
    }
}

/// Where a page of people begins, if it is not the first. Apps take numbers only, so that the position is written as
/// one: each of its bytes as three digits, behind a 1.
pub fn name_position(parameters: &Parameters) -> Result<Option<NamePosition>, Fault> {
    let Some(text) = parameters.filled("max_id") else { return Ok(None) };
    let read = || {
        let digits = text.strip_prefix('1').filter(|digits| digits.len() % 3 == 0)?;
        let bytes = digits.as_bytes().chunks(3).map(|byte| str::from_utf8(byte).ok()?.parse().ok());
        String::from_utf8(bytes.collect::<Option<Vec<u8>>>()?).ok()
    };
    let position = read().ok_or_else(|| Fault::bad_request("max_id is none of this list"))?;
    Ok(Some(NamePosition::new(position)))
}

fn digits(position: &NamePosition) -> String {
    let digits = position.as_str().bytes().map(|byte| format!("{byte:03}"));
    ["1".to_owned()].into_iter().chain(digits).collect()
}

/// The neighbours of a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Neighbours {
    /// What comes next is older than this.
    pub next: Option<String>,
    /// What is newer than this came before.
    pub previous: Option<String>,
}

impl Neighbours {
    /// Of a page with these ids, behind which there is `more`.
    pub fn of(ids: &[u64], more: bool) -> Self {
        let next = ids.last().filter(|_| more).map(u64::to_string);
        Self { next, previous: ids.first().map(u64::to_string) }
    }

    /// Of a page behind which there is one that begins at `position`, if there is one.
    pub fn at(position: Option<&NamePosition>) -> Self {
        Self { next: position.map(digits), previous: None }
    }

    /// The header that leads there (RFC 8288), for a page of `path`; none without neighbours.
    pub fn link(self, base: &BaseUrl, path: &str, parameters: &Parameters) -> Option<HeaderValue> {
        let rest = parameters.query_without(&PLACE);
        let to = |name: &str, id: String, relation: &str| {
            let and = if rest.is_empty() { "" } else { "&" };
            format!("<{base}{path}?{rest}{and}{name}={id}>; rel=\"{relation}\"")
        };
        let next = self.next.map(|id| to("max_id", id, "next"));
        let previous = self.previous.map(|id| to("min_id", id, "prev"));
        let links: Vec<String> = next.into_iter().chain(previous).collect();
        if links.is_empty() { None } else { HeaderValue::from_str(&links.join(", ")).ok() }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, Uri};

    use super::*;
    use crate::tls::Protection;

    fn asked(query: &str) -> (Parameters, Paging) {
        let mut parameters = Parameters::default();
        parameters.add_form(query.as_bytes()).expect("few");
        let paging = Paging::of(&parameters, POSTS).expect("numbers");
        (parameters, paging)
    }

    #[test]
    fn a_page_is_where_it_is_asked_for_and_never_too_long() {
        for (query, cursor, limit) in [
            ("", Cursor::Newest, 20),
            ("limit=0", Cursor::Newest, 1),
            ("limit=1000", Cursor::Newest, 40),
            ("max_id=7&limit=5", Cursor::Before(PostId::new(7)), 5),
            ("min_id=0", Cursor::After(PostId::NONE), 20),
            ("since_id=7", Cursor::Newest, 20),
            ("min_id=3&max_id=9", Cursor::After(PostId::new(3)), 20),
        ] {
            let (_, paging) = asked(query);
            assert_eq!((paging.cursor(), paging.limit), (cursor, limit), "{query}");
        }
        for bad in ["max_id=x", "limit=-1", "min_id=1e9", "since_id=99999999999999999999"] {
            let mut parameters = Parameters::default();
            parameters.add_form(bad.as_bytes()).expect("few");
            assert!(Paging::of(&parameters, POSTS).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_page_is_shown_newest_first_within_its_bounds() {
        let shown = |query: &str, read: &[u64]| asked(query).1.shown(read.to_vec(), |id| *id);
        assert_eq!(shown("", &[9, 8, 7]), [9, 8, 7]);
        assert_eq!(shown("min_id=3", &[4, 5, 6]), [6, 5, 4]);
        assert_eq!(shown("min_id=3&max_id=6", &[4, 5, 6]), [5, 4]);
        assert_eq!(shown("since_id=7", &[9, 8, 7, 6]), [9, 8]);
    }

    #[test]
    fn the_position_of_a_page_of_people_is_a_number_and_comes_back() {
        for position in ["ann", "ü7", ""] {
            let position = NamePosition::new(position);
            let next = Neighbours::at(Some(&position)).next.expect("there is one");
            assert!(next.bytes().all(|byte| byte.is_ascii_digit()), "{next}");
            let (parameters, _) = asked("");
            let mut parameters = parameters;
            parameters.add_part("max_id", next).expect("few");
            assert_eq!(name_position(&parameters).ok(), Some(Some(position)));
        }
        for bad in ["7", "1300", "199", "1255", "x"] {
            let mut parameters = Parameters::default();
            parameters.add_part("max_id", bad.to_owned()).expect("few");
            assert!(name_position(&parameters).is_err(), "{bad}");
        }
    }

    #[test]
    fn neighbours_are_named_as_clients_read_them() {
        let host = Uri::from_static("http://host/");
        let base = BaseUrl::of_request(&HeaderMap::new(), &host, Protection::Encrypted);
        let link = |query: &str, neighbours: Neighbours| {
            let link = neighbours.link(&base, "/api/v1/timelines/home", &asked(query).0);
            link.map(|link| link.to_str().expect("ASCII").to_owned())
        };
        let both = Neighbours::of(&[122, 110, 103], true);
        assert_eq!(
            link("limit=20&max_id=130", both).as_deref(),
            Some(
                "<https://host/api/v1/timelines/home?limit=20&max_id=103>; rel=\"next\", \
                 <https://host/api/v1/timelines/home?limit=20&min_id=122>; rel=\"prev\""
            )
        );
        let last = Neighbours::of(&[122], false);
        assert_eq!(
            link("", last).as_deref(),
            Some("<https://host/api/v1/timelines/home?min_id=122>; rel=\"prev\"")
        );
        assert_eq!(link("", Neighbours::of(&[], false)), None);
    }
}
