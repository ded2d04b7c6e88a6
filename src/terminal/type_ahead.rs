//! What is typed while a command is carried out reaches the next line as it was typed.
//!
//! Between two lines, a line editor gives the terminal back to the kernel, which edits lines of its own: there,
//! Ctrl-D is a mark and no byte, which is lost when the editor takes the terminal again. So the kernel is told to
//! leave what is typed alone, as long as there is an editor, and to show nothing, since the editor will.

use std::io;

use nix::sys::termios::{
    LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcgetattr, tcsetattr,
};

/// The terminal that is standard input keeps what is typed, until this is dropped.
pub struct TypeAhead {
    before: Termios,
}

impl TypeAhead {
    /// From now on. Call it before the first line is read.
    pub fn keep() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut kept = before.clone();
        kept.local_flags.remove(LocalFlags::ICANON | LocalFlags::ECHO);
        kept.control_chars[SpecialCharacterIndices::VMIN as usize] = 1;
        kept.control_chars[SpecialCharacterIndices::VTIME as usize] = 0;
        tcsetattr(io::stdin(), SetArg::TCSADRAIN, &kept)?;
        Ok(Self { before })
    }
}

impl Drop for TypeAhead {
    fn drop(&mut self) {
        // Fails only if the terminal is gone.
        let _ = tcsetattr(io::stdin(), SetArg::TCSADRAIN, &self.before);
    }
}
