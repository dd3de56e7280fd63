//! What is reported the graph behind the log.

mod answers;
mod clocks;
mod draws;
mod names;
