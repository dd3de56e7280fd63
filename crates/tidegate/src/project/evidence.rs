//! Evidence of what a projection said.

use tidegate_format::{Error, Result, hash};

use super::projection::Projection;
use super::projector::Projector;
use super::reading::Reading;
use crate::proofs::{Evidence, StateEvidence};

impl<P: Projection> Projector<P> {
    /// Returns what a reading said as a value that can be signed and looked at again later. A program with the log and the
    /// projection compares it with that of [`at`](Self::at) for the same position.
    ///
    /// ```
    /// # use serde::{Deserialize, Serialize};
    /// # use tidegate::project::Projection;
    /// # use tidegate::{Draft, Position, Query, RecordedEvent, Result, Store};
    /// # #[derive(Clone, Default, Serialize, Deserialize)]
    /// # struct Count(u64);
    /// # impl Projection for Count {
    /// #     const NAME: &'static str = "count";
    /// #     const VERSION: u16 = 1;
    /// #     fn query() -> Query { Query::ALL }
    /// #     fn apply(&mut self, _: &RecordedEvent) -> Result<()> { self.0 += 1; Ok(()) }
    /// # }
    /// # let store = Store::in_memory()?;
    /// # let order = |name: &'static str| Draft::new(("shop", name), "order.placed");
    /// store.append(order("order-1"))?;
    /// let count = store.projector::<Count>()?;
    /// let said = count.evidence(&count.read()?)?;
    ///
    /// store.append(order("order-2"))?;
    /// assert_eq!(count.evidence(&count.at(Position(1))?)?, said);
    /// assert_ne!(count.evidence(&count.read()?)?, said);
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::ErrorKind::Invalid) for a reading of an earlier version, for one that lacks parked events, and for
    /// a state that cannot be written; [`Diverged`](crate::ErrorKind::Diverged) for a reading that had taken in events which
    /// were lost since; those of reading.
    pub fn evidence(&self, reading: &Reading<P>) -> Result<Evidence> {
        let (name, position) = (P::NAME, reading.position());
        if reading.version() != P::VERSION || reading.parked() != 0 {
            let (version, parked) = (reading.version(), reading.parked());
            let message = format!(
                "a reading of {name} of version {version} without {parked} parked events is no evidence of version {}",
                P::VERSION
            );
            return Err(Error::invalid(message));
        }
        let state = rmp_serde::to_vec_named(&**reading.state()).map_err(|cause| {
            Error::invalid(format!("the state of {name} cannot be written")).because(cause)
        })?;
        let opening = self.store.opening();
        opening.check_kept(reading.generation, position, "the reading")?;
        // What is signed cannot be lost.
        opening.make_durable(position)?;
        let view = opening.view()?;
        let behind = || Error::damaged("the log ends before a reading of it", position, view.head());
        Ok(Evidence::State(StateEvidence {
            store: self.store.id(),
            projection: name.to_owned(),
            version: P::VERSION,
            query: self.rules.query.clone(),
            position,
            leaf: view.leaf(position)?.ok_or_else(behind)?,
            state: hash::sha256(&state),
        }))
    }
}
