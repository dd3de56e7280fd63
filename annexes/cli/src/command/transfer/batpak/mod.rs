//! `import-batpak`: the events of a batpak 0.8 store.

mod kinds;
mod source;
mod survey;
mod batches;

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde::Serialize;
use tidegate::{Error, ErrorKind, StoreOptions};
use tidegate_batpak::Finding;

use self::batches::{BatpakImport, BatpakSummary};
use self::kinds::Kinds;
use self::source::Source;
use self::survey::Survey;
use crate::failure::Result;
use crate::output::{Output, counted};
use crate::progress::Progress;
use crate::target::Target;
use crate::writer;

/// Findings that are written out; --report writes all.
const FINDINGS_SHOWN: usize = 20;

const RULES: &str = "\
FROM is the directory of a store of batpak 0.8.0. It is only read, and may be a copy; close batpak first. All of it is read once \
before anything is imported. With --plan that is all: it says which kinds there are, what would be left out, and what does \
not hold.

What comes over: entity, scope and lane as they are; the payload, in MessagePack, byte for byte; the event's id; batches, each \
as one batch; the causation as a cause, and the correlation. The idempotency key of a batch is `batpak:` and the id of its first \
event, for batpak keeps one value for key and id. Metadata keeps the rest: `import.time` (batpak's time), `batpak.sequence`, \
`batpak.clock`, `batpak.hash` (BLAKE3 of the payload), and if they say anything `batpak.depth`, `batpak.flags`, \
`batpak.extension.NAME`, and `batpak.causation` for an event that is not there.

What does not: signatures of receipts, which batpak does not keep on disk; its times as times of the log, for the events are \
recorded now; cursors and projections; and its own events of opening and closing. Its checks of hashes are made once, here.

--kinds names the kinds, a line each: four hexadecimal digits of batpak's kind, and the kind it gets.

  2101  order.placed
  2102  order.paid

A kind that is not in it becomes `batpak.k2101`; denials become `batpak.denied`, tombstones `batpak.tombstone`.

Hidden ranges (of cancelled fences) are left out, or imported under the tag batpak:hidden with --hidden. A half batch and a torn \
end are left out and told. Damage inside a segment stops the import before it begins, unless --skip-damage leaves out what it \
hides. An event that is in the store already is skipped, so an import that was cut off can be run again.

--report writes a line of JSON for each finding, and one for each event with its old sequence and its position here.

Examples:
  tidegate import-batpak ./store ./old --plan
  tidegate import-batpak ./store ./old --kinds kinds.txt --report report.jsonl";

/// Import the events of a batpak 0.8 store
#[derive(Args, Debug)]
#[command(after_long_help = RULES, after_help = "`tidegate import-batpak --help` says what comes over and what does not.")]
pub(in crate::command) struct ImportBatpakArgs {
    /// The store's directory; created if there is none
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// The directory of the batpak store
    #[arg(value_name = "FROM")]
    from: PathBuf,
    /// A file that names the kinds: `2101 order.placed`, a line each
    #[arg(long, value_name = "FILE")]
    kinds: Option<PathBuf>,
    /// Import hidden events too, under the tag batpak:hidden
    #[arg(long)]
    hidden: bool,
    /// Leave out what damage hides, instead of stopping before anything is imported
    #[arg(long)]
    skip_damage: bool,
    /// Write what was found, and which event went where, to this file
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Only say what would be done
    #[arg(long)]
    plan: bool,
}

/// What was found or done, as JSON.
#[derive(Serialize)]
struct BatpakJson<'a> {
    /// Left out of a plan.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    done: Option<&'a BatpakSummary>,
    #[serde(flatten)]
    survey: &'a Survey,
}

/// A finding, as JSON.
#[derive(Serialize)]
struct FindingJson<'a> {
    finding: &'static str,
    file: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
    message: &'a str,
}

