//! Retiring: what would go, what stands in the way, and the call that does it.

use std::fmt;

use tidegate_format::{Error, ErrorKind, Position, Result};

use crate::backend::{CURSORS, STATE_BYTES_MAX, SnapshotHeader, list, read, state_folders};
use crate::read::{Query, View};
use crate::store::{StoreReader, Upkeep};
use crate::subscription::cursor;

/// Why records are retired, and by whom: both stay in the log for good.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retire {
    /// Why: 1 to 1,024 bytes.
    pub reason: String,
    /// By whom, such as the name of a desk or of a rule: 1 to 1,024 bytes.
    pub by: String,
    /// Whether records go that a cursor or a projection has not read yet. It gets
    /// [`Retired`](ErrorKind::Retired) then.
    pub force: bool,
}

impl Retire {
    /// Returns the words that are kept of a retirement.
    pub fn new(reason: impl Into<String>, by: impl Into<String>) -> Self {
        Self { reason: reason.into(), by: by.into(), force: false }
    }

    /// Retires also what a cursor or a projection has not read yet. Default: no, and the call is refused.
    #[must_use]
    pub fn force(self, force: bool) -> Self {
        Self { force, ..self }
    }
}

/// A reader of the log that has not read all that is to be retired.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BehindFloor {
    /// Its file within the store, such as `cursors/mailer`.
    pub name: String,
    /// The position up to which it has read.
    pub position: Position,
    /// The first event that it would lose.
    pub next: Position,
}

impl fmt::Display for BehindFloor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, position, next } = self;
        write!(f, "{name} has read up to position {position}, and the event at {next} is next")
    }
}

/// What a retirement would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetirePlan {
    /// The first position that would have a record: the first of a segment, at or before the one that was asked for.
    pub floor: Position,
    /// How many events would lose their records.
    pub events: u64,
    /// In how many segments.
    pub segments: u64,
    /// Bytes of their files.
    pub segment_bytes: u64,
    /// The cursors and saved states that have not read all of that.
    pub behind: Vec<BehindFloor>,
}

impl RetirePlan {
    /// Returns what a retirement of the events before a position would do. Whole segments go, so the floor may come to lie
    /// before it; the segment that is being written stays.
    ///
    /// ```
    /// use tidegate::report::RetirePlan;
    /// use tidegate::{Position, Store};
    ///
    /// let store = Store::in_memory()?;
    /// let plan = RetirePlan::of(&store, Position(1_000))?;
    /// assert_eq!((plan.segments, plan.floor, plan.behind.len()), (0, Position(1), 0));
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of reading.
    pub fn of(store: &StoreReader, before: Position) -> Result<Self> {
        let view = store.view()?;
        let log = view.log();
        let going =
            log.recorded().iter().take_while(|segment| segment.is_sealed() && segment.next() <= before);
        let mut plan = Self { floor: view.floor(), ..Self::default() };
        for segment in going {
            plan.floor = segment.next();
            plan.events += segment.count();
            plan.segments += 1;
            plan.segment_bytes += segment.tail().0;
        }
        if plan.segments > 0 {
            plan.behind = behind(store, &view, plan.floor)?;
        }
        Ok(plan)
    }
}

impl fmt::Display for RetirePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { floor, events, segments, segment_bytes, behind } = self;
        if *segments == 0 {
            return write!(f, "no whole segment lies before that; the log begins at position {floor}");
        }
        write!(
            f,
            "{events} records in {segments} segments ({segment_bytes} bytes) would go; the log would begin at position {floor}"
        )?;
        behind.iter().try_for_each(|reader| write!(f, "; {reader}"))
    }
}

/// Report of a retirement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retirement {
    /// The event that says so; `None` if no whole segment lay before the position.
    pub recorded: Option<Position>,
    /// The first position that has a record.
    pub floor: Position,
    /// How many events lost their records.
    pub events: u64,
    /// How many segments went.
    pub segments: u64,
    /// Bytes of their files.
    pub bytes_freed: u64,
    /// Bytes of what stays of them.
    pub bytes_kept: u64,
    /// Old files that the system did not let go. The next opening for writing removes them.
    pub left: Vec<String>,
}

impl fmt::Display for Retirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { recorded, floor, events, segments, bytes_freed, bytes_kept, left } = self;
        let Some(recorded) = recorded else {
            return write!(f, "no whole segment lay before that; the log begins at position {floor}");
        };
        write!(
            f,
            "retired: {events} records in {segments} segments ({bytes_freed} bytes), as the event at position {recorded} says; \
             {bytes_kept} bytes stay of them; the log begins at position {floor}"
        )?;
        if !left.is_empty() {
            write!(f, "; not removed yet, the next opening does: {}", left.join(", "))?;
        }
        Ok(())
    }
}

