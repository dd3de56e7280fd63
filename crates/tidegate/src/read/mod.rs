//! Reading: views, queries and the events they select.
mod erased;
mod query;
mod text;
mod range;
mod set;
mod plan;
mod view;
mod events;
mod erasures;
mod stats;
#[cfg(feature = "proofs")]
mod tree;
mod verify;

pub use erased::{DESTROYED, ERASED, ErasedEvent, ErasedPositions, RETIRED};
pub(crate) use erased::{ErasureCheck, ErasureFinding, events_between, floor_between, mask, unmask};
pub(crate) use erasures::{is_selected, is_touched};
pub use events::Events;
pub(crate) use plan::Plan;
pub(crate) use query::Entity;
pub use query::{Query, QueryItem};
pub use range::ReadOptions;
pub(crate) use range::Span;
pub(crate) use set::Set;
pub use stats::Stats;
pub(crate) use text::{query_value, read_query};
#[cfg(feature = "proofs")]
pub(crate) use tree::{
    LEVEL_ENTRY_BYTES, LEVEL_HEADER_BYTES, LevelCheck, LevelKey, LogTree, TREE, TreeLevels, ViewTiles,
    level_of,
};
pub use verify::VerifyReport;
pub(crate) use verify::{Chain, verify};
pub use view::View;
