//! How a store is opened and how a batch is appended: values, each with a sensible default.

use std::time::Duration;

use tidegate_format::limit::SEGMENT_BYTES_MAX;
use tidegate_format::{Error, Position, Result, SEGMENT_HEADER_BYTES, Text};

pub use tidegate_disk::Permissions;
pub use tidegate_format::limit::{Limit, LimitExceeded};
pub use tidegate_segment::cache::OpenFiles;

/// When an append is answered, and so what a power cut can cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// After the sync: an acknowledged event survives the end of the process and a power cut.
    #[default]
    Synced,
    /// After the write. A sync ends within this time, unless the disk is slow: it begins early, by twice what the last
    /// one took, but at most by half the interval. The end of the process costs nothing; a power cut costs what was
    /// acknowledged since the last sync. A store without a thread of its own syncs
    /// when [`Upkeep::step`](crate::report::Upkeep::step) is called.
    Interval(Duration),
    /// After the write, or, behind a synced batch that is still on its way, after the sync of that one; synced only when
    /// something else asks for it ([`wait_durable`], a synced append, a new segment, closing). The end of the process
    /// costs nothing; a power cut costs what the operating system had not written back yet.
    ///
    /// [`wait_durable`]: crate::StoreReader::wait_durable
    Buffered,
}

/// What an append does when the queue is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// It waits for room.
    #[default]
    Wait,
    /// It is refused with [`ErrorKind::Full`](crate::ErrorKind::Full).
    Refuse,
}

/// Options of opening a store.
///
/// ```
/// use tidegate::{Durability, StoreOptions};
///
/// let store = StoreOptions::new().segment_bytes(16 << 20).durability(Durability::Buffered).in_memory()?;
/// # Ok::<(), tidegate::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
#[non_exhaustive]
pub struct StoreOptions {
    /// Whether opening for writing creates the store if there is none. Default: `true`.
    pub create: bool,
    /// The durability of appends that do not choose their own. Default: [`Durability::Synced`].
    pub durability: Durability,
    /// Bytes at which a segment is followed by a new one. Default: 64 MiB; at most 1 GiB. One frame may exceed it.
    pub segment_bytes: u64,
    /// Bytes that are prepared ahead of the log's end at most. Default: 1 MiB. While syncs are small (less than 64 KiB each)
    /// the store writes zeros there first and its events over them, because a sync of a file that need not grow is quicker.
    /// Nothing is prepared before a sixteenth of this was taken in, nor beyond the end of a segment. What is left is cut
    /// off when the store is closed; a process that dies leaves it until the next opening. 0 prepares nothing, which is
    /// better on file systems that never write in place, as Btrfs and ZFS.
    pub space_ahead: u64,
    /// How many of the streams that were written to last keep the place of their last event in memory, where the next event
    /// of each is linked to it. Default: 65,536. Up to twice as many do, and each takes 65 to 130 bytes. For an event of
    /// another stream the index is asked first, which takes about as long as the rest of a buffered append in a batch.
    pub streams_in_memory: usize,
    /// Bytes of batches that may be queued or written and not answered. Default: 64 MiB. One batch may exceed it.
    pub queue_bytes: usize,
    /// Whether sealed segments are mapped into memory. Default: `true`. Without maps reads are slower, but they return
    /// copies, and a file that another process cuts short never ends this process.
    ///
    /// With maps, no other process may write to a file of the store in place, or cut it. A backup is put back with the
    /// store closed, or by a rename; copying over a file ends the processes that have it mapped.
    pub map: bool,
    /// How many files of sealed segments are kept open at once: see [`OpenFiles`].
    pub open_files: OpenFiles,
    /// Whether the store has a thread of its own. Default: `true`. It commits what was submitted without waiting and
    /// syncs at intervals. Without it [`Upkeep::step`](crate::report::Upkeep::step) does that, whenever it is called.
    pub thread: bool,
    /// A position the log is known to have reached. Default: 0. A log that ends before it, such as an older copy put
    /// back in its place, is not opened.
    pub expected_head: Position,
    /// Whether opening verifies every event before it gives the handle out. Default: `false`. It takes as long as
    /// [`StoreReader::verify`](crate::StoreReader::verify); damage anywhere then refuses the opening.
    pub verify: bool,
    /// How far the clock may be ahead of the last recorded time for an append to be accepted: without a limit by
    /// default. It keeps out a clock that is far ahead, since times never decrease and every later event would get that time. A store
    /// that was idle for longer than this refuses appends until it is opened with a larger step.
    pub time_step_max: Option<Duration>,
    /// Permissions of the files and folders that the store creates. Default: that of [`Permissions`]. Only
    /// [`open`](Self::open) uses them; an [`Env`](tidegate_disk::Env) of the caller's has a disk with its own.
    pub permissions: Permissions,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            create: true,
            durability: Durability::default(),
            segment_bytes: 64 << 20,
            space_ahead: 1 << 20,
            streams_in_memory: 1 << 16,
            queue_bytes: 64 << 20,
            map: true,
            open_files: OpenFiles::default(),
            thread: true,
            expected_head: Position::START,
            verify: false,
            time_step_max: None,
            permissions: Permissions::default(),
        }
    }
}

impl StoreOptions {
    /// Returns the default options.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets whether opening for writing creates the store if there is none.
    #[must_use]
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Sets the durability of appends that do not choose their own.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Sets the bytes at which a segment is followed by a new one.
    #[must_use]
    pub fn segment_bytes(mut self, segment_bytes: u64) -> Self {
        self.segment_bytes = segment_bytes;
        self
    }

    /// Sets the bytes that are prepared ahead of the log's end at most; 0 prepares nothing.
    #[must_use]
    pub fn space_ahead(mut self, space_ahead: u64) -> Self {
        self.space_ahead = space_ahead;
        self
    }

