//! `tinysns export` and `tinysns import`: what belongs to somebody, to files and from them. What is in them is in
//! [`portability`].
//!
//! - `words`: pure: what is said of it, for people and for programs

mod words;

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Read, Write as _},
    path::Path,
    process::ExitCode,
};

use anyhow::Context as _;

use crate::{
    client::{self, Client, ClientError, ClientOptions, RefusalKind},
    directory::split_address,
    host::{disk, new_file::NewFile, stdio},
    log_in::{self, Asked, INTERRUPTED, NOT_LOGGED_IN, REFUSED, within_reach},
    portability::{self, ExportError, ExportedFile, ImportError, Imported, PICTURES, Told},
    progress::ProgressLines,
    settings::{ExportSettings, ImportSettings, TransferSettings},
};

/// A file or a folder cannot be used: `EX_USAGE`.
const UNUSABLE: u8 = 64;

/// Writes all that the user has into a folder.
pub async fn export(settings: ExportSettings) -> anyhow::Result<ExitCode> {
    let ExportSettings { of, folder, replaces } = settings;
    if let Err(reason) = prepare(&folder, replaces) {
        stdio::print_error(&format!("tinysns: {reason}"));
        return Ok(ExitCode::from(UNUSABLE));
    }
    let client = match log_in(&of).await? {
        Ok(client) => client,
        Err(code) => return Ok(code),
    };
    let outcome = export_all(&client, &of, &folder, replaces).await;
    client.log_out_soon().await;
    match outcome {
        Ok((written, pictures)) => {
            let said = words::exported(&written, pictures, &folder, of.json);
            Ok(stdio::exit_code(stdio::print(&said)))
        }
        Err(ExportError::Call(error)) => Ok(failed(&of, &error, REFUSED)),
        Err(ExportError::Write(error)) => {
            Err(error).with_context(|| format!("cannot write into {}", folder.display()))
        }
    }
}

/// A folder for the files, none of which may be there unless it is replaced.
fn prepare(folder: &Path, replaces: bool) -> Result<(), String> {
    let cannot = |error: io::Error| format!("cannot use {}: {error}", folder.display());
    if !disk::is_directory(folder) {
        disk::create_private_directory(folder).map_err(cannot)?;
    }
    for file in ExportedFile::ALL.into_iter().filter(|_| !replaces) {
        let path = folder.join(file.name());
        if disk::length(&path).map_err(cannot)?.is_some() {
            return Err(format!("{} is there already: --force replaces it", path.display()));
        }
    }
    Ok(())
}

async fn export_all(
    client: &Client,
    of: &TransferSettings,
    folder: &Path,
    replaces: bool,
) -> Result<(Vec<(ExportedFile, u64)>, u64), ExportError> {
    let host = host(of);
    let mut written = Vec::new();
    for file in ExportedFile::ALL {
        let path = folder.join(file.name());
        let new = if replaces { NewFile::replacing(&path)? } else { NewFile::create(&path)? };
        let mut to = BufWriter::new(new);
        let mut progress = ProgressLines::new();
        let mut tell = |count| progress.print(|| format!("{}: {count} so far", file.name()));
        let count = portability::export(client, file, &host, &mut to, &mut tell).await?;
        to.flush()?;
        to.into_inner().map_err(io::IntoInnerError::into_error)?.finish()?;
        written.push((file, count));
    }
    let mut progress = ProgressLines::new();
    let mut count = 0;
    disk::create_private_directory(&folder.join(PICTURES))?;
    let keep = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        let mut new = if replaces { NewFile::replacing(&path)? } else { NewFile::create(&path)? };
        new.write_all(bytes)?;
        count += 1;
        progress.print(|| format!("{PICTURES}: {count} so far"));
        new.finish()
    };
    let pictures = portability::export_pictures(client, keep).await?;
    Ok((written, pictures))
}

