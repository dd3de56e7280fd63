//! Gates: the caller's own rules, judged before anything is written.
//!
//! Invariants:
//!
//! G1. What a gate read through its view is part of the batch's condition: its rule holds at the commit.
//! G2. A gate that panics denies with [`GATE_DEFECT`], and nothing else happens.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tidegate_format::refusal::{Denial, Denied, GATE_DEFECT, Verdict};
use tidegate_format::{Draft, Result, Text};

use super::view::DecisionView;

/// What a gate judges: the caller's context and the drafted events.
#[derive(Debug)]
pub struct Proposal<'a, C: ?Sized = ()> {
    /// Values that the caller hands to its gates, such as the user and the user's rights.
    pub context: &'a C,
    /// The events to be appended.
    pub drafts: &'a [Draft],
}

/// A rule of the caller's. A closure over a proposal and a view becomes one with [`gate`].
///
/// A gate that reads nothing costs nothing at the commit; what a gate reads must still hold there.
pub trait Gate<C: ?Sized = ()>: Send + Sync {
    /// Returns its name in receipts and denials; asked once, when it joins its set.
    fn name(&self) -> &str;

    /// Allows or denies. [`Verdict::Skipped`] is not a gate's to say and denies with [`GATE_DEFECT`].
    ///
    /// # Errors
    ///
    /// Those of reading; they end the append, which is neither allowed nor denied then.
    fn judge(&self, proposal: &Proposal<'_, C>, view: &DecisionView) -> Result<Verdict>;
}

/// Makes a gate of a name and a closure.
///
/// ```
/// use tidegate::decide::{Denial, Proposal, Verdict, gate};
/// let small = gate("small", |proposal: &Proposal<'_, u64>, _view| {
///     let total: usize = proposal.drafts.iter().map(|draft| draft.payload.len()).sum();
///     Ok(if total as u64 <= *proposal.context {
///         Verdict::Allow
///     } else {
///         Verdict::Deny(Denial::new("TOO_LARGE", "the payload is too large").field("bytes", total))
///     })
/// });
/// ```
pub fn gate<C: ?Sized>(
    name: impl Into<Text>,
    judge: impl Fn(&Proposal<'_, C>, &DecisionView) -> Result<Verdict> + Send + Sync,
) -> impl Gate<C> {
    Named { name: name.into(), judge }
}

struct Named<F> {
    name: Text,
    judge: F,
}

impl<C: ?Sized, F> Gate<C> for Named<F>
where
    F: Fn(&Proposal<'_, C>, &DecisionView) -> Result<Verdict> + Send + Sync,
{
    fn name(&self) -> &str {
        &self.name
    }

    fn judge(&self, proposal: &Proposal<'_, C>, view: &DecisionView) -> Result<Verdict> {
        (self.judge)(proposal, view)
    }
}

/// Gates that are judged together, in order.
pub struct GateSet<C: ?Sized = ()> {
    /// Each by the name it had when it was added.
    gates: Vec<(Text, Arc<dyn Gate<C>>)>,
    judge_all: bool,
    record: bool,
}

impl<C: ?Sized> Default for GateSet<C> {
    fn default() -> Self {
        Self { gates: Vec::new(), judge_all: false, record: false }
    }
}

impl<C: ?Sized> GateSet<C> {
    /// Returns a set without gates, which stops at the first denial.
    ///
    /// ```
    /// use tidegate::decide::{Denial, GateSet, Verdict, gate};
    /// use tidegate::{Draft, Store};
    ///
    /// let no = |code: &'static str| {
    ///     gate(code, move |_, _| Ok(Verdict::Deny(Denial::new(code, "no").field("asked_at", "night"))))
    /// };
    /// let gates = GateSet::new().and(no("CLOSED")).and(no("SOLD_OUT")).judging_all().recording_denials();
    /// let store = Store::in_memory()?;
    /// let outcome = store.propose(&(), Draft::new(("shop", "order-1"), "order.placed"), &gates)?;
    /// let denied = outcome.denied().expect("both gates deny");
    /// assert_eq!(denied.denials().map(|denial| &*denial.code).collect::<Vec<_>>(), ["CLOSED", "SOLD_OUT"]);
    /// assert_eq!(denied.recorded.map(|position| position.0), Some(1));
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a gate at the end.
    #[must_use]
    pub fn and(mut self, gate: impl Gate<C> + 'static) -> Self {
        self.gates.push((Text::Owned(gate.name().to_owned()), Arc::new(gate)));
        self
    }

    /// Judges all gates even if one has denied.
    #[must_use]
    pub fn judging_all(mut self) -> Self {
        self.judge_all = true;
        self
    }

    /// Records each denial as an event of kind `tidegate.denied`, which holds every gate's verdict, the drafted kinds, and a
    /// hash of each draft's content. Such an event cannot be erased, so the hash is made with a secret of the store's handle
    /// and tells which denials of one handle were of the same content, and nothing later.
    #[must_use]
    pub fn recording_denials(mut self) -> Self {
        self.record = true;
        self
    }

    pub(crate) fn records(&self) -> bool {
        self.record
    }

    /// Judges a proposal. What the gates read is remembered by the view.
    ///
    /// # Errors
    ///
    /// Those of reading.
    pub fn judge(
        &self,
        proposal: &Proposal<'_, C>,
        view: &DecisionView,
    ) -> Result<std::result::Result<Vec<Text>, Denied>> {
        let mut verdicts: Vec<(Text, Verdict)> = Vec::with_capacity(self.gates.len());
        let mut denied = false;
        for (name, gate) in &self.gates {
            let verdict = if denied && !self.judge_all {
                Verdict::Skipped
            } else {
                judge(name, &**gate, proposal, view)?
            };
            denied |= matches!(verdict, Verdict::Deny(_));
            verdicts.push((name.clone(), verdict));
        }
        if denied {
            return Ok(Err(Denied { verdicts, recorded: None }));
        }
        Ok(Ok(verdicts.into_iter().map(|(name, _)| name).collect()))
    }
}

/// Judges one gate, which may panic.
fn judge<C: ?Sized>(
    name: &Text,
    gate: &dyn Gate<C>,
    proposal: &Proposal<'_, C>,
    view: &DecisionView,
) -> Result<Verdict> {
    let mut denial = match catch_unwind(AssertUnwindSafe(|| gate.judge(proposal, view))) {
        Ok(Ok(Verdict::Allow)) => return Ok(Verdict::Allow),
        Ok(Ok(Verdict::Deny(denial))) => denial,
        Ok(Ok(Verdict::Skipped)) => Denial::new(GATE_DEFECT, "the gate itself is broken: it did not judge"),
        Ok(Err(error)) => return Err(error),
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().map(ToString::to_string);
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            let denial = Denial::new(GATE_DEFECT, "the gate itself is broken: it panicked");
            denial.field("panic", text.unwrap_or_else(|| "without a message".to_owned()))
        }
    };
    denial.gate.clone_from(name);
    Ok(Verdict::Deny(denial))
}

impl<C: ?Sized> fmt::Debug for GateSet<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.gates.iter().map(|(name, _)| name)).finish()
    }
}
