//! Verifiers of others look at what `tidegate-proof` makes: the crates `signed_note` and `tlog_tiles` of cloudflare/azul.
//!
//! Only the tests say something: `just verifiers`.
