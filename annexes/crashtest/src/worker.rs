//! The worker: a process that does the standard run over a real directory and tells what was acknowledged.
//!
//! It goes on after errors as a careful program would: a writer that has ended is opened again, a keyed batch of
//! unknown outcome is handed in again, everything else is reported and left. What it sees it compares with what it report.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use tidegate::decide::{Decision, Outcome};
use tidegate::project::Projection;
use tidegate::subscription::cursor::CursorOptions;
use tidegate::subscription::reactor::Step;
use tidegate::{
    AppendOptions, Cause, Draft, Durability, Error, ErrorKind, Position, Query, ReadOptions, Receipt,
    RecordedEvent, Result, Store, StoreOptions,
};

use crate::report::{ReportLine, WorkerReport};
use crate::story::{self, BILL, COURSES, CURSOR, REACTOR, SEAT, SEATS, Tally};

/// The worker did its run, or has given up, or has seen what must not be.
pub const DONE: u8 = 0;
/// See [`DONE`].
pub const GAVE_UP: u8 = 3;
/// See [`DONE`].
pub const SAW_WRONG: u8 = 4;

/// What a worker is to do.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    /// The store's directory.
    pub directory: PathBuf,
    /// Which run over this store it is.
    pub life: u64,
    /// How many acts it has.
    pub acts: u64,
    /// Whether the store has its own thread.
    pub thread: bool,
    /// Whether sealed segments are mapped.
    pub map: bool,
    /// Errors after which it gives up.
    pub patience: usize,
}

impl WorkerOptions {
    /// Creates the standard run over a directory.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), life: 0, acts: 96, thread: false, map: true, patience: 40 }
    }

    /// Returns a run that ends by being ended.
    #[must_use]
    pub fn endless(self) -> Self {
        Self { acts: u64::MAX, thread: true, ..self }
    }

    /// Returns a run in which the trial makes failed calls succeed again.
    #[must_use]
    pub fn patient(self) -> Self {
        Self { patience: 5_000, ..self }
    }

    /// Returns the same, as words of a command line.
    pub fn words(&self) -> Vec<String> {
        let Self { life, acts, thread, map, patience, .. } = self;
        let directory = self.directory.display();
        ["worker".into(), directory.to_string(), life.to_string(), acts.to_string()]
            .into_iter()
            .chain([thread.to_string(), map.to_string(), patience.to_string()])
            .collect()
    }

    /// Undoes [`words`](Self::words), without the first one.
    pub fn read(words: &[String]) -> Option<Self> {
        let [directory, life, acts, thread, map, patience] = words else { return None };
        Some(Self {
            directory: directory.into(),
            life: life.parse().ok()?,
            acts: acts.parse().ok()?,
            thread: thread.parse().ok()?,
            map: map.parse().ok()?,
            patience: patience.parse().ok()?,
        })
    }

    /// Returns how every store of a trial is opened for writing.
    pub fn options(&self) -> StoreOptions {
        StoreOptions::new().segment_bytes(6_000).space_ahead(2_000).thread(self.thread).map(self.map)
    }
}

/// Does a run and says how it ended.
pub fn work(orders: WorkerOptions) -> u8 {
    let mut worker = Worker { orders, report: WorkerReport::default(), again: None };
    let mut store = None;
    for number in 0..worker.orders.acts {
        store = worker.turn(store, number);
        if !worker.report.wrong.is_empty() {
            return SAW_WRONG;
        }
        if worker.report.failed.len() > worker.orders.patience {
            return GAVE_UP;
        }
    }
    while let Some(open) = store.take().or_else(|| worker.open()) {
        match open.close() {
            Ok(()) => {
                worker.tell(&[ReportLine::Closed]);
                return DONE;
            }
            Err(error) => worker.failed("close", &error),
        }
        drop(open);
        if worker.report.failed.len() > worker.orders.patience {
            break;
        }
    }
    GAVE_UP
}

struct Worker {
    orders: WorkerOptions,
    report: WorkerReport,
    /// A keyed batch whose outcome is unknown.
    again: Option<u64>,
}

