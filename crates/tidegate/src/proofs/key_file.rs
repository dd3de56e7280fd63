//! A key in a file, with what it signed last in a file beside it.
//!
//! Invariants, beside those of [`Signer`]:
//!
//! K1. A checkpoint is returned only after it is durable in `NAME.last`, with that file's name.
//! K2. `NAME.last` is read, judged by and replaced under the lock `NAME.lock`, so two processes with one key sign one after
//!     the other.
//! K3. A key without `NAME.last` signs nothing: what it signed would be forgotten.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use tidegate_disk::{Disk, Env, FileLock};
use tidegate_format::{Error, ErrorKind, Hash, Result};
use tidegate_proof::limit::NOTE_BYTES_MAX;
use tidegate_proof::tree;
use tidegate_proof::{Checkpoint, KeyAlgorithm, SignedCheckpoint, Signer, SigningKey, VerifierKey};
use tidegate_segment::write_error;

use crate::backend::{check_held, io, lock_outside, outside, read, refuse_store};
use crate::sync::Mutex;

/// How the name of a key file ends.
const KEY: &str = ".key";
/// What lies there, and why it may not lie in a store's directory.
const WHAT: &str = "a key";
const WHY: &str = "a backup would turn back what it signed last";
/// The longest text of a key that is read.
const KEY_BYTES_MAX: u64 = 4096;

/// An Ed25519 key in a file, and what it signed last in a file beside it: a [`Signer`] for the checkpoints of one store.
///
/// `NAME.key` holds the secret, readable by its owner alone (mode 0600) and in the form that other implementations read.
/// `NAME.last` is the last checkpoint it signed, and `NAME.lock` keeps two processes apart. Keep them outside the store's
/// directory, which a backup brings back as a whole: then the key notices that the store is older than what was signed.
/// Back up the key without its `NAME.last`, or not at all: a new key is made in a moment, and a key that was copied with an
/// older `NAME.last` may sign what contradicts its own signatures, which only a witness notices.
///
/// ```
/// use tidegate::proofs::{KeyFile, Signer};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("keys/shop.key");
/// let origin = "example.com/0195fdd6-0000-7000-8000-000000000001"; // ends in the store's id
/// let created = KeyFile::create(&path, origin)?;
/// let opened = KeyFile::open(&path)?;
/// assert_eq!((opened.key(), opened.key().name()), (created.key(), origin));
/// assert_eq!(opened.last()?.expect("the checkpoint of no events").checkpoint().size(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct KeyFile {
    disk: Arc<dyn Disk>,
    names: Names,
    key: SigningKey,
    /// What this handle has put in its place and made durable.
    placed: Mutex<Option<SignedCheckpoint>>,
}

/// The names of a key's files.
#[derive(Debug)]
struct Names {
    key: String,
    last: String,
    lock: String,
}

impl Names {
    fn of(name: &str) -> Result<Self> {
        let stem = name.strip_suffix(KEY).filter(|stem| !stem.is_empty() && !stem.ends_with('/'));
        let wrong = || Error::invalid(format!("invalid name of a key file {name:?}: it ends in {KEY}"));
        let stem = stem.ok_or_else(wrong)?;
        Ok(Self { key: name.to_owned(), last: format!("{stem}.last"), lock: format!("{stem}.lock") })
    }
}

impl KeyFile {
    /// Makes a new key for the log of this origin, which ends in the store's id
    /// ([`Checkpoint::origin_of`]). The path ends in `.key`; its directory is created if it is missing.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) for an origin that no key can have, a path that does not end in `.key` or lies in a
    /// store's directory, and if there is a key already or the memory of one that signed; [`Locked`](ErrorKind::Locked) while
    /// another process uses it; [`Io`](ErrorKind::Io) and [`Full`](ErrorKind::Full) if the system refuses.
    pub fn create(path: impl AsRef<Path>, origin: &str) -> Result<Self> {
        let (env, name) = outside(path.as_ref(), WHAT, WHY)?;
        Self::create_in(&env, &name, origin).map_err(|error| error.in_directory(&env.disk.place()))
    }

