//! What the causal graph answers.
mod agrees_with_git;
mod agrees_with_plain_walks;
mod answers_by_hand;
