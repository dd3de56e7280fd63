//! Ends the process if one allocation is far larger than any input could need.

use std::alloc::{GlobalAlloc, Layout, System};

/// The largest thing the targets need is a buffer to read through a segment.
const BYTES_MAX: usize = 160 << 20;

struct Bounded;

// SAFETY: every call goes to the system's allocator as it came; only sizes are looked at.
unsafe impl GlobalAlloc for Bounded {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        check(layout.size());
        // SAFETY: the caller keeps the contract of the system's allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        check(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        check(size);
        // SAFETY: as above.
        unsafe { System.realloc(old, layout, size) }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(old, layout) }
    }
}

#[global_allocator]
static BOUNDED: Bounded = Bounded;

fn check(size: usize) {
    if size > BYTES_MAX {
        eprintln!("an allocation of {size} bytes");
        std::process::abort();
    }
}
