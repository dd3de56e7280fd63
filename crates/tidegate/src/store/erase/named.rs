//! Erasures that are known from elsewhere: from another store of the same history, or from what a damaged log lacks.

use std::collections::BTreeSet;

use tidegate_format::{ErasingFile, Position, Result};

use super::pass::{self, Pass};
use super::{Erase, ErasePlan, Erasure};
use crate::backend::{erasing_or_all, keep_erasing};
use crate::read::{ERASED, ErasedEvent, ErasureCheck, ErasureFinding, Query};
use crate::store::upkeep::Upkeep;

impl Upkeep {
    /// Erases what events of another store say is erased, and says so with their words, in one pass over the files.
    pub(crate) fn erase_known(&self, known: &[ErasedEvent]) -> Result<Erasure> {
        let store = self.store();
        let writer = &**store.writer()?;
        let _one = writer.erasing.lock();
        let disk = &*store.env().disk;
        let file = erasing_or_all(disk, store.id())?;
        let done = file.map_or(Position::START, |file| file.done);
        let mut keys = BTreeSet::new();
        for event in store.view()?.read(&Query::kind(ERASED)) {
            keys.extend(ErasedEvent::of(&event?)?.keys);
        }
        let mut erasure = Erasure { stages: store.stages()?, ..Erasure::default() };
        for event in known {
            let plan = ErasePlan::of_positions(store, &event.positions)?;
            let named: Vec<_> = event.keys.iter().copied().filter(|key| keys.insert(*key)).collect();
            if plan.events == 0 && named.is_empty() {
                continue;
            }
            // keeps E2
            keep_erasing(disk, &ErasingFile { store: store.id(), done, open: true })?;
            let words = (event.reason.as_str(), event.by.as_str());
            erasure.recorded = Some(self.decide_erasure(writer, &plan.positions, &named, words)?);
            erasure.events += plan.events;
            erasure.payload_bytes += plan.payload_bytes;
            erasure.keys += self.destroy_keys(writer, &named)?;
        }
        if erasure.recorded.is_none() {
            return Ok(erasure);
        }
        let Pass { segments, bytes_written, saved_states, held, left } =
            pass::carry_out(writer, store.env(), store.id(), done)?;
        Ok(Erasure { segments, bytes_written, saved_states, held, left, ..erasure })
    }

    /// Says of payloads that are gone that they are erased, if no event says so: that of a damaged log may be lost.
    pub(crate) fn name_unnamed(&self, erase: &Erase) -> Result<()> {
        let store = self.store();
        let (view, mut check) = (store.view()?, ErasureCheck::default());
        for (segment, count) in view.recorded() {
            segment.verify(count, |record| {
                check.take(record, Position::MAX);
                Ok(())
            })?;
        }
        for finding in check.findings(|_| false) {
            if let ErasureFinding::Unnamed(positions) = finding {
                let drafts = ErasedEvent::drafts(&positions, &[], &erase.reason, &erase.by);
                self.append_erased(&**store.writer()?, drafts)?;
            }
        }
        Ok(())
    }
}
