//! Index files and rosters beside the segments they are made of: they are made once more, and compared.

use std::collections::BTreeSet;

use tidegate_disk::replace::LEFTOVER;
use tidegate_disk::{Block, Disk};
use tidegate_format::{Cause, Error, ErrorKind, Frame, Position, Record, Result, SegmentHead};
use tidegate_segment::index::{self, FileIndex, ROSTER_SEGMENTS_MAX, Roster};
use tidegate_segment::{INDEX, index_path, owner, parse_index_name, parse_roster_name, roster_path};

use super::fault::{DELETE, Fault, Remark};
use super::files::{self, Contents};
use super::survey::{Segment, Visit};
use crate::edge::seed;

/// The longest roster read whole, where it is not known how long it should be.
const ROSTER_BYTES_MAX: u64 = 1 << 30;

/// What is known of the events so far, to make index files of.
#[derive(Debug)]
pub(super) struct Derived<'a> {
    disk: &'a dyn Disk,
    /// The files in the folder before the segments were looked for. A writer may make more of them meanwhile, of
    /// segments that were not there yet.
    names: Vec<String>,
    /// The last roster as it was then: a writer makes it anew, of more segments.
    last_roster: Option<(String, Contents)>,
    levels: Levels,
    /// The sealed segments so far that may be in a roster together.
    stretch: Vec<Member>,
    /// Whether a segment was missing or unreadable: what is made of several of them cannot be judged then.
    unsure: bool,
    /// The files that were compared.
    seen: BTreeSet<String>,
    pub(super) files: u64,
}

/// A sealed segment in a stretch: what tells it from others, and its filter where the segment is whole.
#[derive(Debug)]
struct Member {
    first: Position,
    owner: u64,
    index: Option<FileIndex>,
}

impl<'a> Derived<'a> {
    /// Looks at what is there; to be done before the segments are looked for.
    pub(super) fn new(disk: &'a dyn Disk) -> Result<Self> {
        let names = files::list(disk, INDEX)?;
        let mut last_roster = None;
        if let Some(name) = names.iter().rfind(|name| parse_roster_name(name).is_some()) {
            let name = format!("{INDEX}/{name}");
            last_roster = files::read(disk, &name, ROSTER_BYTES_MAX)?.map(|contents| (name, contents));
        }
        let (levels, stretch, seen) = (Levels::default(), Vec::new(), BTreeSet::new());
        Ok(Self { disk, names, last_roster, levels, stretch, unsure: false, seen, files: 0 })
    }

    /// Compares the rosters of the last segments, and tells of files that belong to none.
    pub(super) fn end(&mut self, faults: &mut Vec<Fault>, remarks: &mut Vec<Remark>) -> Result<()> {
        self.end_stretch(faults, remarks)?;
        for name in &self.names {
            let file = format!("{INDEX}/{name}");
            if name.ends_with(LEFTOVER) || self.seen.contains(&file) {
                continue;
            }
            if parse_index_name(name).is_some() || parse_roster_name(name).is_some() {
                if self.unsure {
                    let text = "whether it is right cannot be told before the segments are".to_owned();
                    remarks.push(Remark { file, text });
                    continue;
                }
                let error = Error::damaged("it belongs to no sealed segment", "a segment", "none");
                faults.push(Fault::of(error, &file, 0, DELETE));
            }
        }
        Ok(())
    }

    fn index(
        &mut self,
        segment: &Segment<'_>,
        head: &SegmentHead,
        length: u64,
        faults: &mut Vec<Fault>,
        remarks: &mut Vec<Remark>,
    ) -> Result<Option<FileIndex>> {
        let (name, seed) = (index_path(head.first), seed(head.salt));
        self.seen.insert(name.clone());
        let built = if segment.whole { self.build(segment, head) } else { None };
        let open = |bytes| FileIndex::open(Block::from(bytes), head, length, seed);
        let index = || built.clone().and_then(|built| open(built).ok());
        // No index is longer than its segment by much, so a file that claims to be one takes no more memory.
        let bytes_max = built
            .as_ref()
            .map_or(length.saturating_mul(2).saturating_add(1 << 20), |built| built.len() as u64);
        let Some(contents) = files::read(self.disk, &name, bytes_max)? else {
            let text = "it is missing; the next opening for writing builds it".to_owned();
            remarks.push(Remark { file: name, text });
            return Ok(index());
        };
        self.files += 1;
        faults.extend(contents.faults.into_iter().map(|error| Fault::new(error, DELETE)));
        let bytes = contents.bytes;
        if let Some(at) = built.as_ref().and_then(|built| first_difference(built, &bytes)) {
            let known = open(bytes).and_then(|index| index.verify());
            match known {
                Err(error) if error.kind() == ErrorKind::Newer => {
                    remarks.push(Remark { file: name, text: error.message().to_owned() });
                }
                known => {
                    let other = || {
                        Error::damaged("it does not say what its segment does", "what is built", "another")
                    };
                    faults.push(Fault::of(known.err().unwrap_or_else(other), &name, at, DELETE));
                }
            }
        } else if built.is_none() {
            match open(bytes).and_then(|index| index.verify()) {
                Err(error) if error.kind() != ErrorKind::Newer => {
                    faults.push(Fault::of(error, &name, 0, DELETE));
                }
                _ => {}
            }
        }
        Ok(index())
    }

