//! Names inside a store's directory: relative, parts joined by `/`.
//!
//! N1: an accepted name stays inside the directory: no empty part, no `.`, no `..`, no NUL.

use std::io;

/// Returns the folder a name lies in; `""` for the store's directory.
pub(crate) fn folder_of(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Returns the name inside its folder.
pub(crate) fn last_part(name: &str) -> &str {
    name.rsplit_once('/').map_or(name, |(_, last)| last)
}

/// Refuses a file name that could lead out of the directory.
pub(crate) fn check_file(name: &str) -> io::Result<()> {
    let fine = name.split('/').all(|part| !matches!(part, "" | "." | "..") && !part.contains('\0'));
    if fine {
        Ok(())
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, format!("not a name inside a store: {name:?}")))
    }
}

/// Refuses a folder name that could lead out of the directory; `""` is the directory itself.
pub(crate) fn check_folder(folder: &str) -> io::Result<()> {
    if folder.is_empty() { Ok(()) } else { check_file(folder) }
}

/// Returns a folder and those above it inside the directory, topmost first, without the directory itself.
pub(crate) fn folders_down_to(folder: &str) -> impl Iterator<Item = &str> {
    let cuts = folder.match_indices('/').map(|(at, _)| at).chain([folder.len()]);
    cuts.map(|at| &folder[..at]).filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_inside() {
        // keeps N1
        for name in ["", "/etc/passwd", "a//b", "a/", "..", "a/../b", "./a", "a\0b"] {
            assert!(check_file(name).is_err(), "{name:?}");
        }
        for name in ["a", "a/b", "..a", "a/b.c/d"] {
            assert!(check_file(name).is_ok(), "{name:?}");
        }
        assert!(check_folder("").is_ok());
    }

    #[test]
    fn folders_come_topmost_first() {
        assert_eq!(folder_of("a/b/c"), "a/b");
        assert_eq!(folder_of("c"), "");
        assert_eq!(folders_down_to("a/b/c").collect::<Vec<_>>(), ["a", "a/b", "a/b/c"]);
        assert_eq!(folders_down_to("").count(), 0);
    }
}
