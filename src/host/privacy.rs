//! What a node keeps on disk is for its owner alone: posts, the hashes of passwords, and the key that
//! signs sessions, with which somebody could post as anybody. Directories have the mode 0700 and files
//! 0600, whatever the umask of the process is. What is there already, perhaps from an earlier
//! version, is changed to that as it is opened.
//!
//! **A directory that a setting names keeps its mode** if it was there before: it may be one that
//! others use too, such as `/srv`. What a node makes in it is private in any case. A warning says so
//! if others may replace that.
//!
//! Nothing here is a reason not to start: a file system may keep no modes, and a file may belong to
//! somebody else. Each of the two warnings is logged once in the life of a process, for the first path.

use std::{
    fs::{File, OpenOptions, Permissions},
    io,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
    sync::Once,
};

/// Of a directory.
pub const DIRECTORY_MODE: u32 = 0o700;
/// Of a file.
pub const FILE_MODE: u32 = 0o600;
/// The bits of a mode that say who may do what.
const PERMISSIONS: u32 = 0o777;
/// Those of the group and of others.
const NOT_THE_OWNER: u32 = 0o077;
const OTHERS_WRITE: u32 = 0o002;
/// In a directory with this bit, only owners may replace or remove what is theirs.
const STICKY: u32 = 0o1000;

/// Opens a file to read and write it, and creates it if there is none.
#[expect(clippy::disallowed_methods, reason = "this is where files begin")]
pub fn open(path: &Path, truncate: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(truncate);
    let file = options.mode(FILE_MODE).open(path)?;
    keep_private(path, &file);
    Ok(file)
}

/// Opens a file that is there, to read and write it.
#[expect(clippy::disallowed_methods, reason = "this is where modes are looked at")]
pub fn open_existing(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    keep_private(path, &file);
    Ok(file)
}

/// Gives an open file or directory the mode that it should have, or says why that is not possible.
/// Devices stay as they are.
#[expect(clippy::disallowed_methods, reason = "this is where modes are changed")]
pub fn keep_private(path: &Path, opened: &File) {
    static WARNED: Once = Once::new();
    let Ok(found) = opened.metadata() else { return };
    let wanted = match found.file_type() {
        kind if kind.is_dir() => DIRECTORY_MODE,
        kind if kind.is_file() => FILE_MODE,
        _ => return,
    };
    let mode = found.permissions().mode();
    if mode & PERMISSIONS == wanted {
        return;
    }
    let changed = opened.set_permissions(Permissions::from_mode(mode & !PERMISSIONS | wanted));
    // Some file systems accept a change and ignore it.
    let mode = opened.metadata().map_or(mode, |now| now.permissions().mode());
    if mode & NOT_THE_OWNER != 0 {
        let reason = changed
            .err()
            .map_or_else(|| "its file system keeps no modes".to_owned(), |error| error.to_string());
        WARNED.call_once(|| tracing::warn!("{}", cannot_be_private(path, mode, wanted, &reason)));
    }
}

fn cannot_be_private(path: &Path, mode: u32, wanted: u32, reason: &str) -> String {
    let mode = mode & PERMISSIONS;
    let path = path.display();
    format!(
        "{path} has the mode {mode:04o}, which cannot be changed ({reason}): other users of this \
         machine may read what this node keeps, such as the key that signs sessions; its owner can \
         change that with `chmod {wanted:04o} {path}`, or give it to the user who runs the node"
    )
}

/// Warns if others may replace what is in a directory.
pub fn warn_of_writers(path: &Path) {
    static WARNED: Once = Once::new();
    let Ok(found) = path.metadata() else { return };
    let mode = found.permissions().mode();
    if others_may_replace(mode) {
        let mode = mode & PERMISSIONS;
        let path = path.display();
        WARNED.call_once(|| {
            tracing::warn!(
                "{path} has the mode {mode:04o}: other users of this machine may replace what this \
                 node keeps there; `chmod o-w {path}` prevents that"
            );
        });
    }
}

fn others_may_replace(mode: u32) -> bool {
    mode & OTHERS_WRITE != 0 && mode & STICKY == 0
}

/// Whether users who neither own a file nor belong to its group may read or change it: by its own
/// mode, and those of the directories on the way to it.
pub fn is_open_to_others(path: &Path) -> io::Result<bool> {
    const OTHERS_READ_OR_WRITE: u32 = 0o006;
    const OTHERS_ENTER: u32 = 0o001;
    let path = path.canonicalize()?;
    let found = path.metadata()?;
    if !found.is_file() || found.permissions().mode() & OTHERS_READ_OR_WRITE == 0 {
        return Ok(false);
    }
    for directory in path.ancestors().skip(1) {
        if directory.metadata()?.permissions().mode() & OTHERS_ENTER == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use nix::sys::stat::{Mode, umask};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("it is there").permissions().mode() & 0o7777
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("ours");
    }

    #[test]
    fn a_file_is_its_owners_alone_whatever_the_umask_or_its_mode_before() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        for mask in [0o000, 0o022, 0o077, 0o777] {
            let before = umask(Mode::from_bits_truncate(mask));
            let path = directory.path().join(format!("{mask:o}"));
            let opened = open(&path, false);
            umask(before);
            opened.expect("created");
            assert_eq!(mode(&path), FILE_MODE, "with the umask {mask:o}");
            set_mode(&path, 0o644);
            open(&path, true).expect("opens again");
            assert_eq!(mode(&path), FILE_MODE, "from before");
        }
    }

    #[test]
    fn a_directory_is_closed_to_others_and_keeps_its_other_bits() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        set_mode(directory.path(), 0o2775);
        keep_private(directory.path(), &File::open(directory.path()).expect("opens"));
        assert_eq!(mode(directory.path()), 0o2700);
    }

    #[test]
    fn devices_are_left_as_they_are() {
        let device = Path::new("/dev/null");
        let before = mode(device);
        keep_private(device, &open(device, false).expect("opens"));
        assert_eq!(mode(device), before);
    }

    #[test]
    fn what_cannot_be_private_is_told_with_the_reason_and_the_remedy() {
        let said = cannot_be_private(Path::new("/srv/a"), 0o100_664, FILE_MODE, "not permitted");
        for part in ["/srv/a has the mode 0664", "(not permitted)", "`chmod 0600 /srv/a`"] {
            assert!(said.contains(part), "{said}");
        }
    }

    #[test]
    fn others_may_replace_files_in_an_open_directory_unless_it_is_sticky() {
        for (mode, expected) in [(0o777, true), (0o757, true), (0o1777, false), (0o775, false)] {
            assert_eq!(others_may_replace(mode), expected, "{mode:o}");
        }
    }

    #[test]
    fn a_file_is_open_to_others_if_its_mode_and_all_directories_above_let_them() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("secret");
        fs::write(&path, "").expect("written");
        for (of_directory, of_file, expected) in [
            (0o755, 0o644, true),
            (0o711, 0o604, true),
            (0o755, 0o602, true),
            (0o755, 0o640, false),
            (0o755, 0o600, false),
            (0o700, 0o644, false),
            (0o750, 0o644, false),
        ] {
            set_mode(&path, of_file);
            set_mode(directory.path(), of_directory);
            let is_open = is_open_to_others(&path).expect("ours");
            assert_eq!(is_open, expected, "{of_file:o} in {of_directory:o}");
        }
        assert!(!is_open_to_others(Path::new("/dev/null")).expect("there"), "not a file");
        assert!(is_open_to_others(&directory.path().join("missing")).is_err());
    }
}
