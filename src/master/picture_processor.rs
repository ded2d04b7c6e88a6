//! Makes of pictures that are uploaded what is kept of them: on another thread, one at a time, and within limits of
//! time. What strangers send is decoded here, so that whatever it does to a decoder ends with its upload.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::{sync::Semaphore, time::Instant};

use crate::{
    domain::PicturePurpose,
    host::{panics, thread},
    imaging::{self, Prepared, Unusable},
};

/// So many pictures may wait for their turn.
const WAITING: usize = 8;
/// For so long a picture may be worked on: some ten times as long as the largest takes.
const LONGEST: Duration = Duration::from_secs(10);

/// Why a picture is not kept.
#[derive(Debug, thiserror::Error)]
pub enum NotPrepared {
    /// It cannot be used.
    #[error(transparent)]
    Unusable(#[from] Unusable),
    /// Its decoder has failed.
    #[error("this picture cannot be read: save it anew with another program, and upload that")]
    Failed,
    /// Too many others wait.
    #[error("many pictures are being uploaded: try again in a moment")]
    Crowded,
}

/// Prepares pictures. Clones share its turns.
#[derive(Clone)]
pub struct PictureProcessor {
    turn: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
}

impl Default for PictureProcessor {
    fn default() -> Self {
        Self { turn: Arc::new(Semaphore::new(1)), waiting: Arc::default() }
    }
}

impl PictureProcessor {
    /// What is kept of a picture. If its caller gives up, so does the work.
    pub async fn prepare(
        &self,
        bytes: Bytes,
        purpose: PicturePurpose,
    ) -> Result<Prepared, NotPrepared> {
        let turn = {
            let _waits = Waits::among(&self.waiting)?;
            Arc::clone(&self.turn).acquire_owned().await.expect("never closed")
        };
        let is_wanted = Arc::new(AtomicBool::new(true));
        let _unwanted_when_dropped = Unwanted(Arc::clone(&is_wanted));
        let until = Instant::now() + LONGEST;
        let work = thread::run(move || {
            // The next one begins when this one has ended, whoever has given up.
            let _turn = turn;
            let goes_on = || is_wanted.load(Ordering::Relaxed) && Instant::now() < until;
            panics::contain(|| imaging::prepare(&bytes, purpose, &goes_on))
        });
        match work.await {
            Ok(Ok(prepared)) => Ok(prepared?),
            // It has panicked, or was lost.
            Ok(Err(_)) | Err(_) => Err(NotPrepared::Failed),
        }
    }
}

/// A place among those who wait.
struct Waits(Arc<AtomicUsize>);

impl Waits {
    fn among(waiting: &Arc<AtomicUsize>) -> Result<Self, NotPrepared> {
        let place = Self(Arc::clone(waiting));
        if waiting.fetch_add(1, Ordering::Relaxed) < WAITING {
            Ok(place)
        } else {
            Err(NotPrepared::Crowded)
        }
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whoever holds this wants the picture.
struct Unwanted(Arc<AtomicBool>);

impl Drop for Unwanted {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}
