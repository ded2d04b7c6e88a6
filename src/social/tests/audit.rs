//! Rows that are not whole, or contradict each other, are found and named, whichever they are.

use super::{
    super::store::{StoredCounts, UserRecord, keys::Personal},
    *,
};
use crate::{
    domain::{
        FilterAction, FilterContext, FilterSettings, Hashtag, ListSettings, NewKeyword,
        PersonalChange, PersonalId, PostCounts, Visibility,
    },
    envelope::{self, Kind},
};

/// Some of everything.
fn network() -> State {
    let state = State::with_users(&["ann", "bob", "eve", "dan"]);
    state.apply(5, follow(1, request(7, 1), "bob"));
    state.apply(6, follow(3, request(8, 1), "bob"));
    for sequence in 2..6 {
        state.apply(
            10 * i64::try_from(sequence).unwrap(),
            publish(1, request(7, sequence), "hello"),
        );
    }
    state.apply(60, publish(2, opaque("a key"), "hello"));
    for (number, command) in (1..).zip(everything_else()) {
        state.apply(60 + number, command);
    }
    state
}

/// Post 8 of user 1, its answer 10 of user 3, its boost 16 of user 2, and what else there can be. Two are notified
/// before the first post.
fn everything_else() -> Vec<Command> {
    let mut sequence = 100;
    let mut by = |user| {
        sequence += 1;
        context(user, request(7, sequence))
    };
    let post = PostId::new;
    let answer = Draft { reply_to: Some(post(8)), ..Draft::of(text("hi")) };
    let profile = Profile { display_name: "Eve Sea".to_owned(), ..Profile::default() };
    let profile = Profile { locked: true, ..profile };
    let words = profile.words();
    let mute = RelationChange::Mute { notifications: true, until: None };
    let note = RelationChange::Note("a friend".to_owned());
    let (bob, dan, eve) = (name("bob"), name("dan"), name("eve"));
    let keep = |context, change| Command::ChangePersonal { context, change };
    let (list, red) = (PersonalId::new(1), Hashtag::new("red").unwrap());
    let settings = FilterSettings {
        title: "t".to_owned(),
        contexts: [FilterContext::Home].into(),
        action: FilterAction::Warn,
        until: None,
    };
    let keyword = NewKeyword { text: "k".to_owned(), whole_word: true };
    vec![
        Command::Publish { context: by(1), draft: Draft::of(text("apple #red @bob")) },
        Command::Publish { context: by(3), draft: answer },
        Command::Edit { context: by(3), post: post(10), content: PostContent::of(text("hi #red")) },
        Command::Delete { context: by(1), post: post(6) },
        Command::Mark { context: by(3), post: post(8), mark: Mark::Like, set: true },
        Command::Boost { context: by(2), post: post(8), set: true },
        Command::Relate { context: by(3), target: dan, change: RelationChange::Block },
        Command::Relate { context: by(3), target: bob.clone(), change: mute },
        Command::Relate { context: by(1), target: bob, change: note },
        Command::SetProfile { context: by(3), profile, words },
        Command::Follow { context: by(1), target: eve },
        keep(by(1), PersonalChange::CreateList(ListSettings::default())),
        keep(by(1), PersonalChange::SetMembers { list, people: vec![name("bob")], present: true }),
        keep(by(1), PersonalChange::FollowHashtag { hashtag: red, set: true }),
        keep(by(1), PersonalChange::CreateFilter { settings, keywords: vec![keyword] }),
    ]
}

fn user(text: &str) -> Vec<u8> {
    let created_at = UnixMillis::EPOCH;
    let record = UserRecord {
        name: name(text),
        password_version: 0,
        password_hash: None,
        created_at,
        deleted_at: None,
        sessions: 0,
    };
    envelope::seal(Kind::User, &record)
}

/// Which rows an audit names, and what it says of them.
fn named(state: &State) -> Vec<String> {
    state.damage().iter().map(|found| format!("{}: {}", found.row, found.what)).collect()
}

#[test]
fn a_state_in_use_has_no_damage_and_neither_has_an_empty_one() {
    assert_eq!(State::new().damage(), []);
    let state = network();
    assert_eq!(state.damage(), []);
    // A day later, much is forgotten.
    let day = 24 * HOUR_MS;
    for hour in 1..60 {
        state.apply(hour * HOUR_MS, Command::BootstrapCluster { signing_key: [0; 32] });
    }
    state.apply(3 * day, unfollow(1, answered(7, 9, 9), "bob"));
    assert_eq!(state.damage(), []);
}

