//! How much room there is for a table.

use std::io::{self, IsTerminal as _};

/// So many lines of so many characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Characters on a line.
    pub columns: usize,
    /// Lines, where what does not fit would be lost.
    pub rows: usize,
}

impl Room {
    /// For files and pipes, which have room for everything.
    pub const ENDLESS: Self = Self { columns: usize::MAX, rows: usize::MAX };
    /// A terminal that does not say how large it is.
    const USUAL: (u16, u16) = (80, 24);

    /// On standard output, which scrolls.
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
        // Ending the last line of a screen would scroll.
        Self { columns: columns.into(), rows: usize::from(rows).saturating_sub(1) }
    }
}
