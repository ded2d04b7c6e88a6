//! Compiles `proto/` with protox, so that no `protoc` has to be installed.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;

const FILES: [&str; 4] = [
    "tinysns/v1/social.proto",
    "tinysns/v1/directory.proto",
    "tinysns/internal/v1/registry.proto",
    "tinysns/internal/v1/peer.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(FILES, ["proto"])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure().bytes(".tinysns.internal.v1").compile_fds(descriptors)?;
    Ok(())
}
