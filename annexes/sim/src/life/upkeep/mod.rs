//! Those who keep the store up: payloads are erased, drafts staged, backups made and shipped, and stores made of those.
mod erasing;
mod staging;
mod copying;

use super::{Life, Upkeep};
use crate::failure::Failure;
use crate::model::UpkeepCounts;

pub(super) use copying::Shipping;

impl Life<'_> {
    /// Does one of these things.
    pub(super) fn keep_up(&mut self) -> Result<(), Failure> {
        let (what, done) = match self.keeper.below(32) {
            0..5 => ("a letter", self.write_letter()),
            5..10 => ("an erasure", self.erase()),
            10..18 => ("a stage", self.stage()),
            18..24 => ("a backup", self.back_up()),
            24..29 => ("a shipment", self.ship()),
            _ => ("a restore", self.restore()),
        };
        done.map_err(|failure| failure.during(&what))?;
        self.poll_tickets()
    }

    /// At the end all of it is done once more, and nothing fails.
    pub(super) fn finish_upkeep(&mut self) -> Result<(), Failure> {
        self.erase()?;
        self.commit_stages()?;
        self.script.upkeep = Upkeep::Whole;
        self.back_up()?;
        self.ship()?;
        self.restore()
    }

    fn count(&mut self, count: impl FnOnce(&mut UpkeepCounts)) {
        count(&mut self.model.upkeep);
    }
}
