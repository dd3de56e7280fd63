#![no_main]
#[path = "allocations.rs"]
mod allocations;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tidegate_fuzz_cases::upkeep::one(bytes));
