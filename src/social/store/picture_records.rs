//! The rows of pictures.

use serde::{Deserialize, Serialize};

use super::{
    StateError,
    keys::{self, Table},
    moment::Moment,
    records::{Record, decode, number},
};
use crate::{
    domain::{Picture, PictureId, UserId},
    envelope::Kind,
    social::pictures::PictureRecord,
};

impl Record for PictureRecord {
    const KIND: Kind = Kind::Picture;
}

/// Some of the bytes of a picture, read in place.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct PieceRecord<'a> {
    pub bytes: &'a [u8],
}

impl Record for PieceRecord<'_> {
    const KIND: Kind = Kind::PicturePiece;
}

/// What is stored about a picture.
pub(super) fn picture(
    moment: &Moment,
    picture: PictureId,
) -> Result<Option<PictureRecord>, StateError> {
    let row = moment.get(&keys::of_picture(Table::Pictures, picture))?;
    row.map(|row| decode(&row)).transpose()
}

/// Pictures as they are shown: those of these that are there.
pub(super) fn shown(moment: &Moment, pictures: &[PictureId]) -> Result<Vec<Picture>, StateError> {
    let found = pictures.iter().map(|id| picture(moment, *id)).filter_map(Result::transpose);
    found.map(|record| Ok(record?.picture)).collect()
}

/// How much the pictures of somebody take, in bytes.
pub(super) fn bytes_of(moment: &Moment, owner: UserId) -> Result<u64, StateError> {
    let row = moment.get(&keys::of_user(Table::PictureBytes, owner))?;
    row.map_or(Ok(0), |row| number(&row))
}
