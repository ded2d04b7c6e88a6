//! What is said of an export or an import, for people and for programs. Pure. The names in JSON are stable.

use std::path::Path;

use serde_json::{Value, json};

use crate::{
    client::ClientError,
    domain::Importable,
    portability::{ExportedFile, Imported, PICTURES, SkippedLine},
    sanitise,
};

/// All files were written.
pub fn exported(
    written: &[(ExportedFile, u64)],
    pictures: u64,
    folder: &Path,
    as_json: bool,
) -> String {
    if as_json {
        let file =
            |(file, count): &(ExportedFile, u64)| json!({ "name": file.name(), "count": count });
        let files: Vec<Value> = written.iter().map(file).collect();
        let folder = folder.to_string_lossy();
        return line(
            &json!({ "ok": true, "folder": folder, "files": files, "pictures": pictures }),
        );
    }
    let file = |(file, count): &(ExportedFile, u64)| {
        format!("{}: {count}\n", folder.join(file.name()).display())
    };
    let pictures = format!("{}: {pictures}\n", folder.join(PICTURES).display());
    written.iter().map(file).chain([pictures]).collect()
}

/// A line was not done.
pub fn skipped(SkippedLine { line: number, account, why }: &SkippedLine, as_json: bool) -> String {
    if as_json {
        return line(
            &json!({ "type": "skipped", "line": number, "account": account, "message": why }),
        );
    }
    format!("line {number}: {}: {}\n", sanitise::line(account), sanitise::line(why))
}

/// What has come of the lines of a file, of all of them if it is whole.
pub fn imported(so_far: Imported, what: Importable, is_whole: bool, as_json: bool) -> String {
    let Imported { done, already, requested, skipped } = so_far;
    if as_json {
        return line(&json!({
            "type": "result",
            "ok": is_whole && skipped == 0,
            "done": done,
            "already": already,
            "requested": requested,
            "skipped": skipped,
        }));
    }
    let others = [(requested, "asked first"), (already, "so already"), (skipped, "not done")];
    let others = others.into_iter().filter(|(count, _)| *count > 0);
    let counts: Vec<String> = [(done, "done")]
        .into_iter()
        .chain(others)
        .map(|(count, is)| format!("{count} {is}"))
        .collect();
    let rest =
        if is_whole { "" } else { "; the rest of the file was not looked at: import it again" };
    format!("{}: {}{rest}\n", what.name(), counts.join(", "))
}

/// It is not done.
pub fn failed(error: &ClientError) -> String {
    line(&json!({ "type": "error", "ok": false, "message": error.to_string() }))
}

fn line(value: &Value) -> String {
    format!("{value}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_come_of_a_file_is_said_in_words_and_json() {
        let so_far = Imported { done: 3, already: 1, requested: 0, skipped: 2 };
        let said = |whole, json| imported(so_far, Importable::Follows, whole, json);
        assert_eq!(said(true, false), "follows: 3 done, 1 so already, 2 not done\n");
        assert!(
            said(false, false)
                .ends_with("not done; the rest of the file was not looked at: import it again\n")
        );
        let value: Value = serde_json::from_str(&said(true, true)).expect("JSON");
        assert_eq!((&value["ok"], &value["done"]), (&json!(false), &json!(3)));
        let line = SkippedLine { line: 7, account: "a\u{1b}b".to_owned(), why: "no".to_owned() };
        assert_eq!(skipped(&line, false), "line 7: a\u{fffd}b: no\n");
    }
}
