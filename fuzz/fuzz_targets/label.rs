//! One label's CBOR, signed or not. See `checks::label`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| labeltap_fuzz::checks::label(bytes));
