//! What people see while they wait.

use futures::{StreamExt as _, stream};

use crate::host::stdio;

/// Preparations that are made at the same time.
const AT_A_TIME: usize = 16;
/// How often a long preparation says how far it is.
const TIMES: usize = 5;

/// Says how far it is, or nothing to programs.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    is_shown: bool,
}

impl Progress {
    /// Says everything.
    pub const SHOWN: Self = Self { is_shown: true };
    /// Says nothing.
    pub const HIDDEN: Self = Self { is_shown: false };

    /// Says something.
    pub fn say(self, words: &str) {
        if self.is_shown {
            stdio::print_error(words);
        }
    }

    /// Prepares all, some at a time, says how many of `what` there are, and returns them in order.
    pub async fn prepare<T, E, Made>(
        self,
        what: &str,
        all: impl ExactSizeIterator<Item = Made>,
    ) -> Result<Vec<T>, E>
    where
        Made: Future<Output = Result<T, E>>,
    {
        let count = all.len();
        let mut made = stream::iter(all).buffered(AT_A_TIME);
        let mut ready = Vec::with_capacity(count);
        while let Some(one) = made.next().await {
            ready.push(one?);
            if is_worth_telling(ready.len(), count) {
                self.say(&format!("{what}: {} of {count}", ready.len()));
            }
        }
        Ok(ready)
    }
}

/// Whether another fifth is done.
fn is_worth_telling(done: usize, count: usize) -> bool {
    let told = |done: usize| done * TIMES / count;
    told(done) > told(done - 1)
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, future::ready};

    use super::*;

    #[test]
    fn a_long_preparation_says_a_few_times_how_far_it_is() {
        let told = |count| (1..=count).filter(move |done| is_worth_telling(*done, count));
        assert_eq!(told(100).collect::<Vec<_>>(), [20, 40, 60, 80, 100]);
        assert_eq!(told(3).collect::<Vec<_>>(), [1, 2, 3]);
    }

    #[tokio::test]
    async fn what_is_prepared_comes_in_order_and_stops_at_a_refusal() {
        let all =
            Progress::HIDDEN.prepare("numbers", (0..40).map(|n| ready(Ok::<_, Infallible>(n))));
        assert_eq!(all.await, Ok((0..40).collect()));
        let refused = (0..40).map(|n| ready(if n == 30 { Err(n) } else { Ok(n) }));
        assert_eq!(Progress::HIDDEN.prepare("numbers", refused).await, Err(30));
    }
}
