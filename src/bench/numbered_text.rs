//! Posts that are recognised when they are read again: as long as a usual one, with a number and with the
//! run that made them. Pure.

use super::operation::TEXT;

/// The texts of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumberedText {
    run: u32,
}

impl NumberedText {
    /// Of a run, which chose its own number by lot.
    pub const fn of_run(run: u32) -> Self {
        Self { run }
    }

    /// The text with this number.
    pub fn text(self, number: u32) -> String {
        let mut text = format!("{:08x} {number:08x} ", self.run);
        text.push_str(&TEXT[text.len()..]);
        text
    }

    /// The number of a text, if it is of this run.
    pub fn number(self, text: &str) -> Option<u32> {
        let (run, rest) = text.split_once(' ')?;
        let (number, _) = rest.split_once(' ')?;
        let is_of_this_run = u32::from_str_radix(run, 16) == Ok(self.run);
        u32::from_str_radix(number, 16).ok().filter(|_| is_of_this_run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_numbered_text_is_as_long_as_a_usual_one_and_known_to_its_own_run_alone() {
        let (ours, other) = (NumberedText::of_run(7), NumberedText::of_run(8));
        for number in [0, 1, 99, u32::MAX] {
            let text = ours.text(number);
            assert_eq!(text.len(), TEXT.len(), "{text}");
            assert_eq!((ours.number(&text), other.number(&text)), (Some(number), None), "{text}");
        }
        for text in [TEXT, "", "00000007", "00000007 1", "00000007 x ?"] {
            assert_eq!(ours.number(text), None, "{text}");
        }
    }
}
