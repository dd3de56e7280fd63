//! Stores that batpak 0.8.0 wrote, as it shows them itself, and the same files cut and flipped.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests may stop at the first surprise")]

mod compactions;
mod damage;
mod files;
mod whole_stores;
