//! The parts of `docs/faults.md` that are written by runs: each between two markers of its own.

use std::{fs, path::Path};

/// The lines around a part.
fn markers(part: &str) -> [String; 2] {
    ["begins", "ends"].map(|what| format!("<!-- figures of {part}: {what} -->"))
}

/// What the page has in a part; none if it has no such part.
pub fn read<'a>(page: &'a str, part: &str) -> Option<&'a str> {
    let [begins, ends] = markers(part);
    let (_, rest) = page.split_once(&begins)?;
    Some(rest.split_once(&ends)?.0.trim())
}

/// Replaces a part of a page, which must have it.
pub fn write(file: &Path, part: &str, text: &str) {
    let page = fs::read_to_string(file).expect("the page is there");
    let old = read(&page, part).unwrap_or_else(|| panic!("{} has no part {part}", file.display()));
    let [begins, ends] = markers(part);
    let (before, _) = page.split_once(&begins).expect("it was found");
    let (_, after) = page.split_once(&ends).expect("it was found");
    assert!(!before.is_empty() || old.is_empty(), "a page has a title");
    let page = format!("{before}{begins}\n\n{}\n\n{ends}{after}", text.trim());
    fs::write(file, page).expect("it can be written");
}
