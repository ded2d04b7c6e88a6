//! What backups of a directory are called, and which of them are kept. Pure.

use chrono::DateTime;

use crate::{domain::UnixMillis, host::new_file::UNFINISHED};

const PREFIX: &str = "tinysns-";
const SUFFIX: &str = ".backup";
/// The moment at which it was begun, in UTC, so that the order of names is that of time.
const FORMAT: &str = "%Y%m%dT%H%M%SZ";

/// What a backup is called that is begun now.
pub fn name(now: UnixMillis) -> String {
    let moment = DateTime::from_timestamp_millis(now.get()).unwrap_or_default();
    format!("{PREFIX}{}{SUFFIX}", moment.format(FORMAT))
}

/// Whether a file is called like one of ours.
fn is_name(text: &str) -> bool {
    let moment = text.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX));
    moment.is_some_and(|moment| chrono::NaiveDateTime::parse_from_str(moment, FORMAT).is_ok())
}

/// Which of these files are removed, from the oldest on, so that the `kept` newest backups remain. What is called
/// otherwise does not count, and stays.
pub fn surplus(files: &[String], kept: usize) -> Vec<&String> {
    let mut backups: Vec<_> = files.iter().filter(|file| is_name(file)).collect();
    backups.sort();
    backups.truncate(backups.len().saturating_sub(kept));
    backups
}

/// Which backups were begun before the one that is called `next`, and may have been left unfinished.
pub fn begun_before<'a>(files: &'a [String], next: &str) -> Vec<&'a str> {
    let unfinished = files.iter().filter_map(|file| file.strip_suffix(UNFINISHED));
    unfinished.filter(|name| is_name(name) && *name < next).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_the_order_of_time() {
        let names = [0, 1_000, 1_796_000_000_000, 1_796_000_001_000];
        let names = names.map(|ms| name(UnixMillis::new(ms)));
        assert_eq!(names[0], "tinysns-19700101T000000Z.backup");
        assert!(names.is_sorted(), "{names:?}");
        assert!(names.iter().all(|name| is_name(name)), "{names:?}");
    }

    #[test]
    fn the_oldest_backups_go_and_nothing_else() {
        let mut files: Vec<String> =
            [3_000, 1_000, 4_000, 2_000].map(|ms| name(UnixMillis::new(ms))).into();
        for other in ["tinysns-.backup", "notes.txt", "tinysns-19700101T000000Z.backup.part"] {
            files.push(other.to_owned());
        }
        let gone = |kept| surplus(&files, kept).into_iter().cloned().collect::<Vec<_>>();
        assert_eq!(gone(2), [1_000, 2_000].map(|ms| name(UnixMillis::new(ms))));
        assert_eq!(gone(4), Vec::<String>::new());
        assert_eq!(gone(9), Vec::<String>::new());
    }

    #[test]
    fn what_was_begun_earlier_is_known_by_its_name() {
        let unfinished = |ms| format!("{}.part", name(UnixMillis::new(ms)));
        let files =
            [unfinished(1_000), unfinished(2_000), unfinished(3_000), name(UnixMillis::new(500))];
        let mut files = files.to_vec();
        files.extend(["notes.txt.part", "tinysns-.backup.part"].map(ToOwned::to_owned));
        let next = name(UnixMillis::new(3_000));
        let begun = begun_before(&files, &next);
        assert_eq!(begun, [1_000, 2_000].map(|ms| name(UnixMillis::new(ms))));
    }
}