#[test]
fn rows_that_were_changed_are_named() {
    let post = |author: u64, post: u64| keys::post(UserId(author), PostId::new(post));
    let edge = |table, user: u64, name: &str| keys::edge(table, UserId(user), name);
    let count = |number: u64| number.to_be_bytes().to_vec();
    let series = b"\x00\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x07".as_slice();
    let of_series = format!("series {}07 of user 1: ", "00".repeat(16));
    let table: Vec<(Key, Vec<u8>, &str)> = vec![
        (keys::meta(), vec![7; 20], "state record: "),
        (keys::user(UserId(2)), user("bob")[..9].to_vec(), "user 2: "),
        // Two rows have changed places.
        (
            keys::user(UserId(2)),
            user("eve"),
            "user 2: the state contradicts itself: its name leads to user 3",
        ),
        (keys::user(UserId(9)), user("zoe"), "user 9: "),
        (keys::name("bob"), count(3), "name bob: "),
        (keys::name("zoe"), count(9), "name zoe: "),
        (keys::name("bob"), vec![1], "name bob: "),
        (edge(Table::Following, 1, "bob"), vec![1, 2, 3], "follow of bob by user 1: "),
        (edge(Table::Followers, 2, "ann"), count(3), "follower ann of user 2: "),
        (edge(Table::Followers, 3, "ann"), count(1), "follower ann of user 3: "),
        (post(1, 3), vec![0; 12], "post 3 of user 1: "),
        (post(9, 3), vec![0; 12], "post 3 of user 9: "),
        (keys::series(UserId(1), series).unwrap(), vec![9], &of_series),
        (
            keys::series_by_age(77, UserId(1), series),
            vec![],
            "series of user 1 by its age, 77 ms: ",
        ),
        (keys::reply(UserId(1), series, 3).unwrap(), vec![9], "reply 3 to user 1: "),
        (keys::reply(UserId(1), b"another", 3).unwrap(), vec![9], "reply 3 to user 1: "),
        (keys::replies_kept(UserId(1)), count(99), "count of replies to user 1: "),
        (keys::replies_kept(UserId(3)), vec![], "count of replies to user 3: "),
        (keys::certification(), vec![7], "certification: "),
        (keys::of_post(Table::Chores, PostId::new(1)), vec![7], "chore of position 1: "),
        (keys::reserved_name(&[1; 16]), vec![7], "key 2b01"),
    ];
    for (key, row, expected) in table {
        let state = network();
        state.put_row(&key, &row);
        let found = named(&state);
        assert!(found.iter().any(|found| found.starts_with(expected)), "{expected}: {found:#?}");
    }
}

/// A state without one of its rows.
fn without(state: &State, gone: &[u8]) -> State {
    let left = State::new();
    let change = left.0.begin();
    for (key, row) in state.every_row().iter().filter(|(key, _)| key != gone) {
        change.put(&Key::of_stored(key), row);
    }
    change.commit();
    left
}

#[test]
fn rows_that_are_missing_are_named_or_counted() {
    let state = network();
    let rows = state.every_row();
    assert!(rows.len() > 60);
    for (gone, _) in &rows {
        let table = Table::of(gone[0]).unwrap();
        // No other row knows of these.
        let is_alone = table == Table::Personal
            && [Personal::Hashtag, Personal::Filter]
                .into_iter()
                .any(|of| gone.starts_with(keys::personal(UserId(1), of).as_bytes()));
        let is_missed = !without(&state, gone).damage().is_empty();
        assert_eq!(is_missed, !is_alone, "{gone:?} among the {}", table.name());
    }
}

/// What is done to a row.
enum Harm {
    /// It is gone.
    Gone(Key),
    /// It is there, with this content.
    Put(Key, Vec<u8>),
}

impl Harm {
    fn to(self, state: State) -> State {
        match self {
            Self::Gone(key) => {
                let harmed = without(&state, key.as_bytes());
                assert_ne!(harmed.every_row().len(), state.every_row().len(), "there is {key:?}");
                harmed
            }
            Self::Put(key, row) => {
                state.put_row(&key, &row);
                state
            }
        }
    }
}

