//! Kinds of events that types stand for.

use tidegate_format::{Error, Result, name};

/// The name of the metadata entry with the content type of a payload in bytes.
pub const CONTENT_TYPE: &str = "content-type";

/// A kind of event that a Rust type stands for, with the versions of its schema.
///
/// ```
/// use tidegate::typed::Kind;
///
/// let kind = Kind::new("catch.weighed", 3, 1, &[1, 2], "{ grams : u64 }");
/// assert_eq!((kind.name, kind.version, kind.upcasts), ("catch.weighed", 3, &[1, 2][..]));
/// assert_eq!(Kind::first("boat.sunk"), Kind::new("boat.sunk", 1, 1, &[], ""));
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The kind, `order.placed`.
    pub name: &'static str,
    /// The version that the type itself has, and that is written.
    pub version: u16,
    /// The first version that was ever written.
    pub since: u16,
    /// The earlier versions that are read, in order.
    pub upcasts: &'static [u16],
    /// The fields of the payload as the derive reads them in the source: their names, types and `serde` attributes. It is
    /// empty for a type that implements [`Event`](super::Event) by hand. [`golden`](super::golden) compares it.
    pub shape: &'static str,
}

impl Kind {
    /// Returns a kind in its first version, without a shape.
    pub const fn first(name: &'static str) -> Self {
        Self::new(name, 1, 1, &[], "")
    }

    /// Returns a kind: its name, its version, the first version that was written, the earlier versions that are read, and
    /// its shape.
    pub const fn new(
        name: &'static str,
        version: u16,
        since: u16,
        upcasts: &'static [u16],
        shape: &'static str,
    ) -> Self {
        Self { name, version, since, upcasts, shape }
    }

    /// Refuses a name that no caller may append, and a version that cannot be read.
    #[cfg_attr(not(feature = "derive"), allow(dead_code, reason = "claims are checked with the derive"))]
    pub(super) fn check(&self) -> Result<()> {
        name::check_kind(self.name)?;
        let Self { name, version, since, upcasts, .. } = *self;
        if name::is_reserved(name) {
            return Err(Error::invalid(format!(
                "reserved kind {name:?}: names under tidegate. belong to the store"
            )));
        }
        if since == 0 || since > version {
            let message =
                format!("the kind {name:?} has versions from {since} to {version}: versions start at 1");
            return Err(Error::invalid(message));
        }
        match (since..version).find(|wanted| !upcasts.contains(wanted)) {
            Some(missing) => Err(Error::invalid(format!(
                "the kind {name:?} has no upcast from version {missing}: it needs one from each version from {since} to {version}"
            ))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_found() {
        let kind = |version, since, upcasts| Kind::new("a.b", version, since, upcasts, "");
        for fine in [Kind::first("a.b"), kind(3, 1, &[1, 2]), kind(3, 2, &[2]), kind(3, 3, &[])] {
            fine.check().unwrap();
        }
        for (kind, word) in [
            (kind(3, 1, &[1]), "from version 2"),
            (kind(3, 1, &[2]), "from version 1"),
            (kind(2, 1, &[]), "from version 1"),
            (kind(0, 0, &[]), "start at 1"),
            (kind(1, 2, &[]), "start at 1"),
            (Kind::first("a.*"), "family of kinds"),
            (Kind::first("tidegate.denied"), "reserved"),
        ] {
            let error = kind.check().unwrap_err();
            assert!(error.message().contains(word), "{error}");
        }
    }
}
