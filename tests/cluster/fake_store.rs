//! As much of an S3-compatible store as backups need, on loopback.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    fmt::Write as _,
    sync::{Arc, Mutex, MutexGuard},
};

use http_body_util::{BodyExt as _, Full};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, task::JoinHandle};

/// The only bucket.
pub const BUCKET: &str = "kept";
/// The only one who may do anything.
pub const KEY_ID: &str = "ours";

/// A store that runs until it is dropped.
pub struct FakeStore {
    address: String,
    held: Arc<Mutex<Held>>,
    task: JoinHandle<()>,
}

/// What a store holds.
#[derive(Default)]
pub struct Held {
    /// Objects by key.
    pub objects: BTreeMap<String, Vec<u8>>,
    /// Parts, by their numbers, of what is not complete.
    pub uploads: BTreeMap<String, BTreeMap<u32, Vec<u8>>>,
    /// It fails to take a part.
    pub fails: bool,
    begun: usize,
}

impl FakeStore {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        let held = Arc::new(Mutex::new(Held::default()));
        let task = tokio::spawn(serve(listener, Arc::clone(&held)));
        Self { address, held, task }
    }

    /// How the program is told of it.
    pub fn variables(&self) -> [(&'static str, String); 5] {
        [
            ("AWS_ENDPOINT", format!("http://{}", self.address)),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
            ("AWS_REGION", "here".to_owned()),
            ("AWS_ACCESS_KEY_ID", KEY_ID.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "somebody knows it".to_owned()),
        ]
    }

    pub fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().expect("nobody panics")
    }

    pub fn keys(&self) -> Vec<String> {
        self.held().objects.keys().cloned().collect()
    }
}

impl Drop for FakeStore {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, held: Arc<Mutex<Held>>) {
    loop {
        let (socket, _) = listener.accept().await.expect("it listens");
        let held = Arc::clone(&held);
        let answers = service_fn(move |request| answer(request, Arc::clone(&held)));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), answers));
    }
}

type Answer = Response<Full<Bytes>>;

fn reply(status: StatusCode, content: impl Into<Bytes>) -> Answer {
    Response::builder()
        .status(status)
        .header("ETag", "\"tag\"")
        .header("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT")
        .body(Full::new(content.into()))
        .expect("an answer")
}

fn refusal(status: StatusCode, code: &str) -> Answer {
    reply(status, format!("<Error><Code>{code}</Code><Message>it is so</Message></Error>"))
}

async fn answer(request: Request<Incoming>, held: Arc<Mutex<Held>>) -> Result<Answer, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes().to_vec()).unwrap_or_default();
    let query: BTreeMap<String, String> = head
        .uri
        .query()
        .unwrap_or_default()
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (name.to_owned(), value.replace("%2F", "/")))
        .collect();
    let signed = head.headers.get("authorization").and_then(|it| it.to_str().ok());
    let is_ours = signed.is_some_and(|it| it.contains(&format!("Credential={KEY_ID}/")));
    let path = head.uri.path().trim_start_matches('/').to_owned();
    let (bucket, key) = path.split_once('/').unwrap_or((&path, ""));
    Ok(if !is_ours {
        refusal(StatusCode::FORBIDDEN, "InvalidAccessKeyId")
    } else if bucket != BUCKET {
        refusal(StatusCode::NOT_FOUND, "NoSuchBucket")
    } else {
        let mut held = held.lock().expect("nobody panics");
        held.answer(&head.method, key, &query, body)
    })
}

impl Held {
    fn answer(
        &mut self,
        method: &Method,
        key: &str,
        query: &BTreeMap<String, String>,
        body: Vec<u8>,
    ) -> Answer {
        let upload = query.get("uploadId");
        match (method, upload) {
            (&Method::GET, None) if query.contains_key("list-type") => self.list(query),
            (&Method::GET | &Method::HEAD, None) => match self.objects.get(key) {
                Some(content) => reply(StatusCode::OK, content.clone()),
                None => refusal(StatusCode::NOT_FOUND, "NoSuchKey"),
            },
            (&Method::DELETE, None) => {
                self.objects.remove(key);
                reply(StatusCode::NO_CONTENT, "")
            }
            (&Method::POST, None) if query.contains_key("uploads") => {
                self.begun += 1;
                let id = format!("upload-{}", self.begun);
                self.uploads.insert(id.clone(), BTreeMap::new());
                let words = format!(
                    "<InitiateMultipartUploadResult><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"
                );
                reply(StatusCode::OK, words)
            }
            (&Method::PUT, Some(_)) if self.fails => {
                refusal(StatusCode::INSUFFICIENT_STORAGE, "NoRoom")
            }
            (&Method::PUT, Some(id)) => {
                let number = query["partNumber"].parse().expect("a number");
                self.uploads.get_mut(id).expect("begun").insert(number, body);
                reply(StatusCode::OK, "")
            }
            (&Method::POST, Some(id)) => {
                let parts = self.uploads.remove(id).expect("begun");
                self.objects.insert(key.to_owned(), parts.into_values().flatten().collect());
                let words = "<CompleteMultipartUploadResult><ETag>tag</ETag></CompleteMultipartUploadResult>";
                reply(StatusCode::OK, words)
            }
            (&Method::DELETE, Some(id)) => {
                self.uploads.remove(id);
                reply(StatusCode::NO_CONTENT, "")
            }
            _ => refusal(StatusCode::NOT_IMPLEMENTED, "NotImplemented"),
        }
    }

    fn list(&self, query: &BTreeMap<String, String>) -> Answer {
        let prefix = query.get("prefix").cloned().unwrap_or_default();
        let mut words = String::from("<ListBucketResult>");
        for (key, content) in &self.objects {
            let Some(rest) = key.strip_prefix(&prefix) else { continue };
            if rest.contains('/') {
                continue;
            }
            let size = content.len();
            write!(
                words,
                "<Contents><Key>{key}</Key><Size>{size}</Size><ETag>tag</ETag>\
                 <LastModified>2015-10-21T07:28:00.000Z</LastModified></Contents>"
            )
            .expect("it is memory");
        }
        reply(StatusCode::OK, words + "</ListBucketResult>")
    }
}
