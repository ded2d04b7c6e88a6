//! What people keep for themselves: one story per rule.

use super::{
    story::{ANN, BOB, DAN, EVE, NO_SUCH_POST, NOTHING, Story, name_of},
    *,
};
use crate::domain::{
    FilterAction, FilterContext, FilterSettings, Hashtag, KeywordChange, ListSettings, Marker,
    NewKeyword, PersonalChange, PersonalId, Preferences, RepliesPolicy, Visibility, WordFilter,
    personal::{MOST_HASHTAGS, MOST_LISTS},
    word_filter::{MOST_FILTERED_POSTS, MOST_FILTERS, MOST_KEYWORDS},
};

const TOO_MANY: Reply = Reply::Refused(CommandRefusal::KeepsTooMany);
const NO_SUCH_LIST: Reply = Reply::Refused(CommandRefusal::NoSuchList);
const NO_SUCH_FILTER: Reply = Reply::Refused(CommandRefusal::NoSuchFilter);
const NOT_FOLLOWING: Reply = Reply::Refused(CommandRefusal::NotFollowing);

fn list(replies: RepliesPolicy, exclusive: bool) -> ListSettings {
    ListSettings { title: "friends".to_owned(), replies, exclusive }
}

fn set(list: u64, people: &[u64], present: bool) -> PersonalChange {
    let people = people.iter().copied().map(name_of).collect();
    PersonalChange::SetMembers { list: PersonalId::new(list), people, present }
}

fn tag(text: &str, set: bool) -> PersonalChange {
    PersonalChange::FollowHashtag { hashtag: Hashtag::new(text).expect("a hashtag"), set }
}

/// Ann follows bob and eve, and has a list of bob.
fn with_a_list(replies: RepliesPolicy, exclusive: bool) -> (Story, u64) {
    let story = Story::new();
    story.follows(ANN, BOB);
    story.follows(ANN, EVE);
    let list = story.makes(ANN, PersonalChange::CreateList(list(replies, exclusive)));
    assert_eq!(story.keeps(ANN, set(list, &[BOB], true)), Reply::Done);
    (story, list)
}

#[test]
fn a_list_has_what_its_people_post_and_the_answers_that_it_shows() {
    for (replies, is_to_member, is_to_followed) in [
        (RepliesPolicy::Followed, true, true),
        (RepliesPolicy::List, true, false),
        (RepliesPolicy::None, false, false),
    ] {
        let (story, list) = with_a_list(replies, false);
        story.keeps(ANN, set(list, &[EVE], true));
        story.keeps(ANN, set(list, &[EVE], false));
        let own = story.says(ANN, "own");
        let of_eve = story.says(EVE, "of eve");
        let of_bob = story.says(BOB, "of bob");
        let of_dan = story.says(DAN, "of dan");
        let boost = story::published(&story.boosts(BOB, of_dan, true));
        let to_himself = story.answers(BOB, of_bob, "to himself");
        let to_ann = story.answers(BOB, own, "to ann");
        let to_eve = story.answers(BOB, of_eve, "to eve");
        let _to_dan = story.answers(BOB, of_dan, "to dan");
        let mut expected = vec![to_ann, to_himself, boost, of_bob];
        if is_to_followed {
            expected.insert(0, to_eve);
        }
        assert_eq!(story.listed(ANN, list), expected, "{replies:?}");
        story.keeps(ANN, set(list, &[EVE], true));
        let to_eve_again = story.answers(BOB, of_eve, "again");
        assert_eq!(story.listed(ANN, list).contains(&to_eve_again), is_to_member, "{replies:?}");
    }
}

#[test]
fn what_people_in_an_exclusive_list_post_is_not_at_home() {
    let (story, list) = with_a_list(RepliesPolicy::List, true);
    let of_bob = story.says(BOB, "of bob");
    let of_eve = story.says(EVE, "of eve");
    let to_bob = story.answers(EVE, of_bob, "ann follows bob, too");
    assert_eq!(story.home(ANN), [to_bob, of_eve]);
    assert_eq!(story.followed(ANN), [to_bob, of_eve, of_bob], "as ever");
    assert_eq!(story.listed(ANN, list), [of_bob]);
    let open = list_change(list, RepliesPolicy::List, false);
    assert_eq!(story.keeps(ANN, open), Reply::Done);
    assert_eq!(story.home(ANN), [to_bob, of_eve, of_bob]);
    story.keeps(ANN, list_change(list, RepliesPolicy::List, true));
    let delete = PersonalChange::DeleteList(PersonalId::new(list));
    assert_eq!(story.keeps(ANN, delete.clone()), Reply::Done);
    assert_eq!(story.home(ANN), [to_bob, of_eve, of_bob]);
    assert_eq!(story.keeps(ANN, delete), NO_SUCH_LIST);
    assert!(story.view().lists_with(UserId(ANN), UserId(BOB)).unwrap().is_empty());
}

