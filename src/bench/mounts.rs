//! On which disk a directory is, as the system lists what is mounted. Pure.

use std::path::Path;

use serde::Serialize;

/// Where a file system is, and of which kind it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mount {
    pub directory: String,
    pub device: String,
    pub file_system: String,
}

impl Mount {
    /// Whether it is in memory, where nothing has to be synced.
    pub fn is_memory(&self) -> bool {
        ["tmpfs", "ramfs"].contains(&self.file_system.as_str())
    }
}

/// What holds `directory`, by a list in the form of `/proc/mounts`. Of two at one place, the later one
/// covers the other.
pub fn mount_of(directory: &Path, mounts: &str) -> Option<Mount> {
    let found = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ');
        let (device, place, kind) = (fields.next()?, fields.next()?, fields.next()?);
        directory.starts_with(place).then_some((place, device, kind))
    });
    let (_, device, kind) = found.max_by_key(|(place, ..)| place.len())?;
    Some(Mount {
        directory: directory.display().to_string(),
        device: device.to_owned(),
        file_system: kind.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
overlay / overlay rw,relatime 0 0
tmpfs /dev/shm tmpfs rw 0 0
/dev/sda1 /data ext4 rw 0 0
/dev/sdb1 /data xfs rw 0 0
";

    #[test]
    fn a_directory_is_on_what_is_mounted_nearest_above_it() {
        for (directory, expected) in [
            ("/tmp", ("overlay", "overlay")),
            ("/database", ("overlay", "overlay")),
            ("/data/a", ("/dev/sdb1", "xfs")),
            ("/dev/shm", ("tmpfs", "tmpfs")),
        ] {
            let mount = mount_of(Path::new(directory), MOUNTS).expect("found");
            assert_eq!((mount.device.as_str(), mount.file_system.as_str()), expected);
            assert_eq!(
                (mount.directory.as_str(), mount.is_memory()),
                (directory, expected.0 == "tmpfs")
            );
        }
        assert_eq!(mount_of(Path::new("/"), "what is this?\n"), None);
    }
}
