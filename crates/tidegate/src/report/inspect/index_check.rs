//! Index files and filter groups beside the segments they are made of: they are made once more, and compared.

use std::collections::BTreeSet;

use tidegate_disk::replace::LEFTOVER;
use tidegate_disk::{Block, Disk};
use tidegate_format::{
    Cause, Error, ErrorKind, Frame, Offset, Position, Record, Result, SegmentHeader, SegmentName,
};
use tidegate_segment::index::{self, Builder, FILTER_GROUP_SEGMENTS_MAX, FileIndex, FilterGroup};
use tidegate_segment::indexing::list_remainders;
use tidegate_segment::{HashKey, INDEX, filter_groups, index_path, parse_index_name};

use super::files::{self, FileContents};
use super::log_scan::{FrameVisitor, ScannedSegment};
#[cfg(feature = "proofs")]
use super::tree_check::TreeCheck;
use crate::backend::{Floor, read_store, seed};
use crate::report::fault::{REBUILT, Remark};

/// The longest filter group read whole, if it is not known how long it should be.
const FILTER_GROUP_BYTES_MAX: u64 = 1 << 30;

/// What becomes of a file of which a later generation is there.
const REPLACED: &str = "a newer generation took its place; the next opening for writing removes it";
/// What becomes of a filter group without its segments.
const UNUSED: &str = "it is passed over, and can be deleted";
/// What to know of an index file without its segment, which only a segment that another one followed has.
const EVIDENCE: &str = "it is evidence that there were segments from here on: keep it until the log is restored; \
                        delete it only if the log is meant to end before it";

/// What is known of the events so far, to make index files of.
#[derive(Debug)]
pub(crate) struct IndexCheck<'a> {
    disk: &'a dyn Disk,
    /// What index files are hashed with. Without the store file it is not known, and they cannot be judged.
    seed: Option<HashKey>,
    /// The files in the folder before the segments were looked for. A writer may make more of them meanwhile, of
    /// segments that were not there yet.
    names: Vec<String>,
    /// The last filter group as it was then: a writer makes it anew, of more segments.
    last_filter_group: Option<(String, FileContents)>,
    levels: Levels,
    /// The index file of the segment that is gone through, as far as that is whole.
    builder: Option<Builder>,
    /// The sealed segments so far that may be in a filter group together.
    group: Vec<GroupMember>,
    /// Where the log begins: filter groups that begin below it are of retired segments, and are not judged.
    floor: Position,
    /// How many segments are left of such a group.
    passed_over: usize,
    /// Whether a segment was missing or unreadable: what is made of several of them cannot be judged then.
    unsure: bool,
    /// Whether there is any segment.
    has_segments: bool,
    /// The files that were compared.
    seen: BTreeSet<String>,
    pub(crate) files: u64,
    /// The files of the tree, which are made of every event.
    #[cfg(feature = "proofs")]
    tree: TreeCheck,
}

/// A sealed segment in a segment group: what tells it from others, and its filter if the segment is whole.
#[derive(Debug)]
struct GroupMember {
    first: Position,
    owner: u64,
    filter: Option<Vec<u8>>,
}

impl<'a> IndexCheck<'a> {
    /// Looks at what is there; to be done before the segments are looked for.
    pub(crate) fn new(disk: &'a dyn Disk) -> Result<Self> {
        let names = files::list(disk, INDEX)?;
        let mut last_filter_group = None;
        if let Some(name) = names.iter().rfind(|name| filter_groups::parse_name(name).is_some()) {
            let name = format!("{INDEX}/{name}");
            last_filter_group =
                files::read(disk, &name, FILTER_GROUP_BYTES_MAX)?.map(|contents| (name, contents));
        }
        let (levels, group, seen) = (Levels::default(), Vec::new(), BTreeSet::new());
        let store = read_store(disk).ok().flatten();
        let floor =
            store.as_ref().and_then(|store| Floor::read(disk, store.id).ok()).unwrap_or_default().first;
        let seed = store.map(|store| seed(store.seed));
        let retired = list_remainders(disk).unwrap_or_default().into_iter().filter(|first| *first < floor);
        let passed_over = retired.count().wrapping_neg() % FILTER_GROUP_SEGMENTS_MAX;
        let builder = None;
        Ok(Self {
            disk,
            seed,
            names,
            last_filter_group,
            levels,
            builder,
            group,
            floor,
            passed_over,
            unsure: false,
            has_segments: false,
            seen,
            files: 0,
            #[cfg(feature = "proofs")]
            tree: TreeCheck::new(disk)?,
        })
    }

