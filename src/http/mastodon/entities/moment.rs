//! Moments and dates as the API writes them: in UTC, and with exactly three decimals, since some apps read nothing
//! else.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Serialize, Serializer};

use crate::domain::UnixMillis;

/// A moment, such as `2026-11-25T17:49:00.123Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment(pub UnixMillis);

/// The day of a moment, such as `2026-11-25`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day(pub UnixMillis);

fn utc(moment: UnixMillis) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(moment.get()).unwrap_or_default()
}

/// The moment that a text in ISO 8601 names.
pub fn read(text: &str) -> Option<UnixMillis> {
    let moment = DateTime::parse_from_rfc3339(text).ok()?;
    Some(UnixMillis::new(moment.timestamp_millis()))
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&utc(self.0).to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&utc(self.0).date_naive())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_have_three_decimals_always() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_795_628_940_120, "2026-11-25T17:49:00.120Z"),
            (i64::MAX, "1970-01-01T00:00:00.000Z"),
        ] {
            let moment = serde_json::to_value(Moment(UnixMillis::new(ms))).expect("a text");
            assert_eq!(moment, text);
        }
        let day = serde_json::to_value(Day(UnixMillis::new(1_795_628_940_120))).expect("a text");
        assert_eq!(day, "2026-11-25");
        assert_eq!(read("2026-11-25T17:49:00.120Z"), Some(UnixMillis::new(1_795_628_940_120)));
        assert_eq!(read("yesterday"), None);
    }
}