impl Worker {
    fn tell(&mut self, lines: &[ReportLine]) {
        let mut text = String::new();
        for line in lines {
            text.push_str(&line.to_string());
            text.push('\n');
            self.report.note(line.clone());
        }
        let mut out = std::io::stdout().lock();
        if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
            // The parent process has closed the pipe.
            std::process::exit(i32::from(GAVE_UP));
        }
    }

    fn failed(&mut self, what: &str, error: &Error) {
        let mut text = format!("{what}: {error}");
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        self.tell(&[ReportLine::Failed(text)]);
        // The cause of the error may be temporary.
        std::thread::sleep(Duration::from_millis(1));
    }

    fn open(&mut self) -> Option<Store> {
        for _ in 0..self.orders.patience {
            match self.orders.options().open(&self.orders.directory) {
                Ok(store) => {
                    self.tell(&[ReportLine::Opened(store.frontier().durable.0)]);
                    return Some(store);
                }
                Err(error) => self.failed("open", &error),
            }
        }
        None
    }

    /// Does one act; hands the store back unless it is to be opened anew.
    fn turn(&mut self, store: Option<Store>, number: u64) -> Option<Store> {
        let store = store.or_else(|| self.open())?;
        if let Some(number) = self.again.take() {
            // What is unknown is asked for again, under its key.
            let done = self.append(&store, number, &AppendOptions::new().synced());
            return self.after(store, "again", done);
        }
        let (what, done) = self.act(&store, number);
        let store = self.after(store, what, done)?;
        if number % 48 == 47 { self.close(&store) } else { Some(store) }
    }

    /// Tells how an act went, and looks at what is left if it failed. A writer that has ended is let go.
    fn after(&mut self, store: Store, what: &str, done: Result<()>) -> Option<Store> {
        let Err(error) = done else { return Some(store) };
        self.failed(what, &error);
        let ended = has_ended(&error);
        if ended {
            self.tell(&[ReportLine::Ended]);
        }
        self.look(&store, what);
        (!ended).then_some(store)
    }

    fn close(&mut self, store: &Store) -> Option<Store> {
        match store.close() {
            Ok(()) => self.tell(&[ReportLine::Closed]),
            Err(error) => {
                self.failed("close", &error);
                if has_ended(&error) {
                    self.tell(&[ReportLine::Ended]);
                }
            }
        }
        None
    }

    fn act(&mut self, store: &Store, number: u64) -> (&'static str, Result<()>) {
        let append = match number % 16 {
            2 | 14 => AppendOptions::new().buffered(),
            9 => AppendOptions::new().durability(Durability::Interval(Duration::from_millis(2))),
            _ => AppendOptions::new().synced(),
        };
        match number % 16 {
            4 => ("decide", self.decide(store, number)),
            5 => ("deliver", self.deliver(store)),
            6 => ("order", self.append(store, number, &append).and_then(|()| self.react(store))),
            7 => ("project", self.project(store)),
            10 => ("submit", self.submit(store, number)),
            11 => ("look", self.try_look(store)),
            13 => ("step", if self.orders.thread { Ok(()) } else { store.upkeep().step() }),
            14 => ("wait", self.append(store, number, &append).and_then(|()| self.wait(store))),
            15 if number % 64 == 15 => ("reindex", store.upkeep().reindex().map(|_| ())),
            15 => ("verify", store.verify(|_| ()).map(|_| ())),
            _ => ("append", self.append(store, number, &append)),
        }
    }

    fn append(&mut self, store: &Store, number: u64, append: &AppendOptions) -> Result<()> {
        let batch = story::batch(self.orders.life, number);
        let keyed = number % 16 == 3;
        match store.append_with(batch.clone(), append.clone()) {
            Ok(receipt) => self.acknowledge(&receipt, append.durability),
            Err(error) => {
                if error.kind() == ErrorKind::OutcomeUnknown {
                    self.again = keyed.then_some(number);
                } else if !keyed {
                    self.tell(&[ReportLine::Refused(self.orders.life, number)]);
                } else if let Ok(receipt) = store.append_with(batch, append.clone()) {
                    self.acknowledge(&receipt, append.durability);
                }
                return Err(error);
            }
        }
        if keyed {
            let again = store.append_with(batch, append.clone())?;
            self.acknowledge(&again, append.durability);
        }
        Ok(())
    }

    fn acknowledge(&mut self, receipt: &Receipt, durability: Option<Durability>) {
        let durable = durability.is_none_or(|durability| durability == Durability::Synced);
        let lines = receipt.events.iter().map(|event| {
            let (position, leaf) = (event.position.0, event.leaf.to_string());
            if durable { ReportLine::Kept(position, leaf) } else { ReportLine::Written(position, leaf) }
        });
        self.tell(&lines.collect::<Vec<_>>());
    }

    fn submit(&mut self, store: &Store, number: u64) -> Result<()> {
        let ticket =
            store.submit_with(story::batch(self.orders.life, number), AppendOptions::new().synced())?;
        if !self.orders.thread {
            // A failed batch is reported by its ticket.
            let _ = store.upkeep().step();
        }
        match ticket.wait() {
            Ok(receipt) => self.acknowledge(&receipt, None),
            Err(error) => {
                if error.kind() != ErrorKind::OutcomeUnknown {
                    self.tell(&[ReportLine::Refused(self.orders.life, number)]);
                }
                return Err(error);
            }
        }
        Ok(())
    }

    fn wait(&mut self, store: &Store) -> Result<()> {
        let head = store.frontier().visible;
        let durable = store.wait_durable(head, Duration::from_secs(10))?;
        self.tell(&[ReportLine::Durable(durable.0)]);
        Ok(())
    }

    /// Takes a seat of a course if one is free.
    fn decide(&mut self, store: &Store, number: u64) -> Result<()> {
        let course = number / 16 % COURSES;
        let decided =
            store.decide_with(AppendOptions::new().synced(), |view| -> tidegate::Result<Decision> {
                if view.count(&story::seats(course))? >= SEATS {
                    return Ok(Decision::deny("COURSE_FULL", "all seats are taken"));
                }
                Ok(Draft::new(("school", "seats"), SEAT).tag(format!("course:{course}")).into())
            })?;
        if let Outcome::Committed(receipt) = decided {
            self.acknowledge(&receipt, None);
        }
        Ok(())
    }

    fn deliver(&mut self, store: &Store) -> Result<()> {
        let cursor = store.cursor(CURSOR, story::notes())?;
        let mut done = 0;
        for _ in 0..4 {
            let Some(delivery) = cursor.next_now()? else { break };
            let position = delivery.event().position().0;
            if position <= self.report.reached {
                self.tell(&[ReportLine::Wrong(format!(
                    "{position} was delivered again, after it was kept as done"
                ))]);
            }
            self.tell(&[ReportLine::Handed(position)]);
            delivery.ack()?;
            done = position;
        }
        cursor.commit()?;
        // The place may be further, behind events that are not of the query; that is not kept.
        self.tell(&[ReportLine::Reached(cursor.position().0.min(done))]);
        Ok(())
    }

    fn react(&mut self, store: &Store) -> Result<()> {
        let settings = CursorOptions::new().retry_after(Duration::ZERO);
        let reactor =
            store.reactor_with(REACTOR, story::orders(), settings, |_, order: &RecordedEvent| {
                Ok(Some(bill(order).into()))
            })?;
        loop {
            match reactor.step()? {
                Step::Reacted(receipt) => self.acknowledge(&receipt, None),
                Step::Failed(failure) => {
                    self.tell(&[ReportLine::Wrong(format!(
                        "the reactor counts trouble of the store as one of an event: {failure}"
                    ))]);
                }
                Step::Passed(_) | Step::Known(..) => {}
                Step::Idle | Step::Ended => return Ok(()),
            }
        }
    }

    fn project(&mut self, store: &Store) -> Result<()> {
        let projector = store.projector::<Tally>()?;
        let reading = projector.read()?;
        let plain = plain_fold(store, reading.position())?;
        if **reading.state() != plain {
            let text = format!("the projection is {:?}, a plain fold {plain:?}", **reading.state());
            self.tell(&[ReportLine::Wrong(text)]);
        }
        projector.save()
    }

    /// Looks once more, since reading goes on after writing has ended.
    fn look(&mut self, store: &Store, when: &str) {
        if let Err(error) = self.try_look(store) {
            self.failed(&format!("look after {when}"), &error);
        }
    }

    /// Compares what is there with what was report.
    fn try_look(&mut self, store: &Store) -> Result<()> {
        let view = store.view()?;
        let mut found = 0;
        for event in view.read(&Query::ALL) {
            let event = event?;
            let (position, leaf) = (event.position().0, event.leaf().to_string());
            if let Some((report, _)) = self.report.events.get(&position)
                && *report != leaf
            {
                self.tell(&[ReportLine::Wrong(format!(
                    "the event at {position} is another one than was reported"
                ))]);
            }
            found = position;
        }
        if let Some((last, _)) = self.report.events.last_key_value()
            && *last > found
        {
            let text = format!("events up to {last} were reported, up to {found} there are");
            self.tell(&[ReportLine::Wrong(text)]);
        }
        let notes = view.count(&story::notes())?;
        let back = view
            .read_with(&story::notes(), ReadOptions::new().backwards(true))
            .collect::<Result<Vec<_>>>()?;
        let by_id = back.first().map(|event| view.find(event.id())).transpose()?.flatten();
        if back.len() as u64 != notes
            || by_id.map(|event| event.leaf()) != back.first().map(RecordedEvent::leaf)
        {
            self.tell(&[ReportLine::Wrong("the ways of reading do not agree".into())]);
        }
        Ok(())
    }
}

/// Returns the answer to an order.
pub fn bill(order: &RecordedEvent) -> Draft {
    let position = order.position();
    Draft::new(("bills", order.entity().to_owned()), BILL)
        .bytes(position.0.to_string().into_bytes())
        .cause(Cause::At(position))
}

/// Returns the tally by going through the whole log.
pub fn plain_fold(store: &Store, until: Position) -> Result<Tally> {
    let mut tally = Tally::default();
    for event in store.read_with(&Query::ALL, ReadOptions::new().before(until.next()))? {
        let event = event?;
        if event.kind() == story::NOTE {
            tally.apply(&event)?;
        }
    }
    Ok(tally)
}

/// Whether the writer has ended, over what was asked for or before.
fn has_ended(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Ended | ErrorKind::OutcomeUnknown)
}