impl Upkeep {
    /// Retires the records of the events before a position, in whole segments. What needs no record is answered as before,
    /// for good: whether a query matches, counts, versions, idempotency keys, ids, links, leaves, causes and effects, the
    /// tree and its proofs. What needs one is an error of kind [`Retired`](ErrorKind::Retired), never `None` and never a
    /// jump to the first event that is left: an event by its position, id or key, a read that selects it, a cursor behind
    /// it.
    ///
    /// For each segment its index stays, with 48 bytes more an event. A retry under the idempotency key of a
    /// retired batch is refused as a [duplicate](crate::Error::conflict) with the batch's position. An event whose cause is
    /// retired has to name its correlation, since the flow stood in the record.
    ///
    /// It is refused while a cursor of the store or a saved state of a projection has not read all of that; the error names
    /// them, and [`Retire::force`] overrides it. Readers that keep their place outside the store are not known here.
    /// [`RetirePlan::of`] says beforehand what would go. Appends and reads go on meanwhile. An event of kind
    /// [`tidegate.retired`](crate::report::RETIRED) says why. A crash leaves the log as it was, or as it is to be.
    ///
    /// Backups that were made before hold the records still.
    ///
    /// ```
    /// use tidegate::report::Retire;
    /// use tidegate::{Position, Store};
    ///
    /// let store = Store::in_memory()?;
    /// let report = store.upkeep().retire(Position(1_000), Retire::new("older than ten years", "retention"))?;
    /// assert_eq!((report.segments, report.floor), (0, Position(1)), "the segment that is written stays");
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Refused`](ErrorKind::Refused) if a reader is behind, and on a node of a shared log; [`Invalid`](ErrorKind::Invalid) for a reason or a name that cannot be
    /// kept; [`Ended`](ErrorKind::Ended) if the writer has ended; [`Damaged`](ErrorKind::Damaged) for a segment that is
    /// not whole; [`Full`](ErrorKind::Full) and [`Io`](ErrorKind::Io) if files cannot be written.
    pub fn retire(&self, before: Position, retire: Retire) -> Result<Retirement> {
        self.refuse_node("records cannot be retired")?;
        let Retire { reason, by, force } = retire;
        let plan = RetirePlan::of(self.store(), before)?;
        let RetirePlan { floor, events, segments, behind, .. } = plan;
        if segments == 0 {
            return Ok(Retirement { floor, ..Retirement::default() });
        }
        if !force && !behind.is_empty() {
            let behind: Vec<_> = behind.iter().map(ToString::to_string).collect();
            let message = format!("some have not read what would be retired: {}", behind.join("; "));
            return Err(Error::new(ErrorKind::Refused, message));
        }
        let done = self.retire_below(floor, &reason, &by)?;
        Ok(Retirement {
            recorded: Some(done.recorded),
            floor,
            events,
            segments,
            bytes_freed: done.bytes_freed,
            bytes_kept: done.bytes_kept,
            left: done.left,
        })
    }
}

/// Returns the cursors and saved states that have not read all events before `floor`.
fn behind(store: &StoreReader, view: &View, floor: Position) -> Result<Vec<BehindFloor>> {
    let mut behind = Vec::new();
    for name in cursor::names(store)? {
        let status = cursor::status(store, &name)?;
        let parked = status.parked.first().map(|parked| parked.position);
        let after = parked.map_or(status.position, |parked| parked.before().min(status.position));
        behind.extend(lost(view, &format!("{CURSORS}/{name}"), &status.query, after, floor)?);
    }
    let disk = &*store.env().disk;
    for folder in state_folders(disk)? {
        for name in list(disk, &folder)? {
            let name = format!("{folder}/{name}");
            let Some(bytes) = read(disk, &name, STATE_BYTES_MAX)? else { continue };
            let Ok((header, _)) = SnapshotHeader::read(&bytes) else { continue };
            if let Ok(query) = header.query.parse::<Query>()
                && header.store == store.id()
            {
                behind.extend(lost(view, &name, &query, header.position, floor)?);
            }
        }
    }
    Ok(behind)
}

/// Returns the reader, if an event that it selects lies behind its position and before the floor.
fn lost(
    view: &View,
    name: &str,
    query: &Query,
    position: Position,
    floor: Position,
) -> Result<Option<BehindFloor>> {
    let next = view.first_match(query, position)?.filter(|next| *next < floor);
    Ok(next.map(|next| BehindFloor { name: name.to_owned(), position, next }))
}
