//! What else is in a file: applied, kept or dropped.

use super::*;

/// A photograph, with its orientation and the place where it was taken, in each format that has such a thing.
fn turned(orientation: u8) -> [Vec<u8>; 3] {
    let exif = made::exif(orientation);
    let data = made::gradient(96, 64, 3);
    let webp = made::webp_with((96, 64), image_webp::ColorType::Rgb8, &data, |encoder| {
        encoder.set_exif_metadata(exif.clone());
    });
    let named = [b"Exif\0\0", &exif[..]].concat();
    [
        made::jpeg_and(&made::jpeg(96, 64), 0xe1, &named),
        made::png_and(&made::png(96, 64), &made::png_chunk(*b"eXIf", &exif)),
        webp,
    ]
}

#[test]
fn orientations_are_applied_and_where_it_was_taken_is_gone() {
    // Where the first pixel, which is the darkest, comes to be: left or right, above or below.
    let corners = [
        (1, (false, false)),
        (2, (true, false)),
        (3, (true, true)),
        (4, (false, true)),
        (5, (false, false)),
        (6, (true, false)),
        (7, (true, true)),
        (8, (false, true)),
    ];
    for (orientation, (is_right, is_below)) in corners {
        for bytes in turned(orientation) {
            assert!(contains(&bytes, b"GPS-SECRET"));
            let kept = attachment(&bytes);
            let upright = if orientation < 5 { size(96, 64) } else { size(64, 96) };
            assert_eq!(kept.original.dimensions, upright, "{orientation}");
            assert!(!contains(&kept.original.bytes, b"GPS-SECRET"));
            assert!(!contains(&kept.original.bytes, b"Exif"));
            let pixels = read(&kept.original).pixels;
            let (width, height) = (upright.width as usize, upright.height as usize);
            let column = if is_right { width - 1 } else { 0 };
            let row = if is_below { height - 1 } else { 0 };
            let place = (row * width + column) * 3;
            let corner = &pixels.data()[place..place + 3];
            assert!(corner.iter().all(|&level| level < 40), "{orientation}: {corner:?}");
        }
    }
}

#[test]
fn a_small_colour_profile_is_kept_in_every_format() {
    let profile = made::profile(*b"RGB ", 3_000);
    for bytes in with_profile(&profile) {
        let kept = attachment(&bytes);
        let found = read(&kept.original).profile.expect("it has one");
        assert_eq!(found.as_bytes(), profile);
        assert!(read(&kept.small).profile.is_some());
    }
}

#[test]
fn a_colour_profile_that_is_large_or_for_other_channels_is_dropped() {
    let mut damaged = made::profile(*b"RGB ", 3_000);
    damaged[36] = b'x';
    for profile in [
        made::profile(*b"RGB ", limits::MOST_PROFILE_BYTES + 1),
        made::profile(*b"CMYK", 3_000),
        made::profile(*b"GRAY", 3_000),
        damaged,
        b"none".to_vec(),
    ] {
        for bytes in with_profile(&profile) {
            assert_eq!(read(&attachment(&bytes).original).profile, None);
        }
    }
}

fn with_profile(profile: &[u8]) -> [Vec<u8>; 3] {
    let data = made::gradient(40, 30, 3);
    let compressed = [b"icc\0\0", &made::deflated(profile)[..]].concat();
    [
        made::jpeg_with((40, 30), jpeg_encoder::ColorType::Rgb, &data, |encoder| {
            encoder.add_icc_profile(profile).expect("it is short");
        }),
        made::png_and(&made::png(40, 30), &made::png_chunk(*b"iCCP", &compressed)),
        made::webp_with((40, 30), image_webp::ColorType::Rgb8, &data, |encoder| {
            encoder.set_icc_profile(profile.to_vec());
        }),
    ]
}

#[test]
fn comments_and_texts_and_what_is_appended_are_gone() {
    let secret = b"SECRET-TEXT <script>alert(1)</script> PK\x03\x04";
    let jpeg = made::jpeg(40, 30);
    let xmp = [b"http://ns.adobe.com/xap/1.0/\0", &secret[..]].concat();
    let png = made::png(40, 30);
    let text = [b"Comment\0", &secret[..]].concat();
    let gif = made::gif(40, 30, 3);
    let comment = [&[0x21, 0xfe, 42][..], secret, &[0]].concat();
    assert_eq!(secret.len(), 42);
    let webp = made::webp_with(
        (40, 30),
        image_webp::ColorType::Rgb8,
        &made::gradient(40, 30, 3),
        |encoder| encoder.set_xmp_metadata(secret.to_vec()),
    );
    let (start, end) = gif.split_at(gif.len() - 1);
    for bytes in [
        made::jpeg_and(&jpeg, 0xfe, secret),
        made::jpeg_and(&jpeg, 0xe1, &xmp),
        made::jpeg_and(&jpeg, 0xed, secret),
        [&jpeg[..], secret].concat(),
        made::png_and(&png, &made::png_chunk(*b"tEXt", &text)),
        made::png_and(&png, &made::png_chunk(*b"prVt", secret)),
        [&png[..], secret].concat(),
        [start, &comment, end].concat(),
        [&gif[..], secret].concat(),
        webp,
        [&made::webp(40, 30)[..], secret].concat(),
    ] {
        assert!(contains(&bytes, b"SECRET-TEXT"));
        for purpose in PURPOSES {
            let kept = prepared(&bytes, purpose).expect("it is a picture");
            for picture in [kept.original, kept.small] {
                for gone in [&b"SECRET"[..], b"script", b"PK\x03\x04"] {
                    assert!(!contains(&picture.bytes, gone), "{:?}", picture.format);
                }
            }
        }
    }
}