#[test]
fn what_people_are_to_each_other_is_told_if_it_is_damaged() {
    let edge = |table, user: u64, name: &str| keys::edge(table, UserId(user), name);
    let whole = network();
    let row = |key: &Key| whole.row(key);
    let block = row(&edge(Table::Blocks, 3, "dan"));
    let state = keys::of_user(Table::NotificationStates, UserId(2));
    let counts = StoredCounts { posts: 9, ..StoredCounts::default() };
    let counts = postcard::to_stdvec(&counts).unwrap();
    let position = PostId::new;
    let cases = vec![
        (
            Harm::Put(edge(Table::Blocks, 3, "dan"), vec![7]),
            "row of user 3 about dan among the blocks: ",
        ),
        (
            Harm::Put(edge(Table::Blocks, 3, "ann"), block.clone()),
            "row of user 3 about ann among the blocks: the state contradicts itself: user 4 is called otherwise",
        ),
        (
            Harm::Put(edge(Table::Blocks, 9, "dan"), block),
            "row of user 9 about dan among the blocks: ",
        ),
        (
            Harm::Put(edge(Table::Mutes, 3, "bob"), vec![7]),
            "row of user 3 about bob among the mutes: ",
        ),
        (
            Harm::Put(edge(Table::Requests, 3, "ann"), vec![7]),
            "row of user 3 about ann among the requests to follow: ",
        ),
        (
            Harm::Put(edge(Table::Notes, 1, "bob"), vec![7]),
            "row of user 1 about bob among the notes: ",
        ),
        (Harm::Put(keys::of_user(Table::Profiles, UserId(3)), vec![7]), "profile of user 3: "),
        (
            Harm::Gone(keys::profile_by_word("sea", UserId(3))),
            "profile of user 3: the state contradicts itself: it is not found by sea",
        ),
        (
            Harm::Put(keys::profile_by_word("lake", UserId(3)), vec![]),
            "the profiles by word: there are 3, and should be 2",
        ),
        (Harm::Gone(keys::of_user(Table::PersonCounts, UserId(2))), "user 2: "),
        (Harm::Put(keys::of_user(Table::PersonCounts, UserId(2)), counts.clone()), "user 2: "),
        (Harm::Put(keys::of_user(Table::PersonCounts, UserId(9)), counts), "counts of user 9: "),
        (
            Harm::Put(keys::notification(UserId(2), position(9)), vec![7]),
            "notification 9 of user 2: ",
        ),
        (
            Harm::Gone(keys::notification(UserId(2), position(9))),
            "state of notifications of user 2: the state contradicts itself: 3 were counted, and there are 2",
        ),
        (
            Harm::Put(
                keys::notification(UserId(2), position(99)),
                row(&keys::notification(UserId(2), position(9))),
            ),
            "notification 99 of user 2: the state contradicts itself: no such position was given yet",
        ),
        (
            Harm::Gone(state.clone()),
            "notification 9 of user 2: the state contradicts itself: it was not counted",
        ),
        (Harm::Put(state, vec![7]), "state of notifications of user 2: "),
    ];
    all_are_told(cases);
}

#[test]
fn what_people_keep_is_told_if_it_is_damaged() {
    let (ann, list) = (UserId(1), PersonalId::new(1));
    let once = keys::personal(ann, Personal::Once);
    let listed = keys::numbered_personal(ann, Personal::List, list);
    let member = |name| keys::named_personal(ann, Personal::Membership, name);
    let filter = |number| keys::numbered_personal(ann, Personal::Filter, PersonalId::new(number));
    let whole = network();
    let row = |key: &Key| whole.row(key);
    let told = "personal record of user 1: ";
    let contradicts = |what: &str| format!("{told}the state contradicts itself: {what}");
    let cases = [
        (Harm::Put(once.clone(), vec![7]), told.to_owned()),
        (Harm::Gone(once), contradicts("the number 1 was not given, or twice")),
        (Harm::Put(listed.clone(), vec![7]), told.to_owned()),
        (Harm::Gone(listed), contradicts("there is no list 1")),
        (Harm::Gone(member("bob")), contradicts("1 people were counted, and there are 0")),
        (Harm::Put(member("bob"), vec![7]), told.to_owned()),
        (Harm::Put(member("dan"), row(&member("bob"))), contradicts("user 2 is called otherwise")),
        (
            Harm::Gone(keys::edge(Table::Following, ann, "bob")),
            contradicts("user 2 is not followed"),
        ),
        (
            Harm::Put(keys::named_personal(ann, Personal::Hashtag, "red"), vec![7]),
            contradicts("it is no hashtag"),
        ),
        (Harm::Put(filter(2), vec![7]), told.to_owned()),
        (
            Harm::Put(filter(9), row(&filter(2))),
            contradicts("the number 9 was not given, or twice"),
        ),
        (
            Harm::Put(filter(3), row(&filter(2))),
            contradicts("the number 3 was not given, or twice"),
        ),
    ];
    for (harm, expected) in cases {
        let found = named(&harm.to(network()));
        assert!(found.iter().any(|found| found.starts_with(&expected)), "{expected}: {found:#?}");
    }
}

