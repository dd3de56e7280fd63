//! `import`: events from a file of JSON Lines into a store.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Args, ValueEnum};
use tidegate::{Error, ErrorKind, StoreOptions, StoreReader};
use tidegate_json::{EventLine, LineRules, LineShape};

use super::from_store::FromStoreArgs;
use super::importer::Importer;
use super::pending::{Destination, ImportSummary, Reading};
use super::waiting::WaitingLines;
use crate::failure::Result;
use crate::lines::{Input, Lines};
use crate::output::{Output, counted};
use crate::progress::Progress;
use crate::writer;

const SHAPE: &str = "\
A line is one event as a JSON object:

  import_key   text    its name where it comes from, unique in its scope; the
                       event's id is made from both; `key` is read as well
  scope        text    required
  entity       text    required
  lane         number  0 if left out
  kind         text    required; any name without `*`
  tags         texts
  causes       texts   earlier events: import keys of the same scope, ids, or
                       STORE/ID for an event of another store
  correlation  text    the first event of its flow: import key or id
  time         text    when it happened, in RFC 3339; kept beside the time it
                       is recorded at
  data         any     the payload, kept as it is written
  meta         object  texts by name
  id           text    a UUID; goes before the id that the import
                       key gives
  schema       number  version of the payload's schema, 1 if left out
  type         text    `bytes` or `message-pack`: the payload is not JSON
  base64       text    the bytes of such a payload; `data` beside it is there to
                       be read and is not imported
  erased       object  in an export: the payload was erased; its `commitment`,
                       and how many `bytes` it had

Of batches, and of an append that may be retried, it may say

  ends_batch           whether it is the last event of its batch
  idempotency_key      the key under which its batch was appended; on the first
                       event of the batch
  idempotency_content  what the log keeps of the hash of what was appended
                       under that key
  blind                what hides the payload in the leaf; needed beside
                       idempotency_content

If lines say nothing of batches, some are committed together, each batch whole or not at all. An event whose id or \
import key is in the store already is skipped, so an import that was cut off can be run again. It leaves the beginning \
of the file, and nothing in the store says that more was to come: run it again until it ends well. Lines with neither \
id nor import key are new every time.

`tidegate export` writes a whole store like this, with a first line that says so; importing that makes a copy of it. \
Each batch is as it was, and in an empty store the times stay, also when an import that was cut off is run again; in \
any other store the events are recorded now. An export that ends early is refused at its end. `tidegate read --json` \
writes the same lines, which are a selection and not a copy: position, version and recorded are passed over.

Logs of other programs often say less. --accept takes, each by its name,

  times           times without a zone, which are taken as UTC, and dates;
                  they are kept as RFC 3339
  later-causes    causes that stand later in the file: the line, and what
                  follows in its stream, is imported behind them. The file
                  is read twice, and waiting lines are held in memory
  outside-causes  causes and correlations that are not known: they are kept
                  as metadata, import.causes and import.correlation
  other-scopes    import keys of other scopes as causes and correlations

With --shape cloudevents a line is an event in the JSON format of CloudEvents 1.0: `source` becomes the scope, `subject` the \
entity (the source if there is none), `type` the kind, `id` the import key, `causationid` a cause and `correlationid` the correlation; \
what else it says becomes metadata. Its ids are unique in their source, so --accept other-scopes,outside-causes is often wanted.

--plan writes nothing: it reads the file as an import does, and says what would be imported or where it would stop.

From another store: if FILE is a directory, it is that of another store, or of a backup: the events that the filter selects come \
over, recorded now, each with its id, and with where it was in its metadata `tidegate.imported`. Batches stay batches; causes that did not \
come over are foreign ones. What came before is skipped, so it can be run again, also to bring what is new. A stream that has other \
events here is refused; --into-scope has it go to another scope. What the other store wrote for itself, and events whose \
payload was erased, are left out and counted.

Examples:
  tidegate import ./store history.jsonl.gz
  tidegate import ./store ./other --scope shop --into-scope old-shop
  tidegate import ./store log.jsonl --accept times,later-causes --plan
  tidegate import ./store events.jsonl --shape cloudevents --accept outside-causes
  tidegate export ./old | tidegate import ./new -";

const READERS: &str = "\
cursors do not come along: a reader of this store begins at its first event, and delivers again what it has delivered \
from another store; a reactor reacts again, unless a reaction came along with its key";

/// Import events from a file of JSON Lines, or from another store
#[derive(Args, Debug)]
#[command(after_long_help = SHAPE, after_help = "`tidegate import --help` shows what a line looks like.")]
pub(in crate::command) struct ImportArgs {
    /// The store's directory; created if there is none
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// The file, packed with gzip or not; `-` is standard input; or the directory of another store
    file: PathBuf,
    /// What lines may lack or say otherwise
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    accept: Vec<Accept>,
    /// What the fields of a line are called
    #[arg(long, value_name = "SHAPE", default_value = "export")]
    shape: Shape,
    /// Only say what would be done
    #[arg(long)]
    plan: bool,
    #[command(flatten)]
    from_store: FromStoreArgs,
}

