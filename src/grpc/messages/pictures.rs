//! Pictures.

use super::{invalid, key_from_wire, key_to_wire, unreadable};
use crate::{
    domain::{
        Dimensions, Focus, Picture, PictureAddress, PictureDescription, PictureFile, PictureFormat,
        PictureId, PicturePurpose, PictureSize, PictureWords, RequestKey,
    },
    network::{
        Refusal,
        pictures::{PicturePart, Upload},
    },
    wire::v1,
};

/// What comes before the bytes of a picture that is uploaded, under a key.
pub fn upload_to_wire(key: &RequestKey, upload: &Upload) -> v1::UploadBegin {
    let PictureWords { description, focus } = upload.words.clone();
    v1::UploadBegin {
        request_id: Some(key_to_wire(key)),
        purpose: purpose_to_wire(upload.purpose).into(),
        bytes: u32::try_from(upload.bytes.len()).unwrap_or(u32::MAX),
        description: description_to_wire(description),
        focus: focus.map(focus_to_wire),
    }
}

/// What is said of a picture that is uploaded: under which key, for what, and what it shows.
pub fn upload_from_wire(
    wire: v1::UploadBegin,
) -> Result<(RequestKey, PicturePurpose, PictureWords), Refusal> {
    let v1::UploadBegin { request_id, purpose, bytes: _, description, focus } = wire;
    let key = key_from_wire(request_id)?;
    Ok((key, purpose_from_wire(purpose)?, words_from_wire(&description, focus)?))
}

/// What a picture shows from now on, under a key.
pub fn description_change_to_wire(
    key: &RequestKey,
    picture: PictureId,
    PictureWords { description, focus }: PictureWords,
) -> v1::DescribePictureRequest {
    v1::DescribePictureRequest {
        request_id: Some(key_to_wire(key)),
        id: picture.get(),
        description: description_to_wire(description),
        focus: focus.map(focus_to_wire),
    }
}

/// What a picture shows from now on, under a key.
pub fn description_change_from_wire(
    wire: v1::DescribePictureRequest,
) -> Result<(RequestKey, PictureId, PictureWords), Refusal> {
    let v1::DescribePictureRequest { request_id, id, description, focus } = wire;
    let words = words_from_wire(&description, focus)?;
    Ok((key_from_wire(request_id)?, PictureId::new(id), words))
}

/// Which picture is removed, under a key.
pub fn discard_to_wire(key: &RequestKey, picture: PictureId) -> v1::DiscardPictureRequest {
    v1::DiscardPictureRequest { request_id: Some(key_to_wire(key)), id: picture.get() }
}

/// Which picture is removed, under a key.
pub fn discard_from_wire(
    wire: v1::DiscardPictureRequest,
) -> Result<(RequestKey, PictureId), Refusal> {
    Ok((key_from_wire(wire.request_id)?, PictureId::new(wire.id)))
}

/// Which picture a profile shows, under a key.
pub fn profile_picture_to_wire(
    key: &RequestKey,
    purpose: PicturePurpose,
    picture: Option<PictureId>,
) -> v1::SetProfilePictureRequest {
    v1::SetProfilePictureRequest {
        request_id: Some(key_to_wire(key)),
        purpose: purpose_to_wire(purpose).into(),
        id: picture.map_or(0, PictureId::get),
    }
}

/// Which picture a profile shows, under a key.
pub fn profile_picture_from_wire(
    wire: v1::SetProfilePictureRequest,
) -> Result<(RequestKey, PicturePurpose, Option<PictureId>), Refusal> {
    let v1::SetProfilePictureRequest { request_id, purpose, id } = wire;
    let picture = (id > 0).then(|| PictureId::new(id));
    Ok((key_from_wire(request_id)?, purpose_from_wire(purpose)?, picture))
}

/// Which bytes of which picture are read.
pub fn reading_to_wire(
    address: PictureAddress,
    size: PictureSize,
    offset: u32,
) -> v1::ReadPictureRequest {
    let address = address.as_bytes().to_vec();
    v1::ReadPictureRequest { address, small: size == PictureSize::Small, offset }
}

/// Which bytes of which picture are read.
pub fn reading_from_wire(
    wire: v1::ReadPictureRequest,
) -> Result<(PictureAddress, PictureSize, u32), Refusal> {
    let v1::ReadPictureRequest { address, small, offset } = wire;
    let address = address_from_wire(address)
        .ok_or_else(|| Refusal::invalid("the address of a picture has 16 bytes"))?;
    let size = if small { PictureSize::Small } else { PictureSize::Original };
    Ok((address, size, offset))
}

/// Some of a picture.
pub fn part_to_wire(PicturePart { file, bytes }: PicturePart) -> v1::ReadPictureReply {
    v1::ReadPictureReply { file: Some(file_to_wire(file)), bytes: bytes.into() }
}

/// Some of a picture.
pub fn part_from_wire(wire: v1::ReadPictureReply) -> Result<PicturePart, Refusal> {
    let v1::ReadPictureReply { file, bytes } = wire;
    Ok(PicturePart { file: file_from_wire(file)?, bytes: bytes.into() })
}

