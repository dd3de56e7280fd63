//! Events of a Tidegate store as lines of JSON, both ways: what `tidegate read --json` and `tidegate export` write, and
//! `tidegate import` reads.
//!
//! A line that was written and is read gives an equal event: same id, stream, names, causes, correlation, metadata and
//! payload. A line of an export also keeps the batch, the idempotency key and the time. The import key of an event and the time
//! its source gives it are its first metadata entries, `import.key` and `import.time`.
//!
//! This crate reads no files and decides nothing about batches; the command line's `import` does both.
//!
//! ```
//! use tidegate::{Draft, Store};
//! use tidegate_json::{EventLine, event_to_json};
//!
//! let store = Store::in_memory()?;
//! let placed = Draft::new(("shop", "order-7"), "order.placed").json_text(r#"{"total":12}"#);
//! let position = store.append(placed)?.first();
//!
//! let view = store.view()?;
//! let event = view.at(position)?.expect("it was appended");
//! let line = event_to_json(&event, &view)?;
//! assert!(line.contains(r#""kind":"order.placed""#));
//!
//! let draft = EventLine::parse(&line)?.draft(|_| Ok(None), Draft::check_unreserved)?;
//! assert_eq!((&*draft.kind, &*draft.payload), ("order.placed", &br#"{"total":12}"#[..]));
//! # Ok::<(), tidegate::Error>(())
//! ```
//!
//! Reading order: `escape` and `time`, `message_pack` and `payload` (a payload's fields), `metadata`, `event` (an event,
//! written), `rules` and `cloud_event` (what else may be read), `line` (an event, read), `header` (the first line of an export).
mod escape;
mod time;
mod message_pack;
mod payload;
mod metadata;
mod event;
mod rules;
mod cloud_event;
mod line;
mod header;

pub use escape::escape_json;
pub use event::{event_to_export, event_to_json};
pub use header::ExportHeader;
pub use line::{EventLine, SourcePlace, differences, foreign_cause};
pub use message_pack::message_pack_to_json;
pub use rules::{LineRules, LineShape};
pub use time::{parse_time, rfc3339};

/// The metadata name for the import key of an event.
const IMPORT_KEY: &str = "import.key";
/// The metadata name for the time an imported event happened, as its source gives it.
const IMPORT_TIME: &str = "import.time";
/// The metadata name for causes that are not known, as an array of texts.
const IMPORT_CAUSES: &str = "import.causes";
/// The metadata name for a correlation that is not known.
const IMPORT_CORRELATION: &str = "import.correlation";
