//! What a labeler sends in one websocket message. See `checks::frame`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| labeltap_fuzz::checks::frame(bytes));
