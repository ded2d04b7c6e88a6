//! Files for the tests, made by encoders, and the parts to build others of. Needs nothing of the rest, so that whatever looks
//! for bytes on which the decoders fail can begin with these.
#![allow(dead_code, reason = "not everyone who includes this needs all of it")]

use jpeg_encoder::{ColorType as JpegColours, Encoder as JpegEncoder, SamplingFactor};

/// A pixel of WebP with losses.
pub const LOSSY_WEBP: &[u8] = b"RIFF\x22\0\0\0WEBPVP8 \x16\0\0\0\x30\x01\0\x9d\x01*\x01\0\
    \x01\0\x0e\xc0\xfe%\xa4\0\x03p\0\0\0\0";

/// The same with a channel for how opaque it is.
pub const CLEAR_WEBP: &[u8] = b"RIFFJ\0\0\0WEBPVP8X\x0a\0\0\0\x10\0\0\0\0\0\0\0\
    \0\0ALPH\x0c\0\0\0\x11\x07\x10\x11\xfd\x0fDD\xff\x03\0\0VP8 \x18\0\
    \0\0\x14\x01\0\x9d\x01*\x01\0\x01\0\0\0\xfe\0\0\x0d\xc0\0\xfe\xe6\xb5\0\0\0";

/// An animation of one frame.
pub const MOVING_WEBP: &[u8] = b"RIFFR\0\0\0WEBPVP8X\x0a\0\0\0\x12\0\0\0\0\0\0\0\
    \0\0ANIM\x06\0\0\0\xff\xff\xff\xff\0\0ANMF&\0\0\0\0\0\0\0\
    \0\0\0\0\0\0\0\0d\0\0\0VP8L\x0d\0\0\0/\0\0\0\x10\x07\x10\x11\
    \x11\x88\x88\xfe\x07\0";

/// Pixels of so many channels that go from one colour to another, with edges, so that nothing about them is symmetric.
pub fn gradient(width: u32, height: u32, channels: usize) -> Vec<u8> {
    let mut data = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let pixel = [x * 255 / width, y * 255 / height, (x / 8 + y / 8) % 2 * 40, 255];
            data.extend(pixel[..channels].iter().map(|&byte| u8::try_from(byte).expect("a byte")));
        }
    }
    data
}

/// Pixels that no encoder can make much smaller, the same for a seed.
pub fn noise(bytes: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..bytes).map(|_| next()).collect()
}

/// A JPEG of these pixels, with what `adjust` adds.
pub fn jpeg_with(
    (width, height): (u16, u16),
    colours: JpegColours,
    data: &[u8],
    adjust: impl FnOnce(&mut JpegEncoder<&mut Vec<u8>>),
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new(&mut bytes, 90);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    adjust(&mut encoder);
    encoder.encode(data, width, height, colours).expect("it can be written");
    bytes
}

/// A photograph.
pub fn jpeg(width: u16, height: u16) -> Vec<u8> {
    let data = gradient(width.into(), height.into(), 3);
    jpeg_with((width, height), JpegColours::Rgb, &data, |_| {})
}

/// A photograph that comes in passes.
pub fn progressive_jpeg(width: u16, height: u16) -> Vec<u8> {
    let data = gradient(width.into(), height.into(), 3);
    jpeg_with((width, height), JpegColours::Rgb, &data, |encoder| encoder.set_progressive(true))
}

/// A PNG of these pixels, with what `adjust` sets.
pub fn png_with(
    (width, height): (u32, u32),
    colours: png::ColorType,
    data: &[u8],
    adjust: impl FnOnce(&mut png::Encoder<'_, &mut Vec<u8>>),
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(colours);
    encoder.set_depth(png::BitDepth::Eight);
    adjust(&mut encoder);
    let mut writer = encoder.write_header().expect("it can be written");
    writer.write_image_data(data).expect("it can be written");
    writer.finish().expect("it can be written");
    bytes
}

/// A drawing.
pub fn png(width: u32, height: u32) -> Vec<u8> {
    png_with((width, height), png::ColorType::Rgb, &gradient(width, height, 3), |_| {})
}

/// A drawing whose left half is transparent.
pub fn clear_png(width: u32, height: u32) -> Vec<u8> {
    let mut data = gradient(width, height, 4);
    for (pixel, channels) in data.chunks_exact_mut(4).enumerate() {
        if pixel % (width as usize) < width as usize / 2 {
            channels[3] = 0;
        }
    }
    png_with((width, height), png::ColorType::Rgba, &data, |_| {})
}

/// A chunk of a PNG.
pub fn png_chunk(name: [u8; 4], data: &[u8]) -> Vec<u8> {
    let mut named = name.to_vec();
    named.extend_from_slice(data);
    let mut crc = flate2::Crc::new();
    crc.update(&named);
    let length = u32::try_from(data.len()).expect("it is short");
    [&length.to_be_bytes()[..], &named, &crc.sum().to_be_bytes()].concat()
}

/// The PNG with chunks after its header.
pub fn png_and(png: &[u8], chunks: &[u8]) -> Vec<u8> {
    const HEADER_END: usize = 8 + 12 + 13;
    [&png[..HEADER_END], chunks, &png[HEADER_END..]].concat()
}

/// Compressed, as in PNG.
pub fn deflated(data: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(data).expect("it is in memory");
    encoder.finish().expect("it is in memory")
}

/// The JPEG with a segment at its beginning.
pub fn jpeg_and(jpeg: &[u8], marker: u8, segment: &[u8]) -> Vec<u8> {
    let length = u16::try_from(segment.len() + 2).expect("it is short");
    [&jpeg[..2], &[0xff, marker], &length.to_be_bytes(), segment, &jpeg[2..]].concat()
}

/// The frames that a GIF is made of: a square that moves to the right over a still picture of many colours.
pub fn gif_frames(width: u16, height: u16, frames: u16) -> Vec<gif::Frame<'static>> {
    let still = |place: usize| {
        let (x, y) = (place % usize::from(width), place / usize::from(width));
        u8::try_from(128 + (x / 3 + y) % 120).expect("a byte")
    };
    let frame = |number: u16| {
        let mut buffer: Vec<u8> =
            (0..usize::from(width) * usize::from(height)).map(still).collect();
        for row in buffer.chunks_exact_mut(usize::from(width)).take(usize::from(height / 2)) {
            let start = usize::from(number % width);
            let end = (start + 4).min(row.len());
            row[start..end].fill(3);
        }
        gif::Frame { width, height, delay: 7, buffer: buffer.into(), ..gif::Frame::default() }
    };
    (0..frames).map(frame).collect()
}

