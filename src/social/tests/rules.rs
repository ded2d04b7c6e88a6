//! One story a rule.

use super::*;
use crate::{
    domain::Post,
    social::requests::{CLIENTS_PER_USER, FORGOTTEN_PER_COMMAND},
};

/// Counts requests of one client, for stories in which none is repeated.
struct Requests(u64);

impl Requests {
    fn next(&mut self) -> RequestId {
        self.0 += 1;
        request(1, self.0)
    }
}

fn ids((posts, more): (Vec<Post>, bool)) -> (Vec<u64>, bool) {
    (posts.into_iter().map(|post| post.id).collect(), more)
}

fn names(page: &Page) -> Vec<&str> {
    page.names.iter().map(UserName::as_str).collect()
}

fn refused(refusal: Refusal) -> (Reply, Option<Event>) {
    (Reply::Refused(refusal), None)
}

const NEWEST: Cursor = Cursor::Before(u64::MAX);

#[test]
fn a_state_that_was_never_written_reads_as_empty() {
    let state = State::new();
    let view = state.view();
    let nobody = UserId(1);
    assert_eq!(view.signing_key(), None);
    assert_eq!(view.newest_post(), 0);
    assert_eq!(view.account_by_name(&name("u1")).unwrap(), None);
    assert_eq!(view.account(nobody).unwrap(), None);
    assert_eq!(view.users(None, 9).unwrap(), Page::default());
    assert_eq!(view.following(nobody, None, 9).unwrap(), Page::default());
    assert_eq!(view.followers(nobody, None, 9).unwrap(), Page::default());
    assert_eq!(view.following_ids(nobody).unwrap(), []);
    assert_eq!(view.timeline(nobody, NEWEST, 9).unwrap(), (vec![], false));
    assert_eq!(view.posts_of(nobody, NEWEST, 9).unwrap(), (vec![], false));
    assert_eq!(state.dump(), []);
}

#[test]
fn opening_a_state_does_not_change_its_dump() {
    let state = State::new();
    state.apply_all(&[]);
    assert_eq!(state.dump(), []);
    assert_eq!(State::restored(&[]).every_row(), state.every_row());
}

#[test]
fn the_first_signing_key_wins() {
    let state = State::new();
    for signing_key in [[1; 32], [2; 32]] {
        assert_eq!(state.apply(5, Command::FoundCluster { signing_key }), (Reply::Done, None));
        assert_eq!(state.view().signing_key(), Some([1; 32]));
    }
}

#[test]
fn the_first_login_makes_the_account_and_later_ones_find_it_in_any_case() {
    let state = State::new();
    let mut account = Account {
        user: UserId(1),
        name: name("Alice"),
        created: true,
        password_hash: Some("hash".to_owned()),
        credentials: 0,
    };
    let create = |name: UserName, hash: &str| {
        let password_hash = Some(hash.to_owned());
        state.apply(0, Command::CreateAccount { name, password_hash }).0
    };
    assert_eq!(create(name("Alice"), "hash"), Reply::Account(account.clone()));
    account.created = false;
    assert_eq!(create(name("aLICE"), "other"), Reply::Account(account.clone()));
    assert_eq!(state.view().account_by_name(&name("ALICE")).unwrap(), Some(account.clone()));
    assert_eq!(state.view().account(UserId(1)).unwrap(), Some(account));
    assert!(matches!(
        create(name("bob"), "x"),
        Reply::Account(Account { user: UserId(2), created: true, .. })
    ));
}

#[test]
fn a_new_password_voids_the_sessions_of_the_old_one_once() {
    let state = State::with_users(&["u1"]);
    let account = || state.view().account(UserId(1)).unwrap().unwrap();
    for (sequence, hash, credentials) in [(1, Some("a"), 1), (1, Some("a"), 1), (2, None, 2)] {
        let password_hash = hash.map(str::to_owned);
        let command = Command::SetPassword {
            user: UserId(1),
            request: request(1, sequence),
            password_hash: password_hash.clone(),
        };
        assert_eq!(state.apply(0, command), (Reply::Done, None));
        assert_eq!(account().password_hash, password_hash);
        assert_eq!(account().credentials, credentials);
    }
}

