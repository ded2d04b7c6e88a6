//! How often an account, and everybody at one origin, may change something: the one table of it, and
//! who has used how much. Pure.
//!
//! - What the table says is usual; the network's own settings take its place.
//! - An account has as much wherever its owner is, and an origin as much for whatever accounts. What an
//!   origin has is for many people, who may share an address.
//! - Whatever is refused does not count, so that nobody waits for longer than one takes to be made up
//!   for: no longer than our clients wait by themselves (docs/adr/0026).
//! - How many are remembered is fixed; the longest unused are forgotten, and have everything again.

use std::{collections::BTreeMap, fmt, mem, time::Duration};

use tokio::time::Instant;

use super::{
    rates::{Bucket, Rate},
    remembered::Remembered,
};
use crate::{
    domain::{NetworkSettings, Rated, RatedBy, UserId},
    network::Origin,
};

/// Something of which there may be too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Activity {
    /// Making posts.
    Posting,
    /// Following people, and ceasing to; blocking and muting them.
    Following,
    /// Liking, boosting and marking posts.
    Marking,
    /// Searching.
    Searching,
    /// Changing passwords.
    ChangingPasswords,
    /// Making accounts.
    Joining,
    /// Uploading pictures.
    Uploading,
}

/// How often something may be done.
struct Allowance {
    /// By one account; none if that is meaningless.
    account: Option<Rate>,
    /// From one origin.
    origin: Rate,
}

impl Activity {
    /// Its name, for metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Posting => "posting",
            Self::Following => "following",
            Self::Marking => "marking",
            Self::Searching => "searching",
            Self::ChangingPasswords => "changing passwords",
            Self::Joining => "joining",
            Self::Uploading => "uploading",
        }
    }

    /// The name of its rates among the settings of the network, if they are among them.
    const fn rated(self) -> Option<Rated> {
        match self {
            Self::Posting => Some(Rated::Posts),
            Self::Following => Some(Rated::Follows),
            Self::Marking => Some(Rated::Likes),
            Self::Searching => Some(Rated::Searches),
            Self::Joining => Some(Rated::SignUps),
            Self::ChangingPasswords | Self::Uploading => None,
        }
    }

    /// What the network says, or else the table.
    fn allowance_in(self, settings: &NetworkSettings) -> Allowance {
        let usual = self.allowance();
        let Some(rated) = self.rated() else { return usual };
        let rate = |by, usual: Rate| match settings.rate(rated, by) {
            Some(figure) => Rate { burst: figure.burst(), every: figure.every() },
            None => usual,
        };
        Allowance {
            account: usual.account.map(|usual| rate(RatedBy::Account, usual)),
            origin: rate(RatedBy::Address, usual.origin),
        }
    }

    /// The table.
    const fn allowance(self) -> Allowance {
        const fn each(burst: u32, every_ms: u64) -> Rate {
            Rate { burst, every: Duration::from_millis(every_ms) }
        }
        match self {
            // A program that posts five a second for twenty seconds, or somebody who types without a
            // pause for hours; in a day no more than replies are kept (`social/requests`). A hundred
            // people in one house, each with a post every five seconds.
            Self::Posting => Allowance { account: Some(each(100, 1_000)), origin: each(1_000, 50) },
            // Somebody brings the names of five hundred friends. Ten people do so together.
            Self::Following => {
                Allowance { account: Some(each(500, 1_000)), origin: each(5_000, 50) }
            }
            // Somebody likes everything that was posted while they were away.
            Self::Marking => Allowance { account: Some(each(500, 200)), origin: each(5_000, 20) },
            // Somebody searches while they type. Each looks at some thousand posts.
            Self::Searching => Allowance { account: Some(each(60, 1_000)), origin: each(600, 100) },
            // Somebody tries which password pleases. It ends all sessions, so nobody needs it often.
            Self::ChangingPasswords => {
                Allowance { account: Some(each(10, 5_000)), origin: each(100, 1_000) }
            }
            // A club of two hundred joins in one moment, and a conference of seven hundred in an hour.
            Self::Joining => Allowance { account: None, origin: each(200, 5_000) },
            // The pictures of a holiday, four a post; and a party of twenty. Each takes a second of work, and up to a
            // megabyte on every disk.
            Self::Uploading => {
                Allowance { account: Some(each(60, 5_000)), origin: each(600, 1_000) }
            }
        }
    }
}

/// How many accounts, and how many origins, are remembered with what they have done: some megabytes in
/// all. Whoever wants to be forgotten needs so many others.
const REMEMBERED: usize = 10_000;
/// How often the log says, at most, that there is too much of an activity.
const TELL_EVERY: Duration = Duration::from_mins(1);

/// Of whom there was too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Of the account.
    Account,
    /// Of everybody at the origin.
    Origin,
}

