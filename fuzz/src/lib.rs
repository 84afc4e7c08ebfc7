//! What the fuzz targets do with their input, and how they change it.
//!
//! A target is a function of bytes that must neither panic, nor take long, nor break one of the promises it checks. The
//! binaries in `fuzz_targets/` hand them to libFuzzer; `tests/cases.rs` runs the committed inputs without it.

pub mod cases;
pub mod mutate;
pub mod target;