    /// Compares the filter groups of the last segments, and reports files that belong to none.
    pub(crate) fn finish(&mut self, remarks: &mut Vec<Remark>) -> Result<()> {
        self.end_group(remarks)?;
        #[cfg(feature = "proofs")]
        {
            self.files += self.tree.finish(remarks);
        }
        let is_index =
            |name: &String| parse_index_name(name).is_some() || filter_groups::parse_name(name).is_some();
        // Without any segment no seed is needed: what is there is evidence that there were segments.
        if self.seed.is_none() && self.has_segments {
            if self.names.iter().any(is_index) {
                let text =
                    "its files cannot be judged without the store file, which says what is hashed in them";
                remarks.push(Remark::new(INDEX, text));
            }
            return Ok(());
        }
        for name in &self.names {
            let file = format!("{INDEX}/{name}");
            if name.ends_with(LEFTOVER) || self.seen.contains(&file) {
                continue;
            }
            if filter_groups::parse_name(name).is_some_and(|group| group.first < self.floor) {
                continue;
            }
            if is_index(name) {
                if self.unsure {
                    remarks.push(Remark::new(
                        file,
                        "whether it is right cannot be told before the segments are",
                    ));
                    continue;
                }
                let error = Error::damaged("it belongs to no sealed segment", "a segment", "none");
                let then = if parse_index_name(name).is_some() { EVIDENCE } else { UNUSED };
                remarks.push(Remark::at(&file, 0, &error, then));
            }
        }
        Ok(())
    }

    /// Compares the index file of a segment with what is built; returns the filter that belongs in it.
    fn index(
        &mut self,
        whole: bool,
        head: &SegmentHeader,
        length: u64,
        seed: HashKey,
        remarks: &mut Vec<Remark>,
    ) -> Result<Option<Vec<u8>>> {
        let name = self.newest(head.first, parse_index_name, index_path, remarks);
        let built = self.builder.take().filter(|_| whole).and_then(|builder| builder.end().ok());
        let open = |bytes| FileIndex::open(Block::from(bytes), head, length, seed);
        // No index is longer than its segment by much, so a file that claims to be one takes no more memory.
        let bytes_max = built
            .as_ref()
            .map_or(length.saturating_mul(2).saturating_add(1 << 20), |built| built.len() as u64);
        if let Some(contents) = files::read(self.disk, &name, bytes_max)? {
            self.files += 1;
            remarks.extend(contents.faults.iter().map(|error| Remark::of(error, REBUILT)));
            let difference = built.as_ref().map(|built| first_difference(built, &contents.bytes));
            if difference != Some(None) {
                let other =
                    || Error::damaged("it does not say what its segment does", "what is built", "another");
                let known = open(contents.bytes).and_then(|index| index.verify());
                let at = difference.flatten();
                let error = known.err().or_else(|| at.map(|_| other()));
                remarks.extend(error.map(|error| wrong(&name, at, &error)));
            }
        } else {
            remarks.push(Remark::new(name, "it is missing; the next opening for writing builds it"));
        }
        let filter = |built| open(built).ok().and_then(|index| index.filter().map(<[u8]>::to_vec).ok());
        Ok(built.and_then(filter))
    }

    /// Returns the filter group of a segment group of this many segments. Only one that is full stays as it is.
    fn filter_group(&mut self, name: &str, segments: usize) -> Result<Option<FileContents>> {
        match self.last_filter_group.take_if(|(last, _)| last == name) {
            Some((_, contents)) => Ok(Some(contents)),
            None if segments < FILTER_GROUP_SEGMENTS_MAX && !self.was_there(name) => Ok(None),
            None => files::read(self.disk, name, FILTER_GROUP_BYTES_MAX),
        }
    }

    /// Returns the file that counts of those that are named after the segment at `first`, and reports the others.
    fn newest(
        &mut self,
        first: Position,
        parse: fn(&str) -> Option<SegmentName>,
        path: fn(SegmentName) -> String,
        remarks: &mut Vec<Remark>,
    ) -> String {
        let there = self.names.iter().filter_map(|name| parse(name)).filter(|name| name.first == first);
        let newest = there.clone().max().unwrap_or(SegmentName::new(first));
        let replaced: Vec<_> = there.filter(|name| *name != newest).map(path).collect();
        for name in &replaced {
            remarks.push(Remark::new(name, REPLACED));
        }
        self.seen.extend(replaced);
        self.seen.insert(path(newest));
        path(newest)
    }

    fn was_there(&self, path: &str) -> bool {
        self.names.iter().any(|name| path.strip_prefix(INDEX).is_some_and(|rest| rest[1..] == **name))
    }

