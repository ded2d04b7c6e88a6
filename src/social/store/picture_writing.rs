//! The rows of pictures, for writing. Which of them happens is decided by [`apply`](crate::social::apply).

use super::{
    StateError,
    keys::{self, Parts, Table},
    picture_records::{self, PieceRecord},
    records::encode,
    writing::Tables,
};
use crate::{
    domain::{PictureId, UserId},
    social::pictures::{PicturePlace, PictureRecord, pieces_of},
};

impl Tables<'_> {
    /// What is stored about a picture.
    pub fn picture(&self, picture: PictureId) -> Result<Option<PictureRecord>, StateError> {
        picture_records::picture(self.moment(), picture)
    }

    /// How much the pictures of somebody take, in bytes.
    pub fn picture_bytes(&self, owner: UserId) -> Result<u64, StateError> {
        picture_records::bytes_of(self.moment(), owner)
    }

    /// Adds what is known of a picture, whose pieces follow.
    pub fn add_picture(&mut self, record: &PictureRecord) -> Result<(), StateError> {
        let (id, owner) = (record.picture.id, record.owner);
        let address = record.picture.address;
        self.change.put(&keys::picture_at(address), &id.get().to_be_bytes());
        self.change.put(&keys::picture_of(owner, id), &[]);
        self.count_picture_bytes(owner, record.picture.bytes(), true)?;
        self.put_picture(record);
        Ok(())
    }

    /// Replaces what is known of a picture.
    pub fn put_picture(&mut self, record: &PictureRecord) {
        let id = record.picture.id;
        let unused = keys::of_picture(Table::UnusedPictures, id);
        if record.place == PicturePlace::Nowhere {
            self.change.put(&unused, &[]);
        } else {
            self.change.remove(&unused);
        }
        self.change.put(&keys::of_picture(Table::Pictures, id), &encode(record));
    }

    /// Adds the next piece of a picture.
    pub fn add_piece(&mut self, record: &mut PictureRecord, bytes: &[u8]) {
        let key = keys::piece(record.picture.id, record.pieces);
        self.change.put(&key, &encode(&PieceRecord { bytes }));
        record.pieces = record.pieces.saturating_add(1);
        self.put_picture(record);
    }

    /// Removes a picture, if it is there.
    pub fn remove_picture(&mut self, picture: PictureId) -> Result<(), StateError> {
        let Some(record) = self.picture(picture)? else { return Ok(()) };
        let PictureRecord { owner, picture, pieces, .. } = record;
        for number in 0..pieces.min(pieces_of(picture.bytes())) {
            self.change.remove(&keys::piece(picture.id, number));
        }
        self.change.remove(&keys::of_picture(Table::UnusedPictures, picture.id));
        self.change.remove(&keys::picture_at(picture.address));
        self.change.remove(&keys::picture_of(owner, picture.id));
        self.change.remove(&keys::of_picture(Table::Pictures, picture.id));
        self.count_picture_bytes(owner, picture.bytes(), false)
    }

    /// The pictures that belong to nothing, the oldest first, at most so many.
    pub fn unused_pictures(&self, most: usize) -> Result<Vec<PictureRecord>, StateError> {
        let rows = self.moment().scan(keys::all(Table::UnusedPictures)).take(most);
        let ids = rows.map(|row| Parts::of(&row?.0).number().map(PictureId::new));
        let ids = ids.collect::<Result<Vec<_>, _>>()?;
        ids.into_iter().filter_map(|id| self.picture(id).transpose()).collect()
    }

    fn count_picture_bytes(
        &mut self,
        owner: UserId,
        bytes: u64,
        more: bool,
    ) -> Result<(), StateError> {
        let before = self.picture_bytes(owner)?;
        let after = if more { before.saturating_add(bytes) } else { before.saturating_sub(bytes) };
        let key = keys::of_user(Table::PictureBytes, owner);
        if after == 0 {
            self.change.remove(&key);
        } else {
            self.change.put(&key, &after.to_be_bytes());
        }
        Ok(())
    }
}
