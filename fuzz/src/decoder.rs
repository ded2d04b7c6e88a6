//! Feeds one decoder, which the variable `DECODER` names, with what libFuzzer makes up.

#![no_main]

use std::{env, sync::LazyLock};

use libfuzzer_sys::fuzz_target;
use tinysns::decoders::Decoder;

static DECODER: LazyLock<&Decoder> = LazyLock::new(|| {
    let name = env::var("DECODER").expect("DECODER names the decoder");
    Decoder::find(&name).unwrap_or_else(|| panic!("there is no decoder {name}"))
});

fuzz_target!(init: LazyLock::force(&DECODER), |bytes: &[u8]| (DECODER.decode)(bytes));
