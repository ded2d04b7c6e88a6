//! Rows that a terminal may display differently than expected: terminals disagree about the width
//! of emoji, combining marks and new characters, so a row with such characters may be shifted, and
//! leave remnants. Pure.

use ratatui::buffer::{Buffer, Cell};
use unicode_width::UnicodeWidthStr as _;

/// Rows that were redrawn, and that have or had characters of uncertain width.
pub fn uncertain(before: &Buffer, now: &Buffer) -> Vec<u16> {
    let area = now.area;
    let is_certain = |row: &[Cell]| row.iter().all(|cell| cell.symbol().is_ascii());
    (area.top()..area.bottom())
        .filter(|&y| {
            let present = cells(now, y);
            if before.area != area {
                return !is_certain(present);
            }
            let past = cells(before, y);
            past != present && !(is_certain(past) && is_certain(present))
        })
        .collect()
}

/// The cells of a row, in runs that each end with an uncertain character.
pub fn runs(buffer: &Buffer, y: u16) -> Vec<Vec<(u16, u16, &Cell)>> {
    let mut runs = vec![vec![]];
    let mut next = 0;
    for (x, cell) in (buffer.area.left()..).zip(cells(buffer, y)) {
        // The other half of a wide character.
        if x < next {
            continue;
        }
        next = x.saturating_add(u16::try_from(cell.symbol().width().max(1)).unwrap_or(u16::MAX));
        runs.last_mut().expect("there is always one").push((x, y, cell));
        if !cell.symbol().is_ascii() {
            runs.push(vec![]);
        }
    }
    runs
}

fn cells(buffer: &Buffer, y: u16) -> &[Cell] {
    let width = usize::from(buffer.area.width);
    let start = usize::from(y - buffer.area.y) * width;
    &buffer.content[start..start + width]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_changed_and_are_not_plain_are_uncertain() {
        let before = Buffer::with_lines(["plain", "日本 ", "日本 ", "plain", "👍🏽   "]);
        let now = Buffer::with_lines(["other", "日本 ", "other", "日本 ", "👍   "]);
        assert_eq!(uncertain(&before, &now), [2, 3, 4]);
        assert_eq!(uncertain(&Buffer::default(), &now), [1, 3, 4]);
    }

    #[test]
    fn runs_begin_anew_behind_every_uncertain_character() {
        let buffer = Buffer::with_lines(["ab日本c é"]);
        let runs: Vec<Vec<(u16, &str)>> = runs(&buffer, 0)
            .into_iter()
            .map(|run| run.into_iter().map(|(x, _, cell)| (x, cell.symbol())).collect())
            .collect();
        let expected: [&[(u16, &str)]; 4] =
            [&[(0, "a"), (1, "b"), (2, "日")], &[(4, "本")], &[(6, "c"), (7, " "), (8, "é")], &[]];
        assert_eq!(runs, expected);
    }
}
