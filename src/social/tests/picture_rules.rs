//! Pictures: one story per rule. After each step, all rows agree with each other.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{
    pictures::{
        MOST_BYTES_OF_A_PERSON, NewPicture, PIECE_BYTES, PicturePlace, UNUSED_FOR_MS, pieces_of,
    },
    story::{ANN, BOB, NOTHING, Story, published},
    *,
};
use crate::domain::{
    MOST_PICTURES, Picture, PictureAddress, PictureDescription, PictureFile, PictureId,
    PicturePurpose, PictureSize, PictureWords,
};

const NO_SUCH: Reply = Reply::Refused(CommandRefusal::NoSuchPicture);
const INCOMPLETE: Reply = Reply::Refused(CommandRefusal::PictureIncomplete);
const IN_USE: Reply = Reply::Refused(CommandRefusal::PictureInUse);
const OF_OTHER_KIND: Reply = Reply::Refused(CommandRefusal::PictureOfOtherKind);
/// Of most pictures here: two pieces and a bit, of which the preview is the last part.
const ORIGINAL: usize = 2 * PIECE_BYTES;
const SMALL: usize = 700;

/// What a picture is told by.
fn described(text: &str) -> PictureWords {
    PictureWords { description: PictureDescription::new(text).expect("valid"), focus: None }
}

/// A byte of a file, which is another for each place.
fn byte(seed: u8, at: usize) -> u8 {
    seed.wrapping_add(u8::try_from(at % 251).expect("small"))
}

/// The files of a picture, one after the other.
fn files(seed: u8) -> Vec<u8> {
    (0..ORIGINAL + SMALL).map(|at| byte(seed, at)).collect()
}

fn new(seed: u8, purpose: PicturePurpose, original: usize) -> NewPicture {
    let example = Picture::example();
    let file = |file, bytes: usize| PictureFile { bytes: bytes.try_into().expect("small"), ..file };
    NewPicture {
        purpose,
        uploaded: [seed; 32],
        address: PictureAddress::new([seed; 16]),
        original: file(example.original, original),
        small: file(example.small, SMALL),
        blurhash: example.blurhash,
        words: described("a cat"),
    }
}

impl Story {
    fn begins(&self, user: u64, picture: NewPicture) -> Reply {
        self.asks(user, |context| Command::BeginPicture { context, picture })
    }

    fn puts(&self, user: u64, picture: u64, number: u32, bytes: &[u8]) -> Reply {
        let (owner, picture, bytes) = (UserId(user), PictureId::new(picture), bytes.to_vec());
        self.asks(user, |_| Command::PutPiece { owner, picture, number, bytes })
    }

    /// The number of a picture, all of which is here.
    fn uploads_for(&self, user: u64, seed: u8, purpose: PicturePurpose) -> u64 {
        let Reply::Numbered(picture) = self.begins(user, new(seed, purpose, ORIGINAL)) else {
            panic!("it is not kept");
        };
        for (number, piece) in (0..).zip(files(seed).chunks(PIECE_BYTES)) {
            assert_eq!(self.puts(user, picture, number, piece), Reply::Done);
        }
        self.agrees();
        picture
    }

    fn uploads(&self, user: u64, seed: u8) -> u64 {
        self.uploads_for(user, seed, PicturePurpose::Post)
    }

    fn shows_in_post(&self, user: u64, words: &str, pictures: &[u64]) -> Reply {
        let reply =
            self.drafts(user, Draft { content: content(words, pictures), ..Draft::of(text("x")) });
        self.agrees();
        reply
    }

    fn has_as(&self, user: u64, purpose: PicturePurpose, picture: Option<u64>) -> Reply {
        let picture = picture.map(PictureId::new);
        let reply =
            self.asks(user, |context| Command::SetProfilePicture { context, purpose, picture });
        self.agrees();
        reply
    }

    fn describes(&self, user: u64, picture: u64, words: PictureWords) -> Reply {
        let picture = PictureId::new(picture);
        self.asks(user, |context| Command::DescribePicture { context, picture, words })
    }

    fn discards(&self, user: u64, picture: u64) -> Reply {
        let picture = PictureId::new(picture);
        let reply = self.asks(user, |context| Command::DiscardPicture { context, picture });
        self.agrees();
        reply
    }

    fn forgets(&self) {
        assert_eq!(self.asks(ANN, |_| Command::ForgetPictures), Reply::Done);
        self.agrees();
    }