/// What lines may lack or say otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Accept {
    /// Times without a zone, which are taken as UTC, and dates
    Times,
    /// Causes that stand later in the file
    LaterCauses,
    /// Causes and correlations that are not known
    OutsideCauses,
    /// Import keys of other scopes as causes and correlations
    OtherScopes,
}

/// What the fields of a line are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Shape {
    /// As `tidegate export` writes them
    Export,
    /// As cloudevents.io has them in JSON, version 1.0
    Cloudevents,
}

impl ImportArgs {
    pub(in crate::command) fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        let start = Instant::now();
        if self.file.is_dir() {
            if !self.accept.is_empty() || self.shape != Shape::Export {
                let message = "--accept and --shape are about lines; a store is read as it is";
                return Err(Error::invalid(message).into());
            }
            return self.from_store.run(&self.file, &self.directory, self.plan, output, json);
        }
        self.from_store.refuse()?;
        let reading = self.reading(json)?;
        let input = Input::open(&self.file)?;
        let progress = Progress::of_bytes(input.length(), json);
        let mut lines = input.lines(&progress)?;
        if self.plan {
            return self.plan(&mut lines, reading, progress, output, json);
        }
        let store = writer::open(&self.directory, StoreOptions::new(), json)?;
        let view = store.view()?;
        let mut importer = Importer::new(Destination::Store(&store), Some(view), reading, lines.name());
        let done = importer.run(&mut lines, &progress);
        drop(progress);
        done?;
        store.close()?;
        let done = importer.done;
        if json {
            return output.json(&done);
        }
        let (seconds, name) = (start.elapsed().as_secs_f64(), lines.name());
        output.line(format_args!(
            "imported {} from {name} in {seconds:.1} s",
            counted(done.imported, "event")
        ))?;
        write_rest(&done, output)?;
        // Only an export is of a store, which may have had cursors.
        if store.report().created && done.times_kept.is_some() {
            output.line(READERS)?;
        }
        Ok(())
    }

    /// Says what an import would do.
    fn plan(
        &self,
        lines: &mut Lines,
        reading: Reading,
        progress: Progress,
        output: &mut Output,
        json: bool,
    ) -> Result<()> {
        let view = match StoreReader::open(&self.directory) {
            Ok(store) => Some(store.view()?),
            Err(error) if error.kind() == ErrorKind::Missing => None,
            Err(error) => return Err(error.into()),
        };
        let mut importer = Importer::new(Destination::Plan(HashSet::new()), view, reading, lines.name());
        let done = importer.run(lines, &progress);
        drop(progress);
        done?;
        if json {
            return output.json(&importer.done);
        }
        let events = counted(importer.done.imported, "event");
        output.line(format_args!("would import {events} from {}", lines.name()))?;
        write_rest(&importer.done, output)
    }

    /// Returns how lines are read. If causes may come later, the file is gone through for the ids of its lines.
    fn reading(&self, json: bool) -> Result<Reading> {
        let accepts = |what| self.accept.contains(&what);
        let shape = match self.shape {
            Shape::Export => LineShape::Export,
            Shape::Cloudevents => LineShape::CloudEvents,
        };
        let rules = LineRules::new().shape(shape);
        let rules = rules.any_times(accepts(Accept::Times)).outside_causes(accepts(Accept::OutsideCauses));
        let mut reading = Reading { rules, other_scopes: accepts(Accept::OtherScopes), waiting: None };
        if accepts(Accept::LaterCauses) {
            if self.file == Path::new("-") {
                let message =
                    "--accept later-causes reads the file twice, and standard input cannot be; name a file";
                return Err(Error::invalid(message).into());
            }
            let input = Input::open(&self.file)?;
            let progress = Progress::of_bytes(input.length(), json);
            reading.waiting = Some(WaitingLines::new(ids(&mut input.lines(&progress)?, &reading.rules)?));
        }
        Ok(reading)
    }
}

/// Returns the ids of all lines. What is wrong with a line is told when it is imported.
fn ids(lines: &mut Lines, rules: &LineRules) -> Result<HashSet<tidegate::EventId>> {
    let mut found = HashSet::new();
    while let Some((_, text)) = lines.next()? {
        if let Ok(line) = EventLine::parse_with(text, rules)
            && let Ok(id) = line.id()
        {
            found.extend(id);
        }
    }
    Ok(found)
}

/// Writes what beside the events there is to say.
fn write_rest(done: &ImportSummary, output: &mut Output) -> Result<()> {
    if done.times_kept == Some(false) {
        output.line("recorded now and not when the export says, as the store held other events")?;
    }
    if done.skipped > 0 {
        output.line(format_args!("skipped {} that the store had already", counted(done.skipped, "event")))?;
    }
    if let Some(count) = done.unconfirmed {
        let (count, were) = (counted(count, "event"), if count == 1 { "was" } else { "were" });
        output.line(format_args!("the export left out {count} that {were} not known to be durable"))?;
    }
    Ok(())
}
