//! Stages: drafts that are durable and outside of the log, until they are committed as one batch or cancelled.
//!
//! Invariants:
//!
//! Y1. A draft is acknowledged after it is durable in the stage's file, with the file's name.
//! Y2. A stage is committed once: its batch has the stage's key, by which a retry finds it, whether the file is still there or not.
//! Y3. The file is removed after the batch is durable.
//! Y4. No reader sees or waits for a draft before the commit, and the log holds nothing of it.

use std::collections::hash_map::Entry;

use tidegate_disk::replace::{Replacement, remove_if_there};
use tidegate_disk::{Disk, Mode};
use tidegate_format::limit::PAYLOAD_BYTES_MAX;
use tidegate_format::store::StageFile;
use tidegate_format::{Draft, Error, ErrorKind, Position, Result, StoreId};
use tidegate_segment::write_error;

use super::Store;
use super::reader::StoreReader;
use super::writer::{StageUse, Writer};
use crate::backend::{list, read};
use crate::batch::{Batch, Condition, DraftKeys, Receipt};
use crate::decide::{Decision, Outcome};
use crate::settings::AppendOptions;

/// The folder of stage files within a store.
pub(crate) const STAGES: &str = "staged";
/// Bytes of a stage file at most, for as many as a batch can have.
const BYTES_MAX: u64 = 4 * PAYLOAD_BYTES_MAX as u64;

/// Drafts of a name that are durable and not in the log: to be accepted later, or to wait for an answer from
/// elsewhere. [`commit`](Self::commit) appends them as one batch, judged then; [`cancel`](Self::cancel) removes them without a trace. No
/// reader sees them or waits for them.
///
/// A name is committed once. After a crash the same calls go on: the drafts that were added are there, and a commit
/// that took place is answered with its receipt.
///
/// Drafts for a subject ([`Draft::encrypted_for`]) are encrypted when they are added; a gate sees them encrypted. Others stand in
/// the file as they are: [`Upkeep::erase`](crate::report::Upkeep::erase) erases events and no drafts, so cancel the stages that hold what must
/// go. Backups, forks and exports do not take stages along.
///
/// ```
/// use tidegate::{Draft, Store};
///
/// let store = Store::in_memory()?;
/// let offer = store.stage("offer-7")?;
/// offer.add(Draft::new(("shop", "order-7"), "order.placed"))?;
/// offer.add(Draft::new(("shop", "stock-3"), "item.reserved"))?;
/// assert_eq!(store.view()?.head().0, 0, "nothing is in the log");
///
/// let receipt = offer.commit()?;
/// assert_eq!(receipt.events.len(), 2);
/// assert_eq!(store.stage("offer-7")?.commit()?, receipt, "it is committed once");
/// # Ok::<(), tidegate::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Stage {
    store: Store,
    name: String,
}

impl Store {
    /// Returns the stage of a name: one that has drafts already, or an empty one. Nothing is written before a draft is added.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) for a name that is not 1 to 100 characters of a-z, 0-9, - and _.
    pub fn stage(&self, name: impl Into<String>) -> Result<Stage> {
        let name = name.into();
        check_name(&name)?;
        Ok(Stage { store: self.clone(), name })
    }

