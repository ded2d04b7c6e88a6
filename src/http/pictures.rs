//! Pictures, for whoever knows their address.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderValue, Method, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use futures::stream;

use super::{
    any_network::AnyNetwork,
    api::Api,
    asked::{Answered, Asked},
    base_url::BaseUrl,
    fault::Fault,
};
use crate::{
    domain::{Picture, PictureAddress, PictureFile, PictureFormat, PictureSize},
    network::{Call, Refusal, RefusalKind},
};

/// How long browsers keep a picture; caches that many share do not, so that its address dies with it.
const KEPT: HeaderValue = HeaderValue::from_static("private, max-age=86400, immutable");
/// Whatever its bytes are taken for, nothing in them is carried out.
const POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; sandbox");

/// The routes.
pub fn routes() -> Router<Api> {
    Router::new().route("/pictures/{address}/{file}", get(picture))
}

/// Where one of the files of a picture is.
pub fn url(picture: &Picture, size: PictureSize, base: &BaseUrl) -> String {
    let (address, name) = (picture.address, file_name(size));
    let extension = picture.file(size).format.extension();
    format!("{base}/pictures/{address}/{name}.{extension}")
}

const fn file_name(size: PictureSize) -> &'static str {
    match size {
        PictureSize::Original => "original",
        PictureSize::Small => "small",
    }
}

/// Which file is called so.
fn file_named(name: &str) -> Option<(PictureSize, PictureFormat)> {
    let (name, extension) = name.split_once('.')?;
    let size = [PictureSize::Original, PictureSize::Small];
    let size = size.into_iter().find(|size| file_name(*size) == name)?;
    let format = PictureFormat::ALL.into_iter().find(|format| format.extension() == extension)?;
    Some((size, format))
}

async fn picture(State(api): State<Api>, request: Request) -> Answered {
    let is_head = request.method() == Method::HEAD;
    let (asked, _body) = Asked::of_head(request, &api).await?;
    let address = PictureAddress::parse(asked.in_path("address")?).ok_or_else(Fault::not_found)?;
    let (size, format) = file_named(asked.in_path("file")?).ok_or_else(Fault::not_found)?;
    let first = api.network.read_picture(&asked.call, address, size, 0).await?;
    let file = first.file;
    if file.format != format {
        return Err(Fault::not_found());
    }
    if is_head {
        return Ok(answer(file, Body::empty()));
    }
    let rest = Rest { network: Arc::clone(&api.network), call: asked.call, address, size, file };
    let body =
        stream::try_unfold((rest, 0, Some(first.bytes)), |(rest, offset, first)| async move {
            if offset >= rest.file.bytes {
                return Ok(None);
            }
            let bytes = match first {
                Some(bytes) => bytes,
                None => rest.part(offset).await?,
            };
            let next = offset + u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            Ok::<_, Refusal>((!bytes.is_empty()).then_some((bytes, (rest, next, None))))
        });
    Ok(answer(file, Body::from_stream(body)))
}

fn answer(file: PictureFile, body: Body) -> Response {
    let mut answer = body.into_response();
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.format.media_type()));
    headers.insert(header::CONTENT_LENGTH, file.bytes.into());
    headers.insert(header::CACHE_CONTROL, KEPT);
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    answer
}

/// What is still to be read of a file.
struct Rest {
    network: Arc<dyn AnyNetwork>,
    call: Call,
    address: PictureAddress,
    size: PictureSize,
    file: PictureFile,
}

impl Rest {
    /// From an offset on. Whoever reads slowly gets as much time for each part.
    async fn part(&self, offset: u32) -> Result<Bytes, Refusal> {
        let call = Call { deadline: Asked::deadline(), ..self.call.clone() };
        let part = self.network.read_picture(&call, self.address, self.size, offset).await?;
        if part.file == self.file && !part.bytes.is_empty() {
            Ok(part.bytes)
        } else {
            Err(Refusal::new(RefusalKind::NotFound, "the picture is gone"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_a_picture_are_called_by_their_size_and_format() {
        for (name, size, format) in [
            ("original.jpg", PictureSize::Original, PictureFormat::Jpeg),
            ("original.gif", PictureSize::Original, PictureFormat::Gif),
            ("small.png", PictureSize::Small, PictureFormat::Png),
        ] {
            assert_eq!(file_named(name), Some((size, format)));
        }
        for wrong in ["", "small", "small.", ".png", "original.html", "small.png.html", "other.png"]
        {
            assert_eq!(file_named(wrong), None, "{wrong}");
        }
    }
}
