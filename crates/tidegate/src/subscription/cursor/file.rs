//! The file of a cursor: in the store, or in a directory that its owner names.

use std::sync::Weak;

use tidegate_format::Result;

use super::state::{CURSORS, check_name};
use crate::backend::{Flush, StateFile};
use crate::store::StoreReader;
use crate::subscription::state_dir::{DirFile, StateDir};

/// A claimed file.
pub(super) enum CursorFile {
    InStore(StateFile),
    InDirectory(DirFile),
}

impl CursorFile {
    /// Claims the file of a cursor for this handle.
    pub(super) fn claim(store: &StoreReader, name: &str, dir: Option<&StateDir>) -> Result<Self> {
        check_name(name)?;
        match dir {
            Some(dir) => dir.claim(CURSORS, name).map(Self::InDirectory),
            None => {
                let opening = store.opening();
                let files = opening.state_files().map_err(|error| {
                    error.advise("or name a directory for the cursor's state with `CursorOptions::state_dir`")
                })?;
                files.claim(CURSORS, name).map(Self::InStore)
            }
        }
    }

    /// Returns its name within the store or the directory.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::InStore(file) => file.name(),
            Self::InDirectory(file) => file.name(),
        }
    }

    pub(super) fn read(&self) -> Result<Option<Vec<u8>>> {
        match self {
            Self::InStore(file) => file.read(),
            Self::InDirectory(file) => file.read(),
        }
    }

    pub(super) fn check_process(&self) -> Result<()> {
        match self {
            Self::InStore(file) => file.check_process(),
            Self::InDirectory(file) => file.check_process(),
        }
    }

    pub(super) fn write(&self, bytes: &[u8]) -> Result<()> {
        match self {
            Self::InStore(file) => file.write(bytes),
            Self::InDirectory(file) => file.write(bytes),
        }
    }

    /// Returns whether it can be written only while the store is open for writing.
    pub(super) fn ends_with_store(&self) -> bool {
        matches!(self, Self::InStore(_))
    }

    /// Registers what is flushed when the store is closed. A file in a directory can be written after that as well.
    pub(super) fn attach(&self, progress: Weak<dyn Flush>) {
        if let Self::InStore(file) = self {
            file.attach(progress);
        }
    }
}
