//! What the events of a group are called, by hash: a condition about other terms need not look at them.
//!
//! Invariant N1: if an event of the group matches a query, every item's filter terms that it matches by are
//! among those of the group.

use std::collections::HashSet;
use std::hash::BuildHasherDefault;

use tidegate_format::Record;
use tidegate_segment::{Field, HashKey, Term};

use super::tails::PassThrough;
use crate::read::{Entity, Query};

/// For each item of a query, terms of which an event that matches it has at least one.
#[derive(Debug)]
pub(crate) struct TermFilter {
    seed: HashKey,
    items: Vec<Vec<u128>>,
}

impl TermFilter {
    /// What a query wants, or `None` if it says so little that every group has to be looked at.
    pub(crate) fn of(query: &Query, seed: HashKey) -> Option<Self> {
        let items = query.items()?.iter().map(|item| {
            if let Some(tag) = item.tags.first() {
                return Some(vec![term(seed, Field::Tag, tag)]);
            }
            if let Some(Entity::Exactly(entity)) = &item.entity {
                return Some(vec![term(seed, Field::Entity, entity)]);
            }
            let whole = |kind: &str| (!kind.ends_with('*')).then(|| term(seed, Field::Kind, kind));
            let kinds: Vec<_> = item.kinds.iter().map(|kind| whole(kind)).collect::<Option<_>>()?;
            (!kinds.is_empty()).then_some(kinds)
        });
        Some(Self { seed, items: items.collect::<Option<_>>()? })
    }

    /// Returns all filter terms.
    pub(crate) fn terms(&self) -> impl Iterator<Item = u128> {
        self.items.iter().flatten().copied()
    }

    /// What terms are hashed with.
    pub(crate) fn seed(&self) -> HashKey {
        self.seed
    }
}

fn term(seed: HashKey, field: Field, text: &str) -> u128 {
    seed.hash(Term::new(field, text.as_bytes()).as_bytes())
}

/// The terms of the first events of a group.
#[derive(Debug, Default)]
pub(crate) struct GroupTerms {
    terms: HashSet<u128, BuildHasherDefault<PassThrough>>,
    /// How many events they are of.
    events: usize,
}

impl GroupTerms {
    /// How many events it knows.
    pub(crate) fn events(&self) -> usize {
        self.events
    }

    /// Takes in the next event.
    pub(crate) fn add(&mut self, record: &Record<'_>, seed: HashKey) {
        self.terms.extend(record.tags().map(|tag| term(seed, Field::Tag, tag)));
        self.terms.insert(term(seed, Field::Entity, record.entity()));
        self.terms.insert(term(seed, Field::Kind, record.kind()));
        self.events += 1;
    }

    /// Whether any of its events may be one that is filter.
    pub(crate) fn may_hold(&self, filter: &TermFilter) -> bool {
        filter.items.iter().any(|terms| terms.iter().any(|term| self.terms.contains(term)))
    }
}