#[test]
fn posts_and_what_is_done_with_them_are_told_if_they_are_damaged() {
    let post = PostId::new;
    let whole = network();
    let number = |number: u64| number.to_be_bytes().to_vec();
    let by_post = |table, number| keys::of_post(table, post(number));
    let red = Hashtag::new("red").unwrap();
    let tagged = Prefix::hashtag(&red).unwrap();
    let term = Prefix::term(PostContent::of(text("apple")).terms[0]);
    let liked = Prefix::marks(UserId(3), Mark::Like);
    let counts = postcard::to_stdvec(&PostCounts { likes: 9, ..PostCounts::default() }).unwrap();
    let marks = |user| keys::marks(UserId(user), post(8));
    let change = whole.row(&by_post(Table::Changes, 12));
    let cases = vec![
        (Harm::Gone(by_post(Table::Authors, 8)), "post 8 of user 1: "),
        (Harm::Put(by_post(Table::Authors, 8), number(3)), "author of post 8: "),
        (Harm::Put(by_post(Table::Authors, 99), number(3)), "author of post 99: "),
        (
            Harm::Gone(Prefix::listed().at(post(8))),
            "post 8 of user 1: the state contradicts itself: it is missing among the listed posts",
        ),
        (
            Harm::Put(Prefix::listed().at(post(9)), number(1)),
            "the listed posts: there are 6, and should be 5",
        ),
        (
            Harm::Gone(tagged.at(post(8))),
            "post 8 of user 1: the state contradicts itself: it is missing among the posts by hashtag",
        ),
        (
            Harm::Put(tagged.at(post(9)), number(1)),
            "hashtag red: the state contradicts itself: 2 posts were counted, and there are 3",
        ),
        (
            Harm::Put(keys::hashtag(&red), number(9)),
            "hashtag red: the state contradicts itself: 9 posts were counted, and there are 2",
        ),
        (Harm::Gone(keys::hashtag(&red)), "the hashtags: there are 0, and should be 1"),
        (
            Harm::Gone(term.at(post(8))),
            "post 8 of user 1: the state contradicts itself: it is missing among the posts by term",
        ),
        (Harm::Put(term.at(post(9)), number(1)), "the posts by term: there are "),
        (
            Harm::Gone(keys::answer(post(8), post(10))),
            "post 10 of user 3: the state contradicts itself: it is missing among the answers",
        ),
        (
            Harm::Put(keys::answer(post(8), post(99)), number(1)),
            "post 8 of user 1: the state contradicts itself: an answer to it is missing",
        ),
        (Harm::Put(by_post(Table::PostCounts, 8), counts.clone()), "post 8 of user 1: "),
        (Harm::Gone(by_post(Table::PostCounts, 8)), "post 8 of user 1: "),
        (Harm::Put(by_post(Table::PostCounts, 99), counts), "counts of post 99: "),
        (
            Harm::Gone(keys::revision(post(10), 0)),
            "the revisions of posts: there are 0, and should be 1",
        ),
        (Harm::Put(keys::revision(post(10), 0), vec![7]), "revision 0 of post 10: "),
        (
            Harm::Put(keys::revision(post(10), 1), whole.row(&keys::revision(post(10), 0))),
            "revision 1 of post 10: the state contradicts itself: the post was not edited so often",
        ),
        (Harm::Put(marks(3), vec![7]), "marks of user 3 on post 8: "),
        (Harm::Gone(marks(3)), "the marks by time: there are 1, and should be 0"),
        (
            Harm::Gone(marks(2)),
            "post 16 of user 2: the state contradicts itself: its author does not know of this boost",
        ),
        (
            Harm::Gone(liked.at(post(14))),
            "marks of user 3 on post 8: the state contradicts itself: Like is missing among the marks by time",
        ),
        (
            Harm::Put(liked.at(post(15)), whole.row(&liked.at(post(14)))),
            "the marks by time: there are 2, and should be 1",
        ),
        (
            Harm::Gone(keys::mark_by_post(post(8), Mark::Like, UserId(3))),
            "marks of user 3 on post 8: the state contradicts itself: Like is missing among the marks by post",
        ),
        (
            Harm::Put(keys::mark_by_post(post(8), Mark::Bookmark, UserId(3)), vec![]),
            "the marks by post: there are 3, and should be 2",
        ),
        (Harm::Gone(keys::boost_by_post(post(8), UserId(2))), "post 8 of user 1: "),
        (Harm::Put(by_post(Table::Changes, 12), vec![7]), "change at position 12: "),
        (
            Harm::Gone(by_post(Table::Changes, 12)),
            "the changes in the feed: there are 1, but 2 were counted",
        ),
        (
            Harm::Put(by_post(Table::Changes, 99), change),
            "change at position 99: the state contradicts itself: no change with such a position is known",
        ),
    ];
    all_are_told(cases);
}

