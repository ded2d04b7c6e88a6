//! Pictures: how they come, to what they belong, and how they go.

use super::{Graph, Outcome};
use crate::{
    domain::{MOST_PICTURES, Picture, PictureId, PicturePurpose, PictureWords, UnixMillis, UserId},
    social::{
        CommandRefusal, Reply,
        pictures::{
            MOST_BYTES_OF_A_PERSON, NewPicture, PicturePlace, PictureRecord, UNUSED_FOR_MS,
        },
        store::StateError,
    },
};

/// So many pictures go at most with one command that removes those that nobody uses: each has up to some twenty rows.
const FORGOTTEN_AT_A_TIME: usize = 4;

impl Graph<'_> {
    pub(super) fn begin_picture(
        &mut self,
        at: UnixMillis,
        owner: UserId,
        new: NewPicture,
    ) -> Result<Outcome, StateError> {
        let NewPicture { purpose, uploaded: _, address, original, small, blurhash, words } = new;
        let PictureWords { description, focus } = words;
        let taken = self.tables.picture_bytes(owner)?;
        let id = self.meta.newest_post.next().ok_or_else(super::used_up)?.into();
        let picture = Picture { id, address, original, small, blurhash, description, focus };
        if taken.saturating_add(picture.bytes()) > MOST_BYTES_OF_A_PERSON {
            return Ok(Err(CommandRefusal::PicturesTakeTooMuch));
        }
        self.next_position()?;
        let (pieces, place) = (0, PicturePlace::Nowhere);
        let record = PictureRecord { owner, at, picture, purpose, pieces, place };
        self.tables.add_picture(&record)?;
        Ok(Ok(Reply::Numbered(id.get())))
    }

    /// Done if the piece is here already, too.
    pub(super) fn put_piece(
        &mut self,
        owner: UserId,
        picture: PictureId,
        number: u32,
        bytes: &[u8],
    ) -> Result<Reply, StateError> {
        let Some(mut record) = self.own_picture(owner, picture)? else {
            return Ok(Reply::Refused(CommandRefusal::NoSuchPicture));
        };
        if number < record.pieces {
            return Ok(Reply::Done);
        }
        if number > record.pieces || record.length_of_piece(number) != Some(bytes.len()) {
            return Ok(Reply::Refused(CommandRefusal::PictureIncomplete));
        }
        self.tables.add_piece(&mut record, bytes);
        Ok(Reply::Done)
    }

    pub(super) fn describe_picture(
        &mut self,
        owner: UserId,
        picture: PictureId,
        PictureWords { description, focus }: PictureWords,
    ) -> Result<Outcome, StateError> {
        let Some(record) = self.own_picture(owner, picture)? else {
            return Ok(Err(CommandRefusal::NoSuchPicture));
        };
        if record.picture.description.is_some() && record.picture.description != description {
            self.words_were_removed();
        }
        let picture = Picture { description, focus, ..record.picture };
        self.tables.put_picture(&PictureRecord { picture, ..record });
        Ok(Ok(Reply::Done))
    }

    pub(super) fn discard_picture(
        &mut self,
        owner: UserId,
        picture: PictureId,
    ) -> Result<Outcome, StateError> {
        match self.own_picture(owner, picture)? {
            None => Ok(Err(CommandRefusal::NoSuchPicture)),
            Some(record) if record.place != PicturePlace::Nowhere => {
                Ok(Err(CommandRefusal::PictureInUse))
            }
            Some(_) => {
                self.remove_picture(picture)?;
                Ok(Ok(Reply::Done))
            }
        }
    }

    pub(super) fn set_profile_picture(
        &mut self,
        user: UserId,
        purpose: PicturePurpose,
        picture: Option<PictureId>,
    ) -> Result<Outcome, StateError> {
        let mut profile = self.tables.profile(user)?;
        let place = match purpose {
            PicturePurpose::Post => return Ok(Err(CommandRefusal::PictureOfOtherKind)),
            PicturePurpose::Avatar => &mut profile.avatar,
            PicturePurpose::Header => &mut profile.header,
        };
        if *place == picture {
            return Ok(Ok(Reply::Done));
        }
        let before = std::mem::replace(place, picture);
        if let Some(picture) = picture {
            let record = match self.usable_picture(user, picture, purpose)? {
                Ok(record) => record,
                Err(refusal) => return Ok(Err(refusal)),
            };
            let place = PicturePlace::Profile;
            self.tables.put_picture(&PictureRecord { place, ..record });
        }
        if let Some(before) = before {
            self.remove_picture(before)?;
        }
        self.tables.put_profile(user, &profile)?;
        Ok(Ok(Reply::Done))
    }

    /// Removes some of the pictures that nobody has used for a day.
    pub(super) fn forget_pictures(&mut self, at: UnixMillis) -> Result<Reply, StateError> {
        for record in self.tables.unused_pictures(FORGOTTEN_AT_A_TIME)? {
            if at.saturating_ms_since(record.at) > UNUSED_FOR_MS {
                self.remove_picture(record.picture.id)?;
            }
        }
        Ok(Reply::Done)
    }

    /// The pictures that a post is to show, if it may: those that belong to nothing yet, or to this post already.
    pub(super) fn usable_pictures(
        &self,
        user: UserId,
        pictures: &[PictureId],
        of: PicturePlace,
    ) -> Result<Result<Vec<PictureRecord>, CommandRefusal>, StateError> {
        let mut usable = Vec::new();
        for picture in pictures.iter().take(MOST_PICTURES) {
            if usable.iter().any(|record: &PictureRecord| record.picture.id == *picture) {
                continue;
            }
            let record = match self.own_picture(user, *picture)? {
                Some(record) if of != PicturePlace::Nowhere && record.place == of => Ok(record),
                _ => self.usable_picture(user, *picture, PicturePurpose::Post)?,
            };
            match record {
                Ok(record) => usable.push(record),
                Err(refusal) => return Ok(Err(refusal)),
            }
        }
        Ok(Ok(usable))
    }

    /// Makes pictures belong to something.
    pub(super) fn use_pictures(&mut self, pictures: Vec<PictureRecord>, place: PicturePlace) {
        for record in pictures {
            self.tables.put_picture(&PictureRecord { place, ..record });
        }
    }

    /// Removes pictures with what they belonged to.
    pub(super) fn remove_pictures(&mut self, pictures: &[PictureId]) -> Result<(), StateError> {
        pictures.iter().try_for_each(|picture| self.remove_picture(*picture))
    }

    /// Removes a picture, which has to leave the files, too.
    pub(super) fn remove_picture(&mut self, picture: PictureId) -> Result<(), StateError> {
        self.words_were_removed();
        self.tables.remove_picture(picture)
    }

    /// A picture that can be used now for something.
    fn usable_picture(
        &self,
        user: UserId,
        picture: PictureId,
        purpose: PicturePurpose,
    ) -> Result<Result<PictureRecord, CommandRefusal>, StateError> {
        let Some(record) = self.own_picture(user, picture)? else {
            return Ok(Err(CommandRefusal::NoSuchPicture));
        };
        Ok(if !record.is_complete() {
            Err(CommandRefusal::PictureIncomplete)
        } else if record.place != PicturePlace::Nowhere {
            Err(CommandRefusal::PictureInUse)
        } else if record.purpose != purpose {
            Err(CommandRefusal::PictureOfOtherKind)
        } else {
            Ok(record)
        })
    }

    fn own_picture(
        &self,
        owner: UserId,
        picture: PictureId,
    ) -> Result<Option<PictureRecord>, StateError> {
        Ok(self.tables.picture(picture)?.filter(|record| record.owner == owner))
    }
}
