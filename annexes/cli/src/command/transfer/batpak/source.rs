//! The directory of a batpak store.

use std::fs;
use std::path::{Path, PathBuf};

use tidegate::{Error, ErrorKind, Result};
use tidegate_batpak::{BatpakBatch, BatpakStore, Finding};

use crate::progress::Progress;

/// The files of a directory.
pub(super) struct Source {
    directory: PathBuf,
    names: Vec<String>,
    bytes: u64,
}

impl Source {
    /// Lists the files. Refuses a directory without segments, where nothing would be imported in silence.
    pub(super) fn open(directory: &Path) -> Result<Self> {
        let name = directory.display();
        let unreadable = |cause: std::io::Error| {
            let is_missing = cause.kind() == std::io::ErrorKind::NotFound;
            let kind = if is_missing { ErrorKind::Missing } else { ErrorKind::Io };
            Error::new(kind, format!("the directory {name} cannot be read")).because(cause)
        };
        let mut names = Vec::new();
        for entry in fs::read_dir(directory).map_err(unreadable)? {
            names.extend(entry.map_err(unreadable)?.file_name().into_string().ok());
        }
        names.sort();
        let mut source = Self { directory: directory.to_owned(), names, bytes: 0 };
        let store = source.store()?;
        if store.segments().is_empty() {
            let message = format!("{name} holds no store of batpak: no file is named such as 000001.fbat");
            return Err(Error::new(ErrorKind::Missing, message));
        }
        let lengths = store.segments().iter().map(|name| fs::metadata(directory.join(name)));
        source.bytes = lengths.filter_map(|metadata| metadata.ok().map(|metadata| metadata.len())).sum();
        Ok(source)
    }

    /// Returns the bytes of all segments.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    fn store(&self) -> Result<BatpakStore> {
        BatpakStore::open(&self.names, |name| self.read(name)).map_err(|error| self.placed(error))
    }

    fn read(&self, name: &str) -> Result<Vec<u8>> {
        fs::read(self.directory.join(name)).map_err(|cause| {
            Error::new(ErrorKind::Io, "the file cannot be read").because(cause).in_file(name, None)
        })
    }

    fn placed(&self, error: Error) -> Error {
        error.in_directory(&self.directory.display().to_string())
    }

    /// Hands over all batches in order, and returns what was found.
    pub(super) fn each<E: From<Error>>(
        &self,
        progress: &Progress,
        mut take: impl FnMut(BatpakBatch) -> Result<(), E>,
    ) -> Result<Vec<Finding>, E> {
        let mut store = self.store()?;
        let mut done = 0;
        for name in store.segments().to_vec() {
            let bytes = self.read(&name).map_err(|error| self.placed(error))?;
            let batches = store.read_segment(&name, &bytes).map_err(|error| self.placed(error))?;
            batches.into_iter().try_for_each(&mut take)?;
            done += bytes.len() as u64;
            progress.moved_to(done);
        }
        Ok(store.findings().to_vec())
    }
}