    /// Returns the names of the stages that hold drafts, in order.
    ///
    /// ```
    /// use tidegate::{Draft, Store};
    ///
    /// let store = Store::in_memory()?;
    /// store.stage("offer-7")?.add(Draft::new(("shop", "order-7"), "order.placed"))?;
    /// assert_eq!(store.stages()?, ["offer-7"]);
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Io`](ErrorKind::Io) if the folder cannot be listed.
    pub fn stages(&self) -> Result<Vec<String>> {
        Stage::names_in(self)
    }
}

impl Stage {
    /// Returns its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Adds a draft at the end, durably. A cause among the drafts of the stage is named by its place in it, from 0
    /// ([`Cause::Draft`](crate::Cause::Draft)). Whether causes exist is judged by the commit.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) for a draft that breaks a rule or a limit, or is for a subject while the store has no
    /// keyring; [`Conflict`](ErrorKind::Conflict) if the stage was committed; [`Full`](ErrorKind::Full) and [`Io`](ErrorKind::Io) if
    /// the file cannot be written: the draft is not in the stage then. [`Ended`](ErrorKind::Ended) if the writer has ended.
    pub fn add(&self, draft: Draft) -> Result<()> {
        draft.check()?;
        draft.check_unreserved()?;
        let store = &self.store;
        let writer = &**store.writer()?;
        if let Some(error) = writer.published.ended() {
            return Err(error);
        }
        let draft = self.encrypted(writer, draft)?;
        let mut stages = writer.stages.lock();
        if let Some(first) = store.view()?.find_key_after(&self.key(), Position::START)? {
            let message = format!("the stage {:?} was committed; use another name", self.name);
            return Err(crate::batch::Conflict::duplicate(message, Some(first)));
        }
        let disk = &*store.env().disk;
        let mut bytes = Vec::new();
        StageFile::append(&draft, &mut bytes);
        let end = match stages.entry(self.name.clone()) {
            Entry::Occupied(entry) => match entry.get() {
                StageUse::Open { end } => *end,
                StageUse::Ending => return Err(busy(&self.name)),
            },
            Entry::Vacant(_) => match read_stage(disk, &self.name, store.id())? {
                Some(file) => file.end as u64,
                None => self.create(disk)?,
            },
        };
        // If any of it fails, the next one looks at the file again.
        stages.remove(&self.name);
        let file = self.file();
        let at = |cause| write_error("a draft cannot be staged", &file, cause);
        let open = disk.open(&file, Mode::Write).map_err(at)?;
        if end + bytes.len() as u64 > BYTES_MAX {
            return Err(Error::invalid(
                "the stage is too large for one batch; commit it, or use another one",
            ));
        }
        // A torn end of an earlier process is cut off first, or its rest would stand behind a shorter draft.
        open.set_len(end).and_then(|()| open.write_all_at(&bytes, end)).map_err(at)?;
        if let Err(cause) = open.sync() {
            let _ = open.set_len(end);
            return Err(at(cause));
        }
        let end = end + bytes.len() as u64;
        stages.insert(self.name.clone(), StageUse::Open { end });
        Ok(())
    }

    /// Returns the names of the stages that hold drafts, in order, also of a store that another process writes to.
    ///
    /// # Errors
    ///
    /// [`Io`](ErrorKind::Io) if the folder cannot be listed.
    pub fn names_in(store: &StoreReader) -> Result<Vec<String>> {
        let mut names = list(&*store.env().disk, STAGES)?;
        names.retain(|name| check_name(name).is_ok());
        names.sort_unstable();
        Ok(names)
    }

    /// Returns the drafts of a stage as [`drafts`](Self::drafts) does, also of a store that another process writes to.
    ///
    /// ```
    /// use tidegate::report::Stage;
    /// use tidegate::{Draft, Store, StoreReader};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let directory = folder.path().join("shop");
    /// let store = Store::open(&directory)?;
    /// store.stage("offer-7")?.add(Draft::new(("shop", "order-7"), "order.placed"))?;
    /// let reader = StoreReader::open(&directory)?;
    /// assert_eq!(Stage::names_in(&reader)?, ["offer-7"]);
    /// assert_eq!(Stage::drafts_in(&reader, "offer-7")?.len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`drafts`](Self::drafts), and [`Invalid`](ErrorKind::Invalid) for a name that no stage can have.
    pub fn drafts_in(store: &StoreReader, name: &str) -> Result<Vec<Draft>> {
        check_name(name)?;
        let found = read_stage(&*store.env().disk, name, store.id())?;
        Ok(found.map_or_else(Vec::new, |file| file.drafts))
    }