/// Something is done too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooOften {
    /// What.
    pub activity: Activity,
    /// By whom.
    pub whose: Whose,
    /// How long until it may be done again.
    pub again_after: Duration,
    /// How often it was refused to anybody since the log said so last, if it is to say so now.
    pub times: Option<u64>,
}

impl fmt::Display for TooOften {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match (self.activity, self.whose) {
            (Activity::Posting, Whose::Account) => "you have made too many posts",
            (Activity::Posting, Whose::Origin) => "too many posts come from your address",
            (Activity::Following, Whose::Account) => "you have changed too often whom you follow",
            (Activity::Following, Whose::Origin) => {
                "too many people are followed or unfollowed from your address"
            }
            (Activity::Marking, Whose::Account) => "you have liked or boosted too often",
            (Activity::Marking, Whose::Origin) => {
                "too many likes and boosts come from your address"
            }
            (Activity::Searching, Whose::Account) => "you have searched too often",
            (Activity::Searching, Whose::Origin) => "too many searches come from your address",
            (Activity::ChangingPasswords, Whose::Account) => {
                "you have changed your password too often"
            }
            (Activity::ChangingPasswords, Whose::Origin) => {
                "too many passwords are changed from your address"
            }
            (Activity::Joining, Whose::Account | Whose::Origin) => {
                "too many accounts are made from your address"
            }
            (Activity::Uploading, Whose::Account) => "you have uploaded too many pictures",
            (Activity::Uploading, Whose::Origin) => {
                "too many pictures are uploaded from your address"
            }
        })
    }
}

/// What everybody has used.
pub struct RateLimits {
    /// Whether anything is limited.
    is_on: bool,
    /// Of the network, as of the last call.
    settings: NetworkSettings,
    accounts: Remembered<(Activity, UserId), Bucket>,
    origins: Remembered<(Activity, Origin), Bucket>,
    /// Refusals that the log has not mentioned, and when it may do so.
    untold: BTreeMap<Activity, (u64, Instant)>,
}

impl RateLimits {
    /// Nobody has done anything yet. Unless `is_on`, everybody may do everything.
    pub fn new(is_on: bool) -> Self {
        Self {
            is_on,
            settings: NetworkSettings::default(),
            accounts: Remembered::new(REMEMBERED),
            origins: Remembered::new(REMEMBERED),
            untold: BTreeMap::new(),
        }
    }

    /// Whether anything is limited.
    pub fn is_on(&self) -> bool {
        self.is_on
    }

    /// From now on, what the network says applies.
    pub fn follow(&mut self, settings: NetworkSettings) {
        self.settings = settings;
    }

    /// Counts something that is about to be done from an origin, with an account if there is one yet;
    /// or refuses it, and counts nothing.
    pub fn take(
        &mut self,
        activity: Activity,
        account: Option<UserId>,
        origin: Origin,
        now: Instant,
    ) -> Result<(), TooOften> {
        if !self.is_on {
            return Ok(());
        }
        let allowance = activity.allowance_in(&self.settings);
        let (of_account, of_origin) = (account.map(|user| (activity, user)), (activity, origin));
        let of_account = of_account.zip(allowance.account);
        let wait = |bucket: Option<&Bucket>, rate| {
            bucket.map_or(Duration::ZERO, |bucket| bucket.wait(rate, now))
        };
        let account_waits =
            of_account.map_or(Duration::ZERO, |(key, rate)| wait(self.accounts.get(&key), rate));
        let origin_waits = wait(self.origins.get(&of_origin), allowance.origin);
        let again_after = account_waits.max(origin_waits);
        if !again_after.is_zero() {
            let whose = if account_waits > origin_waits { Whose::Account } else { Whose::Origin };
            let times = self.note_refusal(activity, now);
            return Err(TooOften { activity, whose, again_after, times });
        }
        let new = || Bucket::new(now);
        if let Some((key, rate)) = of_account {
            self.accounts.use_or_insert(&key, new).take(rate, now);
        }
        self.origins.use_or_insert(&of_origin, new).take(allowance.origin, now);
        Ok(())
    }