fn list_change(id: u64, replies: RepliesPolicy, exclusive: bool) -> PersonalChange {
    PersonalChange::ChangeList(PersonalId::new(id), list(replies, exclusive))
}

#[test]
fn only_whom_one_follows_is_in_a_list_and_for_so_long() {
    let (story, list) = with_a_list(RepliesPolicy::List, false);
    for others in [&[DAN][..], &[ANN], &[EVE, DAN]] {
        assert_eq!(story.keeps(ANN, set(list, others, true)), NOT_FOLLOWING, "{others:?}");
    }
    assert_eq!(story.keeps(BOB, set(list, &[EVE], true)), NO_SUCH_LIST, "it is ann's");
    let members = |story: &Story| story.view().lists(UserId(ANN)).unwrap()[0].members;
    assert_eq!(members(&story), 1, "all of them, or none");
    story.keeps(ANN, set(list, &[BOB, EVE, EVE], true));
    assert_eq!(members(&story), 2);
    story.unfollows(ANN, BOB);
    story.follows(ANN, BOB);
    assert_eq!(members(&story), 1);
    story.blocks(EVE, ANN);
    assert_eq!(members(&story), 0);
    story.says(BOB, "no longer in it");
    assert_eq!(story.listed(ANN, list), NOTHING);
    assert_eq!(story.state.damage(), []);
}

#[test]
fn nobody_has_more_lists_or_hashtags_than_anybody_may() {
    let story = Story::new();
    let create = || PersonalChange::CreateList(list(RepliesPolicy::List, false));
    for _ in 0..MOST_LISTS {
        story.makes(ANN, create());
    }
    assert_eq!(story.keeps(ANN, create()), TOO_MANY);
    for number in 0..MOST_HASHTAGS {
        assert_eq!(story.keeps(ANN, tag(&format!("t{number}"), true)), Reply::Done);
    }
    assert_eq!(story.keeps(ANN, tag("t0", true)), Reply::Done, "it is followed already");
    assert_eq!(story.keeps(ANN, tag("another", true)), TOO_MANY);
    assert_eq!(story.keeps(ANN, tag("t0", false)), Reply::Done);
    assert_eq!(story.keeps(ANN, tag("another", true)), Reply::Done);
    // All of them are looked at for a page.
    let last = story.says(BOB, "#another #t199");
    let first = story.says(DAN, "#T7, an answer to nobody");
    assert_eq!(story.home(ANN), [first, last]);
}

#[test]
fn what_everybody_posts_with_a_followed_hashtag_is_at_home_once() {
    let story = Story::new();
    story.follows(ANN, BOB);
    assert_eq!(story.keeps(ANN, tag("tea", true)), Reply::Done);
    assert_eq!(story.keeps(ANN, tag("cake", true)), Reply::Done);
    let of_bob = story.says(BOB, "#tea and #cake");
    let of_eve = story.says(EVE, "#Tea");
    let answer = story.answers(BOB, of_eve, "an answer to a stranger about #tea");
    story.answers(BOB, of_eve, "an answer to a stranger");
    story.says_to(EVE, Visibility::Unlisted, "#tea");
    story.says_to(EVE, Visibility::Followers, "#tea");
    story.boosts(EVE, of_bob, true);
    let of_dan = story.says(DAN, "#cake");
    assert_eq!(story.home(ANN), [of_dan, answer, of_eve, of_bob]);
    assert_eq!(story.followed(ANN).len(), 3, "of bob, as ever");
    story.mutes(ANN, DAN);
    story.blocks(EVE, ANN);
    assert_eq!(story.home(ANN), [answer, of_bob]);
    assert_eq!(story.keeps(ANN, tag("tea", false)), Reply::Done);
    assert_eq!(story.home(ANN), [of_bob]);
    let (kept, hashtag) = (story.view(), Hashtag::new("cake").expect("a hashtag"));
    assert!(kept.follows_hashtag(UserId(ANN), &hashtag).unwrap());
    assert_eq!(kept.posts_with(&hashtag).unwrap(), 2);
}