    /// Whether there is a picture at the address that was drawn with a seed.
    fn is_there(&self, seed: u8) -> bool {
        self.view().picture_at(PictureAddress::new([seed; 16])).unwrap().is_some()
    }

    /// The bytes of a file, read as whoever shows it does.
    fn bytes_of(&self, seed: u8, size: PictureSize) -> Vec<u8> {
        let view = self.view();
        let picture =
            view.picture_at(PictureAddress::new([seed; 16])).unwrap().expect("it is there");
        let mut bytes = Vec::new();
        loop {
            let offset = u32::try_from(bytes.len()).unwrap();
            let some = view.some_of_picture(&picture, size, offset).unwrap();
            if some.is_empty() {
                return bytes;
            }
            bytes.extend(some);
        }
    }

    /// The numbers of the pictures that a post shows to somebody.
    fn shown_in(&self, reader: u64, post: u64) -> Vec<u64> {
        let post = self.post(Some(reader), post).expect("it is seen");
        post.pictures.iter().map(|picture| picture.id.get()).collect()
    }

    /// The numbers of a portrait and of a wide picture.
    fn shown_by(&self, user: u64) -> [Option<u64>; 2] {
        let person = self.view().person(Some(UserId(BOB)), UserId(user)).unwrap().expect("seen");
        [person.avatar, person.header].map(|picture| picture.map(|picture| picture.id.get()))
    }

    fn agrees(&self) {
        assert_eq!(self.state.damage(), []);
    }

    /// How many rows there are of pictures, in all tables that have some.
    fn picture_rows(&self) -> usize {
        let tables = [
            Table::Pictures,
            Table::PicturePieces,
            Table::PicturesByAddress,
            Table::PicturesByOwner,
            Table::UnusedPictures,
            Table::PictureBytes,
        ];
        tables.into_iter().map(|table| self.state.rows_of(table).len()).sum()
    }
}

/// What a post says that shows pictures.
fn content(words: &str, pictures: &[u64]) -> PostContent {
    let words = if words.is_empty() { PostText::none() } else { text(words) };
    let pictures = pictures.iter().copied().map(PictureId::new).collect();
    PostContent { pictures, ..PostContent::of(words) }
}

#[test]
fn a_picture_is_there_when_all_its_pieces_are_in_their_order() {
    let story = Story::new();
    let picture = match story.begins(ANN, new(1, PicturePurpose::Post, ORIGINAL)) {
        Reply::Numbered(picture) => picture,
        other => panic!("{other:?}"),
    };
    let all = files(1);
    let [first, second, third] = [0, 1, 2]
        .map(|number| &all[number * PIECE_BYTES..all.len().min((number + 1) * PIECE_BYTES)]);
    assert_eq!(story.puts(ANN, picture, 1, second), INCOMPLETE, "the first comes first");
    assert_eq!(story.puts(ANN, picture, 0, third), INCOMPLETE, "it is too short");
    assert_eq!(story.puts(BOB, picture, 0, first), NO_SUCH, "it is somebody else's");
    assert_eq!(story.puts(ANN, picture, 0, first), Reply::Done);
    assert_eq!(story.puts(ANN, picture, 0, third), Reply::Done, "it is there already");
    assert_eq!(story.puts(ANN, picture, 1, second), Reply::Done);
    assert_eq!(story.shows_in_post(ANN, "look", &[picture]), INCOMPLETE);
    assert!(!story.is_there(1), "nobody sees a part");
    assert_eq!(story.puts(ANN, picture, 2, third), Reply::Done);
    assert_eq!(story.puts(ANN, picture, 3, third), INCOMPLETE, "there is no fourth");
    story.agrees();
    assert_eq!(story.bytes_of(1, PictureSize::Original), all[..ORIGINAL]);
    assert_eq!(story.bytes_of(1, PictureSize::Small), all[ORIGINAL..]);
    assert!(!story.is_there(2));
}

