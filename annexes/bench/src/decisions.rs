//! Rows of deciding: a decision over one tag that comes to one event, beside the same event appended without
//! a condition, into the same store with its long history.
//!
//! Each caller decides about a tag of its own, or all about one; the latter rows stand beside the same decisions about
//! own tags. A decision is judged again when what it read has moved; if nothing of it has, that was a false conflict,
//! and there should be none.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Barrier, Mutex};
use std::time::Instant;

use tidegate::decide::Decision;
use tidegate::{AppendOptions, Batch, Condition, Draft, Position, Query, QueryItem, ReadOptions, Store};

use crate::Failure;
use crate::history::History;
use crate::log::draft;
use crate::row::{Aim, Row, in_rounds};
use crate::sample::Sample;
use crate::settings::Settings;

/// How one row decides.
struct Plan {
    name: &'static str,
    callers: u64,
    way: Way,
    shared: bool,
    synced: bool,
    /// Events of a round, as a multiple of the setting.
    times: usize,
    aim: Aim,
}

#[derive(Clone, Copy, PartialEq)]
enum Way {
    /// Without a condition.
    Plain,
    /// With a condition on the tag, after the caller's own last event.
    Condition,
    /// Reading the last event of the tag through a view.
    Decision,
}

const PLANS: [Plan; 12] = [
    Plan::new("condition on a tag, 1 caller", 1, Way::Condition, 2),
    Plan::new("condition on a tag, 64 callers", 64, Way::Condition, 20),
    Plan::new("decision over a tag, 1 caller", 1, Way::Decision, 2),
    Plan::new("decision over a tag, 64 callers", 64, Way::Decision, 20),
    Plan { aim: Aim::None, ..Plan::hot("decision on one tag, 1 caller", 1, 2) },
    Plan { aim: Aim::None, ..Plan::hot("decision on one tag, 4 callers", 4, 4) },
    Plan { aim: Aim::None, ..Plan::hot("decision on one tag, 16 callers", 16, 10) },
    Plan::hot("decision on one tag, 64 callers", 64, 20),
    Plan { aim: Aim::None, ..Plan::hot("decision on one tag, 256 callers", 256, 40) },
    Plan { synced: false, ..Plan::new("condition, 1 caller, buffered", 1, Way::Condition, 100) },
    Plan { synced: false, ..Plan::new("condition, 64 callers, buffered", 64, Way::Condition, 100) },
    Plan {
        synced: false,
        aim: Aim::None,
        ..Plan::new("decision, 1 caller, buffered", 1, Way::Decision, 100)
    },
];

/// What is counted over all rows.
#[derive(Default)]
struct Counts {
    samples: AtomicU64,
    /// Decisions judged again although nothing that they had read had moved.
    falsely: AtomicU64,
    again: AtomicU64,
}

/// Returns all rows of deciding that are asked for. They append to the history, so they come last.
pub(crate) fn rows(settings: &Settings, history: &History) -> Result<Vec<Row>, Failure> {
    let counts = Counts::default();
    let mut rows = Vec::new();
    for plan in PLANS.iter().filter(|plan| settings.wants(plan.name)) {
        eprintln!("{}", plan.name);
        let events = settings.events * plan.times;
        let plain =
            if plan.shared { Plan { shared: false, ..*plan } } else { Plan { way: Way::Plain, ..*plan } };
        let pairs = in_rounds(
            settings.rounds,
            || plain.speed(&history.store, settings, &counts, events),
            || plan.speed(&history.store, settings, &counts, events),
        )?;
        rows.push(Row::of_speeds(plan.name, "events/s", &pairs, plan.aim));
    }
    let read = |count: &AtomicU64| count.load(Ordering::Relaxed) as f64;
    if rows.iter().any(|row| row.name.starts_with("decision")) {
        rows.push(Row::alone("decisions judged again", "of all", read(&counts.again), Aim::None));
        rows.push(Row::alone("false conflicts", "of all", read(&counts.falsely), Aim::Below(1.0)));
    }
    Ok(rows)
}

impl Plan {
    const fn new(name: &'static str, callers: u64, way: Way, times: usize) -> Self {
        Self { name, callers, way, shared: false, synced: true, times, aim: Aim::Ratio(0.9) }
    }

    /// All callers decide about one tag.
    const fn hot(name: &'static str, callers: u64, times: usize) -> Self {
        let plan = Self::new(name, callers, Way::Decision, times);
        Self { shared: true, aim: Aim::Ratio(0.6), ..plan }
    }

    /// Returns events a second over one round, from when all callers are ready until the last one is done.
    fn speed(
        &self,
        store: &Store,
        settings: &Settings,
        counts: &Counts,
        events: usize,
    ) -> Result<f64, Failure> {
        let each = events.div_ceil(self.callers as usize);
        let ready = Barrier::new(self.callers as usize + 1);
        let failed = Mutex::new(None);
        let start = std::thread::scope(|scope| {
            for caller in 0..self.callers {
                let (ready, failed) = (&ready, &failed);
                scope.spawn(move || {
                    ready.wait();
                    if let Err(error) = self.call(store, settings, counts, caller, each) {
                        *failed.lock().expect("no thread panics while holding the lock") = Some(error);
                    }
                });
            }
            ready.wait();
            Instant::now()
        });
        let time = start.elapsed().as_secs_f64();
        match failed.into_inner().expect("no thread panics while holding the lock") {
            Some(error) => Err(error.into()),
            None => Ok((each as u64 * self.callers) as f64 / time),
        }
    }

    /// What one caller does in a round.
    fn call(
        &self,
        store: &Store,
        settings: &Settings,
        counts: &Counts,
        caller: u64,
        events: usize,
    ) -> tidegate::Result<()> {
        let tag = if self.shared { "decided:all".to_owned() } else { format!("decided:{caller:02}") };
        let query = Query::from(QueryItem::new().tag(tag.clone()));
        let append =
            if self.synced { AppendOptions::new().synced() } else { AppendOptions::new().buffered() };
        let mut last = store.view()?.head();
        for _ in 0..events {
            let number = counts.samples.fetch_add(1, Ordering::Relaxed);
            let draft = draft(Sample::new(number, settings.entities)).tag(tag.clone());
            match self.way {
                Way::Plain => drop(store.append_with(draft, append.clone())?),
                Way::Condition => {
                    let unmoved = Condition::fail_if(query.clone()).after(last);
                    last = store.append_with(Batch::from(draft).only_if(unmoved), append.clone())?.last();
                }
                Way::Decision => decide(store, &query, &draft, &append, counts)?,
            }
        }
        Ok(())
    }
}

/// Decides by the last event of a tag, and counts how many times it was judged again.
fn decide(
    store: &Store,
    query: &Query,
    draft: &Draft,
    append: &AppendOptions,
    counts: &Counts,
) -> tidegate::Result<()> {
    let mut before: Option<Position> = None;
    store
        .decide_with(append.clone(), |view| -> tidegate::Result<Decision> {
            if let Some(before) = before.replace(view.head()) {
                counts.again.fetch_add(1, Ordering::Relaxed);
                let between = ReadOptions::new().after(before).before(view.head().next());
                let moved = view.count_with(query, between)?;
                counts.falsely.fetch_add(u64::from(moved == 0), Ordering::Relaxed);
            }
            let last =
                view.read_with(query, ReadOptions::new().backwards(true).limit(1)).next().transpose()?;
            let next = last.map_or(0, |event| event.payload_bytes());
            Ok(if next < usize::MAX { draft.clone().into() } else { Decision::deny("NEVER", "never") })
        })?
        .into_result()?;
    Ok(())
}
