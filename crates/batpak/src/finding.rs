//! Findings: what of a store was left out, repaired or does not hold.

use std::fmt;

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FindingKind {
    /// Bytes at the end of a segment that was never closed and that are not a whole frame, as a crash leaves them. They are
    /// left out.
    TornTail,
    /// Bytes inside a segment that are not a whole frame. They and what follows them in their segment are left out.
    Damage,
    /// A batch without its end. Its events were never committed and are left out.
    HalfBatch,
    /// A compaction that a crash interrupted. Of its sources and its result, those that count were taken.
    Compaction,
    /// A footer that is not one. The frames are read without it.
    Footer,
    /// Sequences that no footer says, in a store with hidden ranges, which are ranges of sequences. They were counted on.
    Sequences,
    /// An event in a hidden range: batpak does not show it.
    Hidden,
    /// A payload that is not the one that was hashed. Compaction of batpak 0.8.0 writes such.
    Payload,
    /// An event that does not go on from the one of its entity before it: events are missing between them, or batpak
    /// itself began the chain anew.
    Chain,
    /// A file whose name is nearly that of a segment. It is left out.
    Name,
}

impl FindingKind {
    /// Returns a short name for reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::TornTail => "torn-tail",
            Self::Damage => "damage",
            Self::HalfBatch => "half-batch",
            Self::Compaction => "compaction",
            Self::Footer => "footer",
            Self::Sequences => "sequences",
            Self::Hidden => "hidden",
            Self::Payload => "payload",
            Self::Chain => "chain",
            Self::Name => "name",
        }
    }

    /// Returns whether events that were written may be lost by it.
    pub fn is_damage(self) -> bool {
        self == Self::Damage
    }
}

/// Something that was found, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// The file, by its name in the store's directory.
    pub file: String,
    /// The byte in it, if there is one.
    pub offset: Option<u64>,
    /// What was found, as a sentence.
    pub message: String,
}

impl Finding {
    pub(crate) fn new(
        kind: FindingKind,
        file: &str,
        offset: Option<u64>,
        message: impl Into<String>,
    ) -> Self {
        Self { kind, file: file.to_owned(), offset, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.offset {
            Some(offset) => write!(f, "{}, byte {offset}: {}", self.file, self.message),
            None => write!(f, "{}: {}", self.file, self.message),
        }
    }
}
