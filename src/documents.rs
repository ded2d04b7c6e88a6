//! Documents made from the definition of the command line, so that they cannot contradict it: shell
//! completions and man pages. Pure.

use clap::{Command, ValueEnum as _};
use clap_complete::Shell;
use clap_mangen::Man;

/// The completions of `command` for the shell of that name.
pub fn completions(mut command: Command, shell: &str) -> Option<String> {
    let shell = Shell::from_str(shell, false).ok()?;
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    Some(text(script))
}

/// The names of the shells for which there are completions.
pub fn shells() -> impl Iterator<Item = String> {
    Shell::value_variants().iter().map(ToString::to_string)
}

/// The man page of `command`, or of its subcommand named `of`.
pub fn man_page(mut command: Command, of: Option<&str>) -> Option<String> {
    // Gives subcommands their full names.
    command.build();
    let subject = match of {
        None => command,
        Some(name) => command.find_subcommand(name)?.clone(),
    };
    let mut page = Vec::new();
    Man::new(subject).render(&mut page).expect("writing to memory cannot fail");
    Some(text(page))
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("made of texts")
}
