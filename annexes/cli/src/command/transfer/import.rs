//! `import`: events from a file of JSON Lines into a store.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use tidegate::StoreOptions;

use super::importer::Importer;
use crate::failure::Result;
use crate::lines::Input;
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

Examples:
  tidegate import ./store history.jsonl.gz
  tidegate export ./old | tidegate import ./new -";

const READERS: &str = "\
cursors do not come along: a reader of this store begins at its first event, and delivers again what it has delivered \
from another store; a reactor reacts again, unless a reaction came along with its key";

/// Import events from a file of JSON Lines
#[derive(Args, Debug)]
#[command(after_long_help = SHAPE, after_help = "`tidegate import --help` shows what a line looks like.")]
pub(in crate::command) struct ImportArgs {
    /// The store's directory; created if there is none
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// The file, packed with gzip or not; `-` is standard input
    file: PathBuf,
}

impl ImportArgs {
    pub(in crate::command) fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        let start = Instant::now();
        let input = Input::open(&self.file)?;
        let progress = Progress::of_bytes(input.length(), json);
        let mut lines = input.lines(&progress)?;
        let store = writer::open(&self.directory, StoreOptions::new(), json)?;
        let mut importer = Importer::new(&store, lines.name())?;
        let done = importer.run(&mut lines, &progress);
        drop(progress);
        done?;
        store.close()?;
        let done = importer.done;
        if json {
            return output.json(&done);
        }
        let seconds = start.elapsed().as_secs_f64();
        let name = lines.name();
        output.line(format_args!(
            "imported {} from {name} in {seconds:.1} s",
            counted(done.imported, "event")
        ))?;
        if done.times_kept == Some(false) {
            output.line("recorded now and not when the export says, as the store held other events")?;
        }
        if done.skipped > 0 {
            output.line(format_args!(
                "skipped {} that the store had already",
                counted(done.skipped, "event")
            ))?;
        }
        if let Some(count) = done.unconfirmed {
            let (count, were) = (counted(count, "event"), if count == 1 { "was" } else { "were" });
            output.line(format_args!("the export left out {count} that {were} not known to be durable"))?;
        }
        // Only an export is of a store, which may have had cursors.
        if store.report().created && done.times_kept.is_some() {
            output.line(READERS)?;
        }
        Ok(())
    }
}
