//! What a program does to a disk, and what is on the disk after that. Pure.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

/// A file or a directory, whatever it is called. They are numbered in the order in which they are made.
pub type Node = usize;

/// The directory in which everything happens.
pub const ROOT: Node = 0;

/// A name in a directory.
pub type Place = (Node, String);

/// An operation that changes something, or makes it durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    MakeFile { place: Place, node: Node },
    MakeDirectory { place: Place, node: Node },
    Remove { place: Place },
    Rename { from: Place, to: Place },
    Write { file: Node, at: u64, bytes: Arc<[u8]> },
    SetLength { file: Node, length: u64 },
    SyncFile(Node),
    SyncDirectory(Node),
}

impl Operation {
    /// The directories whose names change.
    pub fn directories(&self) -> impl Iterator<Item = Node> + use<> {
        let [one, other] = match self {
            Self::MakeFile { place, .. }
            | Self::MakeDirectory { place, .. }
            | Self::Remove { place } => [Some(place.0), None],
            Self::Rename { from, to } => [Some(from.0), Some(to.0)],
            _ => [None, None],
        };
        one.into_iter().chain(other)
    }

    /// The file whose contents change.
    pub fn file(&self) -> Option<Node> {
        match self {
            Self::Write { file, .. } | Self::SetLength { file, .. } => Some(*file),
            _ => None,
        }
    }
}

/// Who is called what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    directories: BTreeMap<Node, BTreeMap<String, Node>>,
}

impl Names {
    /// What has this name.
    pub fn find(&self, (directory, name): &Place) -> Option<Node> {
        self.directories.get(directory)?.get(name).copied()
    }

    /// The place that a path within `directory` names; none if there is no such directory, or if it is
    /// `directory` itself.
    pub fn place(&self, mut directory: Node, path: &Path) -> Option<Place> {
        let mut names = path.iter().map(|name| name.to_str().expect("ours are UTF-8"));
        let mut last = names.next()?;
        for name in names {
            directory = self.find(&(directory, last.to_owned()))?;
            last = name;
        }
        Some((directory, last.to_owned()))
    }

    /// Whether it is a directory.
    pub fn is_directory(&self, node: Node) -> bool {
        node == ROOT || self.directories.contains_key(&node)
    }

    fn put(&mut self, (directory, name): Place, node: Node) {
        self.directories.entry(directory).or_default().insert(name, node);
    }

    fn take(&mut self, (directory, name): &Place) -> Option<Node> {
        self.directories.get_mut(directory)?.remove(name)
    }

    /// Changes names as the operation does.
    pub fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::MakeFile { place, node } => self.put(place.clone(), *node),
            Operation::MakeDirectory { place, node } => {
                self.put(place.clone(), *node);
                self.directories.entry(*node).or_default();
            }
            Operation::Remove { place } => _ = self.take(place),
            Operation::Rename { from, to } => {
                if let Some(node) = self.take(from) {
                    self.put(to.clone(), node);
                }
            }
            _ => {}
        }
    }
}

/// Everything that is on a disk.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    pub names: Names,
    files: BTreeMap<Node, Arc<Vec<u8>>>,
}

/// By their paths: files with their contents, and directories.
pub type Tree = BTreeMap<PathBuf, Option<Arc<Vec<u8>>>>;

impl Contents {
    /// How long a file is.
    pub fn length(&self, file: Node) -> u64 {
        self.files.get(&file).map_or(0, |bytes| bytes.len() as u64)
    }

    /// Changes what the operation does.
    pub fn apply(&mut self, operation: &Operation) {
        let position = |at: &u64| usize::try_from(*at).expect("files of tests are short");
        match operation {
            Operation::Write { file, at, bytes } => {
                let contents = Arc::make_mut(self.files.entry(*file).or_default());
                let (begin, end) = (position(at), position(at) + bytes.len());
                if contents.len() < end {
                    contents.resize(end, 0);
                }
                contents[begin..end].copy_from_slice(bytes);
            }
            Operation::SetLength { file, length } => {
                Arc::make_mut(self.files.entry(*file).or_default()).resize(position(length), 0);
            }
            names => self.names.apply(names),
        }
    }

    /// All that can be found by a path.
    pub fn tree(&self) -> Tree {
        let mut tree = Tree::new();
        self.add_to(&mut tree, ROOT, Path::new(""));
        tree
    }

    fn add_to(&self, tree: &mut Tree, directory: Node, path: &Path) {
        for (name, node) in self.names.directories.get(&directory).into_iter().flatten() {
            let path = path.join(name);
            if self.names.is_directory(*node) {
                tree.insert(path.clone(), None);
                self.add_to(tree, *node, &path);
            } else {
                tree.insert(path, Some(self.files.get(node).cloned().unwrap_or_default()));
            }
        }
    }
}
