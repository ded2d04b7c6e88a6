//! GIFs that move.

use super::*;
use crate::imaging::decode::{Canvas, gif_overview, open_gif};
use gif::DisposalMethod;

/// What is seen of an animation: each frame in four channels, and for how long.
fn seen(bytes: &[u8]) -> Vec<(Vec<u8>, u16)> {
    let patience = Patience::new(&|| true);
    let overview = gif_overview(bytes, &patience).expect("it can be read");
    let mut decoder = open_gif(bytes, &patience).expect("it can be read");
    let mut canvas = Canvas::new(overview.dimensions);
    let mut frames = Vec::new();
    while let Some(delay) = canvas.draw_next(&mut decoder, &patience).expect("it can be read") {
        frames.push((canvas.pixels().data().to_vec(), delay));
    }
    frames
}

fn repeats(bytes: &[u8]) -> gif::Repeat {
    let patience = Patience::new(&|| true);
    open_gif(bytes, &patience).expect("it can be read").repeat()
}

/// Frames with holes, which are taken away in each of the ways that there are.
fn frames_with_holes() -> Vec<gif::Frame<'static>> {
    let disposals = [DisposalMethod::Keep, DisposalMethod::Background, DisposalMethod::Previous];
    let mut frames = made::gif_frames(60, 40, 9);
    for (number, frame) in frames.iter_mut().enumerate() {
        frame.dispose = disposals[number % 3];
        frame.transparent = Some(3);
        if number > 0 {
            (frame.left, frame.top, frame.width, frame.height) = (10, 5, 30, 20);
            frame.buffer.to_mut().truncate(600);
        }
    }
    frames
}

#[test]
fn what_moves_goes_on_moving_and_shows_the_same() {
    for file in [made::gif(60, 40, 12), made::gif_of(60, 40, &frames_with_holes())] {
        let kept = attachment(&file);
        assert_eq!(kept.original.format, PictureFormat::Gif);
        assert_eq!(seen(&kept.original.bytes), seen(&file));
        assert_eq!(repeats(&kept.original.bytes), gif::Repeat::Infinite);
        assert_eq!(kept.small.format, PictureFormat::Png);
        assert_eq!(read(&kept.small).pixels.dimensions(), size(60, 40));
    }
}

#[test]
fn an_avatar_is_cut_in_every_frame_and_keeps_its_holes_and_its_pace() {
    let file = made::gif_of(60, 40, &frames_with_holes());
    let avatar = prepared(&file, PicturePurpose::Avatar).expect("it is a picture").original;
    assert_eq!((avatar.format, avatar.dimensions), (PictureFormat::Gif, size(40, 40)));
    let (before, after) = (seen(&file), seen(&avatar.bytes));
    assert_eq!(before.len(), after.len());
    assert_eq!(repeats(&avatar.bytes), gif::Repeat::Infinite);
    for ((before, delay), (after, its_delay)) in before.iter().zip(&after) {
        assert_eq!(delay, its_delay);
        let rows = before.chunks_exact(60 * 4);
        let middle: Vec<u8> = rows.flat_map(|row| &row[40..200]).copied().collect();
        let holes =
            |pixels: &[u8]| -> Vec<u8> { pixels.iter().skip(3).step_by(4).copied().collect() };
        assert_eq!(holes(&middle), holes(after));
        assert!(distance(&middle, after) < 4);
    }
}

#[test]
fn a_large_animation_becomes_smaller_and_still_moves() {
    let frame = |seed: u64| gif::Frame {
        width: 500,
        height: 400,
        delay: 4,
        // Half as much as noise: what moves in films.
        buffer: made::noise(200_000, seed).iter().map(|level| level / 16).collect(),
        ..gif::Frame::default()
    };
    let frames: Vec<_> = (0..14).map(frame).collect();
    let file = made::gif_of(500, 400, &frames);
    assert!(file.len() > limits::most_bytes(PicturePurpose::Post));
    let kept = attachment(&file).original;
    assert_eq!(kept.format, PictureFormat::Gif);
    assert!(kept.dimensions.width < 500 && kept.dimensions.width > 100, "{:?}", kept.dimensions);
    assert_eq!(seen(&kept.bytes).len(), 14);
}

#[test]
fn a_single_frame_or_too_many_of_them_make_a_still() {
    let most = u16::try_from(limits::MOST_FRAMES).expect("they are few");
    assert_eq!(attachment(&made::gif(8, 8, most)).original.format, PictureFormat::Gif);
    for frames in [1, most + 1] {
        let kept = attachment(&made::gif(8, 8, frames));
        assert_eq!(kept.original.format, PictureFormat::Png, "{frames} frames");
        assert_eq!(kept.original.dimensions, size(8, 8));
    }
}

#[test]
fn frames_beyond_the_edge_of_the_picture_are_cut() {
    let mut frames = made::gif_frames(30, 20, 3);
    (frames[1].left, frames[1].top) = (25, 15);
    (frames[2].left, frames[2].top) = (60_000, 60_000);
    let kept = attachment(&made::gif_of(30, 20, &frames)).original;
    assert_eq!((kept.format, kept.dimensions), (PictureFormat::Gif, size(30, 20)));
}
