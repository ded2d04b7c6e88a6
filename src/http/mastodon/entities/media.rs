//! `MediaAttachment`.

use serde::Serialize;

use crate::{
    domain::{Dimensions, Focus, Picture, PictureSize},
    http::{base_url::BaseUrl, pictures},
};

/// A picture on a post.
#[derive(Clone, Debug, Serialize)]
pub struct MediaAttachment {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    url: String,
    preview_url: String,
    remote_url: Option<()>,
    preview_remote_url: Option<()>,
    text_url: Option<()>,
    meta: Meta,
    description: Option<String>,
    blurhash: String,
}

#[derive(Clone, Debug, Serialize)]
struct Meta {
    #[serde(skip_serializing_if = "Option::is_none")]
    focus: Option<FocusEntity>,
    original: Extent,
    small: Extent,
}

#[derive(Clone, Debug, Serialize)]
struct FocusEntity {
    x: f64,
    y: f64,
}

#[derive(Clone, Debug, Serialize)]
struct Extent {
    width: u32,
    height: u32,
    size: String,
    aspect: f64,
}

impl MediaAttachment {
    /// Of a picture.
    pub fn of(picture: &Picture, base: &BaseUrl) -> Self {
        let url = |size| pictures::url(picture, size, base);
        let part = |thousandths: i16| f64::from(thousandths) / 1_000.0;
        let focus = |focus: Focus| FocusEntity { x: part(focus.x()), y: part(focus.y()) };
        Self {
            id: picture.id.to_string(),
            kind: "image",
            url: url(PictureSize::Original),
            preview_url: url(PictureSize::Small),
            remote_url: None,
            preview_remote_url: None,
            text_url: None,
            meta: Meta {
                focus: picture.focus.map(focus),
                original: Extent::of(picture.original.dimensions),
                small: Extent::of(picture.small.dimensions),
            },
            description: picture.description.as_ref().map(|said| said.as_str().to_owned()),
            blurhash: picture.blurhash.clone(),
        }
    }

    /// Of all pictures of a post.
    pub fn of_all(pictures: &[Picture], base: &BaseUrl) -> Vec<Self> {
        pictures.iter().map(|picture| Self::of(picture, base)).collect()
    }
}

impl Extent {
    fn of(Dimensions { width, height }: Dimensions) -> Self {
        let aspect = f64::from(width) / f64::from(height.max(1));
        Self { width, height, size: format!("{width}x{height}"), aspect }
    }
}