/// A picture.
pub fn picture_to_wire(picture: Picture) -> v1::Picture {
    let Picture { id, address, original, small, blurhash, description, focus } = picture;
    v1::Picture {
        id: id.get(),
        address: address.as_bytes().to_vec(),
        original: Some(file_to_wire(original)),
        small: Some(file_to_wire(small)),
        blurhash,
        description: description_to_wire(description),
        focus: focus.map(focus_to_wire),
    }
}

/// A picture.
pub fn picture_from_wire(wire: v1::Picture) -> Result<Picture, Refusal> {
    let v1::Picture { id, address, original, small, blurhash, description, focus } = wire;
    let address =
        address_from_wire(address).ok_or_else(|| unreadable("a picture without an address"))?;
    let focus = focus.map(|focus| focus_from_wire(focus).ok_or_else(|| unreadable("the focus")));
    Ok(Picture {
        id: PictureId::new(id),
        address,
        original: file_from_wire(original)?,
        small: file_from_wire(small)?,
        blurhash,
        description: PictureDescription::new(&description).map_err(unreadable)?,
        focus: focus.transpose()?,
    })
}

/// The ids of pictures, as their owner names them.
pub(super) fn ids_to_wire(ids: Vec<PictureId>) -> Vec<u64> {
    ids.into_iter().map(PictureId::get).collect()
}

/// The ids of pictures, as their owner names them.
pub(super) fn ids_from_wire(wire: Vec<u64>) -> Vec<PictureId> {
    wire.into_iter().map(PictureId::new).collect()
}

/// Pictures.
pub(super) fn pictures_to_wire(pictures: Vec<Picture>) -> Vec<v1::Picture> {
    pictures.into_iter().map(picture_to_wire).collect()
}

/// Pictures.
pub(super) fn pictures_from_wire(wire: Vec<v1::Picture>) -> Result<Vec<Picture>, Refusal> {
    wire.into_iter().map(picture_from_wire).collect()
}

fn purpose_to_wire(purpose: PicturePurpose) -> v1::PicturePurpose {
    match purpose {
        PicturePurpose::Post => v1::PicturePurpose::Post,
        PicturePurpose::Avatar => v1::PicturePurpose::Avatar,
        PicturePurpose::Header => v1::PicturePurpose::Header,
    }
}

fn purpose_from_wire(wire: i32) -> Result<PicturePurpose, Refusal> {
    match v1::PicturePurpose::try_from(wire) {
        Ok(v1::PicturePurpose::Post) => Ok(PicturePurpose::Post),
        Ok(v1::PicturePurpose::Avatar) => Ok(PicturePurpose::Avatar),
        Ok(v1::PicturePurpose::Header) => Ok(PicturePurpose::Header),
        Ok(v1::PicturePurpose::Unspecified) | Err(_) => {
            Err(invalid("purpose must be POST, AVATAR or HEADER"))
        }
    }
}

fn words_from_wire(description: &str, focus: Option<v1::Focus>) -> Result<PictureWords, Refusal> {
    let outside = || Refusal::invalid("a focus is at -1000 to 1000 in both directions");
    let focus = focus.map(|focus| focus_from_wire(focus).ok_or_else(outside)).transpose()?;
    Ok(PictureWords { description: PictureDescription::new(description)?, focus })
}

fn description_to_wire(description: Option<PictureDescription>) -> String {
    description.map(|description| description.as_str().to_owned()).unwrap_or_default()
}

fn focus_to_wire(focus: Focus) -> v1::Focus {
    v1::Focus { x: focus.x().into(), y: focus.y().into() }
}

fn focus_from_wire(v1::Focus { x, y }: v1::Focus) -> Option<Focus> {
    Focus::new(x.try_into().ok()?, y.try_into().ok()?)
}

fn address_from_wire(bytes: Vec<u8>) -> Option<PictureAddress> {
    bytes.try_into().ok().map(PictureAddress::new)
}

fn file_to_wire(PictureFile { format, dimensions, bytes }: PictureFile) -> v1::PictureFile {
    let format = match format {
        PictureFormat::Jpeg => v1::PictureFormat::Jpeg,
        PictureFormat::Png => v1::PictureFormat::Png,
        PictureFormat::Gif => v1::PictureFormat::Gif,
    };
    let Dimensions { width, height } = dimensions;
    v1::PictureFile { format: format.into(), width, height, bytes }
}

fn file_from_wire(wire: Option<v1::PictureFile>) -> Result<PictureFile, Refusal> {
    let wire = wire.ok_or_else(|| unreadable("a picture without a file"))?;
    let v1::PictureFile { format, width, height, bytes } = wire;
    let format = match v1::PictureFormat::try_from(format) {
        Ok(v1::PictureFormat::Jpeg) => PictureFormat::Jpeg,
        Ok(v1::PictureFormat::Png) => PictureFormat::Png,
        Ok(v1::PictureFormat::Gif) => PictureFormat::Gif,
        Ok(v1::PictureFormat::Unspecified) | Err(_) => {
            return Err(unreadable("a picture of another format"));
        }
    };
    Ok(PictureFile { format, dimensions: Dimensions { width, height }, bytes })
}
