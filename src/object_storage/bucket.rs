//! A bucket: what is in it is looked for, listed, removed, read and written.

use std::{sync::Arc, time::Duration};

use object_store::{
    ClientConfigKey, ObjectStore, ObjectStoreExt as _, RetryConfig,
    aws::{AmazonS3Builder, AmazonS3ConfigKey},
    path::Path,
};
use tonic::codegen::http::Uri;

use super::{
    address::Address,
    download::Download,
    failure::{StoreError, reason},
    transport::{Connector, is_yes},
    upload::Upload,
};

/// So often is a request tried again that got no answer, or one that says that the store has trouble.
const TRIES_AGAIN: usize = 3;
/// After this time, none is tried again.
const PATIENCE: Duration = Duration::from_secs(30);

/// A bucket; clones share it.
#[derive(Clone, Debug)]
pub struct Bucket {
    store: Arc<dyn ObjectStore>,
}

impl Bucket {
    /// The bucket of this address, reached as the variables `AWS_*` say, with credentials from there, or from the
    /// machine or the container that this runs in.
    pub async fn open(address: &Address) -> Result<Self, StoreError> {
        let unusable = |reason: String| StoreError::Variables { address: address.clone(), reason };
        let builder = AmazonS3Builder::from_env();
        let value = |key| builder.get_config_value(&key);
        let is_clear = value(AmazonS3ConfigKey::Client(ClientConfigKey::AllowHttp));
        let is_clear = is_clear.is_some_and(|value| is_yes(&value));
        for key in [AmazonS3ConfigKey::Endpoint, AmazonS3ConfigKey::S3Endpoint] {
            if let Some(endpoint) = value(key) {
                check_endpoint(&endpoint, is_clear).map_err(unusable)?;
            }
        }
        let [id, key] = [AmazonS3ConfigKey::AccessKeyId, AmazonS3ConfigKey::SecretAccessKey];
        if value(id).is_some() != value(key).is_some() {
            let why = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are only of use together";
            return Err(unusable(why.to_owned()));
        }
        let is_anonymous = value(AmazonS3ConfigKey::SkipSignature).is_some_and(|it| is_yes(&it));
        let connector = Connector::new().map_err(|why| unusable(why.to_string()))?;
        let retry = RetryConfig {
            max_retries: TRIES_AGAIN,
            retry_timeout: PATIENCE,
            ..RetryConfig::default()
        };
        let builder = builder
            .with_bucket_name(address.bucket())
            .with_http_connector(connector)
            .with_retry(retry)
            // Not every store knows how several are removed at once.
            .with_disable_bulk_delete(true);
        let store = builder.build().map_err(|error| unusable(reason(&error)))?;
        if !is_anonymous && let Err(error) = store.credentials().get_credential().await {
            let (address, reason) = (address.clone(), reason(&error));
            return Err(StoreError::NoCredentials { address, reason });
        }
        Ok(Self { store: Arc::new(store) })
    }

    /// A bucket that is kept elsewhere.
    #[cfg(test)]
    pub fn of(store: impl ObjectStore) -> Self {
        Self { store: Arc::new(store) }
    }

    /// Whether the object is there.
    pub async fn has(&self, address: &Address) -> Result<bool, StoreError> {
        match self.store.head(&object(address)?).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(StoreError::of("look for", address, &error)),
        }
    }

    /// The names of the objects in a folder, without those in folders of it.
    pub async fn names(&self, folder: &Address) -> Result<Vec<String>, StoreError> {
        let path = Path::from(folder.key());
        let prefix = Some(&path).filter(|_| !folder.key().is_empty());
        let listed = self.store.list_with_delimiter(prefix).await;
        let listed = listed.map_err(|error| StoreError::of("list", folder, &error))?;
        let name = |location: &Path| location.filename().map(ToOwned::to_owned);
        Ok(listed.objects.iter().filter_map(|object| name(&object.location)).collect())
    }

    /// Removes an object.
    pub async fn remove(&self, address: &Address) -> Result<(), StoreError> {
        let removed = self.store.delete(&object(address)?).await;
        removed.map_err(|error| StoreError::of("remove", address, &error))
    }

    /// Begins an object.
    pub async fn begin(&self, address: &Address) -> Result<Upload, StoreError> {
        let begun = self.store.put_multipart(&object(address)?).await;
        let begun = begun.map_err(|error| StoreError::of("write", address, &error))?;
        Ok(Upload::new(begun, address.clone()))
    }

    /// Begins to read an object.
    pub async fn read(&self, address: &Address) -> Result<Download, StoreError> {
        let found = self.store.get(&object(address)?).await;
        let found = found.map_err(|error| StoreError::of("read", address, &error))?;
        Ok(Download::new(found.into_stream(), address.clone()))
    }
}

fn object(address: &Address) -> Result<Path, StoreError> {
    if address.key().is_empty() {
        return Err(StoreError::NoKey(address.clone()));
    }
    Ok(Path::from(address.key()))
}

/// An endpoint is the beginning of an address, as requests have it.
fn check_endpoint(endpoint: &str, is_clear: bool) -> Result<(), String> {
    let is_address = |uri: &Uri| uri.host().is_some() && uri.query().is_none();
    let uri = endpoint.parse::<Uri>().ok().filter(is_address);
    match uri.as_ref().and_then(Uri::scheme_str) {
        Some("https") => Ok(()),
        Some("http") if is_clear => Ok(()),
        Some("http") => Err(format!(
            "{endpoint} (AWS_ENDPOINT) is not encrypted: name one that begins with https://, or allow it by \
             AWS_ALLOW_HTTP=true"
        )),
        _ => Err(format!("{endpoint} (AWS_ENDPOINT) is no address that begins with https://")),
    }
}
