//! What the events of a group are called, by hash: a condition about other names need not look at them.
//!
//! Invariant N1: where an event of the group matches a query, every item's wanted names that it matches by are
//! among those of the group.

use std::collections::HashSet;
use std::hash::BuildHasherDefault;

use tidegate_format::Record;
use tidegate_segment::{Field, HashKey, Term};

use super::heads::Through;
use crate::read::{Entity, Query};

/// For each item of a query, names of which an event that matches it has at least one.
#[derive(Debug)]
pub(crate) struct Wanted {
    seed: HashKey,
    items: Vec<Vec<u128>>,
}

impl Wanted {
    /// What a query wants; nothing where it says so little that every group has to be looked at.
    pub(crate) fn of(query: &Query, seed: HashKey) -> Option<Self> {
        let items = query.items()?.iter().map(|item| {
            if let Some(tag) = item.tags.first() {
                return Some(vec![name(seed, Field::Tag, tag)]);
            }
            if let Some(Entity::Exactly(entity)) = &item.entity {
                return Some(vec![name(seed, Field::Entity, entity)]);
            }
            let whole = |kind: &str| (!kind.ends_with('*')).then(|| name(seed, Field::Kind, kind));
            let kinds: Vec<_> = item.kinds.iter().map(|kind| whole(kind)).collect::<Option<_>>()?;
            (!kinds.is_empty()).then_some(kinds)
        });
        Some(Self { seed, items: items.collect::<Option<_>>()? })
    }

    /// Returns all wanted names.
    pub(crate) fn names(&self) -> impl Iterator<Item = u128> {
        self.items.iter().flatten().copied()
    }

    /// What names are hashed with.
    pub(crate) fn seed(&self) -> HashKey {
        self.seed
    }
}

fn name(seed: HashKey, field: Field, text: &str) -> u128 {
    seed.hash(Term::new(field, text.as_bytes()).as_bytes())
}

/// The names of the first events of a group.
#[derive(Debug, Default)]
pub(crate) struct Names {
    names: HashSet<u128, BuildHasherDefault<Through>>,
    /// How many events they are of.
    events: usize,
}

impl Names {
    /// How many events it knows.
    pub(crate) fn events(&self) -> usize {
        self.events
    }

    /// Takes in the next event.
    pub(crate) fn add(&mut self, record: &Record<'_>, seed: HashKey) {
        self.names.extend(record.tags().map(|tag| name(seed, Field::Tag, tag)));
        self.names.insert(name(seed, Field::Entity, record.entity()));
        self.names.insert(name(seed, Field::Kind, record.kind()));
        self.events += 1;
    }

    /// Whether any of its events may be one that is wanted.
    pub(crate) fn may_hold(&self, wanted: &Wanted) -> bool {
        wanted.items.iter().any(|names| names.iter().any(|name| self.names.contains(name)))
    }
}