#[test]
fn an_upload_that_is_repeated_is_one_picture() {
    let story = Story::new();
    let asked = |seed| Command::BeginPicture {
        context: context(ANN, request(9, 1)),
        picture: NewPicture {
            address: PictureAddress::new([seed; 16]),
            ..new(1, PicturePurpose::Post, ORIGINAL)
        },
    };
    let (first, _) = story.state.apply(5, asked(1));
    let (again, _) = story.state.apply(6, asked(2));
    assert_eq!(first, again, "whatever address was drawn for it");
    let (other, _) = story.state.apply(
        7,
        Command::BeginPicture {
            context: context(ANN, request(9, 1)),
            picture: new(3, PicturePurpose::Post, ORIGINAL),
        },
    );
    assert_eq!(other, Reply::Refused(CommandRefusal::KeyReused), "another picture was uploaded");
    story.agrees();
}

#[test]
fn a_post_shows_pictures_of_its_author_that_nothing_else_shows() {
    let story = Story::new();
    let [one, two, bobs] = [story.uploads(ANN, 1), story.uploads(ANN, 2), story.uploads(BOB, 3)];
    let portrait = story.uploads_for(ANN, 4, PicturePurpose::Avatar);
    assert_eq!(story.shows_in_post(ANN, "look", &[bobs]), NO_SUCH);
    assert_eq!(story.shows_in_post(ANN, "look", &[999]), NO_SUCH);
    assert_eq!(story.shows_in_post(ANN, "look", &[portrait]), OF_OTHER_KIND);
    assert_eq!(story.posts_of(None, ANN, (true, true)), NOTHING);
    let post = published(&story.shows_in_post(ANN, "", &[two, one, two]));
    assert_eq!(story.shown_in(BOB, post), [two, one], "in this order, each once");
    assert_eq!(story.shows_in_post(ANN, "again", &[one]), IN_USE);
    assert_eq!(story.discards(ANN, one), IN_USE);
    let wordless = story.post(None, post).expect("it is public");
    assert_eq!(wordless.text, "");
    assert_eq!(wordless.pictures[0].description, described("a cat").description);
    let view = story.view();
    let only_words = story.says(ANN, "words");
    let with_pictures = view.pictures_of(None, UserId(ANN), NEWEST, 9).unwrap();
    assert_eq!(ids(&whole_page(&view, with_pictures).unwrap()).0, [post], "and not {only_words}");
}

#[test]
fn a_picture_goes_with_the_post_that_shows_it() {
    let story = Story::new();
    let (one, two) = (story.uploads(ANN, 1), story.uploads(ANN, 2));
    let before = story.view().words_removed();
    let post = published(&story.shows_in_post(ANN, "look", &[one, two]));
    assert_eq!(story.edits_to(ANN, post, content("look", &[one, two])), Reply::Done);
    assert_eq!(story.post(None, post).expect("seen").edited_at, None, "nothing was changed");
    assert_eq!(story.edits_to(ANN, post, content("look!", &[two])), Reply::Done);
    story.agrees();
    assert_eq!(story.shown_in(BOB, post), [two]);
    assert!(!story.is_there(1), "it is gone from what the post showed before, too");
    let history = story.view().history(None, PostId::new(post)).unwrap().expect("it is seen");
    let shown = |at: usize| history[at].pictures.iter().map(|it| it.id.get()).collect::<Vec<_>>();
    assert_eq!([shown(0), shown(1)], [[two], [two]]);
    let three = story.uploads(ANN, 3);
    assert_eq!(story.edits_to(ANN, post, content("look!", &[two, three])), Reply::Done);
    assert_eq!(story.shown_in(BOB, post), [two, three]);
    assert_eq!(story.deletes(ANN, post), Reply::Done);
    story.agrees();
    assert!(!story.is_there(2) && !story.is_there(3));
    assert_eq!(story.picture_rows(), 0);
    assert!(story.view().words_removed() > before, "files have to forget it, too");
}

