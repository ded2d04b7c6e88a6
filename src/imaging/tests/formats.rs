//! Every kind of file that is read, and what it becomes.

use jpeg_encoder::{ColorType as JpegColours, SamplingFactor};
use proptest::prelude::*;

use super::*;
use crate::imaging::{decode::Kind, pixels::Channels};

#[test]
fn a_photograph_stays_a_jpeg_that_shows_the_same() {
    for bytes in [made::jpeg(200, 120), made::progressive_jpeg(200, 120)] {
        let kept = attachment(&bytes);
        assert_eq!(kept.original.format, PictureFormat::Jpeg);
        assert_eq!(kept.original.dimensions, size(200, 120));
        let pixels = read(&kept.original).pixels;
        let apart = distance(pixels.data(), &made::gradient(200, 120, 3));
        assert!(apart < 6, "{apart}");
        assert_eq!(kept.small, kept.original, "it is small enough already");
    }
}

#[test]
fn what_came_without_losses_keeps_every_pixel() {
    let drawing = made::gradient(200, 120, 3);
    for bytes in [made::png(200, 120), made::webp(200, 120)] {
        let kept = attachment(&bytes);
        assert_eq!(kept.original.format, PictureFormat::Png);
        assert_eq!(read(&kept.original).pixels.data(), drawing);
    }
}

#[test]
fn transparent_pixels_stay_transparent_in_every_size() {
    for bytes in [made::clear_png(900, 700), {
        let mut data = made::gradient(900, 700, 4);
        data.chunks_exact_mut(4).for_each(|pixel| pixel[3] = if pixel[0] < 128 { 0 } else { 255 });
        made::webp_with((900, 700), image_webp::ColorType::Rgba8, &data, |_| {})
    }] {
        for purpose in PURPOSES {
            let kept = prepared(&bytes, purpose).expect("it is a picture");
            for picture in [&kept.original, &kept.small] {
                assert_eq!(picture.format, PictureFormat::Png);
                let pixels = read(picture).pixels;
                assert_eq!(pixels.channels(), Channels::Rgba);
                assert!(pixels.data()[3] < 8, "the first one");
            }
        }
    }
}

