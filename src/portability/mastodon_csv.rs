//! CSV as Mastodon writes it and takes it. Pure.
//!
//! | file | columns |
//! | --- | --- |
//! | follows | `Account address`, `Show boosts`, `Notify on new posts`, `Languages` |
//! | mutes | `Account address`, `Hide notifications` |
//! | blocks | the address, without a header |
//! | bookmarks | the address of the post, without a header |
//! | lists | the title of a list, and the address of somebody in it, without a header |
//!
//! What is read may have a header or none, and other columns in any order beside those that are known.

use std::io::{self, BufRead, Read as _, Write};

use csv::{ByteRecord, ReaderBuilder, Trim, Writer, WriterBuilder};

use crate::domain::UserName;

const ADDRESS: &str = "Account address";
const HIDES_NOTIFICATIONS: &str = "Hide notifications";
/// The columns of follows.
const OF_FOLLOWS: [&str; 4] = [ADDRESS, "Show boosts", "Notify on new posts", "Languages"];

/// Somebody on a line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Counted from 1.
    pub line: u64,
    /// As it is written.
    pub address: String,
    /// Who that is on the host on which they are.
    pub name: UserName,
    /// Where they are, if the file says so.
    pub host: Option<String>,
    /// Whether a mute hides notifications, too.
    pub hides_notifications: bool,
}

/// A line that says nothing that can be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongLine {
    /// Counted from 1.
    pub line: u64,
    /// As much of it as can be shown.
    pub text: String,
    /// What is wrong with it.
    pub why: String,
}

/// Where the columns are.
#[derive(Clone, Copy)]
struct Columns {
    address: usize,
    hides_notifications: Option<usize>,
}

impl Columns {
    /// Of a file without a header.
    const USUAL: Self = Self { address: 0, hides_notifications: Some(1) };

    /// None if the record is no header.
    fn of_header(record: &ByteRecord) -> Option<Self> {
        let position =
            |name: &str| record.iter().position(|cell| cell.eq_ignore_ascii_case(name.as_bytes()));
        let address = position(ADDRESS)?;
        Some(Self { address, hides_notifications: position(HIDES_NOTIFICATIONS) })
    }
}

/// With which some programs begin a text.
const MARK: &[u8] = b"\xef\xbb\xbf";
/// The longest line, in bytes: far longer than any that names somebody.
const LONGEST: usize = 4_096;

/// What a file lists, line by line. Blank lines are nothing. A failure to read is the last.
pub fn read(
    mut source: impl BufRead,
) -> impl Iterator<Item = io::Result<Result<Listed, WrongLine>>> {
    let (mut number, mut columns) = (0, None);
    let mut has_failed = false;
    std::iter::from_fn(move || {
        while !has_failed {
            let line = match next_line(&mut source) {
                Ok(line) => line?,
                Err(error) => {
                    has_failed = true;
                    return Some(Err(error));
                }
            };
            number += 1;
            let line = match line.strip_prefix(MARK) {
                Some(rest) if number == 1 => rest,
                _ => &line[..],
            };
            let record = match record(line) {
                Ok(record) if record.iter().all(<[u8]>::is_empty) => continue,
                Ok(record) => record,
                Err(why) => return Some(Ok(Err(wrong(number, line, why.to_owned())))),
            };
            if columns.is_none() {
                let header = Columns::of_header(&record);
                columns = Some(header.unwrap_or(Columns::USUAL));
                if header.is_some() {
                    continue;
                }
            }
            return Some(Ok(listed(number, &record, columns.unwrap_or(Columns::USUAL))));
        }
        None
    })
}

/// The next line, or as much of it as is too long; none at the end.
fn next_line(source: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let most = u64::try_from(LONGEST + 1).unwrap_or(u64::MAX);
    let mut line = Vec::new();
    source.take(most).read_until(b'\n', &mut line)?;
    let mut rest = Vec::new();
    while line.len() > LONGEST && !line.ends_with(b"\n") && !rest.ends_with(b"\n") {
        rest.clear();
        if source.take(most).read_until(b'\n', &mut rest)? == 0 {
            break;
        }
    }
    Ok((!line.is_empty()).then_some(line))
}

