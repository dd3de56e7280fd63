//! Where a store is shipped to: objects under names, as an object store has them.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use tidegate_disk::replace::{LEFTOVER, remove_if_there, replace};
use tidegate_disk::{Disk, Env, Mode};
use tidegate_format::hash;

/// A place for objects, such as a bucket. Names consist of letters, digits and `.`, `_`, `-`, `/`. An object is put whole or not
/// at all, and never changed: what is put under one name again has the same bytes.
pub trait ShipTarget: Send + Sync + fmt::Debug {
    /// Puts an object. It is durable, and seen by [`get`](Self::get) and [`list`](Self::list), once this returns.
    ///
    /// # Errors
    ///
    /// Those of the place. The object may be there nevertheless.
    fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()>;

    /// Puts an object as [`put`](Self::put) does, unless one of that name is there: of two that do so at once, one succeeds.
    ///
    /// # Errors
    ///
    /// [`AlreadyExists`](io::ErrorKind::AlreadyExists) if there is one; those of the place.
    fn put_new(&self, name: &str, bytes: &[u8]) -> io::Result<()>;

    /// Returns the bytes of an object.
    ///
    /// # Errors
    ///
    /// [`NotFound`](io::ErrorKind::NotFound) if there is none; those of the place.
    fn get(&self, name: &str) -> io::Result<Vec<u8>>;

    /// Returns the names of all objects in a folder, without the folder, in no order; also of what an interrupted put left, if the
    /// place has that. A folder that is not there is empty.
    ///
    /// # Errors
    ///
    /// Those of the place.
    fn list(&self, folder: &str) -> io::Result<Vec<String>>;

    /// Deletes an object; one that is not there is deleted already.
    ///
    /// # Errors
    ///
    /// Those of the place.
    fn delete(&self, name: &str) -> io::Result<()>;

    /// Returns where it is, for messages.
    fn place(&self) -> String;
}

/// A directory as a target. Each object is a file.
#[derive(Clone, Debug)]
pub struct FolderTarget {
    disk: Arc<dyn Disk>,
}

impl FolderTarget {
    /// Returns the target in a directory, which is created once something is put there.
    pub fn new(directory: impl AsRef<Path>) -> Self {
        Self::new_in(&Env::native(directory.as_ref()))
    }

    /// Returns the target in the directory of an environment: a disk that the caller brings.
    pub fn new_in(env: &Env) -> Self {
        Self { disk: Arc::clone(&env.disk) }
    }
}

impl ShipTarget for FolderTarget {
    fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.disk.create_folder(folder_of(name))?;
        replace(&*self.disk, name, bytes)
    }

    fn put_new(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let folder = folder_of(name);
        self.disk.create_folder(folder)?;
        // Written whole under a name of its own bytes, then linked: a link does not replace.
        let digest = hash::sha256(bytes).to_string();
        let beside = format!("{name}.{}{LEFTOVER}", &digest[..16]);
        remove_if_there(&*self.disk, &beside)?;
        let file = self.disk.open(&beside, Mode::CreateNew)?;
        file.write_all_at(bytes, 0)?;
        file.sync()?;
        let linked = self.disk.link(name, &*self.disk, &beside);
        self.disk.remove(&beside)?;
        linked?;
        self.disk.sync_folder(folder)
    }

    fn get(&self, name: &str) -> io::Result<Vec<u8>> {
        let file = self.disk.open(name, Mode::Read)?;
        let mut bytes = vec![0; file.length()? as usize];
        let count = file.read_full_at(&mut bytes, 0)?;
        bytes.truncate(count);
        Ok(bytes)
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        // With those that were never put whole, under names of their own, which a shipper deletes.
        match self.disk.list(folder) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            names => names,
        }
    }

    fn delete(&self, name: &str) -> io::Result<()> {
        remove_if_there(&*self.disk, name)
    }

    fn place(&self) -> String {
        self.disk.place()
    }
}

fn folder_of(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(folder, _)| folder)
}
