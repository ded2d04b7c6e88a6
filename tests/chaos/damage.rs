//! Damage to the files of a node that is not running: bytes that are flipped, and pages that were torn.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt as _,
    path::Path,
};

use rand::{Rng as _, rngs::StdRng};

/// As a database and the kernel write them.
const PAGE: usize = 4096;

/// Flips up to 64 bits, in pages that are in use. Says what it did.
pub fn flip(file: &Path, random: &mut StdRng) -> io::Result<String> {
    let bytes = fs::read(file)?;
    let pages = used_pages(&bytes);
    let count = 1 << random.random_range(0..=6);
    let handle = File::options().write(true).open(file)?;
    for _ in 0..count {
        let page = pages[random.random_range(0..pages.len())];
        let offset = (page * PAGE + random.random_range(0..PAGE)).min(bytes.len() - 1);
        let flipped = bytes[offset] ^ (1 << random.random_range(0..8));
        handle.write_all_at(&[flipped], offset as u64)?;
    }
    Ok(format!("{count} bits of {} flipped", file_name(file)))
}

/// Cuts the file off, empties it, or leaves a page half written. Says what it did.
pub fn tear(file: &Path, random: &mut StdRng) -> io::Result<String> {
    let bytes = fs::read(file)?;
    let handle = File::options().write(true).open(file)?;
    let name = file_name(file);
    match random.random_range(0..4) {
        0 => {
            handle.set_len(0)?;
            Ok(format!("{name} emptied"))
        }
        1 => {
            let left = random.random_range(1..bytes.len().max(2));
            handle.set_len(left as u64)?;
            Ok(format!("{name} cut off after {left} of {} bytes", bytes.len()))
        }
        _ => {
            let pages = used_pages(&bytes);
            let page = pages[random.random_range(0..pages.len())];
            let half = [0_u8; PAGE / 2];
            handle.write_all_at(&half, (page * PAGE + PAGE / 2) as u64)?;
            Ok(format!("half of page {page} of {name} zeroed"))
        }
    }
}

/// The pages that hold something: damage elsewhere is no damage.
fn used_pages(bytes: &[u8]) -> Vec<usize> {
    let used =
        bytes.chunks(PAGE).enumerate().filter(|(_, page)| page.iter().any(|byte| *byte != 0));
    let used: Vec<usize> = used.map(|(page, _)| page).collect();
    if used.is_empty() { vec![0] } else { used }
}

fn file_name(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
