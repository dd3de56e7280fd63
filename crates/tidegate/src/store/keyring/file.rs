//! A keyring in a file.
//!
//! A header of 128 bytes, then slots of 128 bytes, each a key or what is left of one. No slot crosses a sector of a disk.
//!
//! Invariants:
//!
//! R1. A key is returned only after its slot is durable, and the file's name.
//! R2. Destroying writes over the slot in place, so that the file never holds the key again, and returns after that is durable. What is
//!     left is the id, which is random.
//! R3. After a failed sync nothing is added or destroyed through this handle any more, since what the file holds is unknown.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use tidegate_disk::{Env, File, FileLock, Mode, Random};
use tidegate_format::record::KeyId;
use tidegate_format::{Error, ErrorKind, Hash, Offset, Result, hash};
use tidegate_segment::write_error;
use zeroize::Zeroizing;

use crate::backend::{check_held, io, lock_outside, outside, refuse_store};
use crate::published::{KeyState, Keyring, SubjectKey};
use crate::sync::Mutex;

/// What lies there, and why it may not lie in a store's directory.
const WHAT: &str = "a keyring";
const WHY: &str = "a backup would keep the keys beside what they encrypt";
const MAGIC: [u8; 8] = *b"TIDEKEYS";
/// Bytes of the header and of a slot.
const SLOT: usize = 128;
/// Where the parts of a slot lie: its state, the key's id, the subject's hash, the key, the checksum.
const ID: usize = 8;
const SUBJECT: usize = 24;
const KEY: usize = 56;
const CHECKSUM: usize = 120;
/// States of a slot.
const PRESENT: u8 = 1;
const DESTROYED: u8 = 2;

/// A keyring in one file, readable by its owner alone (mode 0600).
///
/// It holds 128 bytes for each key: its random id, the key, and a hash of the subject's name under a salt of the file, so the file
/// does not list names. Who has the file has the keys, and can try names. A destroyed key is written over in place; what
/// stays is its id, which says nothing of whose it was.
///
/// Keep it outside the store, and apart from the store's backups. Without it what is encrypted cannot be read, so back it up
/// too; a backup of it holds keys that are destroyed later, so keep few of them, and none for longer than a deletion may
/// take. A store destroys such a key again when the restored keyring is given to it. A disk or a file system may
/// keep old blocks of the file: put it on an encrypted volume, or keep keys in a service by a [`Keyring`] of your own.
///
/// One handle writes; others open it with [`read`](Self::read).
pub struct FileKeyring {
    file: Arc<dyn File>,
    name: String,
    salt: [u8; 32],
    random: Arc<dyn Random>,
    /// The lock of a handle that may write.
    lock: Option<Box<dyn FileLock>>,
    slots: Mutex<Slots>,
}

/// Where the keys stand, without their secrets.
#[derive(Debug, Default)]
struct Slots {
    /// How many were read.
    count: u64,
    by_id: HashMap<KeyId, u64>,
    by_subject: HashMap<Hash, KeyId>,
    /// Whether a sync failed.
    failed: bool,
}

