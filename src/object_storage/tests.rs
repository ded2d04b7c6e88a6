//! Objects in a store in memory, which behaves like others.

use std::io::{self, Read as _, Write as _};

use object_store::memory::InMemory;

use super::{
    address::Address,
    bucket::Bucket,
    failure::StoreError,
    upload::{FillError, ObjectWriter, Upload},
};
use crate::host::thread;

fn address(key: &str) -> Address {
    Address::parse(&format!("s3://kept/{key}")).expect("an address")
}

async fn fill(upload: &mut Upload, bytes: Vec<u8>) -> Result<(), FillError<io::Error>> {
    let write = async |mut writer: ObjectWriter| {
        let written = thread::run(move || writer.write_all(&bytes).map(|()| writer)).await;
        written.map_err(io::Error::from)?
    };
    upload.fill(write).await
}

async fn read(bucket: &Bucket, address: &Address) -> Vec<u8> {
    let mut content = bucket.read(address).await.expect("it is there");
    let read = thread::run(move || {
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes).map(|_| bytes)
    });
    read.await.expect("not lost").expect("readable")
}

#[tokio::test]
async fn an_object_appears_when_it_is_complete_and_is_read_as_it_was_written() {
    let bucket = Bucket::of(InMemory::new());
    for (length, part) in [(0, 10), (1, 10), (10, 10), (11, 10), (1_000, 7)] {
        let address = address(&format!("folder/{length}"));
        let bytes: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).expect("small")).collect();
        let mut upload = bucket.begin(&address).await.expect("begun").in_parts_of(part);
        fill(&mut upload, bytes.clone()).await.expect("written");
        assert!(!bucket.has(&address).await.expect("it answers"));
        upload.complete().await.expect("completed");
        assert!(bucket.has(&address).await.expect("it answers"));
        assert_eq!(read(&bucket, &address).await, bytes);
    }
    let mut names = bucket.names(&address("folder/")).await.expect("listed");
    names.sort();
    assert_eq!(names, ["0", "1", "10", "1000", "11"]);
    assert_eq!(bucket.names(&address("")).await.expect("listed"), Vec::<String>::new());
    bucket.remove(&address("folder/10")).await.expect("removed");
    assert_eq!(bucket.names(&address("folder")).await.expect("listed").len(), 4);
}

#[tokio::test]
async fn of_what_is_taken_back_nothing_is_there() {
    let bucket = Bucket::of(InMemory::new());
    let mut upload = bucket.begin(&address("a")).await.expect("begun").in_parts_of(4);
    fill(&mut upload, vec![1; 100]).await.expect("written");
    upload.abort().await.expect("taken back");
    assert!(!bucket.has(&address("a")).await.expect("it answers"));
    let refused = bucket.read(&address("a")).await.expect_err("it is not there");
    assert!(matches!(refused, StoreError::NotThere(_)), "{refused}");
    let refused = bucket.begin(&address("")).await.expect_err("a bucket is no object");
    assert!(matches!(refused, StoreError::NoKey(_)), "{refused}");
    assert!(refused.to_string().contains("s3://kept/tinysns.backup"), "{refused}");
}

#[tokio::test]
async fn an_object_of_more_parts_than_a_store_takes_is_refused() {
    let bucket = Bucket::of(InMemory::new());
    let mut upload = bucket.begin(&address("a")).await.expect("begun").in_parts_of(1);
    fill(&mut upload, vec![1; 10_000]).await.expect("as many as there may be");
    let mut upload = bucket.begin(&address("a")).await.expect("begun").in_parts_of(1);
    let refused = fill(&mut upload, vec![1; 10_001]).await.expect_err("one more");
    assert!(matches!(refused, FillError::Store(StoreError::TooLong { .. })), "{refused}");
}

#[tokio::test]
async fn an_error_of_the_writer_is_told_as_its_own() {
    let bucket = Bucket::of(InMemory::new());
    let mut upload = bucket.begin(&address("a")).await.expect("begun");
    let failed = upload.fill(async |_writer| Err("no more")).await.expect_err("it failed");
    assert!(matches!(failed, FillError::Writer("no more")));
}
