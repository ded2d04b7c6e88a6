//! Threads, tabs and notifications, and what changes in them.

use super::*;

#[test]
fn a_thread_opens_grows_and_closes_where_it_was_opened() {
    let mut model = model(false);
    up(&mut model);
    let source = Source::Thread(PostId::new(120));
    assert_eq!(enter(&mut model), [Effect::Load(4, source, Load::Newest)]);
    let answer = |id, to| {
        let reply_to = Some(ReplyTo { post: PostId::new(to), author: UserId(2) });
        Post { reply_to, ..post(id) }
    };
    let thread = Thread { ancestors: vec![post(90)], descendants: vec![answer(121, 120)] };
    let counts = PostCounts { replies: 1, ..PostCounts::default() };
    let asked = Post { counts, ..answer(120, 90) };
    let loaded = Loaded::Thread(Box::new((asked, thread)));
    model.update(Event::Loaded(4, Load::Newest, Ok(loaded)));
    assert_eq!((said(&model), selected(&model)), (strings(&["p90", "p120", "p121"]), Some(120)));
    let live = TimelineEvent::Posts(Posts::from(answer(130, 120)));
    model.update(Event::Live(Stream::Home, live));
    changed(&mut model, Changed::Deleted(PostId::new(121)));
    changed(&mut model, Changed::Edited(Post { text: "now".to_owned(), ..post(90) }.into()));
    assert_eq!(said(&model), strings(&["now", "p120", "p130"]));
    let again = model.update(Event::Tick(NOW.saturating_add_ms(10_000)));
    assert!(matches!(&again[..], [Effect::Load(4, ..)]), "its counts are read again: {again:?}");
    press(&mut model, KeyCode::Left, KeyModifiers::NONE);
    assert_eq!((model.view().source.clone(), selected(&model)), (Source::Timeline, Some(120)));
    let below = model.view().chosen().and_then(|entry| entry.post.clone()).expect("a post");
    assert_eq!(below.counts, counts, "what was learnt of it is known everywhere");
    assert_eq!(model.update(Event::Loaded(4, Load::Newest, Err("no".to_owned()))), []);
}

#[test]
fn a_tab_is_read_when_it_is_first_shown_and_keeps_its_place() {
    let mut model = model(false);
    let tab = |model: &mut Model| press(model, KeyCode::Tab, KeyModifiers::NONE);
    assert_eq!(tab(&mut model), [Effect::Load(1, Source::Home, Load::Newest)]);
    // What comes before its page has been read is not lost.
    model.update(Event::Live(Stream::Home, TimelineEvent::Posts(Posts::from(post(122)))));
    changed(&mut model, Changed::Edited(Post { text: "new".to_owned(), ..post(119) }.into()));
    let posts = (110..=120).rev().map(post).collect();
    model.update(Event::Loaded(1, Load::Newest, Ok(page(posts, false))));
    assert_eq!(said(&model)[9..], strings(&["new", "p120", "p122"]));
    up(&mut model);
    up(&mut model);
    assert_eq!(
        press(&mut model, KeyCode::Char('3'), KeyModifiers::ALT),
        [Effect::Load(2, Source::Local, Load::Newest)]
    );
    let loaded = Event::Loaded(2, Load::Newest, Ok(page(vec![post(120)], false)));
    assert_eq!(model.update(loaded), [Effect::Listen(Stream::Local, PostId::new(120))]);
    assert_eq!(press(&mut model, KeyCode::BackTab, KeyModifiers::NONE), []);
    assert_eq!((model.tab(), selected(&model)), (Tab::Home, Some(120)));
}

#[test]
fn notifications_are_counted_until_they_are_seen_and_lead_to_posts_and_people() {
    let mut model = model(false);
    let followed = notification(130, NotificationKind::Followed, None);
    let liked = notification(131, NotificationKind::Liked, Some(own(118)));
    changed(&mut model, Changed::Notified(followed.into()));
    changed(&mut model, Changed::Notified(liked.into()));
    assert_eq!(model.new_notifications(), (2, false));
    let read = Act::ReadUpTo(PostId::new(131));
    assert_eq!(
        press(&mut model, KeyCode::BackTab, KeyModifiers::NONE),
        [Effect::Act(read.clone())]
    );
    model.update(Event::Acted(read, Ok(None)));
    assert_eq!(model.new_notifications(), (0, false));
    let is_new = |model: &Model| model.view().loaded.entries().iter().all(|it| model.is_new(it));
    assert!(is_new(&model), "they stay marked while they are looked at");
    up(&mut model);
    assert!(matches!(&key(&mut model, 't')[..], [Effect::Load(_, Source::Thread(_), _)]));
    escape(&mut model);
    up(&mut model);
    let profile = enter(&mut model);
    assert!(matches!(&profile[..], [Effect::Load(_, Source::Profile(_), _)]), "{profile:?}");
    press(&mut model, KeyCode::Char('1'), KeyModifiers::ALT);
    press(&mut model, KeyCode::Char('4'), KeyModifiers::ALT);
    escape(&mut model);
    assert!(!is_new(&model));
}

#[test]
fn edits_and_deletions_show_at_once_and_what_may_have_been_missed_is_read_again() {
    let mut model = model(false);
    changed(&mut model, Changed::Edited(Post { text: "new".to_owned(), ..post(119) }.into()));
    changed(&mut model, Changed::Deleted(PostId::new(118)));
    assert_eq!(said(&model)[16..], strings(&["p117", "new", "p120"]));
    let again = model.update(Event::Live(Stream::Home, TimelineEvent::ReadAgain(PostId::new(150))));
    assert_eq!(
        again,
        [
            Effect::Load(0, Source::Timeline, Load::Newest),
            Effect::Load(3, Source::Notifications, Load::Newest)
        ]
    );
    let live = TimelineEvent::Posts(Posts::from(post(151)));
    model.update(Event::Live(Stream::Timeline, live));
    let posts = vec![post(120), post(119)];
    assert_eq!(model.update(Event::Loaded(0, Load::Newest, Ok(page(posts, false)))), []);
    assert_eq!(said(&model), strings(&["p119", "p120", "p151"]));
}

#[test]
fn more_changes_than_are_remembered_while_a_list_is_read_let_it_be_read_again() {
    let mut model = model(false);
    press(&mut model, KeyCode::Tab, KeyModifiers::NONE);
    for id in 1..=300 {
        changed(&mut model, Changed::Deleted(PostId::new(id)));
    }
    let read = model.update(Event::Loaded(1, Load::Newest, Ok(page(vec![], false))));
    assert_eq!(read, [Effect::Load(1, Source::Home, Load::Newest)]);
    assert_eq!(model.update(Event::Loaded(1, Load::Newest, Ok(page(vec![], false)))), []);
}