#[test]
fn a_profile_shows_one_portrait_and_one_wide_picture() {
    let story = Story::new();
    let [first, second] = [1, 2].map(|seed| story.uploads_for(ANN, seed, PicturePurpose::Avatar));
    let header = story.uploads_for(ANN, 3, PicturePurpose::Header);
    let bobs = story.uploads_for(BOB, 4, PicturePurpose::Avatar);
    assert_eq!(story.has_as(ANN, PicturePurpose::Avatar, Some(bobs)), NO_SUCH);
    assert_eq!(story.has_as(ANN, PicturePurpose::Header, Some(first)), OF_OTHER_KIND);
    assert_eq!(story.has_as(ANN, PicturePurpose::Post, Some(first)), OF_OTHER_KIND);
    assert_eq!(story.shown_by(ANN), [None, None]);
    assert_eq!(story.has_as(ANN, PicturePurpose::Avatar, Some(first)), Reply::Done);
    assert_eq!(story.has_as(ANN, PicturePurpose::Avatar, Some(first)), Reply::Done);
    assert_eq!(story.has_as(ANN, PicturePurpose::Header, Some(header)), Reply::Done);
    story.is_called(ANN, "Annabel");
    story.agrees();
    assert_eq!(story.shown_by(ANN), [Some(first), Some(header)], "other words change nothing");
    assert_eq!(story.has_as(ANN, PicturePurpose::Avatar, Some(second)), Reply::Done);
    assert!(!story.is_there(1), "it is gone");
    assert_eq!(story.has_as(ANN, PicturePurpose::Header, None), Reply::Done);
    assert_eq!(story.shown_by(ANN), [Some(second), None]);
    assert!(story.is_there(2) && !story.is_there(3));
    story.blocks(ANN, BOB);
    assert_eq!(story.shown_by(ANN), [None, None], "of whoever has blocked one, there is the name");
}

#[test]
fn what_is_said_of_a_picture_can_be_changed_by_its_owner() {
    let story = Story::new();
    let picture = story.uploads(ANN, 1);
    let post = published(&story.shows_in_post(ANN, "look", &[picture]));
    let words = described("a dog");
    assert_eq!(story.describes(BOB, picture, words.clone()), NO_SUCH);
    assert_eq!(story.describes(ANN, picture, words.clone()), Reply::Done);
    story.agrees();
    let shown = story.post(None, post).expect("it is seen").pictures.remove(0);
    assert_eq!(shown.description, words.description);
}

#[test]
fn a_picture_that_nothing_shows_goes_after_a_day() {
    let story = Story::new();
    let [_unused, shown, newer] = [1, 2, 3].map(|seed| {
        story.pass(1_000);
        story.uploads(ANN, seed)
    });
    story.shows_in_post(ANN, "look", &[shown]);
    story.forgets();
    assert!(story.is_there(1), "not yet");
    assert!(!story.view().has_forgettable_picture(story.in_ms(0)).unwrap());
    story.pass(UNUSED_FOR_MS - 1_500);
    assert!(story.view().has_forgettable_picture(story.in_ms(0)).unwrap());
    story.forgets();
    assert!(!story.is_there(1) && story.is_there(2) && story.is_there(3));
    assert!(!story.view().has_forgettable_picture(story.in_ms(0)).unwrap());
    assert_eq!(story.discards(BOB, newer), NO_SUCH);
    assert_eq!(story.discards(ANN, newer), Reply::Done);
    assert_eq!(story.discards(ANN, newer), NO_SUCH);
}

#[test]
fn the_pictures_of_a_person_take_only_so_much() {
    let story = Story::new();
    let large = usize::try_from(MOST_BYTES_OF_A_PERSON / 2).unwrap();
    let begins = |seed| story.begins(ANN, new(seed, PicturePurpose::Post, large - SMALL));
    let Reply::Numbered(first) = begins(1) else { panic!("there is room") };
    assert!(matches!(begins(2), Reply::Numbered(_)));
    assert_eq!(begins(3), Reply::Refused(CommandRefusal::PicturesTakeTooMuch));
    assert!(matches!(story.begins(BOB, new(4, PicturePurpose::Post, 1)), Reply::Numbered(_)));
    assert_eq!(story.discards(ANN, first), Reply::Done);
    assert!(matches!(begins(5), Reply::Numbered(_)), "there is room again");
    story.agrees();
}

#[test]
fn nothing_is_left_of_the_pictures_of_somebody_who_is_gone() {
    let story = Story::new();
    let (one, two) = (story.uploads(ANN, 1), story.uploads(ANN, 2));
    let portrait = story.uploads_for(ANN, 3, PicturePurpose::Avatar);
    story.has_as(ANN, PicturePurpose::Avatar, Some(portrait));
    story.shows_in_post(ANN, "look", &[one]);
    story.uploads(BOB, 4);
    let rows = story.picture_rows();
    assert_eq!(story.asks(ANN, |context| Command::DeleteAccount { context }), Reply::Done);
    assert!(!story.is_there(1), "nobody sees it any more, at once");
    story.state.finish(story.in_ms(1).get());
    story.agrees();
    assert!(story.is_there(4) && !story.is_there(3));
    assert!(story.picture_rows() < rows / 2, "{two} is gone, too");
    assert_eq!(story.state.rows_of(Table::PictureBytes).len(), 1);
}

