//! The first line of an export, by which an import knows that it is one, and whether all of it is there.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use tidegate::{Error, ErrorKind, Result};

/// What an export's lines are like; a change of them that an older import would take amiss is another number.
const VERSION: u32 = 1;

/// The first line of an export.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::command) struct Header {
    tidegate_export: u32,
    /// The store it is of.
    pub(super) store: String,
    /// How many events follow.
    pub(super) events: u64,
    /// How many events the store held behind them that were not known to be durable, and so are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) unconfirmed: Option<u64>,
}

impl Header {
    pub(super) fn new(store: String, events: u64, unconfirmed: Option<u64>) -> Self {
        Self { tidegate_export: VERSION, store, events, unconfirmed }
    }

    /// Reads the header, if the line is one.
    pub(in crate::command) fn read(line: &str) -> Result<Option<Self>> {
        #[derive(Deserialize)]
        struct Probe {
            tidegate_export: Option<IgnoredAny>,
        }
        let probe = serde_json::from_str::<Probe>(line);
        if !probe.is_ok_and(|probe| probe.tidegate_export.is_some()) {
            return Ok(None);
        }
        let header: Self = serde_json::from_str(line)
            .map_err(|cause| Error::invalid("the first line of the export is not whole").because(cause))?;
        if header.tidegate_export > VERSION {
            let message =
                format!("the export is of version {}, this program reads {VERSION}", header.tidegate_export);
            return Err(Error::new(ErrorKind::Newer, message));
        }
        Ok(Some(header))
    }
}
