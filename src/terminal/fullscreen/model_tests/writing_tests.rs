//! Writing, posting, leaving, and reading back.

use super::*;

#[test]
fn leaves_at_once_where_nothing_would_be_lost() {
    assert_eq!(control(&mut model(false), 'd'), [Effect::Leave]);
    assert_eq!(press(&mut model(false), KeyCode::Esc, KeyModifiers::NONE), [Effect::Leave]);
    let mut quitting = model(false);
    write(&mut quitting, "/quit");
    assert_eq!(enter(&mut quitting), [Effect::Leave]);
    assert_eq!(control(&mut model(false), 'c'), [Effect::Interrupt]);
}

#[test]
fn a_line_that_was_begun_is_left_only_when_asked_twice() {
    let mut model = model(false);
    write(&mut model, "draft");
    assert_eq!(escape(&mut model), []);
    assert_eq!(model.notice(), Some("this line is not posted yet: press Esc again to leave"));
    write(&mut model, "s");
    assert_eq!(escape(&mut model), [], "the person went on writing");
    assert_eq!(escape(&mut model), [Effect::Leave]);
}

#[test]
fn leaving_waits_for_posts_under_way_unless_the_person_insists_or_goes_on() {
    let mut patient = model(false);
    write(&mut patient, "one");
    assert_eq!(enter(&mut patient), [Effect::Publish(NewPost::of("one"))]);
    write(&mut patient, "two");
    assert_eq!(enter(&mut patient), [], "one at a time");
    assert_eq!(control(&mut patient, 'd'), []);
    assert_eq!(published(&mut patient, 121), [Effect::Publish(NewPost::of("two"))]);
    assert_eq!(published(&mut patient, 122), [Effect::Leave]);

    let mut insisting = model(false);
    write(&mut insisting, "one");
    enter(&mut insisting);
    control(&mut insisting, 'd');
    assert_eq!(control(&mut insisting, 'd'), [Effect::Leave]);

    let mut staying = model(false);
    write(&mut staying, "one");
    enter(&mut staying);
    control(&mut staying, 'd');
    press(&mut staying, KeyCode::Up, KeyModifiers::NONE);
    assert_eq!(published(&mut staying, 121), []);
}

#[test]
fn what_is_refused_comes_back_when_the_line_is_free() {
    let mut model = model(false);
    let refused = |model: &mut Model| model.update(Event::Published(Err("no".to_owned())));
    write(&mut model, "one");
    enter(&mut model);
    refused(&mut model);
    assert_eq!(model.desk().line.shown().parts, ["one", ""]);
    assert_eq!(model.notice(), Some("not posted: no"));
    enter(&mut model);
    write(&mut model, "two");
    refused(&mut model);
    assert_eq!(model.desk().line.shown().parts, ["two", ""], "what is being written stays");
    control(&mut model, 'r');
    assert_eq!(model.desk().line.shown().parts, ["two", ""]);
    control(&mut model, 'u');
    control(&mut model, 'r');
    assert_eq!(model.desk().line.shown().parts, ["one", ""]);
    assert_eq!(model.unsent().count(), 0);
}

#[test]
fn a_line_that_is_a_command_is_posted_only_when_entered_twice() {
    let mut model = model(false);
    write(&mut model, "list");
    assert_eq!(enter(&mut model), []);
    assert_eq!(model.desk().line.shown().parts, ["list", ""], "it stays");
    assert_eq!(model.notice(), Some("LIST is a command: press Enter again to post it"));
    press(&mut model, KeyCode::Left, KeyModifiers::NONE);
    assert_eq!(enter(&mut model), [], "asked again after any other key");
    assert_eq!(enter(&mut model), [Effect::Publish(NewPost::of("list"))]);
    assert_eq!(model.notice(), None);
    published(&mut model, 121);
    write(&mut model, "QUIT");
    assert_eq!(enter(&mut model), [Effect::Leave]);
}

#[test]
fn what_was_told_of_a_refused_post_is_gone_once_it_is_entered_again() {
    let mut model = model(false);
    write(&mut model, "one");
    enter(&mut model);
    model.update(Event::Published(Err("no".to_owned())));
    assert_eq!(model.notice(), Some("not posted: no"));
    enter(&mut model);
    assert_eq!(model.notice(), None);
}

#[test]
fn older_posts_are_read_before_they_are_needed_and_again_a_while_after_a_failure() {
    let mut model = model(true);
    let tick = |model: &mut Model, now| model.update(Event::Tick(now));
    assert_eq!(tick(&mut model, NOW), [], "there is enough for a while");
    let load = Load::Older(PostId::new(101));
    let older = || Effect::Load(0, Source::Timeline, load);
    let home = |model: &mut Model| press(model, KeyCode::Home, KeyModifiers::NONE);
    assert_eq!(home(&mut model), [older()]);
    assert_eq!(home(&mut model), [], "it is under way");
    assert_eq!(model.update(Event::Loaded(0, load, Err("no".to_owned()))), []);
    assert_eq!(model.notice(), Some("cannot load more posts: no"));
    assert_eq!(tick(&mut model, NOW.saturating_add_ms(2_000 - 1)), []);
    assert_eq!(tick(&mut model, NOW.saturating_add_ms(2_000)), [older()]);
    let page = page((91..=100).rev().map(post).collect(), false);
    assert_eq!(model.update(Event::Loaded(0, load, Ok(page))), []);
    home(&mut model);
    assert_eq!(model.view().position, Position::Back { lowest: PostId::new(93), hidden: 0 });
}

#[test]
fn a_tall_screen_is_filled() {
    let mut model = model(true);
    model.fit((40, 100));
    assert_eq!(
        model.update(Event::Tick(NOW)),
        [Effect::Load(0, Source::Timeline, Load::Older(PostId::new(101)))]
    );
}

#[test]
fn notices_pass_and_the_end_of_live_posts_does_not() {
    let mut model = model(false);
    model.update(Event::LiveEnded("refused".to_owned()));
    write(&mut model, "draft");
    control(&mut model, 'd');
    press(&mut model, KeyCode::End, KeyModifiers::NONE);
    control(&mut model, 'd');
    assert!(model.notice().is_none(), "Ctrl-D deletes within a line");
    press(&mut model, KeyCode::Esc, KeyModifiers::NONE);
    assert!(model.notice().is_some());
    model.update(Event::Tick(NOW.saturating_add_ms(10_000)));
    assert_eq!(model.notice(), None);
    let active_server = |answers| ActiveServer {
        server: crate::client::Server {
            name: "server-1".to_owned(),
            address: String::new(),
            term: 1,
        },
        through: None,
        move_took: None,
        answers,
    };
    model.update(Event::Server(active_server(false)));
    assert_eq!(model.connection(), "no more live posts: refused");
}

#[test]
fn the_line_of_the_server_says_through_which_node_it_is_reached_if_not_directly() {
    let mut model = model(false);
    let mut reached = |through: Option<&str>| {
        let server =
            crate::client::Server { name: "server-1".to_owned(), address: String::new(), term: 1 };
        let through = through.map(str::to_owned);
        let active_server = ActiveServer { server, through, move_took: None, answers: true };
        model.update(Event::Server(active_server));
        model.connection()
    };
    assert_eq!(reached(Some("entry:1")), "server-1 through entry:1");
    assert_eq!(reached(None), "server-1");
}
