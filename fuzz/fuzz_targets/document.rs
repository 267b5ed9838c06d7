//! A DID document, as a directory or a web host answers it. See `checks::document`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| labeltap_fuzz::checks::document(bytes));