impl FileKeyring {
    /// Creates a keyring without keys. Its directory is created if it is missing.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) if the file is there already, or lies in a store's directory;
    /// [`Locked`](ErrorKind::Locked) while another process writes to it; [`Io`](ErrorKind::Io) and [`Full`](ErrorKind::Full) if
    /// the system refuses.
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        let (env, name) = outside(path.as_ref(), WHAT, WHY)?;
        Self::create_in(&env, &name).map_err(|error| error.in_directory(&env.disk.place()))
    }

    /// Opens a keyring to read, add and destroy keys.
    ///
    /// # Errors
    ///
    /// [`Missing`](ErrorKind::Missing) if there is none; [`Locked`](ErrorKind::Locked) while another process writes to it;
    /// [`Damaged`](ErrorKind::Damaged) if its bytes are not what was written; [`Invalid`](ErrorKind::Invalid) for a path in a
    /// store's directory; [`Io`](ErrorKind::Io) if the system refuses.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let (env, name) = outside(path.as_ref(), WHAT, WHY)?;
        Self::open_in(&env, &name).map_err(|error| error.in_directory(&env.disk.place()))
    }

    /// Opens a keyring to read payloads, beside a process that writes to it. Its keys cannot be added to or destroyed.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open), but never [`Locked`](ErrorKind::Locked).
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let (env, name) = outside(path.as_ref(), WHAT, WHY)?;
        let opened = Self::with(&env, &name, Mode::Read, None);
        opened.map_err(|error| error.in_directory(&env.disk.place()))
    }

    /// Creates a keyring in an environment: a disk and randomness that the caller brings.
    ///
    /// # Errors
    ///
    /// Those of [`create`](Self::create).
    pub fn create_in(env: &Env, name: &str) -> Result<Self> {
        let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
        let at = |cause| write_error("it cannot be created", name, cause);
        env.disk.create_folder(folder).map_err(at)?;
        refuse_store(&*env.disk, folder, WHAT, WHY)?;
        let lock = Self::lock(env, name)?;
        if env.disk.open(name, Mode::Read).is_ok() {
            let error = Error::invalid("there is a keyring of this name already").in_file(name, None);
            return Err(error.advise("open it, or choose another name"));
        }
        let mut header = [0; SLOT];
        header[..ID].copy_from_slice(&MAGIC);
        fill(&*env.random, &mut header[SUBJECT..KEY])?;
        seal(&mut header);
        tidegate_disk::replace::replace(&*env.disk, name, &header).map_err(at)?;
        Self::with(env, name, Mode::Write, Some(lock))
    }

    /// Opens a keyring in an environment: a disk and randomness that the caller brings.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open).
    pub fn open_in(env: &Env, name: &str) -> Result<Self> {
        refuse_store(&*env.disk, name.rsplit_once('/').map_or("", |(folder, _)| folder), WHAT, WHY)?;
        if let Err(cause) = env.disk.open(name, Mode::Read)
            && cause.kind() == std::io::ErrorKind::NotFound
        {
            return Err(missing(name));
        }
        let lock = Self::lock(env, name)?;
        Self::with(env, name, Mode::Write, Some(lock))
    }

    fn lock(env: &Env, name: &str) -> Result<Box<dyn FileLock>> {
        let busy = "another process writes to this keyring; end it, or open the keyring for reading";
        lock_outside(&*env.disk, &format!("{name}.lock"), busy)
    }

    fn with(env: &Env, name: &str, mode: Mode, lock: Option<Box<dyn FileLock>>) -> Result<Self> {
        let file = env.disk.open(name, mode).map_err(|cause| match cause.kind() {
            std::io::ErrorKind::NotFound => missing(name),
            _ => io("the keyring cannot be opened", name, cause),
        })?;
        let mut keyring = Self {
            file,
            name: name.to_owned(),
            salt: [0; 32],
            random: Arc::clone(&env.random),
            lock,
            slots: Mutex::default(),
        };
        let header = keyring.slot(0)?.filter(|header| is_sealed(header) && header[..ID] == MAGIC);
        let header = header.ok_or_else(|| keyring.damaged(0, "a keyring"))?;
        keyring.salt.copy_from_slice(&header[SUBJECT..KEY]);
        if keyring.lock.is_some() {
            // keeps R1 and R2: what an earlier process wrote may not be durable.
            let at = |cause| write_error("the keyring cannot be made durable", name, cause);
            keyring.file.sync().map_err(at)?;
            let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
            env.disk.sync_folder(folder).map_err(at)?;
        }
        let mut slots = Slots::default();
        keyring.refresh(&mut slots)?;
        keyring.slots = Mutex::new(slots);
        Ok(keyring)
    }

    /// Reads the slots that were added since.
    fn refresh(&self, slots: &mut Slots) -> Result<()> {
        while let Some(slot) = self.slot(slots.count + 1)? {
            let number = slots.count + 1;
            if !is_sealed(&slot) {
                // The last one may be torn by a crash: its key was given to no caller (R1), and the next one stands in its place.
                return match self.slot(number + 1)? {
                    None => Ok(()),
                    Some(_) => Err(self.damaged(number, "a key, or what is left of one")),
                };
            }
            slots.count = number;
            let id = KeyId(array(&slot, ID));
            slots.by_id.insert(id, number);
            if slot[0] == PRESENT {
                slots.by_subject.insert(Hash(array(&slot, SUBJECT)), id);
            }
        }
        Ok(())
    }

    /// Reads a slot; `None` if the file ends before it does.
    fn slot(&self, number: u64) -> Result<Option<Zeroizing<[u8; SLOT]>>> {
        let mut slot = Zeroizing::new([0; SLOT]);
        let filled = self.file.read_full_at(&mut *slot, number * SLOT as u64);
        let filled = filled.map_err(|cause| io("the keyring cannot be read", &self.name, cause))?;
        Ok((filled == SLOT).then_some(slot))
    }

    /// Writes a slot durably.
    fn write(&self, slots: &mut Slots, number: u64, slot: &[u8; SLOT]) -> Result<()> {
        let Some(lock) = &self.lock else {
            let message = "the keyring is open for reading only; open it for writing to add or destroy keys";
            return Err(Error::invalid(message).in_file(&self.name, None));
        };
        check_held(&**lock, &self.name)?;
        if slots.failed {
            let message = "a sync of the keyring failed; open it again";
            return Err(Error::new(ErrorKind::Ended, message).in_file(&self.name, None));
        }
        let at = |cause| write_error("the keyring cannot be written", &self.name, cause);
        self.file.write_all_at(slot, number * SLOT as u64).map_err(at)?;
        // keeps R3
        slots.failed = true;
        self.file.sync().map_err(at)?;
        slots.failed = false;
        Ok(())
    }

    fn damaged(&self, number: u64, expected: &str) -> Error {
        Error::damaged("the keyring is not what was written", expected, "other bytes")
            .in_file(&self.name, Some(Offset(number * SLOT as u64)))
            .advise("put the file back from its backup")
    }

    fn hash_of(&self, subject: &str) -> Hash {
        hash::parts(b"tidegate subject", &[&self.salt, subject.as_bytes()])
    }

    /// Returns what the slot of a key holds.
    fn state(&self, number: u64, id: KeyId) -> Result<KeyState> {
        let slot = self.slot(number)?.filter(|slot| is_sealed(slot) && array(slot, ID) == id.0);
        let slot = slot.ok_or_else(|| self.damaged(number, "a key, or what is left of one"))?;
        Ok(match slot[0] {
            PRESENT => KeyState::Present(SubjectKey::new(array(&slot, KEY))),
            _ => KeyState::Destroyed,
        })
    }
}