#[test]
fn a_followed_hashtag_also_brings_home_who_is_kept_for_a_list() {
    let (story, _) = with_a_list(RepliesPolicy::List, true);
    story.keeps(ANN, tag("tea", true));
    story.says(BOB, "nothing for home");
    let tea = story.says(BOB, "#tea");
    assert_eq!(story.home(ANN), [tea]);
}

#[test]
fn a_change_of_what_somebody_reads_is_an_event_and_nothing_else_is() {
    let (story, list) = with_a_list(RepliesPolicy::List, false);
    let rearranged = vec![Event::Rearranged { user: UserId(ANN) }];
    for (change, is_event) in [
        (set(list, &[BOB], true), false),
        (set(list, &[EVE], true), true),
        (list_change(list, RepliesPolicy::List, false), false),
        (list_change(list, RepliesPolicy::None, false), true),
        (tag("tea", false), false),
        (tag("tea", true), true),
        (PersonalChange::SetPreferences(Preferences::default()), false),
        (PersonalChange::DeleteList(PersonalId::new(list)), true),
    ] {
        let (reply, events) =
            story.outcome(ANN, |context| Command::ChangePersonal { context, change });
        assert_eq!(reply, Reply::Done);
        assert_eq!(events, if is_event { rearranged.clone() } else { Vec::new() });
    }
}

#[test]
fn how_far_somebody_has_read_is_known_with_its_version_and_may_go_back_at_home() {
    let story = Story::new();
    story.follows(BOB, ANN);
    let [first, second] = ["one", "two"].map(|text| story.says(BOB, text));
    let read = |up_to| PersonalChange::ReadHomeUpTo(PostId::new(up_to));
    let markers = || story.view().markers(UserId(ANN)).unwrap();
    assert_eq!(markers().home, Marker::default());
    for (up_to, known, version) in [(first, first, 1), (9_999, second, 2), (first, first, 3)] {
        assert_eq!(story.keeps(ANN, read(up_to)), Reply::Done);
        let Marker { read_up_to, version: found, at } = markers().home;
        assert_eq!((read_up_to, found, at), (PostId::new(known), version, story.in_ms(0)));
    }
    for up_to in [2, 1] {
        let change = NotificationChange::ReadUpTo(PostId::new(up_to));
        story.asks(ANN, |context| Command::ChangeNotifications { context, change });
    }
    let Marker { read_up_to, version, at } = markers().notifications;
    assert_eq!((read_up_to, version, at), (PostId::new(2), 2, story.in_ms(0)));
}

fn filter_settings(title: &str) -> FilterSettings {
    FilterSettings {
        title: title.to_owned(),
        contexts: [FilterContext::Home].into(),
        action: FilterAction::Warn,
        until: None,
    }
}

fn keyword(text: &str) -> NewKeyword {
    NewKeyword { text: text.to_owned(), whole_word: true }
}

/// A filter in words: its number and title, its keywords and its posts with theirs.
fn described(filter: &WordFilter) -> String {
    let keywords = filter.keywords.iter().map(|it| format!("{} {}", it.id, it.keyword.text));
    let posts = filter.posts.iter().map(|it| format!("{} post {}", it.id, it.post));
    let entries: Vec<_> = keywords.chain(posts).collect();
    format!("{} {}: {}", filter.id, filter.settings.title, entries.join(", "))
}

fn filters(story: &Story) -> Vec<String> {
    story.view().filters(UserId(ANN)).unwrap().iter().map(described).collect()
}

