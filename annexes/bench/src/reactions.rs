//! Rows of reactors: how many events a second they answer, beside plain appends of the same answers.

use std::path::Path;

use tidegate::decide::DecisionView;
use tidegate::subscription::cursor::CursorOptions;
use tidegate::subscription::reactor::{Reaction, Step};
use tidegate::{AppendOptions, Draft, Durability, QueryItem, RecordedEvent, Store};

use crate::Failure;
use crate::row::{Aim, Row, in_rounds, seconds};
use crate::settings::Settings;

/// Returns all rows of reactors that are asked for.
pub(crate) fn rows(settings: &Settings, place: &Path) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    for (name, workers, durability, times) in [
        ("reactor, 1 worker, synced", 1, Durability::Synced, 1),
        ("reactor, 8 workers, synced", 8, Durability::Synced, 8),
        ("reactor, 1 worker, buffered", 1, Durability::Buffered, 20),
    ] {
        if settings.wants(name) {
            eprintln!("{name}");
            let run = Run { events: settings.events * times, workers, durability };
            let pairs = in_rounds(settings.rounds, || run.plainly(place), || run.reacting(place))?;
            rows.push(Row::of_speeds(name, "events/s", &pairs, Aim::None));
        }
    }
    Ok(rows)
}

/// One side of a round.
struct Run {
    events: usize,
    workers: usize,
    durability: Durability,
}

impl Run {
    fn append(&self) -> AppendOptions {
        AppendOptions::new().durability(self.durability)
    }

    /// Returns a store with the events that are to be answered, each in a stream of its own.
    fn store(&self, place: &Path) -> Result<(tempfile::TempDir, Store), Failure> {
        let directory = tempfile::tempdir_in(place)?;
        let store = Store::open(directory.path())?;
        let asked =
            (0..self.events).map(|number| Draft::new(("asked", number.to_string()), "question.asked"));
        store.append_with(asked.collect::<Vec<_>>(), AppendOptions::new().synced())?;
        Ok((directory, store))
    }

    /// Returns the speed of callers that append the answers.
    fn plainly(&self, place: &Path) -> Result<f64, Failure> {
        let (_directory, store) = self.store(place)?;
        let events: Vec<RecordedEvent> = store.read(&asked().into())?.collect::<Result<_, _>>()?;
        self.timed(|worker| {
            for event in events.iter().skip(worker).step_by(self.workers) {
                store.append_with(answer(event).cause(event.position()), self.append())?;
            }
            Ok(())
        })
    }

    /// Returns the speed of a reactor that answers.
    fn reacting(&self, place: &Path) -> Result<f64, Failure> {
        let (_directory, store) = self.store(place)?;
        let handler =
            |_: &DecisionView, event: &RecordedEvent| -> Reaction { Ok(Some(answer(event).into())) };
        let reactor =
            store.reactor_with("bench", asked(), CursorOptions::default(), handler)?.appending(self.append());
        self.timed(|_| {
            while let Step::Reacted(_) = reactor.step()? {}
            Ok(())
        })
    }

    fn timed(&self, work: impl Fn(usize) -> tidegate::Result<()> + Sync) -> Result<f64, Failure> {
        let (time, done) = seconds(|| {
            std::thread::scope(|scope| {
                let work = &work;
                let workers: Vec<_> =
                    (0..self.workers).map(|worker| scope.spawn(move || work(worker))).collect();
                workers.into_iter().try_for_each(|worker| worker.join().expect("no worker panics"))
            })
        });
        done?;
        Ok(self.events as f64 / time)
    }
}

fn asked() -> QueryItem {
    QueryItem::new().kind("question.asked")
}

fn answer(event: &RecordedEvent) -> Draft {
    Draft::new(("answered", event.entity().to_owned()), "question.answered").bytes(vec![0; 100])
}
