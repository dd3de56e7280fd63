//! What is erased, and what events say is erased, in a log that may be damaged.

use tidegate_disk::Disk;
use tidegate_format::{ErasingFile, Frame, Position, Result, StoreId};

use crate::backend::{ERASING, read_erasing};
use crate::read::ErasureCheck;
use crate::report::fault::{Fault, LostRange, RESTORE, Remark};

/// What to do about what events name and the files hold.
const ERASE: &str =
    "erase the same events once more, which goes on with everything that events say is erased";

/// Goes through a log for what is erased in it.
#[derive(Debug, Default)]
pub(super) struct LogErasures {
    check: ErasureCheck,
    /// How far erasures were carried out before the log was read.
    before: Option<ErasingFile>,
    /// Whether the file that says so can be used.
    is_unusable: bool,
}

impl LogErasures {
    /// Reads how far erasures were carried out, before the log is read.
    pub(super) fn begin(disk: &dyn Disk, store: Option<StoreId>, remarks: &mut Vec<Remark>) -> Result<Self> {
        let Some(store) = store else { return Ok(Self { is_unusable: true, ..Self::default() }) };
        match read_erasing(disk, store) {
            Ok(before) => Ok(Self { before, ..Self::default() }),
            Err(error) if error.kind() == tidegate_format::ErrorKind::Damaged => {
                remarks
                    .push(Remark::of(&error, "the next opening for writing looks at all erasures once more"));
                Ok(Self { is_unusable: true, ..Self::default() })
            }
            Err(error) => Err(error),
        }
    }

    /// Takes a frame of the log, in order.
    pub(super) fn take(&mut self, frame: &Frame<'_>) {
        let done = match self.before {
            _ if self.is_unusable => Position::START,
            Some(ErasingFile { done, open: true, .. }) => done,
            // Nothing is under way.
            _ => Position::MAX,
        };
        frame.records().for_each(|(_, record)| self.check.take(&record, done));
    }

    /// Returns how many payloads are erased.
    pub(super) fn count(&self) -> u64 {
        self.check.erased()
    }

    /// Returns whether events name anything as erased.
    pub(super) fn names_any(&self) -> bool {
        self.check.names_any()
    }

    /// Reports what is wrong, once the log was read.
    pub(super) fn end(
        &self,
        disk: &dyn Disk,
        store: Option<StoreId>,
        lost: &[LostRange],
        faults: &mut Vec<Fault>,
        remarks: &mut Vec<Remark>,
    ) {
        if !self.is_unusable && store.is_some_and(|store| read_erasing(disk, store).ok() != Some(self.before))
        {
            remarks
                .push(Remark::new(ERASING, "payloads were erased meanwhile; what is erased was not checked"));
            return;
        }
        if !self.check.pending().is_empty() {
            let text = format!(
                "erasing the payloads of {} events is under way; the next opening for writing goes on with it",
                self.check.pending().count()
            );
            remarks.push(Remark::new(ERASING, text));
        }
        if self.check.unfinished_keys() > 0 {
            let text = format!(
                "events say that {} keys of subjects are destroyed, and none says that it was done; open the store for \
                 writing and give it the keyring, which goes on with it",
                self.check.unfinished_keys()
            );
            remarks.push(Remark::new(ERASING, text));
        }
        let is_lost = |position: Position| {
            lost.iter().any(|lost| lost.first <= position && lost.last.is_none_or(|last| position <= last))
        };
        for finding in self.check.findings(is_lost) {
            // What says so may be lost.
            if finding.may_be_named_elsewhere() && !lost.is_empty() {
                continue;
            }
            let remedy = if finding.is_standing() { ERASE } else { RESTORE };
            faults.push(Fault::new(finding.into_error(), remedy));
        }
    }
}
