//! A store is looked at, and kept in order.
mod erasing;
mod retiring;
mod staging;
mod subjects;
mod stores_are_counted_and_verified;
