//! Pictures that are to be on posts.

use axum::{
    Router,
    extract::{DefaultBodyLimit, State},
    routing::{get, post},
};

use super::entities::media::MediaAttachment;
use crate::{
    domain::{Focus, Picture, PictureDescription, PictureId, PicturePurpose, PictureWords},
    http::{
        api::Api,
        asked::{Answered, Asked, done, json},
        fault::Fault,
        parameters::Parameters,
        uploaded::{MOST_BYTES, Uploaded},
    },
    network::pictures::Upload,
};

/// The routes.
pub fn routes() -> Router<Api> {
    let uploads = Router::new()
        .route("/api/v1/media", post(upload))
        .route("/api/v2/media", post(upload))
        .layer(DefaultBodyLimit::max(MOST_BYTES));
    let one = get(picture).put(describe).delete(discard);
    Router::new().merge(uploads).route("/api/v1/media/{id}", one)
}

/// Of both versions: it is there at once.
async fn upload(State(api): State<Api>, uploaded: Uploaded) -> Answered {
    let asked = &uploaded.asked;
    let words = words(&asked.parameters, None)?;
    let picture = api.keep(&uploaded, "file", PicturePurpose::Post, words).await?;
    let picture =
        picture.ok_or_else(|| Fault::unprocessable("Validation failed: File can't be blank"))?;
    Ok(json(&MediaAttachment::of(&picture, &asked.base)))
}

impl Api {
    /// Keeps the picture that came as the file of this name, if one did.
    pub async fn keep(
        &self,
        uploaded: &Uploaded,
        name: &str,
        purpose: PicturePurpose,
        words: PictureWords,
    ) -> Result<Option<Picture>, Fault> {
        let Some(bytes) = uploaded.file(name) else { return Ok(None) };
        let (asked, upload) = (&uploaded.asked, Upload { purpose, bytes, words });
        let key = asked.key_of(name);
        Ok(Some(self.network.upload_picture(&asked.call, &key, &upload).await?))
    }

    /// Changes what is said of a picture, as far as these parameters say something; which change it is of the request.
    pub async fn describe(
        &self,
        asked: &Asked,
        (before, which): (&Picture, &str),
        said: &Parameters,
    ) -> Result<(), Fault> {
        let words = words(said, Some(before))?;
        let is_new = words.description != before.description || words.focus != before.focus;
        if is_new {
            let key = asked.key_of(which);
            self.network.describe_picture(&asked.call, &key, before.id, &words).await?;
        }
        Ok(())
    }
}

/// What is said of a picture: what is not given is as before.
fn words(parameters: &Parameters, before: Option<&Picture>) -> Result<PictureWords, Fault> {
    let description = match parameters.text("description") {
        Some(text) => PictureDescription::new(text)
            .map_err(|why| Fault::unprocessable(format!("Validation failed: {why}")))?,
        None => before.and_then(|before| before.description.clone()),
    };
    let focus = match parameters.filled("focus") {
        Some(text) => Some(focus(text).ok_or_else(|| {
            Fault::unprocessable("focus must be two numbers between -1.0 and 1.0, as in 0.5,-0.25")
        })?),
        None => before.and_then(|before| before.focus),
    };
    Ok(PictureWords { description, focus })
}

/// Two numbers from -1 to 1, of which three decimals count.
fn focus(text: &str) -> Option<Focus> {
    let (x, y) = text.split_once(',')?;
    let thousandths = |number: &str| {
        let number: f64 = number.trim().parse().ok()?;
        #[expect(clippy::cast_possible_truncation, reason = "it is between -1,000 and 1,000")]
        (-1.0..=1.0).contains(&number).then(|| (number * 1_000.0).round() as i16)
    };
    Focus::new(thousandths(x)?, thousandths(y)?)
}

fn in_path(asked: &Asked) -> Result<PictureId, Fault> {
    asked.id().map(PictureId::new)
}

async fn picture(State(api): State<Api>, asked: Asked) -> Answered {
    let picture = api.network.picture(&asked.call, in_path(&asked)?).await?;
    Ok(json(&MediaAttachment::of(&picture, &asked.base)))
}

async fn describe(State(api): State<Api>, asked: Asked) -> Answered {
    let before = api.network.picture(&asked.call, in_path(&asked)?).await?;
    api.describe(&asked, (&before, ""), &asked.parameters).await?;
    let picture = api.network.picture(&asked.call, before.id).await?;
    Ok(json(&MediaAttachment::of(&picture, &asked.base)))
}

async fn discard(State(api): State<Api>, asked: Asked) -> Answered {
    api.network.discard_picture(&asked.call, &asked.key(), in_path(&asked)?).await?;
    Ok(done())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_focus_is_two_numbers() {
        assert_eq!(focus("0.5,-0.25"), Focus::new(500, -250));
        assert_eq!(focus(" 1 , -1.0 "), Focus::new(1_000, -1_000));
        assert_eq!(focus("0.12345,0"), Focus::new(123, 0));
        for wrong in ["", "0.5", "0.5;1", "2,0", "0,-1.01", "NaN,0", "inf,0", "a,b", "0,0,0"] {
            assert_eq!(focus(wrong), None, "{wrong}");
        }
    }
}
