//! An embedded event store: gates that hold at commit, causal graphs, offline proofs.
