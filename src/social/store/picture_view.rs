//! Questions about pictures.

use super::{
    StateError, View,
    keys::{self, Parts, Table},
    picture_records::{self, PieceRecord},
    records::{decode, number},
};
use crate::{
    domain::{Picture, PictureAddress, PictureId, PictureSize, UnixMillis, UserId},
    social::pictures::{PictureRecord, UNUSED_FOR_MS, place_of},
};

impl View {
    /// A picture of somebody, whole or not.
    pub fn own_picture(
        &self,
        owner: UserId,
        picture: PictureId,
    ) -> Result<Option<PictureRecord>, StateError> {
        let found = picture_records::picture(self.moment(), picture)?;
        Ok(found.filter(|record| record.owner == owner))
    }

    /// How much the pictures of somebody take, in bytes.
    pub fn picture_bytes(&self, owner: UserId) -> Result<u64, StateError> {
        picture_records::bytes_of(self.moment(), owner)
    }

    /// The picture at an address, if it is whole, and others see its owner.
    pub fn picture_at(&self, address: PictureAddress) -> Result<Option<Picture>, StateError> {
        let Some(row) = self.moment().get(&keys::picture_at(address))? else { return Ok(None) };
        let found = picture_records::picture(self.moment(), PictureId::new(number(&row)?))?;
        let Some(record) = found.filter(PictureRecord::is_complete) else { return Ok(None) };
        let is_seen = !self.is_out_of_sight(record.owner)?;
        Ok(is_seen.then_some(record.picture))
    }

    /// Some bytes of a file of a picture, from an offset on: as far as one piece goes. None at its end, and nothing of
    /// a picture that is gone.
    pub fn some_of_picture(
        &self,
        picture: &Picture,
        size: PictureSize,
        offset: u32,
    ) -> Result<Vec<u8>, StateError> {
        let left = picture.file(size).bytes.saturating_sub(offset);
        let (piece, from) = place_of(picture, size, offset);
        let row = self.moment().get(&keys::piece(picture.id, piece))?;
        let Some(row) = row.filter(|_| left > 0) else { return Ok(Vec::new()) };
        let PieceRecord { bytes } = decode(&row)?;
        let bytes = bytes.get(from..).unwrap_or_default();
        Ok(bytes[..bytes.len().min(left as usize)].to_vec())
    }

    /// Whether some picture has belonged to nothing for so long that it goes.
    pub fn has_forgettable_picture(&self, now: UnixMillis) -> Result<bool, StateError> {
        let first = self.moment().scan(keys::all(Table::UnusedPictures)).next();
        let Some(row) = first else { return Ok(false) };
        let id = PictureId::new(Parts::of(&row?.0).number()?);
        let record = picture_records::picture(self.moment(), id)?;
        Ok(record.is_some_and(|record| now.saturating_ms_since(record.at) > UNUSED_FOR_MS))
    }
}
