//! `import`: events from a file of JSON Lines into a store.
//!
//! Invariants:
//!
//! I1. What was imported is the beginning of the file, up to a line, and each of its events is whole.
//! I2. An event that is in the store already, by its id or its key, is not appended again, so an import that
//!     was cut off anywhere ends the same when it is run again.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use indicatif::HumanCount;
use serde::Serialize;
use tidegate::{Append, Cause, Draft, Error, ErrorKind, EventId, Options, Place, Store, View};

use crate::event::{self, Line};
use crate::failure::{self, Failure, Result};
use crate::lines::{Input, Lines};
use crate::output::{Output, counted};
use crate::progress::Progress;

/// Events of one batch, and bytes of them after which it is full.
const BATCH_EVENTS_MAX: usize = 1000;
const BATCH_BYTES_MAX: usize = 4 << 20;

const SHAPE: &str = "\
A line is one event as a JSON object:

  key          text    its name where it comes from, unique in its scope; the
                       event's id is made from both
  scope        text    required
  entity       text    required
  lane         number  0 if left out
  kind         text    required; dotted lower-case words
  tags         texts
  causes       texts   earlier events: keys of the same scope, ids, or STORE/ID
                       for an event of another store
  correlation  text    the first event of its flow: key or id
  time         text    when it happened, in RFC 3339; kept beside the time it
                       is recorded at
  data         any     the payload, kept as it is written
  meta         object  texts by name
  id           text    a UUID; goes before the id that the key gives
  schema       number  version of the payload's schema, 1 if left out
  type         text    `bytes` or `message-pack`: the payload is not JSON
  base64       text    the bytes of such a payload; `data` beside it is there to
                       be read and is not imported

`tidegate read --json` writes this shape. What only a log can say (position, version, recorded) is passed over.

Events are committed in batches, each whole or not at all. An event whose id or key is in the store already is \
skipped, so an import that was cut off can be run again. Lines with neither id nor key are new every time.

Examples:
  tidegate import ./store history.jsonl.gz
  tidegate read ./old --json | tidegate import ./new -";

/// Import events from a file of JSON Lines
#[derive(Args, Debug)]
#[command(after_long_help = SHAPE, after_help = "`tidegate import --help` shows what a line looks like.")]
pub(super) struct Import {
    /// The store's directory; created where there is none
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// The file, packed with gzip or not; `-` is standard input
    file: PathBuf,
}

/// What an import did.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Done {
    imported: u64,
    skipped: u64,
}

impl Import {
    pub(super) fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        let start = Instant::now();
        let input = Input::open(&self.file)?;
        let progress = Progress::of_bytes(input.length(), json);
        let mut lines = input.lines(&progress)?;
        let store = Store::open(&self.directory, Options::default())?;
        let mut intake = Intake::new(&store)?;
        let done = intake.run(&mut lines, &progress);
        drop(progress);
        done?;
        store.close()?;
        let done = intake.done;
        if json {
            return output.json(&done);
        }
        let seconds = start.elapsed().as_secs_f64();
        let name = lines.name();
        output.line(format_args!(
            "imported {} from {name} in {seconds:.1} s",
            counted(done.imported, "event")
        ))?;
        if done.skipped > 0 {
            output.line(format_args!(
                "skipped {} that the store had already",
                counted(done.skipped, "event")
            ))?;
        }
        Ok(())
    }
}

/// Events on their way into the store.
struct Intake<'a> {
    store: &'a Store,
    view: View,
    batch: Vec<Draft>,
    /// The line of each draft.
    numbers: Vec<u64>,
    /// The places in the batch of the ids in it.
    places: HashMap<EventId, usize>,
    bytes: usize,
    done: Done,
    /// Imported events without an id of their own.
    nameless: u64,
}

impl<'a> Intake<'a> {
    fn new(store: &'a Store) -> Result<Self> {
        let view = store.view()?;
        let (batch, numbers, places) = (Vec::new(), Vec::new(), HashMap::new());
        Ok(Self { store, view, batch, numbers, places, bytes: 0, done: Done::default(), nameless: 0 })
    }

