//! The erasing file: how far what events say is erased was carried out.
//!
//! ```
//! use tidegate_format::{ErasingFile, Position, StoreId};
//!
//! let store = StoreId::from_time(1_795_000_000_000_000, &[7; 10]);
//! let erasing = ErasingFile { store, done: Position(258), open: true };
//! assert_eq!(ErasingFile::read(erasing.encode().as_bytes())?, erasing);
//! # Ok::<(), tidegate_format::Error>(())
//! ```

use crate::error::Result;
use crate::id::StoreId;
use crate::limit::{ERASING_FILE_BYTES_MAX, FORMAT};
use crate::number::Position;

use super::check_format;
use super::text::{self, CheckedText};

const FIRST_LINE: &str = "tidegate erasing\n";

/// How far what events say is erased was carried out in the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErasingFile {
    /// The store it belongs to.
    pub store: StoreId,
    /// What every event of kind `tidegate.erased` up to this position names is blank in the files.
    pub done: Position,
    /// Whether there may be such an event after that position: the next opening for writing looks.
    pub open: bool,
}

impl ErasingFile {
    /// Returns its text.
    pub fn encode(&self) -> String {
        let Self { store, done, open } = self;
        let open = u8::from(*open);
        text::seal(format!("{FIRST_LINE}format {FORMAT}\nstore {store}\ndone {done}\nopen {open}\n"))
    }

    /// Reads and checks the text, which is all of `bytes`.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let mut text = CheckedText::read("erasing file", FIRST_LINE, ERASING_FILE_BYTES_MAX, bytes)?;
        check_format("erasing file", text.number("format")?)?;
        let store = text.number("store")?;
        let done = Position(text.number("done")?);
        let open = text.field("open")? == "1";
        let found = Self { store, done, open };
        text.end(&found.encode())?;
        Ok(found)
    }
}
