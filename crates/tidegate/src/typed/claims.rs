//! Claims: which linked types stand for which kinds.
//!
//! A claim is put into a list before `main` begins, so that no type has to be registered and none can be
//! forgotten.

use std::any::TypeId;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::OnceLock;

use tidegate_format::{Error, Result};

use super::kind::Kind;

/// A type and the kinds that it claims.
#[derive(Clone, Copy)]
pub struct Claim {
    id: fn() -> TypeId,
    kinds: fn() -> Cow<'static, [Kind]>,
    name: &'static str,
    file: &'static str,
    line: u32,
}

impl Claim {
    /// Creates a claim of the type of this name, at this place in the source.
    pub const fn new<T: 'static>(
        kinds: fn() -> Cow<'static, [Kind]>,
        name: &'static str,
        file: &'static str,
        line: u32,
    ) -> Self {
        Self { id: TypeId::of::<T>, kinds, name, file, line }
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}:{})", self.name, self.file, self.line)
    }
}

inventory::collect!(Claim);

/// Refuses kinds that two linked types claim, and types that cannot read what they wrote.
pub(crate) fn check() -> Result<()> {
    static CHECKED: OnceLock<Option<String>> = OnceLock::new();
    match CHECKED.get_or_init(|| complaint(inventory::iter::<Claim>.into_iter().copied())) {
        Some(complaint) => Err(Error::invalid(complaint.clone())),
        None => Ok(()),
    }
}

/// Returns all that is wrong with the claims.
fn complaint(claims: impl IntoIterator<Item = Claim>) -> Option<String> {
    let mut claims: Vec<Claim> = claims.into_iter().collect();
    // The linker chooses the order, and a message should not change with it.
    claims.sort_by_key(|claim| (claim.name, claim.file, claim.line));
    let mut owners: BTreeMap<&'static str, Claim> = BTreeMap::new();
    let mut found = Vec::new();
    for claim in claims {
        for kind in (claim.kinds)().iter() {
            if let Err(error) = kind.check() {
                found.push(format!("{}, of {claim}", error.message()));
            }
            let owner = owners.entry(kind.name).or_insert(claim);
            if (owner.id)() != (claim.id)() {
                found.push(format!("two types claim the kind {:?}: {owner} and {claim}", kind.name));
            }
        }
    }
    if found.is_empty() { None } else { Some(found.join("; ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim<T: 'static>(kinds: fn() -> Cow<'static, [Kind]>, name: &'static str, line: u32) -> Claim {
        Claim::new::<T>(kinds, name, "src/a.rs", line)
    }

    #[test]
    fn two_types_with_one_kind_are_both_named() {
        const KINDS: &[Kind] = &[Kind::first("a"), Kind::first("b"), Kind::first("c")];
        let ab = || Cow::Borrowed(&KINDS[..2]);
        let b = || Cow::Borrowed(&KINDS[1..2]);
        let c = || Cow::Borrowed(&KINDS[2..]);
        assert_eq!(complaint([]), None);
        assert_eq!(complaint([claim::<u8>(ab, "x::A", 1), claim::<u16>(c, "x::C", 9)]), None);
        assert_eq!(complaint([claim::<u8>(b, "x::A", 1), claim::<u8>(b, "x::A", 1)]), None, "a type twice");
        let both = [claim::<u16>(b, "x::B", 5), claim::<u8>(ab, "x::A", 1), claim::<u32>(c, "x::C", 9)];
        assert_eq!(
            complaint(both).as_deref(),
            Some("two types claim the kind \"b\": x::A (src/a.rs:1) and x::B (src/a.rs:5)")
        );
    }

    #[test]
    fn a_gap_names_the_type() {
        const GAP: &[Kind] = &[Kind::new("a", 3, 1, &[1], "")];
        let gap = || Cow::Borrowed(GAP);
        let found = complaint([claim::<u8>(gap, "x::A", 1)]).unwrap();
        assert!(found.contains("no upcast from version 2") && found.contains("x::A (src/a.rs:1)"), "{found}");
    }
}
