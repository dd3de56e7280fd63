//! Commands that show events.
mod read;
mod tail;
mod explain;
mod indent;
mod show;
mod inspect;

pub(super) use explain::ExplainArgs;
pub(super) use inspect::InspectArgs;
pub(super) use read::ReadArgs;
pub(super) use show::ShowArgs;
pub(super) use tail::TailArgs;
