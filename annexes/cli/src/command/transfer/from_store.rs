//! `import` from the directory of another store.

use std::path::Path;
use std::time::Instant;

use clap::Args;
use serde::Serialize;
use tidegate::report::{ImportOptions, ImportReport};
use tidegate::{Error, Position, ReadOptions, Store, StoreOptions};

use crate::failure::Result;
use crate::filter::{self, Filter};
use crate::output::{Output, counted};
use crate::progress::Progress;
use crate::{reader, writer};

/// Which events of another store, and where they go.
#[derive(Args, Debug)]
#[command(next_help_heading = "From another store")]
pub(super) struct FromStoreArgs {
    /// Have all events go to this scope
    #[arg(long, value_name = "SCOPE")]
    into_scope: Option<String>,
    /// Only events after this position of the other store
    #[arg(long, value_name = "POSITION", value_parser = filter::position)]
    after: Option<Position>,
    #[command(flatten)]
    filter: Filter,
}

/// What was imported, as JSON.
#[derive(Serialize)]
struct FromStoreJson {
    imported: u64,
    skipped: u64,
    erased: u64,
    own: u64,
    foreign_causes: u64,
    until: u64,
}

impl FromStoreArgs {
    /// Refuses what is said of another store if lines are imported.
    pub(super) fn refuse(&self) -> Result<()> {
        if self.into_scope.is_some() || self.after.is_some() || self.filter.restriction().is_some() {
            let message = "events are chosen, and go to another scope, only if FILE is the directory of another store; import \
                           lines into a new store first, and from there";
            return Err(Error::invalid(message).into());
        }
        Ok(())
    }

    /// Imports from the store in a directory.
    pub(super) fn run(
        &self,
        from: &Path,
        to: &Path,
        plan: bool,
        output: &mut Output,
        json: bool,
    ) -> Result<()> {
        let start = Instant::now();
        let other = reader::open(from, json)?;
        let mut options = ImportOptions::new().plan(plan).after(self.after.unwrap_or_default());
        options.into_scope.clone_from(&self.into_scope);
        let query = self.filter.query();
        let count = other.view()?.count_with(&query, ReadOptions::new().after(options.after))?;
        // A plan for a store that is not there is one for an empty store.
        let store = if plan && !to.exists() {
            Store::in_memory()?
        } else {
            writer::open(to, StoreOptions::new().create(!plan), json)?
        };
        let progress = Progress::of_events(count, json);
        let imported = store.upkeep().import(&other, &query, &options, |done| {
            if done % 256 == 0 {
                progress.moved_to(done);
                progress.events(done);
            }
        });
        drop(progress);
        let report = imported?;
        store.close()?;
        if json {
            return output.json(&FromStoreJson::of(&report));
        }
        let events = counted(report.imported, "event");
        if plan {
            output.line(format_args!("would import {events} from {}", from.display()))?;
        } else {
            let seconds = start.elapsed().as_secs_f64();
            output.line(format_args!("imported {events} from {} in {seconds:.1} s", from.display()))?;
        }
        output.line(report)
    }
}

impl FromStoreJson {
    fn of(report: &ImportReport) -> Self {
        let &ImportReport { imported, skipped, erased, own, foreign_causes, until, .. } = report;
        Self { imported, skipped, erased, own, foreign_causes, until: until.0 }
    }
}
