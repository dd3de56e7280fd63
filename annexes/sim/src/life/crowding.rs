//! A crowd: enough events at once that lists of one term are long, dense or sparse, in one segment.

use tidegate::{Draft, Position, ReadOptions};

use super::Life;
use crate::attempt::Attempt;
use crate::failure::{Failure, failed, same};
use crate::query::ModelQuery;

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
            let answer = self.store.append_with(attempt.batch(self.script.defect), attempt.append());
            self.poll_tickets()?;
            self.settle(attempt, answer)?;
            if self.is_over() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Asks for parts of the lists of a crowd, from both ends.
    pub(super) fn ask_the_crowd(&mut self) -> Result<(), Failure> {
        let view = self.store.view().map_err(failed("viewing a crowd"))?;
        for tag in ["tag:0", "tag:1", "tag:2"] {
            let wanted = ModelQuery::tags(&[tag]);
            let (query, all) = (wanted.query(), self.model.selected(&wanted).collect::<Vec<u64>>());
            for _ in 0..8 {
                let mut read = if self.others.chance(1, 2) {
                    ReadOptions::new()
                } else {
                    ReadOptions::new().backwards(true)
                };
                read.after = Position(self.others.below(self.model.count() + 1));
                read.before = Position(self.others.below(self.model.count() + 2));
                let is_in = |at: &u64| (read.after.0 + 1..read.before.0).contains(at);
                let mut expected: Vec<u64> = all.iter().copied().filter(is_in).collect();
                let counted = view.count_with(&query, read).map_err(failed("counting a crowd"))?;
                same(
                    format_args!("how many of a crowd have {tag}, {read:?}"),
                    &(expected.len() as u64),
                    &counted,
                )?;
                if read.backwards {
                    expected.reverse();
                }
                let found = view.read_with(&query, read).map(|event| Ok(event?.position().0));
                let found: Vec<u64> = found.collect::<Result<_, _>>().map_err(failed("reading a crowd"))?;
                same(format_args!("a crowd with {tag}, {read:?}"), &expected, &found)?;
            }
        }
        Ok(())
    }
}
