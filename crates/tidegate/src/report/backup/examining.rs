//! Examining a backup without restoring it.

use std::path::Path;
use std::sync::Arc;

use tidegate_disk::{Disk, Env, Mode};
use tidegate_format::store::{BackupEntry, BackupFile};
use tidegate_format::{Error, ErrorKind, ErrorPlace, Hash, Micros, Position, Result, StoreId};
use tidegate_segment::{INDEX, SEGMENTS};

use super::placing::{CopyProgress, Meter, digest};
use crate::backend::{
    BACKUP, BackupDisk, CURSORS, LOCK, READERS, STORE, STORE_COPY, UNFINISHED, list, read_backup, reader_name,
};
use crate::read::VerifyReport;
use crate::report::fault::{Fault, Remark};
use crate::report::inspect;

/// What to do about a fault in a backup.
const REMEDY: &str = "back up anew into another directory while the store is whole, or save what is whole of this one with: \
                      tidegate salvage DIR NEW";
/// What becomes of a file that is not part of the backup.
const LEFT: &str = "not part of the backup; a later one was interrupted, and the next one goes on from here";

/// What a backup was found to be.
#[derive(Debug)]
#[must_use = "it says what is damaged"]
#[non_exhaustive]
pub struct BackupExamination {
    /// The store that it is of.
    pub store: StoreId,
    /// How many backups were made into the directory.
    pub number: u64,
    /// When this one was begun.
    pub time: Micros,
    /// The last position in it.
    pub until: Position,
    /// The root of the Merkle tree over everything up to there. Without faults it is that of the events.
    pub root: Hash,
    /// What is in it.
    pub verified: VerifyReport,
    /// What is damaged. Without any, every byte is the one that was backed up, and every event is whole.
    pub faults: Vec<Fault>,
    /// Findings that cost nothing.
    pub remarks: Vec<Remark>,
    /// What shows its events as a tree.
    env: Env,
    backup: BackupFile,
}

/// Examines a backup: that every file is the one that was backed up, by length and digest; that every frame, every event
/// and every link is whole; and that the root of the tree over all events is the one in the backup file.
///
/// Who can write to a backup can write its backup file too. Only a signed checkpoint shows that the events are
/// those of the store: `BackupExamination::is_under` compares it with one (feature `proofs`).
///
/// # Errors
///
/// [`Missing`](ErrorKind::Missing) if there is no backup, [`Damaged`](ErrorKind::Damaged) if its backup file is not whole, and
/// those of the disk. What else is damaged is in the report.
pub fn examine(directory: impl AsRef<Path>, progress: impl FnMut(CopyProgress)) -> Result<BackupExamination> {
    examine_in(&Env::native(directory.as_ref()), progress)
}

/// Examines as [`examine`] does, in an environment: a disk that the caller brings.
///
/// # Errors
///
/// Those of [`examine`].
pub fn examine_in(env: &Env, mut progress: impl FnMut(CopyProgress)) -> Result<BackupExamination> {
    let backup = read_backup(&*env.disk)?.ok_or_else(|| no_backup(&*env.disk))?;
    let as_store =
        Env { disk: Arc::new(BackupDisk::new(Arc::clone(&env.disk), backup.clone())), ..env.clone() };
    let found = inspect::examine_in(&as_store, |_| ())?;
    let mut faults: Vec<Fault> = found.faults.into_iter().map(|fault| of_backup(fault, &backup)).collect();
    let (digests, mut remarks) = compare(&*env.disk, &backup, &mut progress);
    for (entry, error) in digests {
        if !faults.iter().any(|fault| fault.is_in(&entry.name)) {
            // What the log says of the file tells the byte, if anything does.
            let at = found.remarks.iter().find(|remark| remark.file == entry.name);
            let offset = at.and_then(|remark| remark.offset);
            let error = if error.place().is_some() { error } else { error.in_file(&entry.name, offset) };
            faults.push(Fault::new(error, REMEDY));
        }
    }
    tell_others(&*env.disk, &backup, &mut remarks)?;
    let mut examined = BackupExamination {
        store: backup.store,
        number: backup.number,
        time: backup.time,
        until: backup.until,
        root: backup.root,
        verified: found.verified,
        faults,
        remarks,
        env: as_store,
        backup,
    };
    examined.compare_root()?;
    Ok(examined)
}

impl BackupExamination {
    /// Compares the root with that of the events, if they are whole.
    fn compare_root(&mut self) -> Result<()> {
        if !self.faults.is_empty() {
            return Ok(());
        }
        let reader = crate::settings::StoreOptions::new().open_reader_in(self.env.clone())?;
        let wrong = |message: &str, expected: String, found: String| {
            Fault::new(Error::damaged(message, expected, found).in_file(BACKUP, None), REMEDY)
        };
        let (id, head) = (reader.id(), reader.view()?.head());
        if id != self.store {
            let message = "the backup file is of another store than its files";
            self.faults.push(wrong(message, self.store.to_string(), id.to_string()));
        } else if head != self.until {
            let message = "the log ends at another position than the backup file says";
            self.faults.push(wrong(message, self.until.to_string(), head.to_string()));
        } else {
            let root = super::source::root_of(&reader, head)?;
            if root != self.root {
                let message = "the events have another root than the backup file says";
                self.faults.push(wrong(message, self.root.to_string(), root.to_string()));
            }
        }
        Ok(())
    }