#[test]
fn a_filter_is_made_changed_and_removed_and_its_keywords_keep_their_numbers() {
    let story = Story::new();
    let create = |title: &str, words: &[&str]| PersonalChange::CreateFilter {
        settings: filter_settings(title),
        keywords: words.iter().map(|text| keyword(text)).collect(),
    };
    assert_eq!(story.keeps(ANN, create("one", &["a", "b"])), Reply::Numbered(3));
    assert_eq!(story.keeps(ANN, create("two", &[])), Reply::Numbered(4));
    let filter = PersonalId::new(1);
    let change = |settings, keywords| PersonalChange::ChangeFilter { filter, settings, keywords };
    let id = PersonalId::new;
    let keywords = vec![
        KeywordChange::Remove(id(2)),
        KeywordChange::Replace(id(3), keyword("c")),
        KeywordChange::Add(keyword("d")),
    ];
    assert_eq!(story.keeps(ANN, change(None, keywords)), Reply::Numbered(5));
    assert_eq!(filters(&story), ["1 one: 3 c, 5 d", "4 two: "]);
    let no_such_keyword = Reply::Refused(CommandRefusal::NoSuchKeyword);
    let keywords = vec![KeywordChange::Add(keyword("e")), KeywordChange::Remove(id(2))];
    assert_eq!(story.keeps(ANN, change(None, keywords)), no_such_keyword);
    let settings = Some(filter_settings("three"));
    assert_eq!(story.keeps(ANN, change(settings, Vec::new())), Reply::Numbered(1));
    assert_eq!(filters(&story), ["1 three: 3 c, 5 d", "4 two: "], "all of it, or nothing");
    let post = story.says(BOB, "hello");
    let by = |post| PersonalChange::FilterPost { filter, post: PostId::new(post) };
    assert_eq!(story.keeps(ANN, by(post)), Reply::Numbered(6));
    assert_eq!(story.keeps(ANN, by(post)), Reply::Numbered(6), "once");
    assert_eq!(story.keeps(ANN, by(999)), NO_SUCH_POST);
    assert_eq!(filters(&story)[0], format!("1 three: 3 c, 5 d, 6 post {post}"));
    let not = |entry| PersonalChange::UnfilterPost { filter, entry: id(entry) };
    assert_eq!(story.keeps(ANN, not(6)), Reply::Done);
    assert_eq!(story.keeps(ANN, not(6)), NO_SUCH_POST);
    assert_eq!(story.keeps(ANN, PersonalChange::DeleteFilter(filter)), Reply::Done);
    for change in [PersonalChange::DeleteFilter(filter), change(None, vec![]), by(post), not(6)] {
        assert_eq!(story.keeps(ANN, change), NO_SUCH_FILTER);
    }
    assert_eq!(filters(&story), ["4 two: "]);
    assert_eq!(story.keeps(ANN, create("five", &[])), Reply::Numbered(7), "never given twice");
    assert_eq!(story.state.damage(), []);
}

#[test]
fn nobody_has_more_filters_keywords_or_filtered_posts_than_anybody_may() {
    let story = Story::new();
    let create = |keywords: usize| PersonalChange::CreateFilter {
        settings: filter_settings("t"),
        keywords: vec![keyword("a"); keywords],
    };
    assert_eq!(story.keeps(ANN, create(MOST_KEYWORDS + 1)), TOO_MANY);
    assert_eq!(filters(&story), [""; 0], "nothing was changed");
    story.makes(ANN, create(MOST_KEYWORDS));
    let filter = PersonalId::new(1);
    let add = PersonalChange::ChangeFilter {
        filter,
        settings: None,
        keywords: vec![KeywordChange::Add(keyword("b"))],
    };
    assert_eq!(story.keeps(ANN, add), TOO_MANY);
    for _ in 1..MOST_FILTERS {
        story.makes(ANN, create(0));
    }
    assert_eq!(story.keeps(ANN, create(0)), TOO_MANY);
    for number in 0..=MOST_FILTERED_POSTS {
        let post = PostId::new(story.says(BOB, "hello"));
        let reply = story.keeps(ANN, PersonalChange::FilterPost { filter, post });
        assert_eq!(reply == TOO_MANY, number == MOST_FILTERED_POSTS, "{reply:?}");
    }
}

#[test]
fn what_somebody_prefers_is_kept_for_them_alone() {
    let story = Story::new();
    let preferences = Preferences { visibility: Visibility::Followers, ..Preferences::default() };
    let change = PersonalChange::SetPreferences(preferences.clone());
    assert_eq!(story.keeps(ANN, change), Reply::Done);
    assert_eq!(story.view().preferences(UserId(ANN)).unwrap(), preferences);
    assert_eq!(story.view().preferences(UserId(BOB)).unwrap(), Preferences::default());
    let post = story.says(ANN, "the network changes nothing of what it is sent");
    let visibility = story.post(None, post).map(|post| post.visibility);
    assert_eq!(visibility, Some(Visibility::Public));
}
