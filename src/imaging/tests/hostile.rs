//! Files that were made to take time or memory, or to be taken for something else.

use std::cell::Cell;

use super::*;

/// A JPEG with the scans of a file in passes repeated so often.
fn with_scans(jpeg: &[u8], times: usize) -> Vec<u8> {
    let last = jpeg.windows(2).rposition(|pair| pair == [0xff, 0xda]).expect("it has scans");
    let end = jpeg.len() - 2;
    [&jpeg[..last], &jpeg[last..end].repeat(times), &jpeg[end..]].concat()
}

/// The JPEG with another size in its header.
fn resized(jpeg: &[u8], width: u16, height: u16) -> Vec<u8> {
    let mut jpeg = jpeg.to_vec();
    let frame = jpeg.windows(2).position(|pair| pair[0] == 0xff && matches!(pair[1], 0xc0 | 0xc2));
    let at = frame.expect("it has a frame") + 5;
    jpeg[at..at + 2].copy_from_slice(&height.to_be_bytes());
    jpeg[at + 2..at + 4].copy_from_slice(&width.to_be_bytes());
    jpeg
}

#[test]
fn more_pixels_than_a_picture_may_have_are_refused_by_the_header_alone() {
    let huge = Err(Unusable::TooManyPixels { width: 20_000, height: 20_000 });
    let header = [20_000_u32.to_be_bytes(), 20_000_u32.to_be_bytes()].concat();
    let header = made::png_chunk(*b"IHDR", &[&header[..], &[8, 2, 0, 0, 0]].concat());
    let data = made::png_chunk(*b"IDAT", &made::deflated(&[0; 99]));
    let png = [b"\x89PNG\r\n\x1a\n", &header[..], &data, &made::png_chunk(*b"IEND", b"")].concat();
    assert_eq!(prepared(&png, PicturePurpose::Avatar), huge);
    assert_eq!(prepared(&resized(&made::jpeg(8, 8), 20_000, 20_000), PicturePurpose::Avatar), huge);
    let mut gif = made::gif(8, 8, 2);
    gif[6..10].copy_from_slice(&[0x20, 0x4e, 0x20, 0x4e]);
    assert_eq!(prepared(&gif, PicturePurpose::Avatar), huge);
    // In the header of an extended WebP, and in that of the picture within.
    let canvas = Err(Unusable::TooManyPixels { width: 16_384, height: 16_384 });
    let mut webp = made::CLEAR_WEBP.to_vec();
    webp[24..30].copy_from_slice(&[0xff, 0x3f, 0, 0xff, 0x3f, 0]);
    assert_eq!(prepared(&webp, PicturePurpose::Avatar), canvas);
    let inner = Err(Unusable::TooManyPixels { width: 16_383, height: 16_383 });
    let mut webp = made::CLEAR_WEBP.to_vec();
    let start = webp.windows(3).position(|code| code == [0x9d, 1, 0x2a]).expect("a start");
    webp[start + 3..start + 7].copy_from_slice(&[0xff, 0x3f, 0xff, 0x3f]);
    assert_eq!(prepared(&webp, PicturePurpose::Avatar), inner);
}

#[test]
fn a_file_of_more_bytes_than_can_be_uploaded_is_refused() {
    let mut file = made::jpeg(8, 8);
    file.resize(limits::MOST_UPLOADED_BYTES, 0);
    assert!(prepared(&file, PicturePurpose::Avatar).is_ok());
    file.push(0);
    let bytes = file.len();
    assert_eq!(prepared(&file, PicturePurpose::Avatar), Err(Unusable::TooManyBytes { bytes }));
}

#[test]
fn compressed_texts_and_profiles_are_never_expanded() {
    let zeros = made::deflated(&vec![0; 64 << 20]);
    let text = made::png_chunk(*b"zTXt", &[b"Comment\0\0", &zeros[..]].concat());
    let profile = made::png_chunk(*b"iCCP", &[b"icc\0\0", &zeros[..]].concat());
    let file = made::png_and(&made::png(30, 20), &[profile, text.repeat(20)].concat());
    let kept = attachment(&file).original;
    assert_eq!(read(&kept).pixels.data(), made::gradient(30, 20, 3));
    assert!(kept.bytes.len() < 10_000);
}

