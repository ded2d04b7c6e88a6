//! Everything that decodes bytes from outside this process, under one name each, for fuzzing. Compiled
//! only with the feature `laboratory`.
//!
//! A decoder takes any bytes whatever: it refuses them, or does with what they say what the program
//! does, and checks what can be checked of it. Above all, that what was decoded is encoded to bytes
//! that say the same. A panic is a fault of the program.
//!
//! - `requests`, `answers`: the public API, in protobuf
//! - `messages`: the rest of protobuf, and the headers of calls
//! - `envelopes`: what is stored, sent between nodes and given to clients in an
//!   [`envelope`](crate::envelope)
//! - `personal`: what people keep for themselves, as all of these have it
//! - `pictures`: what strangers upload, and the calls that are about it
//! - `apps`: what apps are given, and the calls that they make
//! - `administration`: those of what the network is, and of what it is run with
//! - `segments`: the files of the log
//! - `states`: what changes the state or is checked against it: commands, snapshots, session tokens
//! - `backups`: the files of backups
//! - `texts`: settings, names, addresses, and what people type
//! - [`traffic`]: what nodes tell each other, as every version of the format has recorded it
//! - `screens`: what other people write, as it is shown
//!
//! `fuzz/` feeds them, and keeps a corpus of each; `tests/decoders` replays it. To add a decoder, add a
//! row to [`DECODERS`], with seeds, and write them into the corpus (`just fuzz-seeds`).

mod administration;
mod answers;
mod apps;
mod backups;
mod envelopes;
mod messages;
mod personal;
mod pictures;
mod requests;
mod screens;
mod segments;
mod states;
mod texts;
pub mod traffic;

/// A decoder of bytes from outside.
pub struct Decoder {
    /// Its name, which is that of its folder in the corpus.
    pub name: &'static str,
    /// Decodes, and panics if the program has a fault.
    pub decode: fn(&[u8]),
    /// Valid input, from which fuzzing starts. Always the same.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

impl Decoder {
    const fn new(name: &'static str, decode: fn(&[u8]), seeds: fn() -> Vec<Vec<u8>>) -> Self {
        Self { name, decode, seeds }
    }

    /// The decoder with this name.
    pub fn find(name: &str) -> Option<&'static Self> {
        DECODERS.iter().find(|decoder| decoder.name == name)
    }
}

/// All of them.
pub const DECODERS: &[Decoder] = &[
    Decoder::new("requests", requests::requests, requests::seeds_of_requests),
    Decoder::new("answers", answers::answers, answers::seeds_of_answers),
    Decoder::new("administration", administration::calls, administration::seeds_of_calls),
    Decoder::new("apps", apps::calls, apps::seeds_of_calls),
    Decoder::new("picture-calls", pictures::calls, pictures::seeds_of_calls),
    Decoder::new("uploads", pictures::uploads, pictures::seeds_of_uploads),
    Decoder::new("classic", messages::classic, messages::seeds_of_classic),
    Decoder::new("reports", messages::reports, messages::seeds_of_reports),
    Decoder::new("directives", messages::directives, messages::seeds_of_directives),
    Decoder::new("peer-calls", messages::peer_calls, messages::seeds_of_peer_calls),
    Decoder::new("headers", messages::headers, messages::seeds_of_headers),
    Decoder::new("envelopes", envelopes::envelopes, envelopes::seeds_of_envelopes),
    Decoder::new("log-segments", segments::segments, segments::seeds_of_segments),
    Decoder::new("commands", states::commands, states::seeds_of_commands),
    Decoder::new("snapshots", states::snapshots, states::seeds_of_snapshots),
    Decoder::new("backups", backups::backups, backups::seeds_of_backups),
    Decoder::new("session-tokens", states::session_tokens, states::seeds_of_session_tokens),
    Decoder::new("app-tokens", apps::tokens, apps::seeds_of_tokens),
    Decoder::new("settings", texts::settings, texts::seeds_of_settings),
    Decoder::new("words", texts::words, texts::seeds_of_words),
    Decoder::new("typed-lines", texts::typed_lines, texts::seeds_of_typed_lines),
    Decoder::new("posts", screens::posts, screens::seeds_of_posts),
    Decoder::new("full-screen", screens::full_screen, screens::seeds_of_full_screen),
];

/// The first byte, which chooses among `count` forms, and the others.
fn choice(bytes: &[u8], count: usize) -> Option<(usize, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    Some((usize::from(*first) % count, rest))
}

/// Input for a decoder that begins with a [`choice`].
fn chosen(choice: u8, rest: impl AsRef<[u8]>) -> Vec<u8> {
    [&[choice], rest.as_ref()].concat()
}
