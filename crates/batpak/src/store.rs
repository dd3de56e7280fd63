//! The whole store: batches, sequences and the chain of each entity, over all segments.

use std::collections::HashMap;

use tidegate_format::Result;

use crate::event::{BATCH_BEGIN, BATCH_COMMIT, BatpakEvent};
use crate::finding::{Finding, FindingKind};
use crate::layout::Layout;
use crate::segment::{FramesEnd, Segment};

/// A batpak store, read segment by segment.
#[derive(Debug)]
pub struct BatpakStore {
    layout: Layout,
    findings: Vec<Finding>,
    /// One more than the largest sequence so far.
    next_sequence: u64,
    /// The last visible event of each entity: its clock and the hash of its payload.
    chains: HashMap<String, (u32, [u8; 32])>,
}

/// Events that were appended as one, or a single one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BatpakBatch {
    /// The events, in order. Some of them may be hidden.
    pub events: Vec<BatpakEvent>,
}

/// A batch of which the end was not read yet.
struct OpenBatch {
    offset: u64,
    expected: u32,
    events: Vec<BatpakEvent>,
}

impl BatpakStore {
    /// Returns the store in a directory with these names. `read` returns the bytes of the file with a name; it is asked for
    /// small files only, and for segments if a compaction was interrupted.
    ///
    /// # Errors
    ///
    /// [`Damaged`](tidegate_format::ErrorKind::Damaged) if the hidden ranges or the record of a pending compaction cannot be
    /// read, [`Newer`](tidegate_format::ErrorKind::Newer) if they are of another version, and the errors of `read`.
    pub fn open(names: &[String], read: impl FnMut(&str) -> Result<Vec<u8>>) -> Result<Self> {
        let mut layout = Layout::read(names, read)?;
        let findings = std::mem::take(&mut layout.findings);
        Ok(Self { layout, findings, next_sequence: 0, chains: HashMap::new() })
    }

    /// Returns the names of the segments, in the order in which to read them.
    pub fn segments(&self) -> &[String] {
        &self.layout.segments
    }

    /// Returns what was found so far.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Reads a segment. Segments are read once each, in the order of [`segments`](Self::segments). What does not hold is
    /// added to the [`findings`](Self::findings).
    ///
    /// # Errors
    ///
    /// [`Damaged`](tidegate_format::ErrorKind::Damaged) if the bytes do not begin as a segment does, and
    /// [`Newer`](tidegate_format::ErrorKind::Newer) if they are of another version.
    pub fn read_segment(&mut self, name: &str, bytes: &[u8]) -> Result<Vec<BatpakBatch>> {
        let segment = Segment::read(name, bytes)?;
        if segment.has_broken_footer {
            let message = "the footer is not one; the frames were read without it";
            self.findings.push(Finding::new(FindingKind::Footer, name, None, message));
        }
        let (mut batches, mut open) = (Vec::new(), None);
        let end = segment.each(|event| self.take(name, event, &mut open, &mut batches));
        // A batch never goes on in another segment.
        self.leave_out(name, open);
        let mut counted = 0;
        for event in batches.iter_mut().flat_map(|batch: &mut BatpakBatch| &mut batch.events) {
            let said = segment.sequence(event.offset);
            counted += u64::from(said.is_none());
            event.sequence = said.unwrap_or(self.next_sequence);
            self.next_sequence = self.next_sequence.max(event.sequence.saturating_add(1));
            event.is_hidden = self.layout.hidden.iter().any(|range| range.contains(&event.sequence));
            self.check(name, event);
        }
        if counted > 0 && (segment.has_footer() || !self.layout.hidden.is_empty()) {
            let message = format!("no footer gives the sequences of {counted} events; they were counted on");
            self.findings.push(Finding::new(FindingKind::Sequences, name, None, message));
        }
        if let FramesEnd::Broken { at, behind } = end {
            // A footer says that the segment was closed in order; a crash leaves none, and nothing whole behind its cut.
            let (kind, left) = if behind == 0 && !segment.has_footer() {
                (FindingKind::TornTail, "as a crash leaves them")
            } else {
                (FindingKind::Damage, "inside the store")
            };
            let bytes = segment.bytes_left(at);
            let message = format!(
                "{bytes} bytes {left} are left out: no whole frame begins here, and {behind} whole ones follow"
            );
            self.findings.push(Finding::new(kind, name, Some(at as u64), message));
        }
        Ok(batches)
    }

    /// Takes the event of a frame: alone, or into the batch that is open.
    fn take(
        &mut self,
        name: &str,
        event: BatpakEvent,
        open: &mut Option<OpenBatch>,
        batches: &mut Vec<BatpakBatch>,
    ) {
        match (event.kind, &mut *open) {
            (BATCH_BEGIN, _) => {
                self.leave_out(name, open.take());
                let (offset, expected) = (event.offset, event.payload_size);
                *open = Some(OpenBatch { offset, expected, events: Vec::new() });
            }
            (BATCH_COMMIT, Some(batch)) if batch.events.len() == batch.expected as usize => {
                batches.push(BatpakBatch { events: std::mem::take(&mut batch.events) });
                *open = None;
            }
            (BATCH_COMMIT, Some(_)) => self.leave_out(name, open.take()),
            (BATCH_COMMIT, None) => {
                let message = "the end of a batch that was not begun; it was passed over";
                self.findings.push(Finding::new(FindingKind::HalfBatch, name, Some(event.offset), message));
            }
            (_, Some(batch)) if batch.events.len() < batch.expected as usize => batch.events.push(event),
            (_, _) => {
                self.leave_out(name, open.take());
                batches.push(BatpakBatch { events: vec![event] });
            }
        }
    }

    /// Leaves out a batch that did not end.
    fn leave_out(&mut self, name: &str, open: Option<OpenBatch>) {
        let Some(OpenBatch { offset, expected, events }) = open else { return };
        let message = format!(
            "a batch of {expected} events was begun and not committed; {} of it are here and were left out",
            events.len()
        );
        self.findings.push(Finding::new(FindingKind::HalfBatch, name, Some(offset), message));
    }

    /// Checks the payload of an event, and that it goes on from the event of its entity before it.
    fn check(&mut self, name: &str, event: &BatpakEvent) {
        let mut found = |kind, message: String| {
            self.findings.push(Finding::new(kind, name, Some(event.offset), message));
        };
        let (id, entity) = (event.id, &event.entity);
        if event.is_payload_intact() == Some(false) {
            let why = if event.is_rewritten { ": compaction wrote it anew" } else { "" };
            found(
                FindingKind::Payload,
                format!("the payload of {id} does not have the hash that was kept of it{why}"),
            );
        }
        if event.is_hidden {
            found(FindingKind::Hidden, format!("the event {id} of {entity:?} is in a hidden range"));
            return;
        }
        let expected = match self.chains.get(entity) {
            Some((clock, hash)) => (clock.saturating_add(1), *hash),
            None => (0, [0; 32]),
        };
        if (event.clock, event.previous_hash) != expected {
            let clock = if event.clock == expected.0 {
                "another hash is kept of that".to_owned()
            } else {
                format!("its clock is {} and not {}", event.clock, expected.0)
            };
            let message =
                format!("the event {id} does not go on from the one of {entity:?} before it: {clock}");
            found(FindingKind::Chain, message);
        }
        self.chains.insert(entity.clone(), (event.clock, event.content_hash));
    }
}
