//! The people of `mixed`: many who follow each other, a few of them followed by most, and what they do.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    time::Duration,
};

use futures::future::try_join_all;
use rand::{Rng, SeedableRng as _, distr::Alphanumeric, rngs::SmallRng};
use tokio::time::Instant;

use super::{
    load::{self, Load, Round},
    operation::{PAGE, TEXT},
    people::follow,
    progress::Progress,
    zipf::Zipf,
};
use crate::client::{Client, ClientError, ClientOptions, Cursor};

/// How many others each follows, if there are so many.
const FOLLOWED: usize = 10;
/// What each has posted when it begins.
const POSTS: usize = 3;
/// The lots are the same in every run, and for the bare server.
const SEED: u64 = 0x5eed;

/// Many people, some of whom share a connection.
pub struct Crowd {
    people: Vec<Client>,
    popularity: Zipf,
    lots: RefCell<SmallRng>,
    connections: Vec<Client>,
}

/// What somebody does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Activity {
    /// Reads the home timeline.
    Timeline { who: usize },
    /// Reads what another has posted.
    Posts { who: usize, of: usize },
    /// Posts.
    Publish { who: usize },
}

impl Crowd {
    /// Makes the accounts, who follow each other and have posted something.
    pub async fn gather(
        options: &ClientOptions,
        clients: usize,
        people: usize,
        progress: Progress,
    ) -> Result<Self, ClientError> {
        let popularity = Zipf::of(u32::try_from(people).expect("a setting limits it"));
        let connections = (0..clients)
            .map(|_| Client::connect(options.clone()))
            .collect::<Result<Vec<_>, _>>()?;
        let joining = (0..people).map(|number| {
            let person = connections[number % clients].for_another_user(None);
            async move {
                person.log_in(&name(number), None).await?;
                Ok::<_, ClientError>(person)
            }
        });
        let people = progress.prepare("people", joining).await?;
        let following = people.iter().enumerate().map(|(number, person)| {
            let followed = followed_by(number, people.len(), &popularity);
            async move {
                for other in followed {
                    follow(person, &name(other)).await?;
                }
                for _ in 0..POSTS {
                    person.publish(TEXT).await?;
                }
                Ok::<_, ClientError>(())
            }
        });
        progress.prepare("people who follow others", following).await?;
        let lots = RefCell::new(SmallRng::seed_from_u64(SEED));
        Ok(Self { people, popularity, lots, connections })
    }

    /// Lets people do what they do for so long.
    pub async fn carry_out(&self, load: Load, length: Duration) -> Result<Round, ClientError> {
        load.carry_out(length, async |_caller, _due| self.act().await).await
    }

    /// Lets people post so often, so many of them at a time.
    pub async fn post(&self, callers: usize, count: u64) -> Result<Round, ClientError> {
        let began = Instant::now();
        let left = &Cell::new(count);
        let posting = (0..callers).map(|_| async move {
            let mut latencies = load::histogram();
            while let Some(others) = left.get().checked_sub(1) {
                left.set(others);
                let (who, text) = self.next_post();
                let begun = Instant::now();
                self.people[who].publish(&text).await?;
                load::record(&mut latencies, begun.elapsed());
            }
            Ok::<_, ClientError>(latencies)
        });
        let all = try_join_all(posting).await?;
        Ok(Round::new(count, began.elapsed(), load::together(all)))
    }

    /// Lets people read their timelines for so long.
    pub async fn read_timelines(&self, load: Load, length: Duration) -> Result<Round, ClientError> {
        let read = async |_caller, _due| {
            let who = self.lots.borrow_mut().random_range(0..self.people.len());
            self.people[who].timeline(Cursor::Newest, Some(PAGE)).await.map(drop)
        };
        load.carry_out(length, read).await
    }

    /// Who posts next, and what: as long as a usual post, and nothing that could be made shorter.
    fn next_post(&self) -> (usize, String) {
        let mut lots = self.lots.borrow_mut();
        let who = self.popularity.choose(&mut *lots);
        let letters = (0..TEXT.len()).map(|_| lots.sample(Alphanumeric));
        (who, letters.map(char::from).collect())
    }

    /// One client of each connection.
    pub fn connections(&self) -> impl Iterator<Item = &Client> {
        self.connections.iter()
    }

    async fn act(&self) -> Result<(), ClientError> {
        let activity = next(self.people.len(), &self.popularity, &mut *self.lots.borrow_mut());
        match activity {
            Activity::Timeline { who } => {
                self.people[who].timeline(Cursor::Newest, Some(PAGE)).await.map(drop)
            }
            Activity::Posts { who, of } => {
                self.people[who].posts(&name(of), Cursor::Newest, Some(PAGE)).await.map(drop)
            }
            Activity::Publish { who } => self.people[who].publish(TEXT).await.map(drop),
        }
    }
}

fn name(number: usize) -> String {
    format!("bench-person-{number}")
}

/// Whom one of so many follows: some others, rather those who are popular.
fn followed_by(number: usize, people: usize, popularity: &Zipf) -> BTreeSet<usize> {
    let mut lots = SmallRng::seed_from_u64(SEED ^ number as u64);
    let wanted = FOLLOWED.min(people - 1);
    let mut followed = BTreeSet::new();
    while followed.len() < wanted {
        let other = popularity.choose(&mut lots);
        if other != number {
            followed.insert(other);
        }
    }
    followed
}

/// What happens next: of ten, six read their timeline, three what somebody has posted, and one posts.
/// Everybody reads as often; those who are popular are read, and post, more.
fn next(people: usize, popularity: &Zipf, lots: &mut impl Rng) -> Activity {
    let who = lots.random_range(0..people);
    match lots.random_range(0..10) {
        0..6 => Activity::Timeline { who },
        6..9 => Activity::Posts { who, of: popularity.choose(lots) },
        _ => Activity::Publish { who: popularity.choose(lots) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_follows_others_and_few_are_followed_by_most() {
        let popularity = Zipf::of(100);
        let mut followers = [0_usize; 100];
        for number in 0..100 {
            let followed = followed_by(number, 100, &popularity);
            assert!(followed.len() == FOLLOWED && !followed.contains(&number), "{number}");
            for other in followed {
                followers[other] += 1;
            }
        }
        assert!(
            followers[0] > 80 && followers[50..].iter().all(|count| *count < 30),
            "{followers:?}"
        );
        assert_eq!(followed_by(0, 2, &Zipf::of(2)), [1].into());
    }

    #[test]
    fn of_ten_things_that_people_do_six_are_reads_of_their_timeline_and_one_is_a_post() {
        let popularity = Zipf::of(100);
        let mut lots = SmallRng::seed_from_u64(SEED);
        let mut counts = [0_u32; 3];
        for _ in 0..10_000 {
            let kind = match next(100, &popularity, &mut lots) {
                Activity::Timeline { .. } => 0,
                Activity::Posts { .. } => 1,
                Activity::Publish { .. } => 2,
            };
            counts[kind] += 1;
        }
        let near = |count: u32, expected: u32| count.abs_diff(expected) < 200;
        let [timeline, posts, publish] = counts;
        assert!(near(timeline, 6_000) && near(posts, 3_000) && near(publish, 1_000), "{counts:?}");
    }
}
