//! What belongs to pictures: that they are whole, that what they belong to knows of them, and that they were counted
//! right.

use super::{Audit, agree, contradiction};
use crate::{
    domain::{PictureId, PostId, UserId},
    social::{
        StateError,
        pictures::{PicturePlace, PictureRecord, pieces_of},
        store::{
            keys::{self, Key, Parts, Table},
            people_records,
            picture_records::{self, PieceRecord},
            post_records::{self, Body, PostRecord},
            records::{decode, known_user, number},
        },
    },
};

impl Audit<'_> {
    pub(super) fn picture(&mut self, mut key: Parts<'_>, value: &[u8]) -> Result<(), StateError> {
        let id = PictureId::new(key.number()?);
        key.end()?;
        let record: PictureRecord = decode(value)?;
        let PictureRecord { owner, picture, pieces, place, .. } = record;
        agree(picture.id == id, || "it says that it is another".to_owned())?;
        let is_there = id.get() > 0 && id.get() <= self.meta.newest_post.get();
        agree(is_there, || "there is no picture with such a number yet".to_owned())?;
        known_user(self.moment, owner)?;
        let most = pieces_of(picture.bytes());
        agree(pieces <= most, || format!("it has {pieces} pieces of {most}"))?;
        self.expect_so_many(Table::PicturePieces, pieces.into());
        let at = self.indexed(Table::PicturesByAddress, &keys::picture_at(picture.address))?;
        agree(number(&at)? == id.get(), || "its address leads to another".to_owned())?;
        self.indexed(Table::PicturesByOwner, &keys::picture_of(owner, id))?;
        match place {
            PicturePlace::Nowhere => {
                self.indexed(Table::UnusedPictures, &keys::of_picture(Table::UnusedPictures, id))?;
                Ok(())
            }
            PicturePlace::Post(post) => {
                agree(self.shows(owner, post, id)?, || format!("post {post} does not show it"))
            }
            PicturePlace::Profile => {
                let profile = people_records::profile(self.moment, owner)?;
                let is_shown = [profile.avatar, profile.header].contains(&Some(id));
                agree(is_shown, || "the profile of its owner does not show it".to_owned())
            }
        }
    }

    /// The row of an index that should be there.
    fn indexed(&mut self, table: Table, key: &Key) -> Result<Vec<u8>, StateError> {
        self.expect(table);
        let row = self.moment.get(key)?;
        let row =
            row.ok_or_else(|| contradiction(format!("it is not among the {}", table.name())))?;
        Ok(row.to_vec())
    }

    fn shows(&self, author: UserId, post: PostId, id: PictureId) -> Result<bool, StateError> {
        let Some(row) = post_records::post_row(self.moment, author, post)? else {
            return Ok(false);
        };
        let record: PostRecord<'_> = decode(&row)?;
        Ok(matches!(record.body, Body::Words(words) if words.pictures.contains(&id)))
    }

    pub(super) fn piece_of_picture(
        &self,
        mut key: Parts<'_>,
        value: &[u8],
    ) -> Result<(), StateError> {
        let (id, piece) = (PictureId::new(key.number()?), key.number()?);
        key.end()?;
        let PieceRecord { bytes } = decode(value)?;
        let record = picture_records::picture(self.moment, id)?;
        let record = record.ok_or_else(|| contradiction("there is no such picture"))?;
        let piece = u32::try_from(piece).map_err(|_| contradiction("no picture is so large"))?;
        let is_wanted = piece < record.pieces && record.length_of_piece(piece) == Some(bytes.len());
        agree(is_wanted, || "it is not a piece of its picture".to_owned())
    }

    pub(super) fn counted_pictures(
        &self,
        mut key: Parts<'_>,
        value: &[u8],
    ) -> Result<(), StateError> {
        let owner = key.user()?;
        key.end()?;
        let mut there: u64 = 0;
        for row in self.moment.scan(keys::all_of_user(Table::PicturesByOwner, owner)) {
            let (key, _) = row?;
            let mut key = Parts::of(&key);
            let (_owner, id) = (key.user()?, PictureId::new(key.number()?));
            let record = picture_records::picture(self.moment, id)?;
            there = there.saturating_add(record.map_or(0, |record| record.picture.bytes()));
        }
        let counted = number(value)?;
        agree(counted == there, || format!("{counted} bytes were counted, and there are {there}"))
    }

    /// Whether pictures are there that a row shows, for the one of whom it is.
    pub(super) fn has_pictures(
        &self,
        owner: UserId,
        pictures: &[PictureId],
        is_their_place: impl Fn(PicturePlace) -> bool,
    ) -> Result<(), StateError> {
        for id in pictures {
            let record = picture_records::picture(self.moment, *id)?;
            let record = record.ok_or_else(|| contradiction(format!("picture {id} is missing")))?;
            let is_theirs = record.owner == owner && is_their_place(record.place);
            agree(is_theirs, || format!("picture {id} belongs to something else"))?;
        }
        Ok(())
    }
}
