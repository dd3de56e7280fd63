//! Checks that what is erased and what events say is erased agree.

use std::collections::BTreeSet;

use tidegate_format::record::KeyId;
use tidegate_format::{Error, ErrorPlace, Hash, Position, Record};

use super::event::{DESTROYED, ErasedEvent, Written};
use super::positions::ErasedPositions;

/// What a log says is erased, and what is. It takes the records in order.
#[derive(Debug, Default)]
pub(crate) struct ErasureCheck {
    /// What events name, with the last of them.
    named: ErasedPositions,
    /// What events of other stores name: positions there.
    elsewhere: ErasedPositions,
    erased: ErasedPositions,
    /// Batches with a key whose content hash is gone: their first and last positions.
    keyless: Vec<(Position, Position)>,
    /// The first position of a batch that is under way, if its content hash is gone.
    begun: Option<Position>,
    /// Events that say in a wrong way what is erased.
    wrong: ErasedPositions,
    /// Named by events after the last one that was carried out.
    pending: ErasedPositions,
    /// Keys that are to be destroyed, and those that an event says are.
    keys: BTreeSet<KeyId>,
    destroyed: BTreeSet<KeyId>,
}

/// What is wrong about erasures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ErasureFinding {
    /// These are erased, and no event says so.
    Unnamed(ErasedPositions),
    /// The content hash of the key of the batch that begins here is gone, and no event of it is erased.
    Keyless(Position),
    /// Events name these, and they stand in the file.
    NotBlank(ErasedPositions),
    /// This event says in a wrong way what is erased.
    Unreadable(Position),
}

impl ErasureFinding {
    /// Returns whether an event that was not read may say that it is in order.
    pub(crate) fn may_be_named_elsewhere(&self) -> bool {
        matches!(self, Self::Unnamed(_) | Self::Keyless(_))
    }

    /// Returns whether payloads stand in the file that events say are erased.
    pub(crate) fn is_standing(&self) -> bool {
        matches!(self, Self::NotBlank(_))
    }

    /// Returns it as an error at the first of these events.
    pub(crate) fn into_error(self) -> Error {
        let (error, position) = match self {
            Self::Unnamed(positions) => {
                let message = format!("payloads are gone that no event says are erased, at {positions}");
                (Error::damaged(message, "an event of kind tidegate.erased", "none"), positions.first())
            }
            Self::Keyless(position) => {
                let message = "the content hash of a key is gone, and no event says that its batch is erased";
                (Error::damaged(message, "an event of kind tidegate.erased", "none"), Some(position))
            }
            Self::NotBlank(positions) => {
                let message = format!("payloads are there that an event says are erased, at {positions}");
                (Error::damaged(message, "erased records", "payloads"), positions.first())
            }
            Self::Unreadable(position) => {
                let message = "an event says in a wrong way what is erased";
                (Error::damaged(message, "runs of earlier positions", "something else"), Some(position))
            }
        };
        match position {
            Some(position) => error.at(ErrorPlace::Event(position)),
            None => error,
        }
    }
}

impl ErasureCheck {
    /// Takes the next record. What is named by an event after `done` may not be carried out yet.
    pub(crate) fn take(&mut self, record: &Record<'_>, done: Position) {
        let position = record.position();
        if record.is_erased() {
            self.erased.insert(position);
        }
        if record.key().is_some_and(|(_, content)| content == Hash::ZERO) {
            self.begun = Some(position);
        }
        if record.ends_batch()
            && let Some(first) = self.begun.take()
        {
            self.keyless.push((first, position));
        }
        if record.kind() == DESTROYED {
            self.destroyed.extend(ErasedEvent::keys_destroyed(record));
        }
        let Some(written) = ErasedEvent::written(record.kind()) else { return };
        match (ErasedEvent::read(record), written) {
            (Ok(event), Written::Elsewhere) => self.elsewhere.add(&event.positions),
            (Ok(event), Written::Here) => {
                self.named.add(&event.positions);
                self.keys.extend(&event.keys);
                if position > done {
                    self.pending.add(&event.positions);
                }
            }
            // The one of another store names nothing here.
            (Err(_), Written::Elsewhere) => {}
            (Err(_), Written::Here) => self.wrong.insert(position),
        }
    }

    /// Returns how many payloads are erased.
    pub(crate) fn erased(&self) -> u64 {
        self.erased.count()
    }

    /// Returns whether events of this store name anything.
    pub(crate) fn names_any(&self) -> bool {
        !self.named.is_empty()
    }

    /// Returns what is named and not carried out yet.
    pub(crate) fn pending(&self) -> &ErasedPositions {
        &self.pending
    }

    /// Returns how many keys events say are to be destroyed, and no event says that they are.
    pub(crate) fn unfinished_keys(&self) -> usize {
        self.keys.difference(&self.destroyed).count()
    }

    /// Returns what is wrong. Nothing is known of the positions that `is_lost` says.
    pub(crate) fn findings(&self, is_lost: impl Fn(Position) -> bool) -> Vec<ErasureFinding> {
        let mut found: Vec<_> = each(&self.wrong).map(ErasureFinding::Unreadable).collect();
        let unnamed = without(&self.erased, &self.named);
        // ErasedPositions in a copy may be others than those of its source.
        if unnamed.count() > self.elsewhere.count() {
            found.push(ErasureFinding::Unnamed(unnamed));
        }
        let in_any = |set: &ErasedPositions, (first, last)| set.within(first, last).next().is_some();
        let keyless =
            self.keyless.iter().find(|batch| !in_any(&self.erased, **batch) && !in_any(&self.named, **batch));
        found.extend(keyless.map(|(first, _)| ErasureFinding::Keyless(*first)));
        let mut standing = without(&without(&self.named, &self.erased), &self.pending);
        if each(&standing).any(&is_lost) {
            standing = each(&standing).filter(|position| !is_lost(*position)).collect();
        }
        if !standing.is_empty() {
            found.push(ErasureFinding::NotBlank(standing));
        }
        found
    }
}

fn each(positions: &ErasedPositions) -> impl Iterator<Item = Position> {
    positions.runs().iter().flat_map(|(first, last)| (first.0..=last.0).map(Position))
}

/// Returns the positions of one set that are not in another.
fn without(one: &ErasedPositions, other: &ErasedPositions) -> ErasedPositions {
    let mut left = Vec::new();
    for (first, last) in one.runs() {
        let mut next = *first;
        for (start, end) in other.within(*first, *last) {
            if start > next {
                left.push((next, start.before()));
            }
            next = end.next();
        }
        if next <= *last {
            left.push((next, *last));
        }
    }
    ErasedPositions::of_runs(left)
}