impl Keyring for FileKeyring {
    fn key_of(&self, subject: &str, create: bool) -> Result<Option<(KeyId, SubjectKey)>> {
        let hash = self.hash_of(subject);
        let mut slots = self.slots.lock();
        self.refresh(&mut slots)?;
        if let Some(id) = slots.by_subject.get(&hash).copied() {
            let number = slots.by_id[&id];
            if let KeyState::Present(key) = self.state(number, id)? {
                return Ok(Some((id, key)));
            }
            slots.by_subject.remove(&hash);
        }
        if !create {
            return Ok(None);
        }
        let (number, mut slot) = (slots.count + 1, Zeroizing::new([0; SLOT]));
        slot[0] = PRESENT;
        fill(&*self.random, &mut slot[ID..SUBJECT])?;
        slot[SUBJECT..KEY].copy_from_slice(&hash.0);
        fill(&*self.random, &mut slot[KEY..KEY + 32])?;
        seal(&mut slot);
        // keeps R1
        self.write(&mut slots, number, &slot)?;
        let id = KeyId(array(&slot, ID));
        slots.count = number;
        slots.by_id.insert(id, number);
        slots.by_subject.insert(hash, id);
        Ok(Some((id, SubjectKey::new(array(&slot, KEY)))))
    }

    fn find(&self, key: KeyId) -> Result<KeyState> {
        let mut slots = self.slots.lock();
        if !slots.by_id.contains_key(&key) {
            self.refresh(&mut slots)?;
        }
        // Read each time: another process may have destroyed it, and no secret stays in memory.
        match slots.by_id.get(&key) {
            Some(number) => self.state(*number, key),
            None => Ok(KeyState::Unknown),
        }
    }

    fn destroy(&self, key: KeyId) -> Result<()> {
        let mut slots = self.slots.lock();
        self.refresh(&mut slots)?;
        let Some(number) = slots.by_id.get(&key).copied() else { return Ok(()) };
        let mut slot = [0; SLOT];
        slot[0] = DESTROYED;
        slot[ID..SUBJECT].copy_from_slice(&key.0);
        seal(&mut slot);
        // keeps R2
        self.write(&mut slots, number, &slot)?;
        slots.by_subject.retain(|_, id| *id != key);
        Ok(())
    }
}

impl fmt::Debug for FileKeyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileKeyring").field("file", &self.name).finish_non_exhaustive()
    }
}

fn missing(name: &str) -> Error {
    let error = Error::new(ErrorKind::Missing, "there is no such keyring; create one");
    error.in_file(name, None)
}

fn fill(random: &dyn Random, bytes: &mut [u8]) -> Result<()> {
    let message = "a key needs random bytes, and there are none";
    random.fill(bytes).map_err(|cause| Error::new(ErrorKind::Io, message).because(cause))
}

fn array<const N: usize>(slot: &[u8; SLOT], at: usize) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&slot[at..at + N]);
    array
}

fn checksum(slot: &[u8; SLOT]) -> [u8; 8] {
    let mut checksum = [0; 8];
    checksum.copy_from_slice(&hash::sha256(&slot[..CHECKSUM]).0[..8]);
    checksum
}

fn seal(slot: &mut [u8; SLOT]) {
    let checksum = checksum(slot);
    slot[CHECKSUM..].copy_from_slice(&checksum);
}

fn is_sealed(slot: &[u8; SLOT]) -> bool {
    slot[CHECKSUM..] == checksum(slot)
}
