//! How much room there is for a table.

use std::io::{self, IsTerminal as _};

/// A number of lines, and of characters on each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputSize {
    /// Characters on a line.
    pub columns: usize,
    /// Lines, if what does not fit would be lost.
    pub rows: usize,
}

impl OutputSize {
    /// For files and pipes, which have unlimited room.
    pub const ENDLESS: Self = Self { columns: usize::MAX, rows: usize::MAX };
    /// For a terminal that does not report its size.
    const USUAL: (u16, u16) = (80, 24);

    /// On standard output, which may scroll.
    pub fn on_output() -> Self {
        Self { rows: usize::MAX, ..Self::on_one_screen() }
    }

    /// On standard output, without scrolling.
    pub fn on_one_screen() -> Self {
        if !io::stdout().is_terminal() {
            return Self::ENDLESS;
        }
        let size = crossterm::terminal::size().unwrap_or(Self::USUAL);
        let (columns, rows) = if size.0 == 0 || size.1 == 0 { Self::USUAL } else { size };
        // A line end after the last line of the screen would scroll it.
        Self { columns: columns.into(), rows: usize::from(rows).saturating_sub(1) }
    }
}