    /// Returns its drafts, in the order in which they were added; those for a subject as they are encrypted.
    ///
    /// # Errors
    ///
    /// [`Damaged`](ErrorKind::Damaged) if the file is not what was written, and [`Io`](ErrorKind::Io) if it cannot be read.
    pub fn drafts(&self) -> Result<Vec<Draft>> {
        Self::drafts_in(&self.store, &self.name)
    }

    /// Appends its drafts as one batch, judged now: by the gates that are attached, and what it says of causes. Then the file is
    /// removed. A stage that was committed before is answered with its first receipt.
    ///
    /// # Errors
    ///
    /// Those of [`Store::append`]: the stage stays as it is. [`Missing`](ErrorKind::Missing) if it has no draft;
    /// [`Erased`](ErrorKind::Erased) if the key of a draft's subject was destroyed: cancel it.
    pub fn commit(&self) -> Result<Receipt> {
        self.commit_if(&[])
    }

    /// Appends its drafts as [`commit`](Self::commit) does if conditions hold.
    ///
    /// ```
    /// use tidegate::{Condition, Draft, Store, StreamId, Version};
    ///
    /// let store = Store::in_memory()?;
    /// let offer = store.stage("offer-7")?;
    /// offer.add(Draft::new(("shop", "order-7"), "order.placed"))?;
    /// store.append(Draft::new(("shop", "order-7"), "order.refused"))?;
    /// let new = Condition::Version(StreamId::new("shop", "order-7"), Version(0));
    /// assert!(offer.commit_if(&[new]).is_err_and(|error| error.conflict().is_some()));
    /// offer.cancel()?;
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`commit`](Self::commit).
    pub fn commit_if(&self, conditions: &[Condition]) -> Result<Receipt> {
        let writer = &**self.store.writer()?;
        let _committing = Committing::begin(writer, &self.name)?;
        let options = AppendOptions::new().key(self.key()).synced();
        let outcome: Result<Outcome> = self.store.decide_with(options, |_| -> Result<Decision> {
            let drafts = self.drafts()?;
            if drafts.is_empty() {
                let message = format!("the stage {:?} has no draft, and was not committed", self.name);
                return Err(Error::new(ErrorKind::Missing, message));
            }
            #[cfg(feature = "encryption")]
            self.check_keys(writer, &drafts)?;
            let batch = conditions.iter().cloned().fold(Batch::staged(drafts), Batch::only_if);
            Ok(Decision::Append(batch))
        });
        let receipt = outcome?.into_result()?;
        // keeps Y3
        if let Err(error) = self.remove() {
            tracing::warn!(%error, stage = self.name, "the file of a stage that was committed stays for now; commit it once more");
        }
        Ok(receipt)
    }

    /// Removes its drafts for good. Nothing of them is in the log, and the name can be used again. A stage that was
    /// committed stays so.
    ///
    /// # Errors
    ///
    /// [`Io`](ErrorKind::Io) if the file cannot be removed, and [`Ended`](ErrorKind::Ended) if the writer has ended.
    pub fn cancel(&self) -> Result<()> {
        let writer = &**self.store.writer()?;
        if let Some(error) = writer.published.ended() {
            return Err(error);
        }
        let _cancelled = Committing::begin(writer, &self.name)?;
        self.remove()
    }

    fn remove(&self) -> Result<()> {
        let (disk, file) = (&*self.store.env().disk, self.file());
        let at = |cause| write_error("a stage cannot be removed", &file, cause);
        match disk.open(&file, Mode::Read) {
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            other => drop(other.map_err(at)?),
        }
        remove_if_there(disk, &file).and_then(|()| disk.sync_folder(STAGES)).map_err(at)
    }

    /// Creates its file, durably with its name, and returns its length.
    fn create(&self, disk: &dyn Disk) -> Result<u64> {
        let file = self.file();
        let at = |cause| write_error("a stage cannot be created", &file, cause);
        disk.create_folder(STAGES).map_err(at)?;
        let header = StageFile::header(self.store.id());
        let new = Replacement::begin(disk, &file).map_err(at)?;
        new.file().write_all_at(&header, 0).map_err(at)?;
        new.finish().map_err(|unplaced| at(unplaced.into_cause()))?;
        Ok(header.len() as u64)
    }

    /// Returns a draft as it stands in the file: one for a subject is encrypted, and has its id from now on.
    fn encrypted(&self, writer: &Writer, mut draft: Draft) -> Result<Draft> {
        if draft.subject.is_none() {
            return Ok(draft);
        }
        let keys = DraftKeys::find(std::slice::from_ref(&draft), &writer.published)?;
        let id = *draft.id.get_or_insert_with(|| writer.ids.make(self.store.env().clock.now_micros()));
        Ok(keys.encrypted(0, &draft, id)?.into_owned())
    }

    /// Refuses a draft whose key was destroyed meanwhile: it would be appended only to be erased.
    #[cfg(feature = "encryption")]
    fn check_keys(&self, writer: &Writer, drafts: &[Draft]) -> Result<()> {
        use tidegate_format::PayloadType;
        use tidegate_format::record::EncryptedPayload;

        let encrypted = drafts.iter().filter(|draft| draft.payload_type == PayloadType::Encrypted);
        for payload in encrypted.filter_map(|draft| EncryptedPayload::read(&draft.payload)) {
            let Some(keys) = writer.published.keys() else {
                let message = "the stage has a draft for a subject; give the store its keyring";
                return Err(Error::new(ErrorKind::Encrypted, message));
            };
            if !keys.subjects.is_present(payload.key)? {
                let message = format!(
                    "the key of a draft's subject in the stage {:?} is not there any more",
                    self.name
                );
                return Err(Error::new(ErrorKind::Erased, message).advise("cancel the stage"));
            }
        }
        Ok(())
    }

    fn key(&self) -> String {
        format!("tidegate.stage:{}", self.name)
    }

    fn file(&self) -> String {
        format!("{STAGES}/{}", self.name)
    }
}

