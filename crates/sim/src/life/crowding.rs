//! A crowd: so many events at once that lists of one term are long, dense or sparse, in one segment.

use tidegate::Draft;

use super::Life;
use crate::attempt::Attempt;
use crate::failure::Failure;

/// The scope of a crowd, which the readers with names do not read.
pub(crate) const CROWD: &str = "crowd";

impl Life<'_> {
    /// Appends several batches of small events. Their tags make lists that are stored as a range, as bits, and as gaps
    /// in several runs.
    pub(super) fn crowd(&mut self, batches: u64) -> Result<(), Failure> {
        let steps = [1 + self.others.below(3), 2 + self.others.below(7), 8 + self.others.below(3)];
        let mut number = 0;
        for _ in 0..batches {
            let drafts = (0..100 + self.others.below(30)).map(|_| {
                number += 1;
                let entity = format!("entity-{}", number / 90 % 3);
                let mut draft =
                    Draft::new((CROWD, entity), if number % 7 == 0 { "b.three" } else { "crowd.came" });
                for (tag, step) in steps.iter().enumerate() {
                    if number % step == 0 {
                        draft = draft.tag(format!("tag:{tag}"));
                    }
                }
                draft
            });
            let attempt = Attempt::of(drafts.collect());
            let answer = self.store.append(attempt.batch(self.script.defect), attempt.append());
            self.poll_tickets()?;
            self.settle(attempt, answer)?;
            if self.is_over() {
                return Ok(());
            }
        }
        Ok(())
    }
}
