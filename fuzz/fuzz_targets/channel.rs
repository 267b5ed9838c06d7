//! What a client sends over the channel. See `checks::channel`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| labeltap_fuzz::checks::channel(bytes));