impl ImportBatpakArgs {
    pub(in crate::command) fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        let start = Instant::now();
        let kinds = self.kinds.as_deref().map(Kinds::read).transpose()?.unwrap_or_default();
        let source = Source::open(&self.from)?;
        let progress = Progress::of_bytes(Some(source.bytes()), json);
        let survey = Survey::of(&source, &kinds, self.hidden, &progress);
        drop(progress);
        let survey = survey?;
        if self.plan {
            self.write_report(&survey, None)?;
            return self.write(None, &survey, output, json);
        }
        self.refuse_damage(&survey)?;
        let progress = Progress::of_bytes(Some(source.bytes()), json);
        let store = writer::open(&self.directory, StoreOptions::new(), json)?;
        let mut import = BatpakImport::new(&store, &kinds, self.hidden, self.report.is_some())?;
        let done = import.run(&source, &progress);
        drop(progress);
        done?;
        store.close()?;
        import.done.seconds = start.elapsed().as_secs_f64();
        self.write_report(&survey, Some(&import))?;
        self.write(Some(&import.done), &survey, output, json)
    }

    fn refuse_damage(&self, survey: &Survey) -> Result<()> {
        let damage = survey.findings.iter().find(|finding| finding.kind.is_damage());
        let Some(damage) = damage.filter(|_| !self.skip_damage) else { return Ok(()) };
        let message = format!(
            "{damage}; nothing was imported: take the file from a backup, or leave out what the damage hides with \
             --skip-damage"
        );
        Err(Error::new(ErrorKind::Damaged, message).into())
    }

    fn write_report(&self, survey: &Survey, import: Option<&BatpakImport<'_>>) -> Result<()> {
        let Some(path) = &self.report else { return Ok(()) };
        let mut file = Target::open(path, &self.directory)?;
        for Finding { kind, file: name, offset, message, .. } in &survey.findings {
            let finding = FindingJson { finding: kind.name(), file: name, offset: *offset, message };
            file.line(tidegate_json::escape_json(&finding)?)?;
        }
        for place in import.iter().flat_map(|import| &import.places) {
            file.line(serde_json::to_string(place)?)?;
        }
        Ok(file.finish()?)
    }

    fn write(
        &self,
        done: Option<&BatpakSummary>,
        survey: &Survey,
        output: &mut Output,
        json: bool,
    ) -> Result<()> {
        if json {
            return output.json(&BatpakJson { done, survey });
        }
        let from = self.from.display();
        match done {
            Some(done) => {
                let (events, seconds) = (counted(done.imported, "event"), done.seconds);
                output.line(format_args!("imported {events} from {from} in {seconds:.1} s"))?;
                if done.skipped > 0 {
                    let skipped = counted(done.skipped, "event");
                    output.line(format_args!("skipped {skipped} that the store had already"))?;
                }
            }
            None => {
                let (events, batches) = (counted(survey.events, "event"), counted(survey.batches, "append"));
                output.line(format_args!("would import {events} of {batches} from {from}"))?;
                output.line("kinds, as --kinds reads them:")?;
                for kind in &survey.kinds {
                    let (number, name, events) = (&kind.batpak, &kind.kind, counted(kind.events, "event"));
                    output.line(format_args!("  {number}  {name}  # {events}"))?;
                }
            }
        }
        output.line(format_args!(
            "left out: {} of batpak's own, {} in hidden ranges",
            survey.own, survey.left_hidden
        ))?;
        self.write_findings(survey, output)
    }

    fn write_findings(&self, survey: &Survey, output: &mut Output) -> Result<()> {
        let count = survey.findings.len();
        if count == 0 {
            return output.line("nothing was found that does not hold");
        }
        output.line(format_args!("{}:", counted(count as u64, "finding")))?;
        for finding in survey.findings.iter().take(FINDINGS_SHOWN) {
            output.line(format_args!("  {}: {finding}", finding.kind.name()))?;
        }
        if count > FINDINGS_SHOWN && self.report.is_none() {
            let more = count - FINDINGS_SHOWN;
            output.line(format_args!("  and {more} more, which --report FILE writes out"))?;
        }
        Ok(())
    }
}
