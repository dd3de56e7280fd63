//! What a decision rests on: one look at the log, by the store and by the model.

use tidegate::decide::DecisionView;
use tidegate::{EventId, Position, ReadOptions, Result, StreamId};

use super::Model;
use crate::dice::Dice;
use crate::query::ModelQuery;

/// One way to look.
#[derive(Clone, Debug)]
pub(crate) enum Basis {
    /// At a part of what is selected, from one end, within bounds.
    Read(ModelQuery, ReadOptions),
    /// At how many are selected, within bounds.
    Count(ModelQuery, ReadOptions),
    /// At whether any is selected.
    Exists(ModelQuery),
    /// At the version of a stream.
    Version(StreamId),
    /// At the last event of a stream.
    Last(StreamId),
    /// For an id.
    Find(EventId),
    /// For an idempotency key.
    Key(String),
    /// At a position, which may be the next one.
    At(Position),
}

impl Basis {
    /// Some look at what one event would change.
    pub(crate) fn of(dice: &mut Dice, model: &Model, stream: &StreamId, tag: &str, id: EventId) -> Self {
        let count = model.count();
        let wanted = match dice.below(4) {
            0 => ModelQuery::stream(stream),
            1 => ModelQuery::entity(&stream.entity),
            2 => ModelQuery::tags(&[tag]),
            _ => ModelQuery::some(dice, count),
        };
        let mut read =
            if dice.chance(1, 2) { ReadOptions::new() } else { ReadOptions::new().backwards(true) };
        read.limit = dice.chance(3, 4).then(|| 1 + dice.below(2) as usize);
        if dice.chance(1, 3) {
            read.after = Position(dice.below(count + 1));
        }
        if dice.chance(1, 4) {
            // Up to the next position, which closes the part that is read, or beyond it.
            read.before = Position(count + dice.below(3));
        }
        match dice.below(11) {
            10 => Self::Key(format!("key-{}", dice.below(60))),
            0..4 => Self::Read(wanted, read),
            4 => Self::Count(wanted, read),
            5 => Self::Exists(wanted),
            6 => Self::Version(stream.clone()),
            7 => Self::Last(stream.clone()),
            8 => Self::Find(id),
            _ => Self::At(Position(count + dice.below(2))),
        }
    }

    /// What the store shows a decision.
    pub(crate) fn look(&self, view: &DecisionView) -> Result<Vec<u64>> {
        Ok(match self {
            Self::Read(wanted, read) => {
                let events = view.read_with(&wanted.query(), *read);
                events.map(|event| Ok(event?.position().0)).collect::<Result<_>>()?
            }
            Self::Count(wanted, read) => vec![view.count_with(&wanted.query(), *read)?],
            Self::Exists(wanted) => vec![u64::from(view.exists(&wanted.query())?)],
            Self::Version(stream) => vec![view.version(stream)?.0],
            Self::Last(stream) => {
                view.last_event(stream)?.map(|event| event.position().0).into_iter().collect()
            }
            Self::Find(id) => view.find(*id)?.map(|event| event.position().0).into_iter().collect(),
            Self::Key(key) => view.find_key(key)?.map(|event| event.position().0).into_iter().collect(),
            Self::At(position) => view.at(*position)?.map(|event| event.position().0).into_iter().collect(),
        })
    }

    /// What it has to be shown if it is committed as the next event.
    pub(crate) fn answer(&self, model: &Model) -> Vec<u64> {
        let part = |wanted: &ModelQuery, read: &ReadOptions| {
            let mut found: Vec<u64> = model.selected(wanted).collect();
            found.retain(|at| (read.after.0 + 1..read.before.0).contains(at));
            if read.backwards {
                found.reverse();
            }
            found.truncate(read.limit.unwrap_or(usize::MAX));
            found
        };
        match self {
            Self::Read(wanted, read) => part(wanted, read),
            Self::Count(wanted, read) => vec![part(wanted, read).len() as u64],
            Self::Exists(wanted) => vec![u64::from(model.selected(wanted).next().is_some())],
            Self::Version(stream) => vec![model.version(stream).0],
            Self::Last(stream) => {
                model.streams.get(stream).and_then(|all| all.last().copied()).into_iter().collect()
            }
            Self::Find(id) => model.ids.get(id).copied().into_iter().collect(),
            Self::Key(key) => model.first_of(key).into_iter().collect(),
            Self::At(position) => {
                let there = (1..=model.count()).contains(&position.0);
                there.then_some(position.0).into_iter().collect()
            }
        }
    }
}