    /// Sets how many of the streams that were written to last keep the place of their last event in memory.
    ///
    /// ```
    /// use tidegate::StoreOptions;
    ///
    /// // Events of a million devices come in turn.
    /// let store = StoreOptions::new().streams_in_memory(1_000_000).in_memory()?;
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    #[must_use]
    pub fn streams_in_memory(mut self, streams: usize) -> Self {
        self.streams_in_memory = streams;
        self
    }

    /// Sets the bytes of batches that may be queued or written and not answered.
    #[must_use]
    pub fn queue_bytes(mut self, queue_bytes: usize) -> Self {
        self.queue_bytes = queue_bytes;
        self
    }

    /// Sets whether sealed segments are mapped into memory.
    #[must_use]
    pub fn map(mut self, map: bool) -> Self {
        self.map = map;
        self
    }

    /// Sets how many files of sealed segments are kept open at once.
    #[must_use]
    pub fn open_files(mut self, open_files: OpenFiles) -> Self {
        self.open_files = open_files;
        self
    }

    /// Sets whether the store has a thread of its own.
    #[must_use]
    pub fn thread(mut self, thread: bool) -> Self {
        self.thread = thread;
        self
    }

    /// Sets a position the log is known to have reached.
    #[must_use]
    pub fn expected_head(mut self, expected_head: Position) -> Self {
        self.expected_head = expected_head;
        self
    }

    /// Sets whether opening verifies every event before it gives the handle out.
    #[must_use]
    pub fn verify(mut self, verify: bool) -> Self {
        self.verify = verify;
        self
    }

    /// Sets how far the clock may be ahead of the last recorded time; `None` is without a limit.
    #[must_use]
    pub fn time_step_max(mut self, time_step_max: impl Into<Option<Duration>>) -> Self {
        self.time_step_max = time_step_max.into();
        self
    }

    /// Sets the permissions of the files and folders that the store creates.
    #[must_use]
    pub fn permissions(mut self, permissions: Permissions) -> Self {
        self.permissions = permissions;
        self
    }

    pub(crate) fn check(&self) -> Result<()> {
        let least = SEGMENT_HEADER_BYTES as u64 + 1;
        if (least..=SEGMENT_BYTES_MAX).contains(&self.segment_bytes) {
            return Ok(());
        }
        let bytes = self.segment_bytes;
        Err(Error::invalid(format!("segment_bytes is {bytes}, it goes from {least} to {SEGMENT_BYTES_MAX}")))
    }
}

/// Options of one append or decision.
///
/// ```
/// use tidegate::AppendOptions;
///
/// let soon = AppendOptions::new().buffered();
/// let once = AppendOptions::new().key("request-17").attempts(10);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AppendOptions {
    /// When the append is answered. Default: `None`, as the store's own [`durability`](StoreOptions::durability) says.
    pub durability: Option<Durability>,
    /// What an append does when the queue is full. Default: it waits.
    pub when_full: WhenFull,
    /// Maximum number of times a decision is judged, when what it read moves before each commit; then it is refused.
    /// Without a limit by default (`u32::MAX`): callers that decide about the same thing take turns, so each of them
    /// comes to an end.
    pub attempts: u32,
    /// Whether what a decision or a gate read is kept in the metadata of the first event.
    /// [`View::explain`](crate::View::explain) shows it then. Default: `false`.
    pub keep_footprint: bool,
    /// Whether a denial that a decision comes to is recorded as an event of kind `tidegate.denied`. Default: `false`. Its
    /// stream is `tidegate/tidegate.denials`, and its JSON has `verdicts`, each with `code`, `message` and `fields`. For
    /// denials by gates there is [`GateSet::recording_denials`](crate::decide::GateSet::recording_denials).
    pub record_denials: bool,
    /// The idempotency key of a decision. Default: `None`. If a batch is in the log under it, its receipt is the answer and
    /// the decision is not made; see [`Store::decide`](crate::Store::decide). It is for decisions only: the key of an
    /// append stands for its content and belongs to the batch, [`Batch::key`](crate::Batch::key).
    pub key: Option<Text>,
}

impl Default for AppendOptions {
    fn default() -> Self {
        Self {
            durability: None,
            when_full: WhenFull::default(),
            attempts: u32::MAX,
            keep_footprint: false,
            record_denials: false,
            key: None,
        }
    }
}

impl AppendOptions {
    /// Returns the default options.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the durability of this append, instead of the store's.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = Some(durability);
        self
    }

    /// Answers after the sync: the short form of [`Durability::Synced`].
    #[must_use]
    pub fn synced(self) -> Self {
        self.durability(Durability::Synced)
    }

    /// Answers after the write: the short form of [`Durability::Buffered`].
    #[must_use]
    pub fn buffered(self) -> Self {
        self.durability(Durability::Buffered)
    }

    /// Sets what an append does when the queue is full.
    #[must_use]
    pub fn when_full(mut self, when_full: WhenFull) -> Self {
        self.when_full = when_full;
        self
    }

    /// Sets the maximum number of times a decision is judged; 0 counts as 1.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// Sets whether what a decision or a gate read is kept beside the events.
    #[must_use]
    pub fn keep_footprint(mut self, keep: bool) -> Self {
        self.keep_footprint = keep;
        self
    }

    /// Sets whether a denial that a decision comes to is recorded as an event.
    #[must_use]
    pub fn record_denials(mut self, record: bool) -> Self {
        self.record_denials = record;
        self
    }

    /// Sets the idempotency key of a decision. [`batch::key_of_parts`](crate::batch::key_of_parts) makes keys from parts.
    #[must_use]
    pub fn key(mut self, key: impl Into<Text>) -> Self {
        self.key = Some(key.into());
        self
    }
}
