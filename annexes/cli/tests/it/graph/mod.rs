//! What is reported the graph behind the log.

mod answers;
mod draws;
