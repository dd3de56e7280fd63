//! What is told of the graph behind the log.

mod answers;
mod draws;