/// A stage that is being committed or cancelled: nothing is added to it meanwhile. No lock is held, since gates are asked.
struct Committing<'a> {
    writer: &'a Writer,
    name: &'a str,
}

impl<'a> Committing<'a> {
    fn begin(writer: &'a Writer, name: &'a str) -> Result<Self> {
        let mut stages = writer.stages.lock();
        if matches!(stages.insert(name.to_owned(), StageUse::Ending), Some(StageUse::Ending)) {
            return Err(busy(name));
        }
        Ok(Self { writer, name })
    }
}

impl Drop for Committing<'_> {
    fn drop(&mut self) {
        // The next call looks at the file.
        self.writer.stages.lock().remove(self.name);
    }
}

fn busy(name: &str) -> Error {
    let message = format!(
        "another call commits or cancels the stage {name:?} at the moment; look again when it has ended"
    );
    Error::new(ErrorKind::Refused, message)
}

/// Reads the file of a stage, if there is one. One that ends within its header holds no draft.
pub(crate) fn read_stage(disk: &dyn Disk, name: &str, store: StoreId) -> Result<Option<StageFile>> {
    let file = format!("{STAGES}/{name}");
    let Some(bytes) = read(disk, &file, BYTES_MAX)? else { return Ok(None) };
    let found = StageFile::read(&bytes).map_err(|error| {
        error
            .in_directory(&file)
            .advise("the drafts in it cannot all be read: cancel the stage, or put the file back")
    })?;
    if found.store != store {
        let message = format!("the stage {name:?} belongs to the store {}", found.store);
        return Err(Error::new(ErrorKind::Refused, message).in_file(&file, None));
    }
    Ok(Some(found))
}

fn check_name(name: &str) -> Result<()> {
    let is_sound = (1..=100).contains(&name.len())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'));
    if is_sound {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "invalid name of a stage {name:?}: use 1 to 100 characters of a-z, 0-9, - and _"
    )))
}
