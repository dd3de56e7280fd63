//! Brings several projections to the head in one pass over the log.

use std::ops::DerefMut;

use tidegate_format::{Error, Position, Result};
use tidegate_segment::RecordedEvent;

use super::fold::Fold;
use super::projection::Projection;
use super::projector::Projector;
use crate::read::{Query, ReadOptions, View};
use crate::store::{Opening, StoreReader};

/// A projector of any type, one of several in a pass.
pub trait AnyProjector: sealed::Sealed {}

impl<P: Projection> AnyProjector for Projector<P> {}

mod sealed {
    /// Implemented here alone.
    pub trait Sealed {
        /// Returns its place in a pass.
        fn member(&self) -> super::Member<'_>;
    }
}

impl<P: Projection> sealed::Sealed for Projector<P> {
    fn member(&self) -> Member<'_> {
        Member(self)
    }
}

/// A projector before a pass.
#[derive(Clone, Copy)]
pub struct Member<'a>(&'a dyn Waiting);

/// A projector that takes part in a pass.
trait Waiting {
    /// Returns the same for the same projector, to take locks in one order.
    fn address(&self) -> usize;
    fn store(&self) -> &StoreReader;
    fn query(&self) -> &Query;
    fn begin<'a>(&'a self, opening: &Opening, view: &'a View) -> Box<dyn Running + 'a>;
}

/// A projector in the middle of a pass, with its state held.
trait Running {
    fn position(&self) -> Position;
    fn take(&mut self, event: &RecordedEvent);
    /// Ends the pass at the head, and says what stopped it before.
    fn end(self: Box<Self>) -> Result<()>;
}

impl<P: Projection> Waiting for Projector<P> {
    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    fn store(&self) -> &StoreReader {
        &self.store
    }

    fn query(&self) -> &Query {
        &self.rules.query
    }

    fn begin<'a>(&'a self, opening: &Opening, view: &'a View) -> Box<dyn Running + 'a> {
        let mut fold = self.fold.lock();
        let begun = self.move_to(&mut fold, opening).and_then(|()| fold.ready(&self.rules, view));
        let query = view.resolved(&self.rules.query).map(std::borrow::Cow::into_owned);
        let (query, failed) = match (begun, query) {
            (Ok(()), Ok(query)) => (query, None),
            (Err(error), _) | (_, Err(error)) => (Query::ALL, Some(error)),
        };
        Box::new(Held { projector: self, fold, view, query, failed })
    }
}

struct Held<'a, P, F> {
    projector: &'a Projector<P>,
    fold: F,
    view: &'a View,
    /// The query with causes as records name them.
    query: Query,
    failed: Option<Error>,
}

impl<P: Projection, F: DerefMut<Target = Fold<P>>> Running for Held<'_, P, F> {
    fn position(&self) -> Position {
        self.fold.position
    }

    fn take(&mut self, event: &RecordedEvent) {
        if self.failed.is_none() && self.query.matches(&event.record()) {
            self.failed = self.fold.take(&self.projector.rules, self.view, event).err();
        }
    }

    fn end(mut self: Box<Self>) -> Result<()> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.fold.reach(self.view.head());
        self.projector.caught_up(&mut self.fold, self.view)
    }
}

/// Brings several projectors of one store to the head in one pass over the log: each event is read once for
/// all of them. Returns the head.
///
/// # Errors
///
/// [`Invalid`](crate::ErrorKind::Invalid) for projectors of different stores, or of handles that were opened apart, and
/// those of reading. If an
/// event stops a projection, the others go on; the first of the errors is returned at the end.
pub fn catch_up_all(projectors: &[&dyn AnyProjector]) -> Result<Position> {
    let mut members: Vec<&dyn Waiting> = projectors.iter().map(|one| one.member().0).collect();
    // Two passes take their locks in the same order, and one projector twice is one.
    members.sort_by_key(|member| member.address());
    members.dedup_by_key(|member| member.address());
    let Some(first) = members.first() else { return Ok(Position::START) };
    if members.iter().any(|member| !member.store().is_clone_of(first.store())) {
        return Err(Error::invalid(
            "a pass is over one handle of a store and its clones, and these projectors are of several",
        ));
    }
    let opening = first.store().opening();
    let view = opening.view()?;
    let mut running: Vec<Box<dyn Running + '_>> =
        members.iter().map(|member| member.begin(&opening, &view)).collect();
    let from = running.iter().map(|one| one.position()).min().unwrap_or(Position::START);
    let query = Query::union(members.iter().map(|member| member.query()));
    for event in view.read_with(&query, ReadOptions::new().after(from)) {
        let event = event?;
        for one in &mut running {
            one.take(&event);
        }
    }
    let ended: Vec<Result<()>> = running.into_iter().map(Running::end).collect();
    ended.into_iter().collect::<Result<()>>()?;
    Ok(view.head())
}
