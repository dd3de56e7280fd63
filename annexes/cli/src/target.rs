//! A file that a command writes: it lies outside the store that the command looks at, and is put in its place whole.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tidegate::{Error, ErrorKind, Result};

/// Links that are followed on the way to a file that is not there yet; as many as Linux follows.
const LINKS_MAX: u32 = 40;

/// A file that is written beside its place, and put there when it is whole.
pub(crate) struct Target {
    path: PathBuf,
    /// The name it has until then. A pipe or a device is written at its place.
    beside: Option<PathBuf>,
    writer: BufWriter<File>,
}

impl Target {
    /// Begins to write a file. Refuses one in the store's directory, where it would replace a file of the store.
    pub(crate) fn open(path: &Path, store: &Path) -> Result<Self> {
        let beside = beside(path);
        if is_inside(path, store) || beside.as_ref().is_some_and(|beside| is_inside(beside, store)) {
            let message =
                format!("the file {} cannot lie inside the store, which is only read", path.display());
            return Err(Error::invalid(message).advise("choose a file outside the store's directory"));
        }
        Self::place(path, beside)
    }

    /// Begins to write a file for a command that looks at no store.
    pub(crate) fn anywhere(path: &Path) -> Result<Self> {
        let beside = beside(path);
        Self::place(path, beside)
    }

    fn place(path: &Path, beside: Option<PathBuf>) -> Result<Self> {
        let opened = match &beside {
            Some(beside) => File::create(beside),
            None => File::options().write(true).open(path),
        };
        let file = opened.map_err(|cause| failed(path, cause))?;
        Ok(Self { path: path.to_owned(), beside, writer: BufWriter::with_capacity(1 << 16, file) })
    }

    /// Writes a line.
    pub(crate) fn line(&mut self, line: impl fmt::Display) -> Result<()> {
        writeln!(self.writer, "{line}").map_err(|cause| self.failed(cause))
    }

    fn failed(&self, cause: io::Error) -> Error {
        failed(&self.path, cause)
    }

    /// Puts the file in its place.
    pub(crate) fn finish(mut self) -> Result<()> {
        self.writer.flush().map_err(|cause| self.failed(cause))?;
        if let Some(beside) = &self.beside {
            let placed = self.writer.get_ref().sync_all().and_then(|()| fs::rename(beside, &self.path));
            placed.map_err(|cause| self.failed(cause))?;
        }
        self.beside = None;
        Ok(())
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if let Some(beside) = &self.beside {
            // What is left of it would only be in the way.
            let _ = fs::remove_file(beside);
        }
    }
}

/// The name that a file has until it is whole, or `None` for a pipe or a device.
fn beside(path: &Path) -> Option<PathBuf> {
    let is_special = fs::metadata(path).is_ok_and(|found| !found.is_file());
    (!is_special).then(|| {
        let mut name = OsString::from(path);
        name.push(".part");
        PathBuf::from(name)
    })
}

fn failed(path: &Path, cause: io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("cannot write {}", path.display())).because(cause)
}

/// Returns whether a path lies in a directory, by what exists of it and by where its links lead.
pub(crate) fn is_inside(path: &Path, directory: &Path) -> bool {
    let (Ok(directory), Ok(path)) = (directory.canonicalize(), std::path::absolute(path)) else {
        return false;
    };
    existing(&path, LINKS_MAX).is_some_and(|part| part.starts_with(directory))
}

/// Returns the longest part of a path that exists. A link that leads to nothing counts as the place that it leads to.
fn existing(path: &Path, links: u32) -> Option<PathBuf> {
    path.ancestors().find_map(|part| {
        part.canonicalize().ok().or_else(|| {
            let (target, folder) = (part.read_link().ok()?, part.parent()?);
            existing(&folder.join(target), links.checked_sub(1)?)
        })
    })
}
