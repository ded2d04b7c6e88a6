//! What many readers are told alike is made once: a post that is live looks the same to all of them, unless a filter
//! of theirs matches it.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use parking_lot::Mutex;
use tokio::{sync::OnceCell, time::Instant};

use crate::{
    domain::{Post, PostCounts, PostId, UnixMillis},
    http::{base_url::BaseUrl, fault::Fault},
};

/// So many are kept: what is told at about the same time, of a few kilobytes each.
const KEPT: usize = 256;
/// What was made so many seconds ago is made again: people change how they are shown.
const LASTS_SECS: u64 = 5;

/// Entities in JSON that readers share; clones share them.
#[derive(Clone)]
pub struct SharedEntities {
    began: Instant,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    entities: BTreeMap<Key, Entity>,
    /// The oldest first.
    order: VecDeque<Key>,
}

/// None for a post whose author is gone.
type Entity = Arc<OnceCell<Option<Arc<str>>>>;

/// What an entity is made of.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    post: PostId,
    edited_at: Option<UnixMillis>,
    counts: [u64; 3],
    base: String,
    /// When it was made, about.
    period: u64,
}

impl Default for SharedEntities {
    fn default() -> Self {
        Self { began: Instant::now(), kept: Arc::default() }
    }
}

impl SharedEntities {
    /// The entity of a post, as it is made by the first who wants it.
    pub async fn of(
        &self,
        post: &Post,
        base: &BaseUrl,
        make: impl Future<Output = Result<Option<Arc<str>>, Fault>>,
    ) -> Result<Option<Arc<str>>, Fault> {
        let period = self.began.elapsed().as_secs() / LASTS_SECS;
        self.of_period(period, (post, base), make).await
    }

    async fn of_period(
        &self,
        period: u64,
        (post, base): (&Post, &BaseUrl),
        make: impl Future<Output = Result<Option<Arc<str>>, Fault>>,
    ) -> Result<Option<Arc<str>>, Fault> {
        let said = post.boost_of.as_deref().unwrap_or(post);
        let PostCounts { replies, boosts, likes } = said.counts;
        let key = Key {
            post: post.id,
            edited_at: said.edited_at,
            counts: [replies, boosts, likes],
            base: base.to_string(),
            period,
        };
        let entity = self.kept.lock().entity(key);
        entity.get_or_try_init(|| make).await.cloned()
    }
}

impl Kept {
    fn entity(&mut self, key: Key) -> Entity {
        if let Some(entity) = self.entities.get(&key) {
            return Arc::clone(entity);
        }
        if self.order.len() >= KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.entities.remove(&oldest);
        }
        self.order.push_back(key.clone());
        Arc::clone(self.entities.entry(key).or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::http::{HeaderMap, Uri};

    use super::*;
    use crate::{
        domain::{UserId, UserName},
        tls::Protection,
    };

    fn post(id: u64) -> Post {
        let name = UserName::new("ann").expect("valid");
        Post::plain(PostId::new(id), UserId(1), name, UnixMillis::EPOCH, "hello")
    }

    fn base() -> BaseUrl {
        let uri = Uri::from_static("http://a/x");
        BaseUrl::of_request(&HeaderMap::new(), &uri, Protection::InClear)
    }

    #[tokio::test]
    async fn what_is_the_same_is_made_once_and_anew_after_a_while() {
        let (shared, base, made) = (SharedEntities::default(), base(), AtomicUsize::new(0));
        let of = async |period: u64, post: &Post| {
            let make = async { Ok(Some(made.fetch_add(1, Ordering::Relaxed).to_string().into())) };
            let made = shared.of_period(period, (post, &base), make).await;
            made.expect("made").expect("there").to_string()
        };
        assert_eq!(
            (of(7, &post(1)).await, of(7, &post(1)).await),
            ("0".to_owned(), "0".to_owned())
        );
        assert_eq!(of(7, &post(2)).await, "1");
        let edited = Post { edited_at: Some(UnixMillis::new(9)), ..post(1) };
        assert_eq!(of(7, &edited).await, "2", "it says something else");
        assert_eq!(of(8, &post(1)).await, "3", "a while later");
    }

    #[tokio::test]
    async fn what_could_not_be_made_is_made_by_the_next_and_only_some_is_kept() {
        let (shared, base) = (SharedEntities::default(), base());
        let failed = shared.of(&post(1), &base, async { Err(Fault::not_found()) }).await;
        assert!(failed.is_err());
        let made = shared.of(&post(1), &base, async { Ok(Some("1".into())) }).await;
        assert_eq!(made.ok().flatten().as_deref(), Some("1"));
        for id in 0..2 * KEPT as u64 {
            let made = shared.of(&post(id), &base, async { Ok(None) }).await;
            assert!(made.is_ok());
        }
        let kept = shared.kept.lock();
        assert_eq!((kept.entities.len(), kept.order.len()), (KEPT, KEPT));
    }
}
