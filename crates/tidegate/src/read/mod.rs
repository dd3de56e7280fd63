//! Reading: views, queries and the events they select.
mod query;
mod range;
mod set;
mod view;
mod events;
mod stats;

pub use events::Events;
pub use query::{Item, Query};
pub use range::Read;
pub(crate) use set::Set;
pub use stats::Stats;
pub use view::View;
