//! Signed notes: a text and signatures under it ([signed-note](https://c2sp.org/signed-note)).
//!
//! * `signature`: one line of a note, and the rules of names
//! * `cosignature`: what a witness says and when
//! * `key`: who signs, and who can check that
//! * `signed`: the whole note

mod signature;
mod cosignature;
mod key;
mod signed;

pub use cosignature::Cosignature;
pub(crate) use key::check_name;
pub use key::{KeyAlgorithm, SigningKey, VerifierKey};
pub use signature::NoteSignature;
pub(crate) use signature::read_lines;
pub use signed::{Signatory, SignedNote};