    /// The index file of a whole segment, if the levels of all its causes are known.
    fn build(&self, segment: &Segment<'_>, head: &SegmentHead) -> Option<Vec<u8>> {
        let records = segment.frames.iter().flat_map(|(at, head)| {
            let frame = Frame::again(&segment.bytes[*at..], *head);
            frame.records().map(move |(start, record)| Ok(((at + start) as u32, record)))
        });
        let unknown = || Error::damaged("a cause is lost", "an event", "none");
        let level = |position| self.levels.of(position).ok_or_else(unknown);
        index::build(head, segment.bytes.len() as u64, records, seed(head.salt), level).ok()
    }

    /// The roster of a stretch of so many segments. Only one that is full stays as it is.
    fn roster(&mut self, name: &str, segments: usize) -> Result<Option<Contents>> {
        match self.last_roster.take_if(|(last, _)| last == name) {
            Some((_, contents)) => Ok(Some(contents)),
            None if segments < ROSTER_SEGMENTS_MAX && !self.was_there(name) => Ok(None),
            None => files::read(self.disk, name, ROSTER_BYTES_MAX),
        }
    }

    fn was_there(&self, path: &str) -> bool {
        self.names.iter().any(|name| path.strip_prefix(INDEX).is_some_and(|rest| rest[1..] == **name))
    }

    /// Compares the roster of the segments so far, which is of as many of them as it says.
    fn end_stretch(&mut self, faults: &mut Vec<Fault>, remarks: &mut Vec<Remark>) -> Result<()> {
        let stretch = std::mem::take(&mut self.stretch);
        let Some(first) = stretch.first().filter(|_| !self.unsure) else { return Ok(()) };
        let name = roster_path(first.first);
        self.seen.insert(name.clone());
        let Some(contents) = self.roster(&name, stretch.len())? else { return Ok(()) };
        self.files += 1;
        faults.extend(contents.faults.into_iter().map(|error| Fault::new(error, DELETE)));
        let owners: Vec<u64> = stretch.iter().map(|member| member.owner).collect();
        let roster = match Roster::open(Block::from(contents.bytes.clone()), &owners) {
            Ok(roster) => roster,
            Err(error) if error.kind() == ErrorKind::Newer => {
                remarks.push(Remark { file: name, text: error.message().to_owned() });
                return Ok(());
            }
            Err(error) => {
                faults.push(Fault::of(error, &name, 0, DELETE));
                return Ok(());
            }
        };
        let held = roster.verify();
        let members = &stretch[..roster.count()];
        let filters: Option<Vec<&[u8]>> =
            members.iter().map(|member| member.index.as_ref()?.filter().ok()).collect();
        let mut differs = None;
        if let Some(filters) = filters {
            index::write_roster(&filters, &owners[..filters.len()], |bytes, at| {
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
            faults.push(Fault::of(held.err().unwrap_or_else(other), &name, differs.unwrap_or(0), DELETE));
        }
        Ok(())
    }
}

impl Visit for Derived<'_> {
    fn frame(&mut self, frame: &Frame<'_>) -> Result<()> {
        frame.records().for_each(|(_, record)| self.levels.add(&record));
        Ok(())
    }

    fn segment(
        &mut self,
        segment: &Segment<'_>,
        faults: &mut Vec<Fault>,
        remarks: &mut Vec<Remark>,
    ) -> Result<()> {
        let (head, length) = match (segment.head, segment.length) {
            (Some(head), Some(length)) => (head, length),
            (Some(head), None) if !segment.sealed => {
                // An index says that it was sealed, and so that a segment is missing behind it.
                self.unsure |= self.was_there(&index_path(head.first));
                return Ok(());
            }
            _ => {
                self.unsure = true;
                return Ok(());
            }
        };
        let seed = seed(head.salt);
        let index = self.index(segment, &head, length, faults, remarks)?;
        self.stretch.push(Member { first: head.first, owner: owner(&head, length, seed), index });
        if self.stretch.len() == ROSTER_SEGMENTS_MAX {
            self.end_stretch(faults, remarks)?;
        }
        Ok(())
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

/// The first byte in which they differ, their ends included.
fn first_difference(expected: &[u8], found: &[u8]) -> Option<u64> {
    let same = expected.iter().zip(found).take_while(|(expected, found)| expected == found).count();
    (same < expected.len() || same < found.len()).then_some(same as u64)
}
