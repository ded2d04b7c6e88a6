//! Files that people write: settings, secrets, passwords. They may come from any editor.

use std::{fs::File, io::Read as _, path::Path};

/// More than anybody writes by hand, but not enough to fill the memory, as reading a device could.
const LARGEST: u64 = 1 << 20;
/// The byte order mark, with which some editors begin a text in UTF-8.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// The text of a file, in UTF-8; the error says what is wrong with it.
pub fn read(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let opened = File::open(path).map_err(|error| error.to_string())?;
    opened.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > LARGEST {
        return Err(format!("it has more than {LARGEST} bytes"));
    }
    text(bytes)
}

/// Decodes `bytes`, without a byte order mark before them.
pub(crate) fn text(bytes: Vec<u8>) -> Result<String, String> {
    // UTF-16 begins with a byte order mark, or has a zero in every other byte.
    if matches!(bytes.get(..2), Some([0xff, 0xfe] | [0xfe, 0xff])) || bytes.contains(&0) {
        return Err("it is not UTF-8 text (UTF-16, perhaps): save it as UTF-8".to_owned());
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to() + 1;
        format!("it is not UTF-8 text (byte {at}): save it as UTF-8")
    })?;
    Ok(text.strip_prefix(BYTE_ORDER_MARK).map(str::to_owned).unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_utf_8_with_or_without_its_mark_and_anything_else_is_refused() {
        for (bytes, expected) in [
            (&b""[..], Ok("")),
            (b"secret\r\n", Ok("secret\r\n")),
            ("gr\u{fc}n".as_bytes(), Ok("gr\u{fc}n")),
            (b"\xef\xbb\xbfsecret", Ok("secret")),
            (b"\xef\xbb\xbf\xef\xbb\xbfx", Ok("\u{feff}x")),
            (b"gr\xfcn", Err("(byte 3)")),
            (b"\xff\xfes\0e\0", Err("UTF-16")),
            (b"\xfe\xff\0s\0e", Err("UTF-16")),
            (b"s\0e\0", Err("UTF-16")),
        ] {
            match (text(bytes.to_vec()), expected) {
                (Ok(text), Ok(expected)) => assert_eq!(text, expected),
                (Err(reason), Err(part)) => assert!(reason.contains(part), "{reason}"),
                other => panic!("{bytes:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_file_without_end_is_refused() {
        let reason = read(Path::new("/dev/urandom")).expect_err("too much");
        assert!(reason.contains("bytes"), "{reason}");
    }
}
