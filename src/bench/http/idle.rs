//! What streams of events take of which nothing comes: the memory of the available server without them and with them.
//! It says that itself, where it answers monitoring.

use std::time::Duration;

use serde::Serialize;
use tokio::time::sleep;

use super::{app::App, events};
use crate::{
    bench::{
        load::LoadError,
        process_figures::{Node, ProcessFigures},
        progress::Progress,
    },
    monitoring::asking,
    settings::BenchSettings,
};

/// Streams that are open and closed again before anything is measured: what is made once is there then.
const BEFORE: usize = 50;
/// For so long what was opened or closed may take effect.
const SETTLES_WITHIN: Duration = Duration::from_secs(2);

/// What came of it. The names of the fields stay.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct IdleStreams {
    pub streams: usize,
    /// Of all masters together: those that do not serve take the same as before.
    pub without_bytes: f64,
    pub with_bytes: f64,
    pub bytes_per_stream: f64,
}

/// Opens twice as many streams as there are readers. Otherwise says why nothing is known.
pub async fn measure(
    readers: &[App],
    settings: &BenchSettings,
    progress: Progress,
) -> Result<Result<IdleStreams, String>, LoadError> {
    let address = &readers[0].address;
    let warm = events::open(readers, address, BEFORE).await?;
    sleep(SETTLES_WITHIN).await;
    drop(warm);
    sleep(SETTLES_WITHIN).await;
    let without_bytes = match resident_bytes(&settings.metrics).await {
        Ok(bytes) => bytes,
        Err(why) => return Ok(Err(format!("what idle streams of http take is left out: {why}"))),
    };
    let streams = 2 * settings.readers;
    progress.say(&format!("http, {streams} idle streams"));
    let idle = events::open(readers, address, streams).await?;
    sleep(SETTLES_WITHIN).await;
    let with_bytes = resident_bytes(&settings.metrics).await;
    drop(idle);
    Ok(with_bytes.map(|with_bytes| {
        #[expect(clippy::cast_precision_loss, reason = "nobody opens so many")]
        let bytes_per_stream = (with_bytes - without_bytes) / streams as f64;
        IdleStreams { streams, without_bytes, with_bytes, bytes_per_stream }
    }))
}

/// What all masters have in memory.
async fn resident_bytes(metrics: &str) -> Result<f64, String> {
    let targets = asking::get(metrics, "/targets").await.map_err(|why| why.to_string())?;
    let mut sum = 0.0;
    for node in Node::parse_all(&targets).map_err(|why| why.to_string())? {
        if node.role == "master" {
            let told = asking::get(&node.address, "/metrics").await;
            let told = told.map_err(|why| why.to_string())?;
            sum += ProcessFigures::parse(&told).map_err(|why| why.to_string())?.resident_bytes;
        }
    }
    Ok(sum)
}
