//! A simulated world that crashes Tidegate stores and checks what they kept.
