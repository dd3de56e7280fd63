//! What the store promises to those who use it, one module a promise.
#![allow(clippy::disallowed_methods, reason = "tests stand outside the store and hold real files and clocks")]

mod house;
