//! Somebody who reads a live timeline, and leaves and resumes it again and again. Everything is
//! recorded.

use std::time::Duration;

use rand::{Rng as _, rngs::SmallRng};
use tinysns::{
    client::{Client, ClientError},
    domain::PostId,
};
use tokio::time::{Instant, sleep, timeout};

use crate::{laboratory::history::End, workload::Workload};

/// How long somebody stays, in seconds, at least and at most.
const STAYS_S: (u64, u64) = (5, 120);
/// How long a reader waits for what may still come in the end.
const LAST_POSTS_WITHIN: Duration = Duration::from_secs(20);
/// How often somebody looks whether it is the end, and tries again.
pub const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// A reader.
pub struct Reader {
    /// The number of the client.
    pub number: usize,
    pub user: String,
    pub client: Client,
    pub workload: Workload,
    pub random: SmallRng,
}

impl Reader {
    /// Reads until nobody writes any more, and then to the end.
    pub async fn reads(mut self) {
        let mut after = Some(PostId::default());
        while self.subscribes(&mut after).await != End::Settled {
            if self.random.random_bool(0.3) && !self.workload.all_rest() {
                after = None;
            }
        }
    }

    /// Reads one subscription to its end; then `after` is the last post that has come.
    async fn subscribes(&mut self, after: &mut Option<PostId>) -> End {
        let (number, user) = (self.number, self.user.as_str());
        let is_last = self.workload.all_rest();
        let subscription =
            self.workload.note(|history, at| history.subscribing(number, at, user, *after));
        let end = match self.client.subscribe(*after).await {
            Err(ClientError::Refused(refusal)) => End::Refused(refusal.kind),
            Err(_unanswered) => End::Left,
            Ok(mut live) => {
                self.workload.note(|history, at| history.subscribed(subscription, at));
                let stays_s = self.random.random_range(STAYS_S.0..=STAYS_S.1);
                let leaves = Instant::now() + Duration::from_secs(stays_s);
                loop {
                    let patience = if is_last { LAST_POSTS_WITHIN } else { LOOK_AGAIN };
                    match timeout(patience, live.next()).await {
                        Ok(Some(Ok(post))) => {
                            *after = Some(post.id);
                            self.workload
                                .note(|history, at| history.received(subscription, at, post));
                        }
                        Ok(Some(Err(ClientError::Refused(refusal)))) => {
                            break End::Refused(refusal.kind);
                        }
                        Ok(Some(Err(_)) | None) => break End::Left,
                        Err(_nothing) if is_last => break End::Settled,
                        Err(_nothing) if self.workload.all_rest() => break End::Left,
                        Err(_nothing) if Instant::now() >= leaves => break End::Left,
                        Err(_nothing) => {}
                    }
                }
            }
        };
        self.workload.note(|history, at| history.unsubscribed(subscription, at, end.clone()));
        if matches!(end, End::Refused(_)) {
            // The session may have ended; then its owner logs in again.
            sleep(LOOK_AGAIN).await;
        }
        end
    }
}
