//! Compiles `proto/` with protox, so that no `protoc` has to be installed.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;
use protox::prost_reflect::prost_types::field_descriptor_proto::Type;

const FILES: [&str; 8] = [
    "tinysns/v1/social.proto",
    "tinysns/v1/directory.proto",
    "tinysns/v1/admin.proto",
    "tinysns/v1/apps.proto",
    "tinysns/v1/pictures.proto",
    "tinysns/internal/v1/registry.proto",
    "tinysns/internal/v1/peer.proto",
    CLASSIC,
];

/// Between the nodes of one cluster: reflection does not describe it to strangers.
const INTERNAL: &str = "tinysns.internal.v1";
const CLASSIC: &str = "classic/sns.proto";
/// The classic protocol is spoken under two packages, which differ only in their names.
const CLASSIC_PACKAGES: [&str; 2] = ["csce662", "csce438"];

/// What classic clients send. They send text in whatever encoding it was typed in, so these fields
/// are bytes here, which look the same on the wire: text that is not UTF-8 would otherwise be an
/// error before we see it.
const REQUESTS: [&str; 3] = ["Request", "Message", "Regmessage"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let [package, alias] = CLASSIC_PACKAGES;
    let alias_file = format!("{alias}.proto");
    let classic = fs::read_to_string(PathBuf::from("proto").join(CLASSIC))?;
    fs::write(out.join(&alias_file), classic.replace(package, alias))?;

    let files = FILES.into_iter().chain([alias_file.as_str()]);
    let mut descriptors = protox::compile(files, [PathBuf::from("proto"), out.clone()])?;
    let mut public = descriptors.clone();
    public.file.retain(|file| file.package() != INTERNAL);
    fs::write(out.join("public.bin"), public.encode_to_vec())?;
    // One set of types serves both packages.
    descriptors.file.retain(|file| file.package() != alias);
    for file in descriptors.file.iter_mut().filter(|file| file.package() == package) {
        let requests = file.message_type.iter_mut().filter(|it| REQUESTS.contains(&it.name()));
        for field in requests.flat_map(|request| &mut request.field) {
            if field.r#type() == Type::String {
                field.set_type(Type::Bytes);
            }
        }
    }
    tonic_prost_build::configure().bytes(".tinysns.internal.v1").compile_fds(descriptors)?;
    Ok(())
}