/// Each harm is told in words that begin like this.
fn all_are_told(cases: Vec<(Harm, &str)>) {
    for (harm, expected) in cases {
        let found = named(&harm.to(network()));
        assert!(found.iter().any(|found| found.starts_with(expected)), "{expected}: {found:#?}");
    }
}

#[test]
fn a_post_that_is_older_than_the_one_before_it_is_named() {
    let state = network();
    let posts = state.rows_of(Table::Posts);
    let swapped = [(&posts[0].0, &posts[1].1), (&posts[1].0, &posts[0].1)];
    for (key, row) in swapped {
        state.put_row(&Key::of_stored(key), row);
    }
    let expected = "post 4 of user 1: the state contradicts itself: it is older than the author's post before it";
    assert_eq!(named(&state)[0], expected);
}

#[test]
fn of_many_rows_some_are_named_and_the_rest_are_counted() {
    let state = State::with_users(&["ann"]);
    for sequence in 1..=50 {
        state.apply(1, publish(1, request(7, sequence), "hello"));
    }
    for (key, _) in state.rows_of(Table::Posts) {
        state.put_row(&Key::of_stored(&key), b"nothing");
    }
    let found = named(&state);
    let told = found.iter().filter(|found| found.starts_with("post "));
    assert_eq!(told.count(), 20, "{found:#?}");
    assert!(found.contains(&"30 more posts: they are damaged, too".to_owned()), "{found:#?}");
}

#[test]
fn it_is_told_if_a_post_for_those_mentioned_is_not_where_it_should_be() {
    let network = || {
        let state = network();
        let draft = Draft { visibility: Visibility::Mentioned, ..Draft::of(text("psst @bob")) };
        let context = context(1, request(7, 200));
        let (reply, _) = state.apply(99, Command::Publish { context, draft });
        let Reply::Published { post, .. } = reply else { panic!("{reply:?}") };
        (state, post)
    };
    let (state, post) = network();
    assert_eq!(state.damage(), []);
    let of = |user: u64, post| Prefix::direct(UserId(user)).at(post);
    let ann = 1u64.to_be_bytes().to_vec();
    let missing = format!(
        "post {post} of user 1: the state contradicts itself: it is missing among the direct posts"
    );
    let too_many = "the direct posts: there are 3, and should be 2".to_owned();
    for (harm, expected) in [
        (Harm::Gone(of(1, post)), &missing),
        (Harm::Gone(of(2, post)), &missing),
        (Harm::Put(of(2, post), 3u64.to_be_bytes().to_vec()), &missing),
        (Harm::Put(of(3, post), ann.clone()), &too_many),
        (Harm::Put(of(1, PostId::new(8)), ann.clone()), &too_many),
    ] {
        let found = named(&harm.to(network().0));
        assert!(found.contains(expected), "{expected}: {found:#?}");
    }
}