#[test]
fn secrets_are_not_printed() {
    let account = State::new()
        .apply(
            0,
            Command::CreateAccount { name: name("u1"), password_hash: Some("s3cret".to_owned()) },
        )
        .0;
    let set = Command::SetPassword {
        user: UserId(1),
        request: request(1, 1),
        password_hash: Some("s3cret".to_owned()),
    };
    let found = Command::FoundCluster { signing_key: [211; 32] };
    let printed = format!("{account:?} {set:?} {found:?}");
    assert!(!printed.contains("s3cret") && !printed.contains("211"), "{printed}");
}

#[test]
fn follows_and_unfollows_are_refused_for_the_right_reason() {
    let state = State::with_users(&["u1", "U2"]);
    let mut requests = Requests(0);
    let followed = Event::Followed { follower: UserId(1), followee: UserId(2), since: 0 };
    let unfollowed = Event::Unfollowed { follower: UserId(1), followee: UserId(2) };
    let follow = |request, target| follow(1, request, target);
    let unfollow = |request, target| unfollow(1, request, target);
    for (command, outcome) in [
        (unfollow(requests.next(), "u2"), refused(Refusal::NotFollowing)),
        (follow(requests.next(), "u2"), (Reply::Done, Some(followed.clone()))),
        (follow(requests.next(), "U2"), refused(Refusal::AlreadyFollowing)),
        (follow(requests.next(), "U1"), refused(Refusal::Oneself)),
        (follow(requests.next(), "u4"), refused(Refusal::NoSuchUser)),
        (unfollow(requests.next(), "u1"), refused(Refusal::Oneself)),
        (unfollow(requests.next(), "u4"), refused(Refusal::NoSuchUser)),
        (unfollow(requests.next(), "U2"), (Reply::Done, Some(unfollowed))),
        (unfollow(requests.next(), "u2"), refused(Refusal::NotFollowing)),
        (follow(requests.next(), "u2"), (Reply::Done, Some(followed))),
    ] {
        assert_eq!(state.apply(0, command.clone()), outcome, "{command:?}");
    }
}

#[test]
fn a_request_of_nobody_is_refused_and_leaves_nothing_behind() {
    let state = State::with_users(&["u1"]);
    let before = state.every_row();
    for command in [
        follow(9, request(1, 1), "u1"),
        unfollow(9, request(1, 2), "u1"),
        publish(0, request(1, 3), "hello"),
        Command::SetPassword { user: UserId(9), request: request(1, 4), password_hash: None },
    ] {
        assert_eq!(state.apply(0, command), refused(Refusal::NoSuchAccount));
    }
    assert_eq!(state.every_row(), before);
}