/// The cells of a line, or why it has none.
fn record(line: &[u8]) -> Result<ByteRecord, &'static str> {
    if line.len() > LONGEST {
        return Err("it is too long");
    }
    if line.split(|byte| *byte == b'"').count().is_multiple_of(2) {
        return Err("a quotation mark is missing");
    }
    let mut reader =
        ReaderBuilder::new().has_headers(false).flexible(true).trim(Trim::All).from_reader(line);
    let mut record = ByteRecord::new();
    reader.read_byte_record(&mut record).map_err(|_| "it is no line of CSV")?;
    Ok(record)
}

fn wrong(line: u64, cell: &[u8], why: String) -> WrongLine {
    /// As much as tells which line it is.
    const SHOWN: usize = 100;
    let text = String::from_utf8_lossy(cell).trim_end().chars().take(SHOWN).collect();
    WrongLine { line, text, why }
}

fn listed(line: u64, record: &ByteRecord, columns: Columns) -> Result<Listed, WrongLine> {
    let cell = record.get(columns.address).unwrap_or_default();
    let wrong = |why| wrong(line, cell, why);
    let Ok(address) = std::str::from_utf8(cell) else {
        return Err(wrong("it is not UTF-8".to_owned()));
    };
    let bare = address.strip_prefix('@').unwrap_or(address);
    if bare.is_empty() {
        return Err(wrong("it names nobody".to_owned()));
    }
    let (name, host) = match bare.split_once('@') {
        Some((_, "")) => return Err(wrong("the host is missing".to_owned())),
        Some((name, host)) => (name, Some(host.to_owned())),
        None => (bare, None),
    };
    let name = match UserName::new(name) {
        Ok(name) => name,
        // Elsewhere other names may be valid, but whoever is there is not here.
        Err(error) => return Err(wrong(error.to_string())),
    };
    let says = columns.hides_notifications.and_then(|column| record.get(column));
    let hides_notifications = !says.is_some_and(|says| says.eq_ignore_ascii_case(b"false"));
    Ok(Listed { line, address: address.to_owned(), name, host, hides_notifications })
}

/// Writes a file.
pub struct Written<W: Write>(Writer<W>);

impl<W: Write> Written<W> {
    /// Follows, beginning with the header.
    pub fn follows(to: W) -> io::Result<Self> {
        Self::new(to).with_header(&OF_FOLLOWS)
    }

    /// Mutes, beginning with the header.
    pub fn mutes(to: W) -> io::Result<Self> {
        Self::new(to).with_header(&[ADDRESS, HIDES_NOTIFICATIONS])
    }

    /// Who is in which list, without a header.
    pub fn memberships(to: W) -> Self {
        Self::new(to)
    }

    /// Blocks or bookmarks, which have no header.
    pub fn addresses(to: W) -> Self {
        Self::new(to)
    }

    fn new(to: W) -> Self {
        Self(WriterBuilder::new().flexible(true).from_writer(to))
    }

    fn with_header(mut self, header: &[&str]) -> io::Result<Self> {
        self.row(header)?;
        Ok(self)
    }

    /// Somebody who is followed: with boosts, and without a notification for each post, as everybody here.
    pub fn follow(&mut self, address: &str) -> io::Result<()> {
        self.row(&[address, "true", "false", ""])
    }

    /// Somebody who is muted.
    pub fn mute(&mut self, address: &str, hides_notifications: bool) -> io::Result<()> {
        self.row(&[address, if hides_notifications { "true" } else { "false" }])
    }

    /// Somebody in a list.
    pub fn membership(&mut self, title: &str, address: &str) -> io::Result<()> {
        self.row(&[title, address])
    }

    /// An address.
    pub fn address(&mut self, address: &str) -> io::Result<()> {
        self.row(&[address])
    }

    /// Hands on all that was written.
    pub fn finish(&mut self) -> io::Result<()> {
        self.0.flush()
    }