/// Follows, blocks or mutes whom a file lists.
pub async fn import(settings: ImportSettings) -> anyhow::Result<ExitCode> {
    let ImportSettings { of, what, file } = settings;
    let source: Box<dyn Read + Send> = match open(&file) {
        Ok(source) => source,
        Err(error) => {
            stdio::print_error(&format!("tinysns: cannot read {}: {error}", file.display()));
            return Ok(ExitCode::from(UNUSABLE));
        }
    };
    let client = match log_in(&of).await? {
        Ok(client) => client,
        Err(code) => return Ok(code),
    };
    let host = host(&of);
    let mut progress = ProgressLines::new();
    let mut so_far = Imported::default();
    let mut tell = |told: Told<'_>| match told {
        Told::Skipped(line) => {
            let said = words::skipped(line, of.json);
            if of.json {
                // If nobody reads it, nobody wants to know.
                let _ = stdio::print(&said);
            } else {
                stdio::print_error(said.trim_end());
            }
        }
        Told::SoFar(imported) => {
            progress.print(|| format!("{}: {} so far", what.name(), imported.lines()));
        }
        Told::Waits(pause) => progress
            .print(|| format!("{}: asking slower, in {} s", what.name(), pause.as_secs().max(1))),
    };
    let source = BufReader::new(source);
    let outcome = portability::import(&client, what, source, &host, &mut so_far, &mut tell).await;
    client.log_out_soon().await;
    let said = words::imported(so_far, what, outcome.is_ok(), of.json);
    let printed = stdio::exit_code(stdio::print(&said));
    Ok(match outcome {
        Ok(()) if so_far.skipped == 0 => printed,
        Ok(()) => ExitCode::from(REFUSED),
        Err(ImportError::Call(error)) => failed(&of, &error, REFUSED),
        Err(error @ ImportError::Read(_)) => {
            stdio::print_error(&format!("tinysns: {error}"));
            ExitCode::FAILURE
        }
    })
}

fn open(file: &Path) -> io::Result<Box<dyn Read + Send>> {
    if file == Path::new("-") {
        return Ok(Box::new(io::stdin()));
    }
    Ok(Box::new(File::open(file)?))
}

/// Somebody who has logged in; or the exit code, after it was said why not.
async fn log_in(of: &TransferSettings) -> anyhow::Result<Result<Client, ExitCode>> {
    let client = Client::connect(ClientOptions::of(&of.client)?)?;
    let name = of.user.as_str();
    let mut outcome = match &of.password_file {
        // Many accounts have none.
        None => within_reach(&client, client.log_in_existing(name, None)).await,
        Some(file) => {
            let asked = log_in::password(Some(file), String::new()).await?;
            let Asked::Password(password) = asked else {
                return Ok(Err(ExitCode::from(INTERRUPTED)));
            };
            within_reach(&client, client.log_in_existing(name, password.as_deref())).await
        }
    };
    let needs_password = outcome.as_ref().is_err_and(|error| {
        error.refusal_kind() == Some(&RefusalKind::WrongPassword) && of.password_file.is_none()
    });
    if needs_password {
        let asked = log_in::password(None, format!("Password for {name}: ")).await?;
        let Asked::Password(password) = asked else {
            return Ok(Err(ExitCode::from(INTERRUPTED)));
        };
        outcome = within_reach(&client, client.log_in_existing(name, password.as_deref())).await;
    }
    Ok(match outcome {
        Ok(_) => Ok(client),
        Err(error) => Err(failed(of, &error, NOT_LOGGED_IN)),
    })
}

/// Says why it is not done, or not to its end.
fn failed(of: &TransferSettings, error: &ClientError, refused: u8) -> ExitCode {
    log_in::failed(error, of.json.then(|| words::failed(error)), refused)
}

/// How the network is called in addresses.
fn host(of: &TransferSettings) -> String {
    let router = || {
        let entry = client::entries(&of.client.router).next();
        let host = entry.and_then(split_address).map(|(host, _port)| host);
        host.unwrap_or_default().to_owned()
    };
    of.host.clone().unwrap_or_else(router)
}