#[test]
fn a_hundred_thousand_empty_chunks_or_segments_are_walked_over() {
    let chunks = made::png_chunk(*b"prVt", b"").repeat(100_000);
    assert!(prepared(&made::png_and(&made::png(8, 8), &chunks), PicturePurpose::Avatar).is_ok());
    let jpeg = made::jpeg(8, 8);
    let segments = [0xff, 0xe1, 0, 2].repeat(100_000);
    let file = [&jpeg[..2], &segments, &jpeg[2..]].concat();
    assert!(prepared(&file, PicturePurpose::Avatar).is_ok());
}

#[test]
fn thousands_of_frames_make_a_still() {
    let kept = attachment(&made::gif(4, 4, 20_000)).original;
    assert_eq!((kept.format, kept.dimensions), (PictureFormat::Png, size(4, 4)));
}

#[test]
fn a_huge_frame_in_a_small_picture_is_refused() {
    let mut gif = made::gif(8, 8, 1);
    let image = gif.windows(5).position(|bytes| bytes == [0x2c, 0, 0, 0, 0]).expect("an image");
    gif[image + 5..image + 9].fill(0xff);
    assert!(matches!(prepared(&gif, PicturePurpose::Avatar), Err(Unusable::Damaged(_))));
}

#[test]
fn thousands_of_passes_are_refused() {
    let file = with_scans(&made::progressive_jpeg(64, 64), 3_000);
    assert!(matches!(prepared(&file, PicturePurpose::Avatar), Err(Unusable::Unsupported(_))));
}

#[test]
fn as_many_passes_as_there_may_be_over_a_huge_picture_end_with_the_patience() {
    // Each pass is a few bytes, and as much work as the whole picture.
    let grey = vec![99; 1_000 * 1_000 * 3];
    let colours = jpeg_encoder::ColorType::Rgb;
    let flat =
        made::jpeg_with((1_000, 1_000), colours, &grey, |encoder| encoder.set_progressive(true));
    let (few, many) = (with_scans(&flat, 2), with_scans(&flat, 52));
    assert!(many.len() - few.len() < 50 * 1_100);
    let questions = Cell::new(0);
    let asked = |file: &[u8], last: u32| {
        questions.set(0);
        let prepared = prepare(file, PicturePurpose::Avatar, &|| {
            questions.set(questions.get() + 1);
            questions.get() < last
        });
        (prepared.map(drop), questions.get())
    };
    let (_, for_few) = asked(&few, u32::MAX);
    let (_, for_many) = asked(&many, u32::MAX);
    assert!(for_many - for_few > 50, "{for_few} and {for_many}: at least once in each pass");
    let half = u32::midpoint(for_few, for_many);
    assert_eq!(asked(&many, half), (Err(Unusable::TookTooLong), half));
}

#[test]
fn a_progressive_picture_that_takes_too_much_memory_is_refused() {
    let data = made::gradient(64, 64, 3);
    let fine = made::jpeg_with((64, 64), jpeg_encoder::ColorType::Rgb, &data, |encoder| {
        encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_1_1);
        encoder.set_progressive(true);
    });
    let refused = prepared(&resized(&fine, 7_680, 4_320), PicturePurpose::Avatar);
    assert_eq!(refused, Err(Unusable::TooMuchMemory));
}

#[test]
fn whenever_the_patience_ends_so_does_the_work() {
    for file in [
        made::jpeg(300, 200),
        made::progressive_jpeg(300, 200),
        made::png(300, 200),
        made::clear_png(300, 200),
        made::gif(300, 200, 6),
        made::webp(300, 200),
    ] {
        for purpose in PURPOSES {
            let asked = Cell::new(0_u32);
            let whole = prepare(&file, purpose, &|| {
                asked.set(asked.get() + 1);
                true
            });
            assert!(whole.is_ok());
            let all = asked.get();
            assert!(all > 5, "it is asked between the steps");
            let last = [1, 2, 3, 5, 8, 13, all / 2, all - 1, all];
            for last in last.into_iter().filter(|&last| last <= all) {
                asked.set(0);
                let ended = prepare(&file, purpose, &|| {
                    asked.set(asked.get() + 1);
                    asked.get() < last
                });
                assert_eq!(ended, Err(Unusable::TookTooLong), "at question {last} of {all}");
                assert_eq!(asked.get(), last);
            }
        }
    }
}