    /// Compares the filter group of the segments so far, which is of as many of them as it says.
    fn end_group(&mut self, remarks: &mut Vec<Remark>) -> Result<()> {
        let group = std::mem::take(&mut self.group);
        let Some(first) = group.first().filter(|_| !self.unsure) else { return Ok(()) };
        let name = self.newest(first.first, filter_groups::parse_name, filter_groups::path, remarks);
        let Some(contents) = self.filter_group(&name, group.len())? else { return Ok(()) };
        self.files += 1;
        remarks.extend(contents.faults.iter().map(|error| Remark::of(error, REBUILT)));
        let owners: Vec<u64> = group.iter().map(|member| member.owner).collect();
        let filter_group = match FilterGroup::open(Block::from(contents.bytes.clone()), &owners) {
            Ok(filter_group) => filter_group,
            Err(error) => {
                remarks.push(wrong(&name, None, &error));
                return Ok(());
            }
        };
        let held = filter_group.verify();
        let members = &group[..filter_group.count()];
        let filters: Option<Vec<&[u8]>> = members.iter().map(|member| member.filter.as_deref()).collect();
        let mut differs = None;
        if let Some(filters) = filters {
            index::write_filter_group(&filters, &owners[..filters.len()], |bytes, at| {
                let there = contents.bytes.get(at as usize..).unwrap_or_default();
                let there = &there[..there.len().min(bytes.len())];
                if let Some(place) = first_difference(bytes, there) {
                    let place = at + place;
                    differs = Some(differs.map_or(place, |before: u64| before.min(place)));
                }
                Ok(())
            })?;
        }
        if held.is_err() || differs.is_some() {
            let other = || Error::damaged("it does not say what its segments do", "what is built", "another");
            remarks.push(wrong(&name, differs, &held.err().unwrap_or_else(other)));
        }
        Ok(())
    }
}

impl FrameVisitor for IndexCheck<'_> {
    fn begin(&mut self, segment: &ScannedSegment) {
        let known = segment.head.zip(segment.length);
        let known = known.zip(self.seed);
        self.builder = known.map(|((head, length), seed)| Builder::new(&head, length, seed));
    }

    fn frame(&mut self, at: u64, frame: &Frame<'_>) -> Result<()> {
        for (start, record) in frame.records() {
            self.levels.add(&record);
            #[cfg(feature = "proofs")]
            self.tree.take(&record);
            let unknown = || Error::damaged("a cause is lost", "an event", "none");
            let level = |position| self.levels.of(position).ok_or_else(unknown);
            let offset = Offset(at + start as u64);
            // Of a segment that is not whole, or has lost causes, no index file can be made.
            self.builder = self
                .builder
                .take()
                .and_then(|mut builder| builder.add(&record, offset, level).ok().map(|()| builder));
        }
        Ok(())
    }

    fn end(&mut self, segment: &ScannedSegment, remarks: &mut Vec<Remark>) -> Result<()> {
        self.has_segments = true;
        let (head, length) = match (segment.head, segment.length) {
            (Some(head), Some(length)) => (head, length),
            (Some(head), None) if !segment.sealed => {
                // An index says that it was sealed, and so that a segment is missing behind it.
                let was_there =
                    |name: &String| parse_index_name(name).is_some_and(|name| name.first == head.first);
                self.unsure |= self.names.iter().any(was_there);
                return Ok(());
            }
            _ => {
                self.unsure = true;
                return Ok(());
            }
        };
        let Some(seed) = self.seed else {
            self.unsure = true;
            return Ok(());
        };
        let filter = self.index(segment.whole, &head, length, seed, remarks)?;
        if self.passed_over > 0 {
            self.passed_over -= 1;
            return Ok(());
        }
        self.group.push(GroupMember {
            first: head.first,
            owner: filter_groups::owner(&head, length, seed),
            filter,
        });
        if self.group.len() == FILTER_GROUP_SEGMENTS_MAX {
            self.end_group(remarks)?;
        }
        Ok(())
    }
}

/// Returns what is wrong with a file that is made of the log.
fn wrong(name: &str, at: Option<u64>, error: &Error) -> Remark {
    match error.kind() {
        ErrorKind::Newer => Remark::new(name, error.message()),
        _ => Remark::at(name, at.unwrap_or(0), error, REBUILT),
    }
}

/// The levels of events in the causal graph, in runs of positions without a gap.
#[derive(Debug, Default)]
struct Levels(Vec<(u64, Vec<Option<u32>>)>);

impl Levels {
    fn of(&self, position: Position) -> Option<u32> {
        let run = self.0.partition_point(|(first, _)| *first <= position.0).checked_sub(1)?;
        let (first, levels) = &self.0[run];
        levels.get((position.0 - first) as usize).copied().flatten()
    }

    fn add(&mut self, record: &Record<'_>) {
        let mut level = Some(0);
        for cause in record.causes() {
            let Cause::At(cause) = cause else { continue };
            let of_cause = self.of(cause);
            level = level.zip(of_cause).map(|(level, cause): (u32, u32)| level.max(cause.saturating_add(1)));
        }
        let position = record.position().0;
        match self.0.last_mut() {
            Some((first, levels)) if *first + levels.len() as u64 == position => levels.push(level),
            _ => self.0.push((position, vec![level])),
        }
    }
}

/// Returns the first byte in which they differ, their ends included.
fn first_difference(expected: &[u8], found: &[u8]) -> Option<u64> {
    let same = expected.iter().zip(found).take_while(|(expected, found)| expected == found).count();
    (same < expected.len() || same < found.len()).then_some(same as u64)
}
