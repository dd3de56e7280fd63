//! Something else in the place of a file or a folder of a store.

use std::error::Error;
use std::fmt;
use std::io;

/// Says what stands in the place of a plain file or a folder: a link, a pipe, a folder. What was there is not.
///
/// ```
/// use tidegate_disk::{Disk, Mode, NativeDisk, NotPlain};
///
/// # fn main() -> std::io::Result<()> {
/// let folder = tempfile::tempdir()?;
/// std::fs::create_dir(folder.path().join("STORE"))?;
/// let error = NativeDisk::new(folder.path()).open("STORE", Mode::Read).unwrap_err();
/// assert_eq!(NotPlain::in_error(&error).unwrap().found(), "a folder");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct NotPlain {
    name: String,
    expected: &'static str,
    found: &'static str,
}

impl NotPlain {
    /// The error for this in the place of a file.
    #[cfg_attr(not(any(unix, windows)), allow(dead_code, reason = "there are no files"))]
    pub(crate) fn no_file(name: &str, found: &'static str) -> io::Error {
        Self { name: name.to_owned(), expected: "a plain file", found }.into_error()
    }

    /// The error for this in the place of a folder.
    pub(crate) fn no_folder(name: &str, found: &'static str) -> io::Error {
        Self { name: name.to_owned(), expected: "a folder", found }.into_error()
    }

    fn into_error(self) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidInput, self)
    }

    /// Returns what an error of a disk says of this, if that is why the call failed.
    pub fn in_error(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }

    /// Returns what should be there.
    pub fn expected(&self) -> &'static str {
        self.expected
    }

    /// Returns what is there.
    pub fn found(&self) -> &'static str {
        self.found
    }
}

impl fmt::Display for NotPlain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, found, .. } = self;
        write!(f, "{name} is {found}, and a store has only plain files and folders; move it away")
    }
}

impl Error for NotPlain {}
