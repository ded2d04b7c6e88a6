//! A connection that goes on as something else than HTTP, such as a WebSocket.
//!
//! It stays what it was for those who count connections and calls: the task of the connection goes on with it, and the
//! call that asked for it lasts as long.

use std::{pin::Pin, sync::Arc};

use parking_lot::Mutex;

use super::admission::CallPermit;

type Next = Pin<Box<dyn Future<Output = ()> + Send>>;

/// How a connection goes on when it is no longer HTTP: among the extensions of every request that may ask for that.
/// Clones share it.
#[derive(Clone, Default)]
pub struct Upgrade(Arc<Mutex<Agreed>>);

#[derive(Default)]
struct Agreed {
    next: Option<Next>,
    call: Option<CallPermit>,
}

impl Upgrade {
    /// The connection goes on with `next` once the answer has left that agrees to it.
    pub fn agree(&self, next: impl Future<Output = ()> + Send + 'static) {
        self.0.lock().next = Some(Box::pin(next));
    }

    /// Keeps the call if it was agreed that the connection goes on for it; gives it back otherwise.
    pub(super) fn keep(&self, call: CallPermit) -> Option<CallPermit> {
        let mut agreed = self.0.lock();
        if agreed.next.is_none() {
            return Some(call);
        }
        agreed.call = Some(call);
        None
    }

    /// Goes on, if that was agreed.
    pub(super) async fn go_on(self) {
        let Agreed { next, call } = std::mem::take(&mut *self.0.lock());
        if let Some(next) = next {
            next.await;
        }
        drop(call);
    }
}
