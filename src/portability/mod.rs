//! What belongs to somebody, in files that they can take with them: JSON of our own, and the CSV that Mastodon and
//! what is like it write and read.
//!
//! - `mastodon_csv`: pure: the forms of CSV
//! - `json`: pure: posts and profiles
//! - `export`: everything that a user has, file by file
//! - `import`: follows, blocks and mutes
//!
//! Both work for one user of any [`Network`](crate::network::Network), and with what can be read and written: they know
//! no files and no command line. Nothing is held in memory but a page.

mod export;
mod import;
mod json;
mod mastodon_csv;

pub use self::{
    export::{ExportError, ExportedFile, export, export_pictures},
    import::{ImportError, Imported, SkippedLine, Told, import},
    json::PICTURES,
};
