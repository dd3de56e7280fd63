//! Commands that write down what all commands are.
mod completions;
mod man;

pub(super) use completions::CompletionsArgs;
pub(super) use man::ManArgs;
