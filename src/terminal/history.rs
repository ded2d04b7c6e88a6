//! Where typed lines are kept between conversations.

use std::{
    env,
    ffi::OsString,
    fs::{DirBuilder, OpenOptions},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::PathBuf,
};

use crate::settings::HistoryFile;

/// Nobody else may read what people typed.
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

#[expect(clippy::disallowed_methods, reason = "a person's file, not a node's, and private too")]
/// The history file, created if missing. None if the history is not to be kept, or cannot be: the
/// client works without.
pub fn file(setting: &HistoryFile) -> Option<PathBuf> {
    let path = match setting {
        HistoryFile::None => return None,
        HistoryFile::At(path) => path.clone(),
        HistoryFile::Usual => {
            let path = usual(|name| env::var_os(name))?;
            DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path.parent()?).ok()?;
            path
        }
    };
    OpenOptions::new().append(true).create(true).mode(FILE_MODE).open(&path).ok()?;
    Some(path)
}

/// Where the XDG base directory specification puts such a file, given a lookup of variables.
fn usual(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let folder = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state =
        folder("XDG_STATE_HOME").or_else(|| Some(folder("HOME")?.join(".local").join("state")))?;
    Some(state.join("tinysns").join("history"))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    #[test]
    fn history_stands_where_the_state_of_programs_does() {
        for (state, home, path) in [
            (Some("/s"), Some("/h"), Some("/s/tinysns/history")),
            (Some("relative"), Some("/h"), Some("/h/.local/state/tinysns/history")),
            (Some(""), Some("/h"), Some("/h/.local/state/tinysns/history")),
            (None, Some("/h"), Some("/h/.local/state/tinysns/history")),
            (None, None, None),
        ] {
            let variable = |name: &str| {
                let value = if name == "HOME" { home } else { state };
                value.map(OsString::from)
            };
            assert_eq!(usual(variable), path.map(PathBuf::from), "{state:?} {home:?}");
        }
    }

    #[test]
    fn the_file_is_its_owners_alone_and_may_be_done_without() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history");
        let setting = HistoryFile::At(path.clone());
        for _ in 0..2 {
            assert_eq!(file(&setting), Some(path.clone()));
        }
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, FILE_MODE);
        assert_eq!(file(&HistoryFile::None), None);
        assert_eq!(file(&HistoryFile::At(folder.path().join("no/where"))), None);
    }
}