    /// Opens a key.
    ///
    /// # Errors
    ///
    /// [`Missing`](ErrorKind::Missing) if there is no key, or its `NAME.last` is missing; [`Damaged`](ErrorKind::Damaged) if
    /// one of the files does not read; [`Invalid`](ErrorKind::Invalid) for a path as with [`create`](Self::create);
    /// [`Io`](ErrorKind::Io) if the system refuses.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let (env, name) = outside(path.as_ref(), WHAT, WHY)?;
        Self::open_in(&env, &name).map_err(|error| error.in_directory(&env.disk.place()))
    }

    /// Makes a new key in an environment: a disk and randomness that the caller brings.
    ///
    /// # Errors
    ///
    /// Those of [`create`](Self::create).
    pub fn create_in(env: &Env, name: &str, origin: &str) -> Result<Self> {
        let names = Names::of(name)?;
        let mut seed = [0; 32];
        env.random.fill(&mut seed).map_err(|cause| io("there is no randomness for a key", name, cause))?;
        let key = SigningKey::new(origin, KeyAlgorithm::Ed25519, seed)?;
        let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
        let disk = Arc::clone(&env.disk);
        disk.create_folder(folder).map_err(|cause| write_error("it cannot be created", name, cause))?;
        refuse_store(&*disk, folder, WHAT, WHY)?;
        let file = Self { disk, names, key, placed: Mutex::default() };
        let lock = file.lock()?;
        file.refuse_present()?;
        // In this order: a key without its memory would be one that forgot.
        let empty = Checkpoint::new(origin, 0, tree::empty_root())?.sign(&file.key)?;
        file.place(&empty)?;
        let text = format!("{}\n", file.key.to_secret_text());
        file.replace(&file.names.key, text.as_bytes())?;
        drop(lock);
        Ok(file)
    }

    /// Opens a key in an environment: a disk that the caller brings.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open).
    pub fn open_in(env: &Env, name: &str) -> Result<Self> {
        let names = Names::of(name)?;
        let disk = Arc::clone(&env.disk);
        refuse_store(&*disk, name.rsplit_once('/').map_or("", |(folder, _)| folder), WHAT, WHY)?;
        let Some(bytes) = read(&*disk, name, KEY_BYTES_MAX)? else {
            let error = Error::new(ErrorKind::Missing, "there is no such key; create one");
            return Err(error.in_file(name, None));
        };
        // No message shows any of it.
        let text = std::str::from_utf8(&bytes).ok().and_then(|text| text.strip_suffix('\n'));
        let wrong = |error: Error| {
            Error::damaged("the file is not a key", "PRIVATE+KEY+NAME+ID+SECRET", "another text")
                .because(error)
                .in_file(name, None)
        };
        let key: SigningKey = text.unwrap_or_default().parse().map_err(wrong)?;
        let file = Self { disk, names, key, placed: Mutex::default() };
        file.read_last()?;
        Ok(file)
    }

    /// Returns the key itself, to sign what is not a checkpoint: of that alone contradictions are remembered.
    pub(super) fn signing_key(&self) -> &SigningKey {
        &self.key
    }

    /// Takes the lock of the key's memory.
    fn lock(&self) -> Result<Box<dyn FileLock>> {
        lock_outside(&*self.disk, &self.names.lock, "another process uses this key at the moment; try again")
    }

    /// Reads what was signed last, from the file: another process may have signed since.
    fn read_last(&self) -> Result<SignedCheckpoint> {
        let name = &self.names.last;
        let Some(bytes) = read(&*self.disk, name, NOTE_BYTES_MAX as u64)? else {
            let message = "what the key signed last is missing, so it signs nothing";
            let error = Error::new(ErrorKind::Missing, message).in_file(name, None);
            return Err(error.advise("put the file back, or make a new key and have its users trust that"));
        };
        let wrong = |error: Error| {
            Error::damaged("the file is not what the key signed last", "a note of the key", "another text")
                .because(error)
                .in_file(name, None)
                .advise("put the file back, or make a new key and have its users trust that")
        };
        let text = String::from_utf8(bytes).map_err(|error| wrong(Error::invalid(error.to_string())))?;
        let last: SignedCheckpoint = text.parse().map_err(wrong)?;
        last.note().verify([self.key.verifier()]).map_err(wrong)?;
        let (signed, own) = (last.checkpoint().origin(), self.key.verifier().name());
        if signed != own || last.to_string() != text {
            return Err(wrong(Error::invalid(format!("it is of {signed}, and the key is of {own}"))));
        }
        Ok(last)
    }

    /// Refuses to make a key in the place of one, or of what one signed.
    fn refuse_present(&self) -> Result<()> {
        let Names { key, last, .. } = &self.names;
        if read(&*self.disk, key, u64::MAX)?.is_some() {
            let error = Error::invalid("there is a key of this name already").in_file(key, None);
            return Err(error.advise("open it, or choose another name"));
        }
        // A crash while a key was made leaves the memory of one that signed nothing.
        let signed = match read(&*self.disk, last, NOTE_BYTES_MAX as u64)? {
            None => return Ok(()),
            Some(bytes) => {
                String::from_utf8(bytes).ok().and_then(|text| text.parse::<SignedCheckpoint>().ok())
            }
        };
        if signed.is_some_and(|signed| signed.checkpoint().size() == 0) {
            return Ok(());
        }
        let error = Error::invalid("it remembers what a key signed that is missing").in_file(last, None);
        Err(error.advise("put the key back, or choose another name"))
    }

    /// Puts a checkpoint into the memory. It is durable when this returns, and its name is.
    fn place(&self, signed: &SignedCheckpoint) -> Result<()> {
        let mut placed = self.placed.lock();
        *placed = None;
        self.replace(&self.names.last, signed.to_string().as_bytes())?;
        *placed = Some(signed.clone());
        Ok(())
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let at = |cause| write_error("it cannot be written", name, cause);
        tidegate_disk::replace::replace(&*self.disk, name, bytes).map_err(at)
    }
}

impl Signer for KeyFile {
    fn key(&self) -> VerifierKey {
        self.key.verifier().clone()
    }

    /// Before the first one it is the checkpoint of no events, which every log continues.
    fn last(&self) -> Result<Option<SignedCheckpoint>> {
        self.read_last().map(Some)
    }

    fn sign(&self, next: &Checkpoint, hashes: &[Hash]) -> Result<SignedCheckpoint> {
        // keeps K2
        let lock = self.lock()?;
        let last = self.read_last()?;
        next.check_extends(last.checkpoint(), hashes)?;
        let signed = if last.checkpoint() == next { last } else { next.sign(&self.key)? };
        // keeps K1: what another handle put there may not be durable, or was not before this one read it.
        if self.placed.lock().as_ref() != Some(&signed) {
            self.place(&signed)?;
        }
        check_held(&*lock, &self.names.lock)?;
        Ok(signed)
    }
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyFile")
            .field("file", &self.names.key)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}
