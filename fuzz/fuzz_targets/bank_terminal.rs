//! One of the targets in `tests/fuzzing/targets`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pass_fuzz::run("bank_terminal")(bytes));
