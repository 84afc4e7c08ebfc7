#![no_main]
#![allow(missing_docs)]

use chancery_fuzz::{mutate, target};

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::message::run(data));
libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate::json(data, size, max_size, seed, target::message::WORDS, libfuzzer_sys::fuzzer_mutate)
});
