//! What is counted of posts and people is right, whoever was killed while it was counted.

use std::{env, time::Duration};

use futures::{StreamExt as _, stream};
use tinysns::domain::{Mark, PostId};
use tokio::time::sleep;

use super::{BINARY, processes::Cluster};

/// How much is done, and how often the available server is killed meanwhile.
struct Scale {
    followers: usize,
    posts: usize,
    kills: usize,
}

/// As much as takes a few seconds; with `FULL_SCALE` in the environment, as much as takes minutes.
fn scale() -> Scale {
    if env::var_os("FULL_SCALE").is_some() {
        Scale { followers: 1_000, posts: 10_000, kills: 20 }
    } else {
        Scale { followers: 100, posts: 1_000, kills: 3 }
    }
}

/// So many people are there at a time: each has a connection.
const AT_A_TIME: usize = 32;

#[tokio::test]
async fn counts_are_right_after_many_failovers() {
    let Scale { followers, posts, kills } = scale();
    let cluster = Cluster::start_unlimited(BINARY, 3, "1s").await;
    let ann = cluster.client("ann").await;
    let first = ann.publish("first").await.expect("published").id;
    let kill = async {
        for _ in 0..kills {
            cluster.lose_the_available_server(3).await;
            sleep(Duration::from_millis(500)).await;
        }
    };
    let publish = async {
        let published = stream::iter(1..posts).map(|number| {
            let ann = &ann;
            async move { ann.publish(&format!("number {number}")).await.expect("published") }
        });
        published.buffer_unordered(AT_A_TIME).count().await
    };
    let follow = async {
        let done = stream::iter(0..followers).map(|number| {
            let cluster = &cluster;
            async move { follow_and_like(cluster, number, first).await }
        });
        done.buffer_unordered(AT_A_TIME).count().await
    };
    tokio::join!(kill, publish, follow);
    let post = ann.post(first).await.expect("there");
    let tenth = followers.div_ceil(10);
    assert_eq!(post.counts.likes, followers as u64);
    assert_eq!((post.counts.boosts, post.counts.replies), (tenth as u64, 0));
    let person = ann.person("ann").await.expect("there").person;
    assert_eq!((person.counts.followers, person.counts.posts), (followers as u64, posts as u64));
    let told = ann.notifications(tinysns::client::Cursor::Newest, Some(1)).await.expect("read");
    assert_eq!(told.notifications.len(), 1);
}

/// Somebody follows Ann and likes a post; one in ten boosts it.
async fn follow_and_like(cluster: &Cluster, number: usize, post: PostId) {
    let somebody = cluster.client(&format!("u{number}")).await;
    somebody.follow("ann").await.expect("followed");
    somebody.mark(post, Mark::Like, true).await.expect("liked");
    if number.is_multiple_of(10) {
        somebody.boost(post).await.expect("boosted");
    }
}
