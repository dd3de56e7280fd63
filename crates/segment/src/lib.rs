//! One file of a Tidegate log and its index; no threads.
