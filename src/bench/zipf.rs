//! Zipf's law: the second is chosen half as often as the first, the third a third as often, and so on. So
//! few are known to many, and most to hardly anybody, as it is among people. Pure.

use rand::Rng;

/// So many, in the order in which they are liked.
pub struct Zipf {
    /// Of each, the sum of the weights up to its own.
    sums: Vec<f64>,
}

impl Zipf {
    /// At least one.
    pub fn of(count: u32) -> Self {
        let weights = (1..=count.max(1)).map(|rank| 1.0 / f64::from(rank));
        let sum = |sum: &mut f64, weight: f64| {
            *sum += weight;
            Some(*sum)
        };
        Self { sums: weights.scan(0.0, sum).collect() }
    }

    /// One of them, from 0 on.
    pub fn choose(&self, lots: &mut impl Rng) -> usize {
        let all = self.sums.last().expect("there is one at least");
        let share: f64 = lots.random();
        self.sums.partition_point(|sum| *sum <= share * all).min(self.sums.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng as _, rngs::SmallRng};

    use super::*;

    #[test]
    fn the_first_is_chosen_twice_as_often_as_the_second_and_everybody_at_some_time() {
        let zipf = Zipf::of(50);
        let mut lots = SmallRng::seed_from_u64(1);
        let mut chosen = [0_u32; 50];
        for _ in 0..100_000 {
            chosen[zipf.choose(&mut lots)] += 1;
        }
        let share = f64::from(chosen[0]) / f64::from(chosen[1]);
        assert!((1.9..2.1).contains(&share), "{share}");
        assert!(chosen.iter().all(|times| *times > 100), "{chosen:?}");
        assert_eq!(Zipf::of(1).choose(&mut lots), 0);
    }
}
