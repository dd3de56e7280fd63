//! Readers of a store on the command line.

mod are_listed;
mod are_mended;
mod outside_the_store;