    /// Checks that the events of a checkpoint are in the backup: that it is of this store, or of one that this was forked from
    /// and behind the fork, and that the tree over as many events has its root. Signatures are not checked;
    /// `tidegate_proof::Policy::judge` does that.
    ///
    /// # Errors
    ///
    /// [`Damaged`](ErrorKind::Damaged) if the backup has faults, [`Invalid`](ErrorKind::Invalid) if the checkpoint is of another
    /// store, [`Older`](ErrorKind::Older) if the backup has fewer events, [`Diverged`](ErrorKind::Diverged) if it has others.
    #[cfg(feature = "proofs")]
    pub fn is_under(&self, checkpoint: &crate::proofs::Checkpoint) -> Result<()> {
        if let Some(fault) = self.faults.first() {
            return Err(fault.error.clone());
        }
        let reader = crate::settings::StoreOptions::new().open_reader_in(self.env.clone())?;
        let size = Position(checkpoint.size());
        let is_parent =
            |fork: &tidegate_format::ForkPoint| checkpoint.is_of(fork.store) && size <= fork.until;
        if !checkpoint.is_of(self.store) && !reader.file().forks.iter().any(is_parent) {
            let message =
                format!("the checkpoint is of {}, and the backup of {}", checkpoint.origin(), self.store);
            return Err(Error::invalid(message));
        }
        if size > self.until {
            let message = format!("the backup has {} events, and the checkpoint has {size}", self.until);
            return Err(
                Error::new(ErrorKind::Older, message).advise("bring an older checkpoint, or a newer backup")
            );
        }
        let root = super::source::root_of(&reader, size)?;
        if root == checkpoint.root() {
            return Ok(());
        }
        let message = format!(
            "the first {size} events of the backup have the root {root}, and the checkpoint has {}",
            checkpoint.root()
        );
        Err(Error::new(ErrorKind::Diverged, message))
    }

    /// Returns the bytes of all files of the backup.
    pub fn bytes(&self) -> u64 {
        self.backup.files.iter().map(|entry| entry.length).sum()
    }
}

pub(super) fn no_backup(disk: &dyn Disk) -> Error {
    let message = format!(
        "there is no backup in {}: it has no file {BACKUP}, which is written last, so one that was begun is not all there",
        disk.place()
    );
    Error::new(ErrorKind::Missing, message)
}

/// Returns a fault of the store that a backup reads as, in the file of the backup.
fn of_backup(fault: Fault, backup: &BackupFile) -> Fault {
    let place = match fault.error.place() {
        Some(ErrorPlace::File { name, offset }) => Some((name.clone(), *offset)),
        _ => None,
    };
    let error = match place {
        Some((name, offset)) if name == STORE => fault.error.in_file(STORE_COPY, offset),
        Some((name, offset)) if name.starts_with(CURSORS) => {
            let cursor = name.rsplit('/').next().unwrap_or_default();
            fault.error.in_file(&reader_name(cursor, backup.number), offset)
        }
        _ => fault.error,
    };
    Fault::new(error, REMEDY)
}

/// A file of a backup that is not the one that was backed up, and why.
type WrongFile<'a> = (&'a BackupEntry, Error);

/// Compares lengths and digests.
fn compare<'a>(
    disk: &dyn Disk,
    backup: &'a BackupFile,
    progress: &mut dyn FnMut(CopyProgress),
) -> (Vec<WrongFile<'a>>, Vec<Remark>) {
    let (mut faults, mut remarks) = (Vec::new(), Vec::new());
    let mut meter = Meter::new(backup.files.iter().map(|entry| entry.length).sum(), progress);
    for entry in &backup.files {
        let found = match digest(disk, &entry.name, entry.length, &mut meter) {
            Ok(found) => found,
            Err(error) => {
                faults.push((entry, error));
                continue;
            }
        };
        if found != entry.digest {
            let message = "the file is not the one that was backed up: its digest is another";
            faults.push((entry, Error::damaged(message, entry.digest, found)));
        }
        let length =
            disk.open(&entry.name, Mode::Read).and_then(|file| file.length()).unwrap_or(entry.length);
        if length > entry.length {
            let text = format!("what stands behind byte {} is {LEFT}", entry.length);
            remarks.push(Remark::new(entry.name.clone(), text));
        }
    }
    (faults, remarks)
}

/// Reports what is in the directory and not in the backup.
fn tell_others(disk: &dyn Disk, backup: &BackupFile, remarks: &mut Vec<Remark>) -> Result<()> {
    for folder in ["", SEGMENTS, INDEX, READERS] {
        for name in list(disk, folder)? {
            let name = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            let is_known = [BACKUP, LOCK, UNFINISHED].contains(&name.as_str());
            if !is_known && backup.files.binary_search_by(|entry| entry.name.cmp(&name)).is_err() {
                remarks.push(Remark::new(name, LEFT));
            }
        }
    }
    Ok(())
}