    fn row(&mut self, cells: &[&str]) -> io::Result<()> {
        Ok(self.0.write_record(cells)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each line in short.
    fn lines(file: &[u8]) -> Vec<String> {
        let short = |line: io::Result<Result<Listed, WrongLine>>| match line.expect("readable") {
            Ok(Listed { line, name, host, hides_notifications, .. }) => {
                let host = host.map(|host| format!("@{host}")).unwrap_or_default();
                let hides = if hides_notifications { "" } else { " not" };
                format!("{line}: {name}{host}{hides}")
            }
            Err(WrongLine { line, text, why }) => format!("{line}: {text}? {why}"),
        };
        read(file).map(short).collect()
    }

    #[test]
    fn a_file_is_read_with_a_header_and_without_in_any_order_of_columns() {
        let header = b"Account address,Show boosts,Notify on new posts,Languages\nann@a.example,true,false,\n@bob,true,false,\"en, de\"\n";
        assert_eq!(lines(header), ["2: ann@a.example", "3: bob"]);
        let marked = b"\xef\xbb\xbfHide notifications,ACCOUNT ADDRESS\r\nfalse,ann\r\ntrue, bob \r\n,dan\r\n";
        assert_eq!(lines(marked), ["2: ann not", "3: bob", "4: dan"]);
        assert_eq!(
            lines(b"ann,false\n\n bob@b.example \n@dan@d.example,true"),
            ["1: ann not", "3: bob@b.example", "4: dan@d.example"]
        );
        assert!(lines(b"").is_empty());
        assert!(lines(b"Account address\n").is_empty());
        assert!(lines(b"\xef\xbb").len() == 1, "no mark");
    }

    #[test]
    fn lines_that_name_nobody_are_told_with_their_numbers_and_the_others_are_read() {
        let file = b"ann\nno name\n\xff\xfe\n@\nbob@\n,true\n\"a\nb\"\ndan\n";
        let found = lines(file);
        assert_eq!(found.len(), 9, "{found:?}");
        assert_eq!((found[0].as_str(), found[8].as_str()), ("1: ann", "9: dan"));
        assert!(found[1].starts_with("2: no name? a user name"), "{found:?}");
        assert!(found[2].starts_with("3: ") && found[2].ends_with("it is not UTF-8"), "{found:?}");
        assert_eq!(found[3], "4: @? it names nobody");
        assert_eq!(found[4], "5: bob@? the host is missing");
        assert_eq!(found[5], "6: ? it names nobody");
        assert_eq!(found[6], "7: \"a? a quotation mark is missing");
        let long = [&b"ann\n"[..], &b"x".repeat(100_000), b"\nbob"].concat();
        let found = lines(&long);
        assert_eq!((found.len(), found[2].as_str()), (3, "3: bob"));
        assert!(found[1].starts_with("2: xxx") && found[1].ends_with("it is too long"));
    }

    #[test]
    fn what_is_written_has_the_names_of_mastodon_and_is_read_again() {
        let mut follows = Vec::new();
        let mut file = Written::follows(&mut follows).expect("memory");
        file.follow("ann@a.example").expect("memory");
        file.finish().expect("memory");
        drop(file);
        let expected = "Account address,Show boosts,Notify on new posts,Languages\nann@a.example,true,false,\n";
        assert_eq!(String::from_utf8_lossy(&follows), expected);
        assert_eq!(lines(&follows), ["2: ann@a.example"]);
        let mut mutes = Vec::new();
        let mut file = Written::mutes(&mut mutes).expect("memory");
        for (name, hides) in [("ann@a.example", true), ("bob@a.example", false)] {
            file.mute(name, hides).expect("memory");
        }
        file.finish().expect("memory");
        drop(file);
        let expected =
            "Account address,Hide notifications\nann@a.example,true\nbob@a.example,false\n";
        assert_eq!(String::from_utf8_lossy(&mutes), expected);
        assert_eq!(lines(&mutes), ["2: ann@a.example", "3: bob@a.example not"]);
        let mut blocks = Vec::new();
        let mut file = Written::addresses(&mut blocks);
        file.address("ann@a.example").expect("memory");
        file.finish().expect("memory");
        drop(file);
        assert_eq!(String::from_utf8_lossy(&blocks), "ann@a.example\n");
    }
}