#[test]
fn a_deep_a_grey_and_a_palette_png_are_read() {
    let deep: Vec<u8> = made::gradient(20, 10, 3).iter().flat_map(|&level| [level, 0x7f]).collect();
    let deep = made::png_with((20, 10), png::ColorType::Rgb, &deep, |encoder| {
        encoder.set_depth(png::BitDepth::Sixteen);
    });
    assert_eq!(read(&attachment(&deep).original).pixels.data(), made::gradient(20, 10, 3));

    let grey = made::gradient(20, 10, 1);
    let file = made::png_with((20, 10), png::ColorType::Grayscale, &grey, |_| {});
    assert_eq!(read(&attachment(&file).original).pixels.data(), grey);

    let palette = made::png_with((4, 1), png::ColorType::Indexed, &[0b0001_1011], |encoder| {
        encoder.set_depth(png::BitDepth::Two);
        encoder.set_palette(vec![1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
        encoder.set_trns(vec![255, 0]);
    });
    let seen = [1, 2, 3, 255, 4, 5, 6, 0, 7, 8, 9, 255, 10, 11, 12, 255];
    assert_eq!(read(&attachment(&palette).original).pixels.data(), seen);
}

#[test]
fn a_grey_jpeg_stays_grey_and_one_for_printers_becomes_coloured() {
    let data = made::gradient(64, 48, 1);
    let grey = made::jpeg_with((64, 48), JpegColours::Luma, &data, |_| {});
    let kept = read(&attachment(&grey).original).pixels;
    assert_eq!(kept.channels(), Channels::Grey);
    assert!(distance(kept.data(), &data) < 4);

    // Without any ink but some yellow on the left.
    let inks: Vec<u8> =
        (0..64 * 48).flat_map(|place| [0, 0, (place % 64 < 32).into(), 0]).collect();
    let inks: Vec<u8> = inks.iter().map(|&ink| ink * 200).collect();
    let printed = made::jpeg_with((64, 48), JpegColours::Cmyk, &inks, |encoder| {
        encoder.set_sampling_factor(SamplingFactor::F_1_1);
    });
    let kept = read(&attachment(&printed).original).pixels;
    assert_eq!(kept.channels(), Channels::Rgb);
    let (left, right) = (&kept.data()[12..15], &kept.data()[180..183]);
    assert!(left[0] > 230 && left[1] > 230 && left[2] < 90, "{left:?} is yellow");
    assert!(right.iter().all(|&level| level > 230), "{right:?} is white");
}

#[test]
fn every_resolution_of_colours_is_read_or_refused() {
    let factors = [
        SamplingFactor::F_1_1,
        SamplingFactor::F_2_1,
        SamplingFactor::F_1_2,
        SamplingFactor::F_2_2,
        SamplingFactor::F_4_1,
        SamplingFactor::F_4_2,
        SamplingFactor::F_1_4,
        SamplingFactor::F_2_4,
    ];
    let (orange, green) = ([230, 120, 20], [40, 180, 60]);
    let drawing: Vec<u8> =
        (0..96 * 80).flat_map(|place| if place / 96 < 48 { orange } else { green }).collect();
    let inks: Vec<u8> = drawing
        .chunks_exact(3)
        .flat_map(|light| [255 - light[0], 255 - light[1], 255 - light[2], 0])
        .collect();
    let mut refused = Vec::new();
    for factor in factors {
        for is_progressive in [false, true] {
            for colours in [JpegColours::Rgb, JpegColours::Cmyk, JpegColours::CmykAsYcck] {
                let data = if colours == JpegColours::Rgb { &drawing } else { &inks };
                let file = made::jpeg_with((96, 80), colours, data, |encoder| {
                    encoder.set_sampling_factor(factor);
                    encoder.set_progressive(is_progressive);
                });
                match decode(&file, Kind::Jpeg, &Patience::new(&|| true)) {
                    Ok(decoded) => {
                        let apart = distance(decoded.pixels.data(), &drawing);
                        assert!(apart < 6, "{factor:?} {is_progressive} {colours:?}: {apart}");
                    }
                    Err(error) => {
                        assert!(matches!(error, Unusable::Unsupported(_)), "{error}");
                        refused.push((factor, colours));
                    }
                }
            }
        }
    }
    // Where only the black ink is fine, and where colours have a quarter of the resolution.
    let is_rare = |(factor, colours): &(SamplingFactor, JpegColours)| {
        let is_common = matches!(
            factor,
            SamplingFactor::F_1_1
                | SamplingFactor::F_2_1
                | SamplingFactor::F_1_2
                | SamplingFactor::F_2_2
        );
        *colours == JpegColours::Cmyk || !is_common
    };
    assert!(refused.iter().all(is_rare), "{refused:?}");
}

#[test]
fn webp_with_losses_or_moving_becomes_a_still() {
    for bytes in [made::LOSSY_WEBP, made::CLEAR_WEBP, made::MOVING_WEBP] {
        let kept = attachment(bytes);
        assert_ne!(kept.original.format, PictureFormat::Gif);
        assert_eq!(kept.original.dimensions, size(1, 1));
    }
    assert_eq!(attachment(made::LOSSY_WEBP).original.format, PictureFormat::Jpeg);
}

#[test]
fn avatars_are_squares_and_headers_three_times_as_wide_as_high() {
    for bytes in [made::jpeg(1_700, 900), made::png(1_700, 900), made::webp(1_700, 900)] {
        let avatar = prepared(&bytes, PicturePurpose::Avatar).expect("it is a picture");
        assert_eq!(avatar.original.dimensions, size(400, 400));
        assert_eq!(avatar.small.dimensions, size(400, 400));
        let header = prepared(&bytes, PicturePurpose::Header).expect("it is a picture");
        assert_eq!(header.original.dimensions, size(1_500, 500));
        let small = header.small.dimensions;
        assert!(small.width > 1_000 && small.width.abs_diff(small.height * 3) < 3, "{small:?}");
    }
}

#[test]
fn the_thinnest_and_the_smallest_pictures_stay_pictures() {
    for (width, height) in [(1, 1), (1, 16_384), (16_384, 1), (2, 3)] {
        let data = made::gradient(width, height, 3);
        let flat = made::png_with((width, height), png::ColorType::Rgb, &data, |_| {});
        let (across, down) = (u16::try_from(width), u16::try_from(height));
        let sides = (across.expect("it is short"), down.expect("it is short"));
        let photograph = made::jpeg_with(sides, JpegColours::Rgb, &data, |_| {});
        for purpose in PURPOSES {
            assert!(prepared(&flat, purpose).is_ok(), "{width} × {height} for {purpose:?}");
            assert!(prepared(&photograph, purpose).is_ok(), "{width} × {height} for {purpose:?}");
        }
    }
}

#[test]
fn what_is_no_picture_is_told_by_its_content() {
    assert_eq!(prepared(b"", PicturePurpose::Avatar), Err(Unusable::Empty));
    let others: [&[u8]; 5] =
        [b"\xff", b"<svg xmlns=", b"BM\0\0\0\0", b"\0\0\0\x1cftypheic", b"RIFF\0\0\0\0WAVE"];
    for other in others {
        assert_eq!(prepared(other, PicturePurpose::Avatar), Err(Unusable::UnknownFormat));
    }
}

#[test]
fn a_file_that_was_cut_off_is_refused_wherever_it_ends() {
    for file in made::seeds() {
        let steps = (file.len() / 40).max(1);
        for end in (12..file.len()).step_by(steps).chain([file.len() - 1]) {
            let refused = prepared(&file[..end], PicturePurpose::Post);
            assert!(
                matches!(refused, Err(Unusable::Damaged(_))),
                "{:?} of {} bytes, cut at {end}: {refused:?}",
                Kind::of(&file),
                file.len()
            );
        }
    }
}

#[test]
fn a_large_photograph_is_kept_as_large_as_fits() {
    let data = made::noise(2_400 * 1_600, 5);
    let file = made::jpeg_with((2_400, 1_600), JpegColours::Luma, &data, |_| {});
    assert!(file.len() > 2 * limits::most_bytes(PicturePurpose::Post));
    let kept = attachment(&file).original;
    let bytes = kept.bytes.len();
    assert!(bytes > limits::most_bytes(PicturePurpose::Post) / 2, "{bytes}");
    assert_eq!(kept.format, PictureFormat::Jpeg);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn noise_of_any_shape_and_kind_fits(
        seed in any::<u64>(), width in 1_u16..1_100, height in 1_u16..1_100, kind in 0..4,
    ) {
        let (across, down) = (u32::from(width), u32::from(height));
        let pixels = usize::from(width) * usize::from(height);
        let file = match kind {
            0 => made::jpeg_with(
                (width, height), JpegColours::Rgb, &made::noise(pixels * 3, seed), |_| {},
            ),
            1 => made::png_with(
                (across, down), png::ColorType::Rgb, &made::noise(pixels * 3, seed), |_| {},
            ),
            2 => made::png_with(
                (across, down), png::ColorType::Rgba, &made::noise(pixels * 4, seed), |_| {},
            ),
            _ => {
                let frame = |seed| gif::Frame {
                    width, height, delay: 2, buffer: made::noise(pixels, seed).into(),
                    ..gif::Frame::default()
                };
                made::gif_of(width, height, &[frame(seed), frame(seed ^ 2), frame(seed ^ 4)])
            }
        };
        for purpose in PURPOSES {
            prop_assert!(prepared(&file, purpose).is_ok());
        }
    }
}
