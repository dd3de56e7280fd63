//! The first line of an export. An import knows by it that the file is an export, and whether all of it is there.

use crate::escape::escape_json;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use tidegate::{Error, ErrorKind, Result};

/// The version of an export's lines. A change that an older import would misread gets the next number.
const VERSION: u32 = 1;

/// The first line of an export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ExportHeader {
    tidegate_export: u32,
    /// The id of the exported store.
    pub store: String,
    /// Number of events that follow.
    pub events: u64,
    /// Number of events after them that were left out because nothing showed that they were durable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unconfirmed: Option<u64>,
}

impl ExportHeader {
    /// Makes the header of an export of this store with this many events.
    pub fn new(store: String, events: u64, unconfirmed: Option<u64>) -> Self {
        Self { tidegate_export: VERSION, store, events, unconfirmed }
    }

    /// Returns the header as the first line of an export.
    pub fn to_json(&self) -> String {
        escape_json(self).expect("texts and numbers are always JSON")
    }

    /// Reads a line, or returns `None` if it is not the header of an export.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) if fields are missing or unknown, [`Newer`](ErrorKind::Newer) if a later version
    /// of this program wrote the export.
    pub fn parse(line: &str) -> Result<Option<Self>> {
        #[derive(Deserialize)]
        struct Probe {
            tidegate_export: Option<IgnoredAny>,
        }
        let probe = serde_json::from_str::<Probe>(line);
        if !probe.is_ok_and(|probe| probe.tidegate_export.is_some()) {
            return Ok(None);
        }
        let header: Self = serde_json::from_str(line).map_err(|cause| {
            Error::invalid("the first line of the export is damaged: export the store again").because(cause)
        })?;
        if header.tidegate_export > VERSION {
            let message = format!(
                "the export has version {}, and this program reads up to {VERSION}: use a newer program",
                header.tidegate_export
            );
            return Err(Error::new(ErrorKind::Newer, message));
        }
        Ok(Some(header))
    }
}
