//! Charsets: any bytes become text in every charset.
#![no_main]

use bumpalo::Bump;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let arena = Bump::new();
    for name in ["auto", "utf-8", "cp932", "euc-jp", "iso-2022-jp"] {
        if let Some(charset) = ingest::Charset::from_name(name) {
            let _ = charset.decode(data, &arena);
        }
    }
});
