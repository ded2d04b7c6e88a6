//! Records what this process does to the files below one directory, in its order: `interposed` tells it.
//!
//! Whatever changes a file and was not seen is found: what was recorded is compared with what is there
//! (`Recording::agrees_with_the_disk`).

use std::{
    cell::RefCell,
    collections::BTreeMap,
    ffi::c_int,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use nix::libc;
use parking_lot::{ReentrantMutex, const_reentrant_mutex};

use crate::operation::{Names, Node, Operation, Place, ROOT};

static RECORDS: AtomicBool = AtomicBool::new(false);
static RECORDER: ReentrantMutex<RefCell<Option<Recorder>>> =
    const_reentrant_mutex(RefCell::new(None));

/// What has been recorded, and what is needed to understand what follows.
pub struct Recorder {
    root: PathBuf,
    names: Names,
    open: BTreeMap<c_int, Node>,
    next: Node,
    operations: Vec<Operation>,
}

/// From now on, what happens below `root` is recorded. It holds what `earlier` operations have made.
pub fn begin(root: &Path, earlier: &[Operation]) {
    let mut names = Names::default();
    for operation in earlier {
        names.apply(operation);
    }
    let made = earlier.iter().filter(|operation| {
        matches!(operation, Operation::MakeFile { .. } | Operation::MakeDirectory { .. })
    });
    let next = ROOT + 1 + made.count();
    let operations = earlier.to_vec();
    let recorder =
        Recorder { root: root.to_owned(), names, open: BTreeMap::new(), next, operations };
    RECORDER.lock().replace(Some(recorder));
    RECORDS.store(true, Ordering::Relaxed);
}

/// How many operations there have been, the earlier ones among them.
pub fn count() -> usize {
    RECORDER.lock().borrow().as_ref().expect("it records").operations.len()
}

/// Ends the recording, and gives all operations.
pub fn end() -> Vec<Operation> {
    RECORDS.store(false, Ordering::Relaxed);
    RECORDER.lock().take().expect("it has begun").operations
}

/// Makes a call, with the recorder if it records: no other call comes in between, so that the order is that of
/// the disk.
pub fn during<T>(call: impl FnOnce(Option<&mut Recorder>) -> T) -> T {
    if !RECORDS.load(Ordering::Relaxed) {
        return call(None);
    }
    let recorder = RECORDER.lock();
    // It is busy if it panics, and that is being written somewhere.
    match recorder.try_borrow_mut() {
        Ok(mut recorder) => call(recorder.as_mut()),
        Err(_) => call(None),
    }
}

/// What a path means to the recorder.
#[derive(Clone, Debug)]
pub enum Target {
    /// The directory itself.
    Root,
    Within(Place),
    Elsewhere,
}

impl Recorder {
    /// What `path` names, which is relative to the open directory `directory` unless it is absolute.
    pub fn target(&self, directory: c_int, path: &Path) -> Target {
        let (directory, path) = match path.strip_prefix(&self.root) {
            Ok(within) => (ROOT, within),
            Err(_) => match self.open.get(&directory) {
                Some(directory) if path.is_relative() => (*directory, path),
                _ => return Target::Elsewhere,
            },
        };
        match self.names.place(directory, path) {
            Some(place) => Target::Within(place),
            None if path == Path::new("") => Target::Root,
            None => Target::Elsewhere,
        }
    }

    /// Whether there is something already.
    pub fn is_there(&self, target: &Target) -> bool {
        matches!(target, Target::Within(place) if self.names.find(place).is_some())
    }

    /// Something was opened.
    pub fn opened(&mut self, target: Target, was_there: bool, flags: c_int, descriptor: c_int) {
        // Whatever had this number before is closed.
        self.open.remove(&descriptor);
        let place = match target {
            Target::Elsewhere => return,
            Target::Root => {
                self.open.insert(descriptor, ROOT);
                return;
            }
            Target::Within(place) => place,
        };
        if !was_there {
            assert!(flags & libc::O_CREAT != 0, "{place:?} was made without being seen");
            self.make(|node| Operation::MakeFile { place: place.clone(), node });
        }
        let node = self.names.find(&place).expect("it is there now");
        self.open.insert(descriptor, node);
        if was_there && flags & libc::O_TRUNC != 0 {
            self.note(Operation::SetLength { file: node, length: 0 });
        }
    }

    /// A descriptor was closed.
    pub fn closed(&mut self, descriptor: c_int) {
        self.open.remove(&descriptor);
    }

    /// Bytes were written.
    pub fn wrote(&mut self, descriptor: c_int, at: u64, bytes: &[u8]) {
        if let Some(file) = self.file(descriptor) {
            self.note(Operation::Write { file, at, bytes: bytes.into() });
        }
    }

    /// A file has a new length.
    pub fn has_length(&mut self, descriptor: c_int, length: u64) {
        if let Some(file) = self.file(descriptor) {
            self.note(Operation::SetLength { file, length });
        }
    }

    /// A file or a directory was made durable.
    pub fn synced(&mut self, descriptor: c_int) {
        let Some(node) = self.open.get(&descriptor).copied() else { return };
        let is_directory = self.names.is_directory(node);
        self.note(if is_directory {
            Operation::SyncDirectory(node)
        } else {
            Operation::SyncFile(node)
        });
    }

    /// A directory was made.
    pub fn made_directory(&mut self, target: Target) {
        if let Target::Within(place) = target {
            self.make(|node| Operation::MakeDirectory { place, node });
        }
    }

    /// A name was removed.
    pub fn removed(&mut self, target: Target) {
        if let Target::Within(place) = target {
            self.note(Operation::Remove { place });
        }
    }

    /// A name has become another one.
    pub fn renamed(&mut self, from: Target, to: Target) {
        match (from, to) {
            (Target::Within(from), Target::Within(to)) => self.note(Operation::Rename { from, to }),
            (Target::Elsewhere, Target::Elsewhere) => {}
            (from, to) => panic!("{from:?} has become {to:?}"),
        }
    }

    /// The file behind a descriptor. Not a directory: its number may have been taken by something else, which
    /// can be written to.
    fn file(&self, descriptor: c_int) -> Option<Node> {
        self.open.get(&descriptor).copied().filter(|node| !self.names.is_directory(*node))
    }

    fn make(&mut self, operation: impl FnOnce(Node) -> Operation) {
        let node = self.next;
        self.next += 1;
        self.note(operation(node));
    }

    fn note(&mut self, operation: Operation) {
        self.names.apply(&operation);
        self.operations.push(operation);
    }
}
