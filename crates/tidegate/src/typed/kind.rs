//! Kinds as types stand for them.

use tidegate_format::{Error, Result, name};

/// A kind of event that a Rust type stands for, with the versions of its schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The kind, `order.placed`.
    pub name: &'static str,
    /// The version that the type itself is, and that is written.
    pub version: u16,
    /// The first version that was ever written.
    pub since: u16,
    /// The earlier versions that are read, in order.
    pub upcasts: &'static [u16],
}

impl Kind {
    /// A kind in its first version.
    pub const fn first(name: &'static str) -> Self {
        Self { name, version: 1, since: 1, upcasts: &[] }
    }

    /// Refuses a name that no caller may append, and a version that cannot be read.
    pub(super) fn check(&self) -> Result<()> {
        name::check_kind(self.name)?;
        let Self { name, version, since, upcasts } = *self;
        if name::is_reserved(name) {
            return Err(Error::invalid(format!("the kind {name:?} is reserved for the store")));
        }
        if since == 0 || since > version {
            let message =
                format!("the kind {name:?} has versions from {since} to {version}; they are counted from 1");
            return Err(Error::invalid(message));
        }
        match (since..version).find(|wanted| !upcasts.contains(wanted)) {
            Some(missing) => Err(Error::invalid(format!(
                "the kind {name:?} has no upcast from version {missing}, and goes from {since} to {version}"
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
        let kind = |version, since, upcasts| Kind { name: "a.b", version, since, upcasts };
        for fine in [Kind::first("a.b"), kind(3, 1, &[1, 2]), kind(3, 2, &[2]), kind(3, 3, &[])] {
            fine.check().unwrap();
        }
        for (kind, word) in [
            (kind(3, 1, &[1]), "from version 2"),
            (kind(3, 1, &[2]), "from version 1"),
            (kind(2, 1, &[]), "from version 1"),
            (kind(0, 0, &[]), "counted from 1"),
            (kind(1, 2, &[]), "counted from 1"),
            (Kind::first("a.*"), "family of kinds"),
            (Kind::first("tidegate.denied"), "reserved"),
        ] {
            let error = kind.check().unwrap_err();
            assert!(error.message().contains(word), "{error}");
        }
    }
}
