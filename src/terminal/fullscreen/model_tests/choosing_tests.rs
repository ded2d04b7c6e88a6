//! What is done with a selected post.

use super::*;

#[test]
fn a_selected_post_is_liked_and_boosted_with_one_key_each() {
    let mut model = model(false);
    up(&mut model);
    up(&mut model);
    let id = PostId::new(119);
    let like = |set| Act::Mark(id, Mark::Like, set);
    assert_eq!(key(&mut model, 'l'), [Effect::Act(like(true))]);
    let marks = Marks { liked: true, ..Marks::default() };
    let liked = Post { marks, ..post(119) };
    model.update(Event::Acted(like(true), Ok(Some(Box::new(liked)))));
    assert_eq!(key(&mut model, 'f'), [Effect::Act(like(false))]);
    model.update(Event::Acted(like(false), Err("no".to_owned())));
    assert_eq!(model.notice(), Some("not done: no"));
    assert_eq!(key(&mut model, 'b'), [Effect::Act(Act::Boost(id, true))]);
    assert_eq!(key(&mut model, 'e'), [], "it is of somebody else");
    assert_eq!((line(&model).as_str(), selected(&model)), ("", Some(119)));
    escape(&mut model);
    key(&mut model, 'l');
    assert_eq!(line(&model), "l", "letters are written again");
}

#[test]
fn an_answer_that_was_begun_is_kept_when_one_steps_back_and_goes_out_as_one() {
    let mut model = model(false);
    up(&mut model);
    key(&mut model, 'r');
    write(&mut model, "yes");
    escape(&mut model);
    assert_eq!((line(&model).as_str(), selected(&model)), ("", Some(120)));
    escape(&mut model);
    assert_eq!(escape(&mut model), [], "something would be lost");
    up(&mut model);
    key(&mut model, 'r');
    assert_eq!(line(&model), "yes");
    let answer = NewPost { reply_to: Some(PostId::new(120)), ..NewPost::of("yes") };
    assert_eq!(enter(&mut model), [Effect::Publish(answer)]);
    model.update(Event::Published(Err("no".to_owned())));
    assert_eq!(line(&model), "yes", "it is given back");
    enter(&mut model);
    published(&mut model, 121);
    assert_eq!(model.view().loaded.get(PostId::new(121)).expect("shown").said(), "yes");
    assert_eq!(model.notice(), Some("answered"));
    escape(&mut model);
    assert_eq!(escape(&mut model), [Effect::Leave], "nothing is left behind");
}

#[test]
fn whom_not_everybody_sees_is_mentioned_in_an_answer() {
    let mut model = model(false);
    let told = Post { visibility: Visibility::Mentioned, ..post(121) };
    model.update(Event::Live(Stream::Timeline, TimelineEvent::Posts(Posts::from(told))));
    up(&mut model);
    key(&mut model, 'r');
    write(&mut model, "yes");
    let effects = enter(&mut model);
    let Some(Effect::Publish(answer)) = effects.first() else { panic!("{effects:?}") };
    assert_eq!(answer.says.text, "@u2 yes");
    assert_eq!(answer.visibility, Visibility::Mentioned);
}

#[test]
fn ones_own_post_is_changed_and_deleted_only_when_asked_twice() {
    let mut model = own_selected();
    key(&mut model, 'e');
    assert_eq!(line(&model), "p121");
    write(&mut model, "!");
    let effects = enter(&mut model);
    let [Effect::Act(edit @ Act::Edit(id, says))] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!((id.get(), says.text.as_str()), (121, "p121!"));
    model.update(Event::Acted(edit.clone(), Err("too long".to_owned())));
    key(&mut model, 'e');
    assert_eq!(line(&model), "p121!", "it is kept");
    enter(&mut model);
    model.update(Event::Acted(
        edit.clone(),
        Ok(Some(Box::new(Post { text: "p121!".to_owned(), ..own(121) }))),
    ));
    assert_eq!(said(&model).last().map(String::as_str), Some("p121!"));
    let delete = Act::Delete(PostId::new(121));
    assert_eq!(key(&mut model, 'd'), []);
    assert_eq!(model.notice(), Some("press d again to delete this post for everybody"));
    key(&mut model, '?');
    key(&mut model, '?');
    assert_eq!(key(&mut model, 'd'), [], "asked again after any other key");
    assert_eq!(key(&mut model, 'd'), [Effect::Act(delete.clone())]);
    model.update(Event::Acted(delete, Ok(None)));
    assert_eq!((said(&model).len(), selected(&model)), (20, Some(120)));
}

#[test]
fn tab_completes_the_name_of_somebody_who_was_seen() {
    let mut model = model(false);
    write(&mut model, "hello @U");
    press(&mut model, KeyCode::Tab, KeyModifiers::NONE);
    assert_eq!(line(&model), "hello @u2 ");
    write(&mut model, "@nobody");
    press(&mut model, KeyCode::Tab, KeyModifiers::NONE);
    assert!(model.notice().is_some_and(|notice| notice.starts_with("Tab completes")));
    assert_eq!((line(&model).as_str(), model.tab()), ("hello @u2 @nobody", Tab::Timeline));
}

#[test]
fn a_warning_is_unfolded_and_stays_so_when_the_list_is_read_again() {
    let mut model = model(false);
    let warned = |id| Post { warning: Some("loud".to_owned()), ..post(id) };
    model.update(Event::Live(Stream::Timeline, TimelineEvent::Posts(Posts::from(warned(121)))));
    up(&mut model);
    key(&mut model, 'x');
    assert_eq!(said(&model).last().map(String::as_str), Some("(loud)\np121"));
    model.update(Event::Live(Stream::Home, TimelineEvent::ReadAgain(PostId::new(150))));
    model.update(Event::Loaded(0, Load::Newest, Ok(page(vec![warned(121)], false))));
    assert_eq!(said(&model), strings(&["(loud)\np121"]));
    key(&mut model, ' ');
    assert_eq!(said(&model), strings(&["(loud: x shows it)"]));
}