#[test]
fn a_restored_state_has_the_pictures() {
    let story = Story::new();
    let picture = story.uploads(ANN, 1);
    story.uploads(ANN, 2);
    story.shows_in_post(ANN, "look", &[picture]);
    let restored = State::restored(&story.state.dump());
    assert_eq!(restored.damage(), []);
    assert_eq!(restored.every_row(), story.state.every_row());
}

/// One thing that somebody does with pictures.
#[derive(Clone, Debug)]
enum Step {
    Begin(u64),
    Put(usize),
    Post(u64, Vec<usize>),
    Edit(usize, Vec<usize>),
    Delete(usize),
    Discard(u64, usize),
    Choose(u64, Option<usize>),
}

fn step() -> impl Strategy<Value = Step> {
    let who = || ANN..=BOB;
    let some = || prop::collection::vec(0..6_usize, 0..=MOST_PICTURES);
    prop_oneof![
        4 => who().prop_map(Step::Begin),
        8 => (0..6_usize).prop_map(Step::Put),
        3 => (who(), some()).prop_map(|(who, some)| Step::Post(who, some)),
        2 => (0..4_usize, some()).prop_map(|(post, some)| Step::Edit(post, some)),
        1 => (0..4_usize).prop_map(Step::Delete),
        1 => (who(), 0..6_usize).prop_map(|(who, picture)| Step::Discard(who, picture)),
        1 => (who(), prop::option::of(0..6_usize)).prop_map(|(who, it)| Step::Choose(who, it)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// What is done in whatever order, every picture is whole and belongs to one thing, or is gone.
    #[test]
    fn pictures_belong_to_what_shows_them(steps in prop::collection::vec(step(), 1..60)) {
        let story = Story::new();
        let (mut pictures, mut posts) = (Vec::<(u64, u64)>::new(), Vec::<(u64, u64)>::new());
        let mut pieces = BTreeMap::<u64, u32>::new();
        for (seed, step) in (1..).zip(steps) {
            let named = |some: &[usize]| -> Vec<u64> {
                let pick = |index: &usize| pictures.iter().rev().nth(*index).map(|(_, id)| *id);
                some.iter().filter_map(pick).collect()
            };
            match step {
                Step::Begin(who) => {
                    let purpose =
                        if seed % 5 == 0 { PicturePurpose::Avatar } else { PicturePurpose::Post };
                    if let Reply::Numbered(id) = story.begins(who, new(seed, purpose, 9)) {
                        pictures.push((who, id));
                    }
                }
                Step::Put(index) => {
                    let Some((who, id)) = pictures.iter().rev().nth(index).copied() else { continue };
                    let number = pieces.entry(id).or_default();
                    if story.puts(who, id, *number, &[0; 9 + SMALL]) == Reply::Done {
                        *number = pieces_of((9 + SMALL) as u64);
                    }
                }
                Step::Post(who, some) => {
                    let shown = content("look", &named(&some));
                    let reply = story.drafts(who, Draft { content: shown, ..Draft::of(text("x")) });
                    if let Reply::Published { post, .. } = reply {
                        posts.push((who, post.get()));
                    }
                }
                Step::Edit(index, some) => {
                    let Some((who, post)) = posts.iter().rev().nth(index).copied() else { continue };
                    story.edits_to(who, post, content(&format!("look {seed}"), &named(&some)));
                }
                Step::Delete(index) => {
                    let Some((who, post)) = posts.iter().rev().nth(index).copied() else { continue };
                    story.deletes(who, post);
                }
                Step::Discard(who, index) => {
                    let Some(id) = named(&[index]).first().copied() else { continue };
                    story.discards(who, id);
                }
                Step::Choose(who, index) => {
                    let chosen = index.and_then(|index| named(&[index]).first().copied());
                    story.has_as(who, PicturePurpose::Avatar, chosen);
                }
            }
            prop_assert_eq!(story.state.damage(), []);
            for (who, id) in &pictures {
                let record = story.view().own_picture(UserId(*who), PictureId::new(*id)).unwrap();
                if let Some(PicturePlace::Post(post)) = record.map(|record| record.place) {
                    prop_assert!(story.shown_in(*who, post.get()).contains(id));
                }
            }
        }
    }
}