/// A GIF of these frames, over and over.
pub fn gif_of(width: u16, height: u16, frames: &[gif::Frame<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let palette: Vec<u8> = (0..=255_u8).flat_map(|level| [level, level / 2, 255 - level]).collect();
    let mut encoder =
        gif::Encoder::new(&mut bytes, width, height, &palette).expect("it can be written");
    encoder.set_repeat(gif::Repeat::Infinite).expect("it can be written");
    for frame in frames {
        encoder.write_frame(frame).expect("it can be written");
    }
    drop(encoder);
    bytes
}

/// A GIF that moves.
pub fn gif(width: u16, height: u16, frames: u16) -> Vec<u8> {
    gif_of(width, height, &gif_frames(width, height, frames))
}

/// A WebP without losses, with what `adjust` adds.
pub fn webp_with(
    (width, height): (u32, u32),
    colours: image_webp::ColorType,
    data: &[u8],
    adjust: impl FnOnce(&mut image_webp::WebPEncoder<&mut Vec<u8>>),
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = image_webp::WebPEncoder::new(&mut bytes);
    adjust(&mut encoder);
    encoder.encode(data, width, height, colours).expect("it can be written");
    bytes
}

/// A drawing.
pub fn webp(width: u32, height: u32) -> Vec<u8> {
    let data = gradient(width, height, 3);
    webp_with((width, height), image_webp::ColorType::Rgb8, &data, |_| {})
}

/// EXIF with an orientation, and where the picture was taken.
pub fn exif(orientation: u8) -> Vec<u8> {
    let mut tiff = b"II*\0\x08\0\0\0\x02\0".to_vec();
    // The orientation: a short.
    tiff.extend_from_slice(&[0x12, 1, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0]);
    // Where the directory of the place is, and no directory after this one.
    tiff.extend_from_slice(&[0x25, 0x88, 4, 0, 1, 0, 0, 0, 38, 0, 0, 0, 0, 0, 0, 0]);
    // One entry: the date, as text, at 56.
    tiff.extend_from_slice(&[1, 0, 0x1d, 0, 2, 0, 11, 0, 0, 0, 56, 0, 0, 0, 0, 0, 0, 0]);
    tiff.extend_from_slice(b"GPS-SECRET\0");
    tiff
}

/// A colour profile for so many bytes, of a kind of channels.
pub fn profile(space: [u8; 4], bytes: usize) -> Vec<u8> {
    let mut profile = vec![0x5a; bytes];
    profile[..4].copy_from_slice(&u32::try_from(bytes).expect("it is short").to_be_bytes());
    profile[16..20].copy_from_slice(&space);
    profile[36..40].copy_from_slice(b"acsp");
    profile
}

/// One of every kind, small: what mutations begin with.
pub fn seeds() -> Vec<Vec<u8>> {
    let gradient_of = |channels| gradient(24, 17, channels);
    let photograph = jpeg(40, 30);
    let with_profile = jpeg_and(&photograph, 0xe2, &{
        [b"ICC_PROFILE\0\x01\x01".to_vec(), profile(*b"RGB ", 300)].concat()
    });
    let drawing = png(24, 17);
    let texts = [png_chunk(*b"eXIf", &exif(6)), png_chunk(*b"tEXt", b"Comment\0hello")].concat();
    vec![
        photograph.clone(),
        with_profile,
        jpeg_and(&photograph, 0xe1, &[b"Exif\0\0".to_vec(), exif(5)].concat()),
        progressive_jpeg(40, 30),
        jpeg_with((24, 17), JpegColours::Luma, &gradient_of(1), |_| {}),
        jpeg_with((24, 17), JpegColours::Cmyk, &gradient_of(4), |encoder| {
            encoder.set_sampling_factor(SamplingFactor::F_1_1);
        }),
        png_and(&drawing, &texts),
        drawing,
        clear_png(24, 17),
        png_with((24, 17), png::ColorType::Grayscale, &gradient_of(1), |_| {}),
        gif(24, 17, 4),
        gif(24, 17, 1),
        webp(24, 17),
        webp_with((24, 17), image_webp::ColorType::Rgba8, &gradient_of(4), |encoder| {
            encoder.set_exif_metadata(exif(7));
            encoder.set_icc_profile(profile(*b"RGB ", 200));
        }),
        LOSSY_WEBP.to_vec(),
        CLEAR_WEBP.to_vec(),
        MOVING_WEBP.to_vec(),
    ]
}
