//! Events: records with the bytes they stand in, so that they can be kept and passed on.

mod mask;

use std::fmt;
use std::sync::Arc;

use tidegate_disk::Block;
use tidegate_format::{
    Cause, CorrelationId, ErrorKind, EventId, Hash, Layout, Micros, PayloadType, Position, Record, Result,
    StreamId, Version, record,
};

pub(crate) use mask::Erasing;
pub use mask::Mask;

use crate::cipher::{Decryption, PayloadCipher, no_key};

/// An event of the log. It shares the bytes it was read from and copies nothing; cloning is cheap.
#[derive(Clone)]
pub struct RecordedEvent {
    block: Block,
    start: u32,
    layout: Layout,
    /// What opens the payload, if it is encrypted and a keyring is at hand.
    decryption: Option<Arc<Decryption>>,
}

impl RecordedEvent {
    /// Reads and checks the record that starts at `start`.
    #[inline]
    pub(crate) fn read(block: &Block, start: usize) -> Result<Self> {
        let layout = Record::read(block.get(start..).unwrap_or_default())?.layout();
        Ok(Self { block: block.clone(), start: start as u32, layout, decryption: None })
    }

    /// Puts the event of a record of this block, which was checked, in the place of another one. If that is of the same
    /// block, no owner is counted.
    #[inline]
    pub(crate) fn keep(kept: &mut Option<Self>, block: &Block, start: usize, layout: Layout) {
        match kept {
            Some(event) if event.block.is(block) => {
                (event.start, event.layout, event.decryption) = (start as u32, layout, None);
            }
            _ => {
                *kept = Some(Self { block: block.clone(), start: start as u32, layout, decryption: None });
            }
        }
    }

    /// Returns the bytes of the block between which it stands.
    pub(crate) fn place(&self) -> (usize, usize) {
        (self.start as usize, self.start as usize + self.layout.length())
    }

    /// Returns the event of a record that is not in a log, such as one that was kept for a test.
    ///
    /// # Errors
    ///
    /// [`Damaged`](tidegate_format::ErrorKind::Damaged) if these bytes are not a whole record.
    pub fn from_record(bytes: Vec<u8>) -> Result<Self> {
        Self::read(&bytes.into(), 0)
    }

    /// Returns the event without what is erased of it, in bytes of its own.
    pub(crate) fn erased(&self, erasing: Erasing) -> Result<Self> {
        let mut bytes = self.record().as_bytes().to_vec();
        match erasing {
            Erasing::Payload => record::erase(&mut bytes),
            Erasing::Content => record::erase_content(&mut bytes),
        }
        Self::read(&bytes.into(), 0)
    }

    /// Has a cipher open the payload, if it is encrypted and was not erased.
    #[inline]
    pub fn decrypt_with(&mut self, cipher: &Arc<dyn PayloadCipher>) {
        let record = self.record();
        if record.payload_type() == PayloadType::Encrypted && !record.is_erased() {
            self.decryption = Some(Arc::new(Decryption::new(cipher)));
        }
    }

    /// Returns the record of the event, for fields without a method here.
    #[inline]
    pub fn record(&self) -> Record<'_> {
        Record::again(&self.block[self.start as usize..], self.layout)
    }

    /// Returns its position: its place in the log.
    #[inline]
    pub fn position(&self) -> Position {
        self.record().position()
    }

    /// Returns its version: its place in its stream.
    pub fn version(&self) -> Version {
        self.record().version()
    }

    /// Returns its id.
    pub fn id(&self) -> EventId {
        self.record().id()
    }

    /// Returns when it was recorded.
    pub fn time(&self) -> Micros {
        self.record().time()
    }

    /// Returns the scope of its stream.
    pub fn scope(&self) -> &str {
        self.record().scope()
    }

    /// Returns the entity of its stream.
    pub fn entity(&self) -> &str {
        self.record().entity()
    }

    /// Returns the lane of its stream.
    pub fn lane(&self) -> u32 {
        self.record().lane()
    }

    /// Returns its stream, copied.
    pub fn stream(&self) -> StreamId {
        StreamId::new(self.scope().to_owned(), self.entity().to_owned()).lane(self.lane())
    }

    /// Returns its kind.
    pub fn kind(&self) -> &str {
        self.record().kind()
    }

    /// Returns the version of its payload's schema.
    pub fn schema(&self) -> u16 {
        self.record().schema()
    }

    /// Returns its tags, in the order they were given.
    pub fn tags(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        self.record().tags()
    }

    /// Returns its causes, in the order they were given.
    pub fn causes(&self) -> impl ExactSizeIterator<Item = Cause> + Clone {
        self.record().causes()
    }

    /// Returns the flow it belongs to: the id of the event that began it, which may be its own.
    pub fn correlation(&self) -> CorrelationId {
        self.record().correlation()
    }

    /// Returns its metadata, in the order it was given.
    pub fn metadata(&self) -> impl ExactSizeIterator<Item = (&str, &[u8])> + Clone {
        self.record().metadata()
    }

    /// Returns the value of the first metadata entry of this name, or `None`.
    pub fn meta(&self, name: &str) -> Option<&[u8]> {
        self.metadata().find(|(found, _)| *found == name).map(|(_, value)| value)
    }

    /// Returns the value of the first metadata entry of this name as text, or `None` if there is none or it is not text.
    pub fn meta_text(&self, name: &str) -> Option<&str> {
        self.meta(name).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// Returns what the bytes of its payload are: `MessagePack`, JSON or other bytes; [`Encrypted`](PayloadType::Encrypted)
    /// if they cannot be read.
    pub fn payload_type(&self) -> PayloadType {
        let record = self.record();
        let opened = self.decryption.as_ref().and_then(|decryption| decryption.get(&record).ok());
        opened.map_or_else(|| record.payload_type(), |(payload_type, _)| payload_type)
    }

    /// Returns whether its payload was erased, or encrypted with a key that was destroyed. Its names, its place and its
    /// proof are still there.
    pub fn is_erased(&self) -> bool {
        let record = self.record();
        let is_lost = |decryption: &Arc<Decryption>| {
            decryption.get(&record).is_err_and(|error| error.kind() == ErrorKind::Erased)
        };
        record.is_erased() || self.decryption.as_ref().is_some_and(is_lost)
    }

    /// Returns its payload.
    ///
    /// # Errors
    ///
    /// [`Erased`](tidegate_format::ErrorKind::Erased) if the payload was erased, or its key destroyed;
    /// [`Encrypted`](tidegate_format::ErrorKind::Encrypted) if it is encrypted and the store was given no keyring that has its
    /// key; [`Damaged`](tidegate_format::ErrorKind::Damaged) if its ciphertext is that of another event.
    #[inline]
    pub fn payload(&self) -> Result<&[u8]> {
        let record = self.record();
        match &self.decryption {
            Some(decryption) => decryption.get(&record).map(|(_, payload)| payload),
            None if record.payload_type() == PayloadType::Encrypted && !record.is_erased() => {
                Err(no_key(record.position(), "the store was given no keyring"))
            }
            None => record.payload(),
        }
    }

    /// Returns how many bytes its payload has in the log, or had before it was erased.
    pub fn payload_bytes(&self) -> usize {
        self.record().payload_bytes()
    }

    /// Returns its leaf hash in the Merkle tree over the log.
    pub fn leaf(&self) -> Hash {
        self.record().leaf()
    }
}

impl fmt::Debug for RecordedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Event({} {} {})", self.position(), self.kind(), self.stream())
    }
}