#[test]
fn lists_are_pages_in_the_order_of_folded_names_as_their_owners_wrote_them() {
    let state = State::with_users(&["me", "Zoe", "bob", "Alice", "carl"]);
    let mut requests = Requests(0);
    for target in ["zoe", "carl", "alice", "bob"] {
        state.apply(0, follow(1, requests.next(), target));
    }
    for follower in 2..=5 {
        state.apply(0, follow(follower, requests.next(), "me"));
    }
    let view = state.view();
    let me = UserId(1);
    for (read, all) in [
        (
            &(|after: Option<&str>, limit| view.users(after, limit).unwrap())
                as &dyn Fn(Option<&str>, usize) -> Page,
            vec!["Alice", "bob", "carl", "me", "Zoe"],
        ),
        (
            &|after, limit| view.following(me, after, limit).unwrap(),
            vec!["Alice", "bob", "carl", "Zoe"],
        ),
        (
            &|after, limit| view.followers(me, after, limit).unwrap(),
            vec!["Alice", "bob", "carl", "Zoe"],
        ),
    ] {
        for limit in 0..7 {
            let mut found = Vec::new();
            let mut after = None;
            loop {
                let page = read(after.as_deref(), limit);
                assert!(page.names.len() <= limit.max(1));
                found.extend(names(&page).into_iter().map(str::to_owned));
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(found, all, "pages of {limit}");
        }
        assert_eq!(names(&read(Some("bz"), 9)), &all[2..], "after a name that nobody has");
    }
    assert_eq!(names(&view.followers(UserId(2), None, 9).unwrap()), ["me"]);
    assert_eq!(view.following_ids(UserId(5)).unwrap(), [(UserId(1), 0)]);
}

#[test]
fn posts_are_numbered_from_one_and_their_time_never_runs_backwards() {
    let state = State::with_users(&["u1"]);
    for (sequence, stamped, posted_at) in [(1, 70, 70), (2, 60, 70), (3, -9, 70), (4, 71, 71)] {
        let (reply, event) = state.apply(stamped, publish(1, request(1, sequence), "hello"));
        assert_eq!(reply, Reply::Published { post: sequence, posted_at });
        let post = Post {
            id: sequence,
            author: UserId(1),
            author_name: name("u1"),
            posted_at,
            text: "hello".to_owned(),
        };
        assert_eq!(event, Some(Event::Published(post)));
        assert_eq!(state.view().newest_post(), sequence);
    }
}

#[test]
fn times_at_the_ends_of_their_range_do_no_harm() {
    let state = State::with_users(&["u1"]);
    for (sequence, at) in [(1, i64::MIN), (2, i64::MAX), (3, 0), (u64::MAX, 1), (0, 1)] {
        state.apply(at, publish(1, request(1, sequence), "hello"));
    }
    assert_eq!(state.view().newest_post(), 4, "all but the stale one");
}

#[test]
fn a_timeline_holds_the_posts_of_the_followed_made_since_the_follow() {
    // Story 2 of the classic graders.
    let state = State::with_users(&["u1", "u2", "u3"]);
    let mut requests = Requests(0);
    state.apply(0, follow(1, requests.next(), "u2"));
    state.apply(0, follow(2, requests.next(), "u1"));
    for number in 1..=10 {
        state.apply(number, publish(1, requests.next(), &format!("p{number}")));
    }
    state.apply(10, follow(3, requests.next(), "u1"));
    for number in 11..=22 {
        state.apply(number, publish(1, requests.next(), &format!("p{number}")));
    }
    let view = state.view();
    let page = |user, cursor, limit| ids(view.timeline(UserId(user), cursor, limit).unwrap());
    assert_eq!(page(2, NEWEST, 20), ((3..=22).rev().collect(), true));
    assert_eq!(page(2, Cursor::Before(3), 20), (vec![2, 1], false));
    assert_eq!(page(3, NEWEST, 20), ((11..=22).rev().collect(), false));
    assert_eq!(page(3, Cursor::After(0), 12), ((11..=22).collect(), false));
    assert_eq!(page(3, Cursor::After(0), 11), ((11..=21).collect(), true));
    assert_eq!(page(3, Cursor::After(21), 9), (vec![22], false));
    assert_eq!(page(3, Cursor::After(u64::MAX), 9), (vec![], false));
    assert_eq!(page(3, Cursor::Before(0), 9), (vec![], false));
    assert_eq!(page(3, Cursor::Before(11), 9), (vec![], false));
    assert_eq!(page(3, NEWEST, 0), (vec![], true));
    assert_eq!(page(1, NEWEST, 20), (vec![], false), "one's own posts are not in it");
    let own = view.posts_of(UserId(1), Cursor::Before(3), 20).unwrap();
    assert_eq!(own.0[0].text, "p2");
    assert_eq!(own.0[0].author_name, name("u1"));
    assert_eq!(own.0[0].posted_at, 2);
    assert_eq!(ids(own), (vec![2, 1], false));
}

#[test]
fn following_again_starts_anew() {
    let state = State::with_users(&["u1", "u2"]);
    let mut requests = Requests(0);
    state.apply(0, follow(2, requests.next(), "u1"));
    state.apply(0, publish(1, requests.next(), "before"));
    state.apply(0, unfollow(2, requests.next(), "u1"));
    assert_eq!(ids(state.view().timeline(UserId(2), NEWEST, 9).unwrap()), (vec![], false));
    state.apply(0, publish(1, requests.next(), "between"));
    let (_, event) = state.apply(0, follow(2, requests.next(), "u1"));
    let followed = Event::Followed { follower: UserId(2), followee: UserId(1), since: 2 };
    assert_eq!(event, Some(followed));
    state.apply(0, publish(1, requests.next(), "after"));
    assert_eq!(ids(state.view().timeline(UserId(2), NEWEST, 9).unwrap()), (vec![3], false));
    assert_eq!(state.view().following_ids(UserId(2)).unwrap(), [(UserId(1), 2)]);
}

#[test]
fn a_repeated_request_gets_the_same_reply_and_changes_nothing() {
    let state = State::with_users(&["u1", "u2"]);
    let commands = [
        publish(1, request(7, 1), "hello"),
        follow(1, request(7, 2), "u2"),
        follow(1, request(7, 3), "u2"),
        unfollow(1, request(7, 4), "u2"),
        follow(1, request(7, 5), "nobody"),
    ];
    let first = commands.clone().map(|command| state.apply(1, command));
    let before = state.every_row();
    for (command, (reply, _)) in commands.into_iter().zip(first) {
        assert_eq!(state.apply(1, command.clone()), (reply, None), "{command:?}");
    }
    assert_eq!(state.every_row(), before);
    // The account has come to be; the refusal stands all the same.
    state.apply(1, Command::CreateAccount { name: name("nobody"), password_hash: None });
    let again = state.apply(1, follow(1, request(7, 5), "nobody"));
    assert_eq!(again, refused(Refusal::NoSuchUser));
}

#[test]
fn requests_of_other_clients_and_of_other_users_are_other_requests() {
    let state = State::with_users(&["u1", "u2"]);
    for (user, client, post) in [(1, 7, 1), (1, 8, 2), (2, 7, 3)] {
        let (reply, _) = state.apply(0, publish(user, request(client, 1), "hello"));
        assert_eq!(reply, Reply::Published { post, posted_at: 0 });
    }
}

#[test]
fn the_window_moves_with_the_newest_request_and_what_is_behind_it_is_stale() {
    let state = State::with_users(&["u1"]);
    let publish = |sequence| state.apply(0, publish(1, request(1, sequence), "hello")).0;
    let published = |post| Reply::Published { post, posted_at: 0 };
    let newest = 2 * RequestId::WINDOW;
    let edge = newest - RequestId::WINDOW;
    assert_eq!(publish(edge - 1), published(1));
    assert_eq!(publish(newest), published(2));
    // Out of order but within the window: done, once.
    assert_eq!(publish(edge), published(3));
    assert_eq!(publish(newest - 1), published(4));
    assert_eq!(publish(edge), published(3));
    // Behind it: not repeated though its reply is gone, and not remembered either.
    let before = state.every_row();
    for stale in [edge - 1, 1, 0] {
        assert_eq!(publish(stale), Reply::Refused(Refusal::StaleRequest));
    }
    assert_eq!(state.every_row(), before);
}

/// How many replies are remembered of a state's clients.
fn replies(state: &State) -> usize {
    state.every_row().iter().filter(|row| row.starts_with("REPLIES")).count()
}

#[test]
fn a_client_is_remembered_by_no_more_than_its_window() {
    let state = State::with_users(&["u1"]);
    let window = usize::try_from(RequestId::WINDOW).expect("small");
    for sequence in 1..=2 * RequestId::WINDOW {
        state.apply(0, unfollow(1, request(1, sequence), "u1"));
    }
    assert_eq!(replies(&state), window + 1);
    state.apply(0, unfollow(1, request(1, 1_000_000), "u1"));
    assert_eq!(replies(&state), 1);
}

#[test]
fn of_one_users_clients_the_one_that_asked_longest_ago_makes_room() {
    let state = State::with_users(&["u1", "u2"]);
    let crowd = u128::try_from(CLIENTS_PER_USER).expect("small");
    let publish =
        |at, client, sequence| state.apply(at, publish(1, request(client, sequence), "hello")).0;
    // One that is at work all the time, and a crowd that comes and goes.
    for client in 1..2 * crowd {
        let at = UnixMillis::try_from(client).expect("small");
        publish(at, 0, u64::try_from(client).expect("small"));
        publish(at, client, 1);
    }
    assert_eq!(state.apply(200, follow(2, request(crowd, 1), "u1")).0, Reply::Done);
    let posts = state.view().newest_post();
    let clients = |prefix: &str| state.every_row().iter().filter(|r| r.starts_with(prefix)).count();
    assert_eq!(clients("CLIENTS "), CLIENTS_PER_USER + 1);
    assert_eq!(clients("CLIENTS_BY_USE "), CLIENTS_PER_USER + 1);
    assert!(matches!(publish(300, 0, 1), Reply::Published { post: 1, .. }), "at work: remembered");
    assert!(
        matches!(publish(300, 2 * crowd - 1, 1), Reply::Published { post, .. } if post == posts)
    );
    let Reply::Published { post, .. } = publish(300, crowd, 1) else { panic!("not published") };
    assert_eq!(post, posts + 1, "gone: forgotten");
}

#[test]
fn a_client_that_stays_away_for_a_day_is_forgotten_and_one_that_does_not_is_kept() {
    let state = State::with_users(&["u1"]);
    let publish =
        |hours, client| state.apply(hours * HOUR_MS, publish(1, request(client, 1), "hello")).0;
    publish(0, 1);
    publish(0, 2);
    // Repeats count as use.
    for hours in [10, 20, 30] {
        publish(hours, 1);
    }
    assert_eq!(publish(30, 1), Reply::Published { post: 1, posted_at: 0 });
    assert_eq!(publish(30, 2), Reply::Published { post: 3, posted_at: 30 * HOUR_MS });
    assert_eq!(publish(54, 1), Reply::Published { post: 1, posted_at: 0 }, "a day, not more");
}

#[test]
fn an_unused_client_is_remembered_for_25_hours_to_the_millisecond() {
    let state = State::with_users(&["u1"]);
    for (at, left) in [(0, 1), (25 * HOUR_MS, 1), (25 * HOUR_MS + 1, 0)] {
        let command = if at == 0 {
            publish(1, request(1, 1), "hello")
        } else {
            Command::FoundCluster { signing_key: [0; 32] }
        };
        state.apply(at, command);
        assert_eq!(replies(&state), left, "at {at}");
    }
}

#[test]
fn forgetting_takes_a_bounded_amount_of_work_per_command() {
    let state = State::with_users(&["u1", "u2"]);
    for client in 1..=10 {
        state.apply(0, publish(1, request(client, 1), "hello"));
    }
    let mut left = vec![];
    for _ in 0..6 {
        state.apply(30 * HOUR_MS, Command::FoundCluster { signing_key: [0; 32] });
        left.push(replies(&state));
    }
    assert_eq!(left, [8, 6, 4, 2, 0, 0]);
    assert_eq!(FORGOTTEN_PER_COMMAND, 2);
}

#[test]
fn a_dump_restored_over_another_state_replaces_it() {
    let [state, other] = [&["u1", "u2"][..], &["u3", "u1", "u4"]].map(State::with_users);
    state.apply(3, Command::FoundCluster { signing_key: [3; 32] });
    state.apply(3, follow(1, request(1, 1), "u2"));
    state.apply(3, publish(2, request(1, 1), "hello"));
    other.apply(9, follow(1, request(1, 1), "u4"));
    other.apply(9, publish(3, request(1, 1), "gone"));
    other.restore(&state.dump());
    assert_eq!(other.every_row(), state.every_row());
}

#[test]
fn a_dump_with_a_follow_of_nobody_is_an_error_and_not_a_panic() {
    let state = State::with_users(&["u1", "u2"]);
    state.apply(0, follow(1, request(1, 1), "u2"));
    let mut rows = state.dump();
    rows.remove(1);
    let fresh = State::new();
    let transaction = fresh.0.begin_write().unwrap();
    let result = restore(&transaction, rows.into_iter());
    assert!(matches!(result, Err(redb::Error::Corrupted(_))), "{result:?}");
}

#[test]
fn a_dump_shows_one_moment_while_commands_go_on() {
    let state = State::with_users(&["u1"]);
    let before = state.dump();
    let rows = dump(&state.0.begin_read().unwrap()).unwrap();
    state.apply(1, publish(1, request(1, 1), "hello"));
    assert_eq!(rows.map(Result::unwrap).collect::<Vec<_>>(), before);
    assert_ne!(state.dump(), before);
}