    fn run(&mut self, lines: &mut Lines, progress: &Progress) -> Result<()> {
        loop {
            let taken = match lines.next() {
                Ok(None) => return self.commit(lines),
                Ok(Some((number, text))) => self.take(number, text),
                Err(error) => Err(error),
            };
            if let Err(error) = taken {
                let number = lines.number();
                self.commit(lines)?;
                return Err(self.stopped(error, lines.place(number)));
            }
            if self.batch.len() >= BATCH_EVENTS_MAX || self.bytes >= BATCH_BYTES_MAX {
                self.commit(lines)?;
            }
            if lines.number().is_multiple_of(256) {
                progress.events(self.done.imported + self.done.skipped + self.batch.len() as u64);
            }
        }
    }

    /// Takes a line into the batch, or finds that its event is there already.
    fn take(&mut self, number: u64, text: &str) -> tidegate::Result<()> {
        let draft = Line::parse(text)?.draft(|id| self.known(id))?;
        if let Some(id) = draft.id {
            if let Some(event) = self.view.find(id)? {
                refuse_different(
                    &event::differences(&draft, &event),
                    &format!("position {}", event.position()),
                )?;
                self.done.skipped += 1;
                return Ok(());
            }
            if let Some(&place) = self.places.get(&id) {
                let again =
                    Draft { correlation: draft.correlation.or(self.batch[place].correlation), ..draft };
                let different = if again == self.batch[place] { &[][..] } else { &["content"] };
                refuse_different(different, &format!("line {}", self.numbers[place]))?;
                self.done.skipped += 1;
                return Ok(());
            }
            self.places.insert(id, self.batch.len());
        }
        let metadata = draft.metadata.iter().map(|(name, value)| name.len() + value.len());
        self.bytes += draft.payload.len() + metadata.sum::<usize>() + draft.causes.len() * 9;
        self.batch.push(draft);
        self.numbers.push(number);
        Ok(())
    }

    /// An earlier event, in the store or in the batch.
    fn known(&self, id: EventId) -> tidegate::Result<Option<Cause>> {
        if let Some(&place) = self.places.get(&id) {
            return Ok(Some(Cause::Draft(place as u32)));
        }
        Ok(self.view.find(id)?.map(|event| Cause::At(event.position())))
    }

    /// Appends the batch.
    fn commit(&mut self, lines: &Lines) -> Result<()> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let batch = std::mem::take(&mut self.batch);
        let nameless = batch.iter().filter(|draft| draft.id.is_none()).count();
        match self.store.append(batch, Append::synced()) {
            Ok(receipt) => self.done.imported += receipt.events.len() as u64,
            Err(error) => {
                let draft = match error.place() {
                    Some(Place::Draft(draft)) => *draft,
                    _ => 0,
                };
                return Err(self.stopped(error, lines.place(self.numbers[draft])));
            }
        }
        self.nameless += nameless as u64;
        self.numbers.clear();
        self.places.clear();
        self.bytes = 0;
        self.view = self.store.view()?;
        Ok(())
    }

    /// The failure to go on at a place of the input.
    fn stopped(&self, error: Error, place: String) -> Failure {
        let Done { imported, skipped } = self.done;
        let remedy = match error.kind() {
            ErrorKind::Invalid | ErrorKind::Refused => "mend the line",
            _ => "see to the cause",
        };
        let nameless = match self.nameless {
            0 => String::new(),
            count => format!(
                "\nbut lines with neither key nor id come in again: take out the {} imported so first",
                HumanCount(count)
            ),
        };
        let advice = format!(
            "{} imported before this line, {} skipped; {remedy} and run the import again: it goes on from here\
             {nameless}",
            counted(imported, "event"),
            HumanCount(skipped)
        );
        Failure::Line(Box::new(failure::Line { error, place, imported, advice }))
    }
}

fn refuse_different(different: &[&str], place: &str) -> tidegate::Result<()> {
    if different.is_empty() {
        return Ok(());
    }
    let message = format!(
        "the same event is there already, at {place}, with another {}; events never change, so give this one \
         another key or id",
        different.join(", ")
    );
    Err(Error::new(ErrorKind::Refused, message))
}
