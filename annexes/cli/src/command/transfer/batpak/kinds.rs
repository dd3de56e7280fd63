//! Kinds: the names that numbers get.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use tidegate::{Draft, Error, ErrorKind, Result};

/// Of a denial that batpak recorded, and of an event that its compaction took away.
const OWN: [(u16, &str); 2] = [(0x000F, "batpak.denied"), (0x0FFE, "batpak.tombstone")];

/// The names of kinds.
#[derive(Debug, Default)]
pub(super) struct Kinds(HashMap<u16, String>);

impl Kinds {
    /// Reads a file of two columns.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let name = path.display();
        let text = fs::read_to_string(path)
            .map_err(|cause| Error::new(ErrorKind::Io, format!("{name} cannot be read")).because(cause))?;
        Self::parse(&text).map_err(|error| error.in_directory(&name.to_string()))
    }

    fn parse(text: &str) -> Result<Self> {
        let mut kinds = HashMap::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.split('#').next().unwrap_or_default();
            let columns: Vec<&str> = line.split_whitespace().collect();
            let (digits, kind) = match columns[..] {
                [] => continue,
                [digits, kind] => (digits, kind),
                _ => return Err(wrong(number, "has not two columns")),
            };
            let digits = digits.strip_prefix("0x").unwrap_or(digits);
            let batpak = Some(digits).filter(|digits| digits.len() == 4);
            let batpak = batpak.and_then(|digits| u16::from_str_radix(digits, 16).ok());
            let batpak =
                batpak.ok_or_else(|| wrong(number, "does not begin with four hexadecimal digits"))?;
            let draft = Draft::new(("scope", "entity"), kind.to_owned());
            draft.check().and_then(|()| draft.check_unreserved()).map_err(|error| {
                wrong(number, &format!("has no kind in its second column: {}", error.message()))
            })?;
            if kinds.insert(batpak, kind.to_owned()).is_some() {
                return Err(wrong(number, "names a kind that an earlier line names"));
            }
        }
        Ok(Self(kinds))
    }

    /// Returns the name of a kind.
    pub(super) fn name(&self, batpak: u16) -> String {
        let own = || OWN.iter().find(|(kind, _)| *kind == batpak).map(|(_, name)| (*name).to_owned());
        let named = self.0.get(&batpak).cloned().or_else(own);
        named.unwrap_or_else(|| format!("batpak.k{batpak:04x}"))
    }
}

fn wrong(line: u32, what: &str) -> Error {
    Error::invalid(format!("line {line} {what}; a line is such as `2101 order.placed`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_names_kinds() {
        let kinds =
            Kinds::parse("# kinds\n\n0x2101  order.placed  # of the shop\nF007\torder.noted\n").unwrap();
        assert_eq!(kinds.name(0x2101), "order.placed");
        assert_eq!(kinds.name(0xF007), "order.noted");
        assert_eq!(kinds.name(0x2102), "batpak.k2102");
        assert_eq!((kinds.name(0xF), kinds.name(0xFFE)), ("batpak.denied".into(), "batpak.tombstone".into()));
        for text in
            ["2101", "21 a", "210g a", "2101 a b", "2101 a\n2101 b", "2101 tidegate.erased", "2101 a.*"]
        {
            assert!(Kinds::parse(text).is_err(), "{text}");
        }
    }
}
