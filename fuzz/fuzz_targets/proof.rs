//! The blocks of a commit, which are to prove something. See `checks::proof`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| labeltap_fuzz::checks::proof(bytes));
