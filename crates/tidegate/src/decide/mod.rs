//! Deciding: gates, decisions, and views that remember what was read through them.
//!
//! ```
//! use tidegate::decide::Decision;
//! use tidegate::{Draft, QueryItem, Query, Store};
//!
//! let store = Store::in_memory()?;
//! let subscribe = |student: &'static str| {
//!     store.decide(|view| -> tidegate::Result<Decision> {
//!         let subscribed = Query::from(QueryItem::new().tag("course:c1").kind("student.subscribed"));
//!         if view.count(&subscribed)? >= 2 {
//!             return Ok(Decision::deny("COURSE_FULL", "the course has two seats"));
//!         }
//!         Ok(Draft::new(("school", student), "student.subscribed").tag("course:c1").into())
//!     })
//! };
//! assert!(subscribe("ada")?.receipt().is_some());
//! assert!(subscribe("bob")?.receipt().is_some());
//! assert!(subscribe("cyd")?.denied().is_some());
//! # Ok::<(), tidegate::Error>(())
//! ```
mod view;
mod gate;
pub mod machine;
mod guard;
pub(crate) mod record;
mod decision;
mod explain;

pub use crate::batch::Footprint;
pub use decision::{Decision, Outcome};
pub use explain::Explanation;
pub use gate::{Gate, GateSet, Proposal, gate};
pub(crate) use guard::Guard;
pub use tidegate_format::refusal::{Denial, Denied, GATE_DEFECT, Verdict};
pub use view::DecisionView;
