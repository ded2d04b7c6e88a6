//! Pictures: what is uploaded is made smaller, and kept in the state, piece by piece.

use sha2::{Digest as _, Sha256};

use super::{
    Here,
    calls::context,
    refusals::{done, unexpected},
    scopes::{self, Needs},
};
use crate::{
    domain::{
        MOST_UPLOADED_BYTES, Picture, PictureAddress, PictureFile, PictureId, PicturePurpose,
        PictureSize, PictureWords, RequestKey,
    },
    host::random,
    imaging::{Prepared, Rendition},
    master::{picture_processor::NotPrepared, rate_limits::Activity, sessions::Session},
    network::{
        Call, Refusal, RefusalKind,
        pictures::{PicturePart, Pictures, Upload},
    },
    social::{
        Command, CommandRefusal, Reply,
        pictures::{NewPicture, PIECE_BYTES, PictureRecord},
    },
};

impl Pictures for Here {
    async fn upload_picture(
        &self,
        call: &Call,
        key: &RequestKey,
        upload: &Upload,
    ) -> Result<Picture, Refusal> {
        let Upload { purpose, bytes, words } = upload;
        if bytes.len() > MOST_UPLOADED_BYTES {
            let most = MOST_UPLOADED_BYTES >> 20;
            return Err(Refusal::invalid(format!("a picture has at most {most} MiB")));
        }
        let caller = self.caller(call, needs_of(*purpose))?;
        self.count(call, Some(&caller.account), Activity::Uploading)?;
        let prepared = self.parts.pictures.prepare(bytes.clone(), *purpose).await?;
        let Prepared { original, small, blurhash } = &prepared;
        let picture = NewPicture {
            purpose: *purpose,
            uploaded: Sha256::digest(bytes).into(),
            address: PictureAddress::new(random::bytes()),
            original: file_of(original)?,
            small: file_of(small)?,
            blurhash: blurhash.clone(),
            words: words.clone(),
        };
        let begin = Command::BeginPicture { context: context(&caller, key), picture };
        let id = match self.submit(call.deadline, begin).await? {
            Reply::Numbered(id) => PictureId::new(id),
            other => return Err(unexpected(&other)),
        };
        self.put_pieces(call, &caller, id, &prepared).await
    }

    async fn picture(&self, call: &Call, picture: PictureId) -> Result<Picture, Refusal> {
        let (session, view) = self.authenticated_view(call, scopes::PICTURES).await?;
        let found = self.found(view.own_picture(session.account.user, picture))?;
        whole(found.ok_or(CommandRefusal::NoSuchPicture)?)
    }

    async fn describe_picture(
        &self,
        call: &Call,
        key: &RequestKey,
        picture: PictureId,
        words: &PictureWords,
    ) -> Result<(), Refusal> {
        let words = words.clone();
        let command = |context| Command::DescribePicture { context, picture, words };
        self.change(call, key, (Activity::Marking, scopes::DESCRIBING), command).await
    }

    async fn discard_picture(
        &self,
        call: &Call,
        key: &RequestKey,
        picture: PictureId,
    ) -> Result<(), Refusal> {
        let command = |context| Command::DiscardPicture { context, picture };
        self.change(call, key, (Activity::Marking, scopes::PICTURES), command).await
    }

    async fn set_profile_picture(
        &self,
        call: &Call,
        key: &RequestKey,
        purpose: PicturePurpose,
        picture: Option<PictureId>,
    ) -> Result<(), Refusal> {
        let command = |context| Command::SetProfilePicture { context, purpose, picture };
        self.change(call, key, (Activity::Following, scopes::PROFILE), command).await
    }

    async fn read_picture(
        &self,
        call: &Call,
        address: PictureAddress,
        size: PictureSize,
        offset: u32,
    ) -> Result<PicturePart, Refusal> {
        self.ensure_available()?;
        let view = self.linearizable_view(call.deadline).await?;
        let picture = self.found(view.picture_at(address))?;
        let picture = picture.ok_or_else(no_picture)?;
        let bytes = self.found(view.some_of_picture(&picture, size, offset))?;
        Ok(PicturePart { file: picture.file(size), bytes: bytes.into() })
    }
}

impl Here {
    /// Keeps what is not kept yet of a picture.
    async fn put_pieces(
        &self,
        call: &Call,
        caller: &Session,
        picture: PictureId,
        Prepared { original, small, .. }: &Prepared,
    ) -> Result<Picture, Refusal> {
        let owner = caller.account.user;
        let found = self.found(self.local_view()?.own_picture(owner, picture))?;
        let record = found.ok_or(CommandRefusal::NoSuchPicture)?;
        let is_same = record.picture.original == file_of(original)?
            && record.picture.small == file_of(small)?;
        if !is_same {
            // Another version of this program has begun to keep it, and makes something else of it.
            return if record.is_complete() {
                Ok(record.picture)
            } else {
                Err(CommandRefusal::PictureIncomplete.into())
            };
        }
        let all = [original.bytes.as_slice(), &small.bytes].concat();
        for (number, piece) in (0..).zip(all.chunks(PIECE_BYTES)).skip(record.pieces as usize) {
            let bytes = piece.to_vec();
            let command = Command::PutPiece { owner, picture, number, bytes };
            done(&self.submit(call.deadline, command).await?)?;
        }
        Ok(record.picture)
    }
}

/// What an app needs to upload a picture for this.
const fn needs_of(purpose: PicturePurpose) -> Needs {
    match purpose {
        PicturePurpose::Post => scopes::PICTURES,
        PicturePurpose::Avatar | PicturePurpose::Header => scopes::PROFILE,
    }
}

fn file_of(rendition: &Rendition) -> Result<PictureFile, Refusal> {
    let Rendition { format, dimensions, bytes } = rendition;
    let bytes = u32::try_from(bytes.len()).map_err(Refusal::broken)?;
    Ok(PictureFile { format: *format, dimensions: *dimensions, bytes })
}

/// The picture, if all of it is here.
fn whole(record: PictureRecord) -> Result<Picture, Refusal> {
    if record.is_complete() {
        Ok(record.picture)
    } else {
        Err(CommandRefusal::PictureIncomplete.into())
    }
}

fn no_picture() -> Refusal {
    Refusal::new(RefusalKind::NotFound, "there is no picture here, or no longer")
}

impl From<NotPrepared> for Refusal {
    fn from(why: NotPrepared) -> Self {
        match why {
            NotPrepared::Unusable(_) | NotPrepared::Failed => Self::invalid(why.to_string()),
            NotPrepared::Crowded => Self::new(RefusalKind::TooMuch, why.to_string()),
        }
    }
}
