#![no_main]
#![allow(missing_docs)]

use chancery_fuzz::target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::admin_body::run(data));
libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    target::admin_body::mutate(data, size, max_size, seed, libfuzzer_sys::fuzzer_mutate)
});
