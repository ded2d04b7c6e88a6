//! `http`: what apps do, over HTTP/1.1 with tokens of their own: a page of home, a page of somebody's posts, and live
//! streams of server-sent events; each beside a bare server of axum that sends the same bytes.
//!
//! | file | what it is |
//! | --- | --- |
//! | `connection` | one connection that is kept, and one request after the other |
//! | `app` | somebody's app, with its token |
//! | `pages` | those who read pages |
//! | `events` | server-sent events (pure), and those who read them |
//! | `bare` | the bare server |
//! | `idle` | what streams take of which nothing comes |

mod app;
mod bare;
mod connection;
mod events;
mod idle;
mod pages;

use serde_json::Value;

use self::{
    app::App,
    bare::{Answers, BareServer},
};
pub use self::{app::Author, connection::HttpError, idle::IdleStreams, pages::PageReaders};
use super::{
    audience::{AUTHOR, Audience},
    comparison::compare,
    load::LoadError,
    operation::{PAGE, TEXT},
    people::{People, READ},
    progress::Progress,
    report::Report,
    workload::Workload,
};
use crate::{client::ClientOptions, host::net::Security, settings::BenchSettings};

/// Why nothing is measured.
const ONLY_IN_CLEAR: &str = "http is left out: it speaks without encryption only";
/// The page that everybody reads who has the app.
const HOME: &str = "/api/v1/timelines/home?limit=20";

/// The pages that are read, and where.
struct Pages {
    address: String,
    profile: String,
}

/// Measures everything that is read over HTTP.
pub async fn measure(
    options: &ClientOptions,
    settings: &BenchSettings,
    progress: Progress,
    report: &mut Report,
) -> anyhow::Result<()> {
    if !matches!(options.security, Security::InClear) {
        report.left_out.push(ONLY_IN_CLEAR.to_owned());
        return Ok(());
    }
    let people = People::gather(options, 1).await.map_err(LoadError::from)?;
    drop(people);
    let author = App::of(options, AUTHOR).await?;
    let readers = App::several(options, settings.readers, progress).await?;
    // While nobody has read anything yet.
    match idle::measure(&readers, settings, progress).await? {
        Ok(idle) => report.http_idle = Some(idle),
        Err(why) => report.left_out.push(why),
    }
    let app = App::reader_of_authors(options).await?;
    let profile = profile_of(&app, READ).await?;
    let pages = Pages { address: app.address.clone(), profile };
    let answers = Answers {
        home: app.page(HOME).await?,
        profile: app.page(&pages.profile).await?,
        published: author.published(TEXT).await?,
        event: events::one_of(&readers[0], &author).await?,
    };
    let bare = BareServer::start(answers)?;
    for (scenario, path) in [("http home", HOME), ("http posts", &pages.profile)] {
        let ours = PageReaders::at(&pages.address, &app, path, settings.callers).await?;
        let plain = PageReaders::at(bare.address(), &app, path, settings.callers).await?;
        let both = (Workload::Pages(ours), Workload::Pages(plain), None);
        compare(scenario, settings, progress, both, report).await?;
    }
    let ours = audience(&author, &readers, &pages.address, settings).await?;
    let plain = audience(&author, &readers, bare.address(), settings).await?;
    let both = (Workload::Fanout(ours), Workload::Fanout(plain), None);
    compare("http events", settings, progress, both, report).await?;
    bare.end().await;
    Ok(())
}

/// An author whose posts the readers are told of, at one of the servers.
async fn audience(
    author: &App,
    readers: &[App],
    address: &str,
    settings: &BenchSettings,
) -> Result<Audience, LoadError> {
    let mut streams = events::open(readers, address, settings.readers).await?.into_iter();
    let author =
        super::audience::Author::OverHttp(author.writing(address, settings.callers).await?);
    let read = |ear| events::read(streams.next().expect("one for each reader"), ear);
    Audience::of(author, settings.readers).read_by(settings.readers, read).await
}

/// The page of somebody's posts.
async fn profile_of(app: &App, name: &str) -> Result<String, LoadError> {
    let page = app.page(&format!("/api/v1/accounts/lookup?acct={name}")).await?;
    let id = serde_json::from_slice(&page.body)
        .ok()
        .and_then(|account: Value| account["id"].as_str().map(str::to_owned));
    let id = id.ok_or_else(|| HttpError::NotUnderstood("an account has no id".to_owned()))?;
    Ok(format!("/api/v1/accounts/{id}/statuses?limit={PAGE}"))
}
