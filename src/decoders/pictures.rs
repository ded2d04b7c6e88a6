//! Pictures: what is uploaded, and the calls that are about it.

use std::cell::Cell;

use prost::Message as _;

use super::{choice, chosen, messages::message, requests::is_sent_on};
use crate::{
    domain::{ClientId, Picture, PictureId, PicturePurpose, PictureSize, PictureWords, RequestKey},
    grpc::messages::pictures as messages,
    imaging,
    network::pictures::{PicturePart, Upload},
    wire::v1,
};

/// What strangers upload. What is kept of it is itself a picture that is kept as it is.
pub fn uploads(bytes: &[u8]) {
    /// So often it is asked whether the work goes on: enough for what fits into a few kilobytes.
    const STEPS: u32 = 20_000;
    let Some((purpose, bytes)) = choice(bytes, 3) else { return };
    let purpose = [PicturePurpose::Post, PicturePurpose::Avatar, PicturePurpose::Header][purpose];
    let left = Cell::new(STEPS);
    let goes_on = || {
        left.set(left.get().saturating_sub(1));
        left.get() > 0
    };
    let Ok(prepared) = imaging::prepare(bytes, purpose, &goes_on) else { return };
    for rendition in [&prepared.original, &prepared.small] {
        assert!(rendition.bytes.len() <= imaging::limits::most_bytes(purpose));
        left.set(STEPS);
        let again = imaging::prepare(&rendition.bytes, purpose, &goes_on);
        let again = again.expect("what is kept can be read");
        assert_eq!(again.original.dimensions, rendition.dimensions);
    }
}

/// The smallest pictures that there are: one transparent pixel, in two formats.
pub fn seeds_of_uploads() -> Vec<Vec<u8>> {
    const GIF: &[u8] = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff!\xf9\x04\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x01D\0;";
    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\0\0\0\rIDATx\xdac\xfc\xcf\xc0P\x0f\0\x04\x85\x01\x80\x84\xa9\x8c!\0\0\0\0IEND\xaeB`\x82";
    let mut seeds = vec![chosen(0, GIF), chosen(1, PNG), chosen(2, PNG)];
    // What is made of them is another format, at times.
    for purpose in [PicturePurpose::Post, PicturePurpose::Header] {
        let prepared = imaging::prepare(PNG, purpose, &|| true).expect("it is a picture");
        seeds.push(chosen(0, prepared.original.bytes));
    }
    seeds
}

/// The calls, and their answers.
pub fn calls(bytes: &[u8]) {
    let Some((kind, bytes)) = choice(bytes, 7) else { return };
    match kind {
        0 => {
            let Some(v1::UploadRequest { what: Some(what) }) = message(bytes) else { return };
            let v1::upload_request::What::Begin(begin) = what else { return };
            is_sent_on(messages::upload_from_wire(begin), |(key, purpose, words)| {
                let (purpose, words) = (*purpose, words.clone());
                let upload = Upload { purpose, words, bytes: bytes::Bytes::new() };
                messages::upload_from_wire(messages::upload_to_wire(key, &upload))
            });
        }
        1 => {
            let Some(wire) = message::<v1::DescribePictureRequest>(bytes) else { return };
            is_sent_on(messages::description_change_from_wire(wire), |(key, id, words)| {
                let sent = messages::description_change_to_wire(key, *id, words.clone());
                messages::description_change_from_wire(sent)
            });
        }
        2 => {
            let Some(wire) = message::<v1::DiscardPictureRequest>(bytes) else { return };
            is_sent_on(messages::discard_from_wire(wire), |(key, id)| {
                messages::discard_from_wire(messages::discard_to_wire(key, *id))
            });
        }
        3 => {
            let Some(wire) = message::<v1::SetProfilePictureRequest>(bytes) else { return };
            is_sent_on(messages::profile_picture_from_wire(wire), |(key, purpose, id)| {
                let sent = messages::profile_picture_to_wire(key, *purpose, *id);
                messages::profile_picture_from_wire(sent)
            });
        }
        4 => {
            let Some(wire) = message::<v1::ReadPictureRequest>(bytes) else { return };
            is_sent_on(messages::reading_from_wire(wire), |(address, size, offset)| {
                let sent = messages::reading_to_wire(*address, *size, *offset);
                messages::reading_from_wire(sent)
            });
        }
        5 => {
            let Some(wire) = message::<v1::ReadPictureReply>(bytes) else { return };
            is_sent_on(messages::part_from_wire(wire), |part| {
                messages::part_from_wire(messages::part_to_wire(part.clone()))
            });
        }
        _ => {
            let Some(wire) = message::<v1::Picture>(bytes) else { return };
            is_sent_on(messages::picture_from_wire(wire), |picture| {
                messages::picture_from_wire(messages::picture_to_wire(picture.clone()))
            });
        }
    }
}

pub fn seeds_of_calls() -> Vec<Vec<u8>> {
    let key = RequestKey::Counted { client: ClientId(7), sequence: 9, answered_below: 3 };
    let picture = Picture::example();
    let words = PictureWords { description: picture.description.clone(), focus: picture.focus };
    let purpose = PicturePurpose::Header;
    let upload = Upload { purpose, bytes: vec![7; 300].into(), words: words.clone() };
    let begin = messages::upload_to_wire(&key, &upload);
    let begin = v1::UploadRequest { what: Some(v1::upload_request::What::Begin(begin)) };
    let id = PictureId::new(300);
    let described = messages::description_change_to_wire(&key, id, words);
    let shown = messages::profile_picture_to_wire(&key, PicturePurpose::Avatar, Some(id));
    let read = messages::reading_to_wire(picture.address, PictureSize::Small, 65_536);
    let part = PicturePart { file: picture.small, bytes: vec![0xff; 9].into() };
    vec![
        chosen(0, begin.encode_to_vec()),
        chosen(1, described.encode_to_vec()),
        chosen(2, messages::discard_to_wire(&key, id).encode_to_vec()),
        chosen(3, shown.encode_to_vec()),
        chosen(4, read.encode_to_vec()),
        chosen(5, messages::part_to_wire(part).encode_to_vec()),
        chosen(6, messages::picture_to_wire(picture).encode_to_vec()),
    ]
}
