//! How long ago something was, as briefly as possible. Pure.

use chrono::{DateTime, Datelike as _, TimeZone, Utc};

use crate::domain::UnixMillis;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// Anything more recent is shown as "now"; so is a time slightly in the future, when the server's
/// clock is ahead.
const NOW: i64 = 5 * SECOND;

/// The age of something at `then`, or its date in `zone` if it is a week old or more.
pub fn of<Zone: TimeZone>(then: UnixMillis, now: UnixMillis, zone: &Zone) -> String
where
    Zone::Offset: std::fmt::Display,
{
    match now.saturating_ms_since(then) {
        ..NOW => "now".to_owned(),
        age @ ..MINUTE => format!("{} s", age / SECOND),
        age @ ..HOUR => format!("{} min", age / MINUTE),
        age @ ..DAY => format!("{} h", age / HOUR),
        age if age < 7 * DAY => format!("{} d", age / DAY),
        _ => {
            let [then, now] = [then, now].map(|at| {
                DateTime::<Utc>::from_timestamp_millis(at.get())
                    .unwrap_or_default()
                    .with_timezone(zone)
            });
            let form = if then.year() == now.year() { "%b %-d" } else { "%b %-d %Y" };
            then.format(form).to_string()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2018-02-01 23:47:25 UTC.
    const THEN: UnixMillis = UnixMillis::new(1_517_528_845_000);

    #[test]
    fn tells_the_age_in_the_greatest_unit_that_fits() {
        for (age, words) in [
            (-HOUR, "now"),
            (0, "now"),
            (4_999, "now"),
            (5_000, "5 s"),
            (59_999, "59 s"),
            (MINUTE, "1 min"),
            (HOUR - 1, "59 min"),
            (HOUR, "1 h"),
            (DAY - 1, "23 h"),
            (DAY, "1 d"),
            (7 * DAY - 1, "6 d"),
            (7 * DAY, "Feb 1"),
            (365 * DAY, "Feb 1 2018"),
        ] {
            assert_eq!(of(THEN, THEN.saturating_add_ms(age), &Utc), words, "{age}");
        }
        assert_eq!(of(UnixMillis::MIN, UnixMillis::MAX, &Utc), "Jan 1");
    }
}