    /// The number of refusals, if it is time to tell it.
    fn note_refusal(&mut self, activity: Activity, now: Instant) -> Option<u64> {
        let (times, tell_at) = self.untold.entry(activity).or_insert((0, now));
        *times += 1;
        if now < *tell_at {
            return None;
        }
        *tell_at = now + TELL_EVERY;
        Some(mem::take(times))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::domain::NetworkSetting;

    const ALL: [Activity; 4] =
        [Activity::Posting, Activity::Following, Activity::ChangingPasswords, Activity::Joining];
    /// For so long our clients wait by themselves.
    const CLIENTS_WAIT: Duration = Duration::from_secs(5);

    fn origin(number: u32) -> Origin {
        Some(Ipv4Addr::from_bits(number).into()).into()
    }

    /// How often it may be done at once, and why no more.
    fn at_once(
        limits: &mut RateLimits,
        activity: Activity,
        account: Option<UserId>,
        origin: Origin,
        now: Instant,
    ) -> (u32, TooOften) {
        let mut times = 0;
        loop {
            match limits.take(activity, account, origin, now) {
                Ok(()) => times += 1,
                Err(too_often) => return (times, too_often),
            }
        }
    }

    #[test]
    fn an_account_has_so_much_at_once_wherever_it_is_used_and_then_one_each_time() {
        for activity in ALL {
            let Some(rate) = activity.allowance().account else { continue };
            let now = Instant::now();
            let mut limits = RateLimits::new(true);
            let ann = Some(UserId(1));
            let (times, why) = at_once(&mut limits, activity, ann, origin(1), now);
            assert_eq!((times, why.whose), (rate.burst, Whose::Account), "{activity:?}");
            assert_eq!(why.again_after, rate.every);
            assert_eq!(at_once(&mut limits, activity, ann, origin(2), now).0, 0, "elsewhere");
            assert!(limits.take(activity, Some(UserId(2)), origin(1), now).is_ok(), "another");
            let later = now + why.again_after;
            assert_eq!(at_once(&mut limits, activity, ann, origin(2), later).0, 1);
        }
    }

    #[test]
    fn an_origin_has_so_much_at_once_for_all_its_accounts_and_others_have_their_own() {
        for activity in ALL {
            let rate = activity.allowance().origin;
            let now = Instant::now();
            let mut limits = RateLimits::new(true);
            let accounts = || (0..10_000).map(|user| Some(UserId(user)));
            let taken = |limits: &mut RateLimits, origin| {
                let done =
                    accounts().filter(|user| limits.take(activity, *user, origin, now).is_ok());
                u32::try_from(done.count()).expect("few")
            };
            assert_eq!(taken(&mut limits, origin(1)), rate.burst, "{activity:?}");
            let refused = limits.take(activity, Some(UserId(10_000)), origin(1), now);
            let why = refused.expect_err("it has had its share");
            assert_eq!((why.whose, why.again_after), (Whose::Origin, rate.every));
            assert!(taken(&mut limits, origin(2)) > 0, "others are not concerned");
        }
    }

    #[test]
    fn much_of_one_activity_leaves_room_for_the_others() {
        let now = Instant::now();
        let mut limits = RateLimits::new(true);
        for activity in ALL {
            assert!(at_once(&mut limits, activity, Some(UserId(1)), origin(1), now).0 > 0);
        }
    }

    #[test]
    fn nobody_is_told_to_wait_for_longer_than_our_clients_wait_by_themselves() {
        for activity in ALL {
            let mut limits = RateLimits::new(true);
            let now = Instant::now();
            let (_, why) = at_once(&mut limits, activity, Some(UserId(1)), origin(1), now);
            assert!(why.again_after <= CLIENTS_WAIT, "{why:?}");
            for _ in 0..1_000 {
                let refused = limits.take(activity, Some(UserId(1)), origin(1), now);
                assert_eq!(refused.expect_err("still").again_after, why.again_after, "no longer");
            }
        }
    }

    #[test]
    fn the_log_tells_of_refusals_once_a_minute() {
        let start = Instant::now();
        let mut limits = RateLimits::new(true);
        let mut times = |now| at_once(&mut limits, Activity::Joining, None, origin(1), now).1.times;
        assert_eq!(times(start), Some(1), "the first one at once");
        for _ in 0..9 {
            assert_eq!(times(start), None);
        }
        assert_eq!(times(start + TELL_EVERY), Some(10));
    }

    #[test]
    fn the_networks_own_rates_take_the_place_of_the_usual_ones() {
        let now = Instant::now();
        let mut limits = RateLimits::new(true);
        let settings = [("posts-per-account", "3/2s"), ("sign-ups-per-address", "2/5s")];
        limits.follow(settings.iter().fold(
            NetworkSettings::default(),
            |settings, (name, value)| {
                settings.with(NetworkSetting::read(name, value).expect("valid"))
            },
        ));
        let ann = Some(UserId(1));
        let (times, why) = at_once(&mut limits, Activity::Posting, ann, origin(1), now);
        assert_eq!((times, why.again_after), (3, Duration::from_secs(2)));
        let (times, why) = at_once(&mut limits, Activity::Joining, None, origin(1), now);
        assert_eq!((times, why.again_after), (2, Duration::from_secs(5)));
        let usual = Activity::Following.allowance().account.expect("a rate").burst;
        assert_eq!(at_once(&mut limits, Activity::Following, ann, origin(1), now).0, usual);
    }

    #[test]
    fn without_limits_everybody_may_do_everything() {
        let now = Instant::now();
        let mut limits = RateLimits::new(false);
        for activity in ALL {
            for _ in 0..20_000 {
                limits.take(activity, Some(UserId(1)), origin(1), now).expect("unlimited");
            }
        }
    }
}
