//! Writes and reads in a running etcd as `tinysns bench` posts and lists, for a comparison on one machine:
//!
//! ```sh
//! cargo run --release --example load_etcd -- put 64 127.0.0.1:2379
//! ```
//!
//! The address is that of the member that leads: others would only pass everything on.

use std::{cell::Cell, env, error::Error, time::Duration};

use futures::future::try_join_all;
use hdrhistogram::Histogram;
use prost::Message;
use tokio::time::Instant;
use tonic::{
    Request, Status,
    client::Grpc,
    codegen::http::uri::PathAndQuery,
    transport::{Channel, Endpoint},
};
use tonic_prost::ProstCodec;

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(2);
const WARM_UP: Duration = Duration::from_millis(500);
const CONNECTIONS: usize = 4;
/// As long as the text of a post.
const VALUE: [u8; 80] = [b'x'; 80];

/// `etcdserverpb.PutRequest`, as far as it is needed.
#[derive(Clone, PartialEq, Message)]
struct Put {
    #[prost(bytes, tag = "1")]
    key: Vec<u8>,
    #[prost(bytes, tag = "2")]
    value: Vec<u8>,
}

/// `etcdserverpb.RangeRequest`, as far as it is needed.
#[derive(Clone, PartialEq, Message)]
struct Range {
    #[prost(bytes, tag = "1")]
    key: Vec<u8>,
}

/// Any answer, of which nothing is read.
#[derive(Clone, PartialEq, Message)]
struct Answer {}

#[derive(Clone, Copy)]
enum What {
    Put,
    Range,
}

impl What {
    async fn call(self, channel: Channel, number: u64) -> Result<(), Status> {
        let key = |number| format!("post/{number:012}").into_bytes();
        match self {
            Self::Put => {
                let put = Put { key: key(number), value: VALUE.to_vec() };
                unary(channel, "/etcdserverpb.KV/Put", put).await
            }
            Self::Range => unary(channel, "/etcdserverpb.KV/Range", Range { key: key(1) }).await,
        }
    }
}

async fn unary<M: Message + 'static>(
    channel: Channel,
    path: &'static str,
    message: M,
) -> Result<(), Status> {
    let mut grpc = Grpc::new(channel);
    grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let codec = ProstCodec::<M, Answer>::default();
    grpc.unary(Request::new(message), PathAndQuery::from_static(path), codec).await.map(drop)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [word, callers, address] = arguments.as_slice() else {
        return Err("usage: load_etcd put|range CALLERS HOST:PORT".into());
    };
    let what = if word == "put" { What::Put } else { What::Range };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let told = runtime.block_on(measure(what, callers.parse()?, address))?;
    println!("etcd {word}, {callers} callers: {told}");
    Ok(())
}

async fn measure(what: What, callers: usize, address: &str) -> Result<String, Box<dyn Error>> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"))?.tcp_nodelay(true);
    let channels: Vec<Channel> =
        (0..CONNECTIONS.min(callers)).map(|_| endpoint.connect_lazy()).collect();
    let number = Cell::new(0);
    let mut rates = Vec::new();
    let mut latencies = Histogram::<u64>::new(3)?;
    for round in 0..=ROUNDS {
        let length = if round == 0 { WARM_UP } else { ROUND };
        let began = Instant::now();
        let (number, channels) = (&number, &channels);
        let calling = (0..callers).map(|caller| async move {
            let mut took = Vec::new();
            while began.elapsed() < length {
                let begun = Instant::now();
                number.set(number.get() + 1);
                what.call(channels[caller % channels.len()].clone(), number.get()).await?;
                took.push(begun.elapsed());
            }
            Ok::<_, Status>(took)
        });
        let took: Vec<Duration> = try_join_all(calling).await?.concat();
        if round > 0 {
            #[expect(clippy::cast_precision_loss, reason = "nobody counts so far")]
            rates.push(took.len() as f64 / began.elapsed().as_secs_f64());
            for took in took {
                latencies.record(u64::try_from(took.as_micros())?)?;
            }
        }
    }
    rates.sort_by(f64::total_cmp);
    let [p50, p99] =
        [0.5, 0.99].map(|share| Duration::from_micros(latencies.value_at_quantile(share)));
    Ok(format!(
        "{:.0} a second (median of {ROUNDS} rounds), p50 {p50:?}, p99 {p99:?}",
        rates[ROUNDS / 2]
    ))
}
