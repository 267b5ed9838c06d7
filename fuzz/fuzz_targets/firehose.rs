//! What a relay sends in one websocket message. See `checks::firehose`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| labeltap_fuzz::checks::firehose(bytes));
