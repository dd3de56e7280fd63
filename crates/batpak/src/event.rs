//! The event of a frame.

use tidegate_format::EventId;

use crate::message_pack::Decoder;

/// Kinds of batpak's own.
pub(crate) const BATCH_BEGIN: u16 = 0x0006;
pub(crate) const BATCH_COMMIT: u16 = 0x0007;

/// An event of a batpak store, with all that is on disk of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BatpakEvent {
    /// Its id, or the idempotency key that it was appended under: batpak keeps one value for both.
    pub id: EventId,
    /// The flow it belongs to: its own id if its append did not say.
    pub correlation: EventId,
    /// The event that led to it, if its append said so.
    pub causation: Option<EventId>,
    /// What it is about.
    pub entity: String,
    /// The scope of the entity.
    pub scope: String,
    /// The lane of its append's hint; 0 if there was none.
    pub lane: u32,
    /// The depth of its append's hint; 0 if there was none.
    pub depth: u32,
    /// Its place among the events of its entity, from 0.
    pub clock: u32,
    /// When it was appended, in microseconds since 1970.
    pub timestamp: i64,
    /// Its kind: four bits of category, twelve of type.
    pub kind: u16,
    /// Its flags.
    pub flags: u8,
    /// The payload, in `MessagePack`.
    pub payload: Vec<u8>,
    /// Whether compaction wrote the payload anew, as a value instead of bytes.
    pub is_rewritten: bool,
    /// The BLAKE3 hash of the payload as it was appended; zeros if batpak was built without hashes.
    pub content_hash: [u8; 32],
    /// The hash of the event of the same entity before it; zeros if it is the first.
    pub previous_hash: [u8; 32],
    /// What its append wanted kept with its receipt, by name.
    pub extensions: Vec<(String, Vec<u8>)>,
    /// Its place in the whole store, from 0. Where no footer says it, it is counted on from the largest before.
    pub sequence: u64,
    /// Whether it is in a hidden range: batpak does not show it.
    pub is_hidden: bool,
    /// The byte at which its frame begins in its segment.
    pub offset: u64,
    /// What its header says of the payload's size; for the begin of a batch, how many events it has.
    pub(crate) payload_size: u32,
}

impl BatpakEvent {
    /// Returns whether the store wrote the event for itself: it was opened, or closed.
    pub fn is_lifecycle(&self) -> bool {
        matches!(self.kind, 0x0001..=0x0005 | 0x0008 | 0x0009)
    }

    /// Returns whether the payload is the one that was hashed, or `None` if no hash was kept.
    pub fn is_payload_intact(&self) -> Option<bool> {
        (self.content_hash != [0; 32]).then(|| blake3::hash(&self.payload) == self.content_hash)
    }

    /// Reads the event of a frame, or returns `None` if it is not one.
    pub(crate) fn read(frame: &[u8], offset: u64) -> Option<Self> {
        let mut event = Self {
            id: EventId([0; 16]),
            correlation: EventId([0; 16]),
            causation: None,
            entity: String::new(),
            scope: String::new(),
            lane: 0,
            depth: 0,
            clock: 0,
            timestamp: 0,
            kind: 0,
            flags: 0,
            payload: Vec::new(),
            is_rewritten: false,
            content_hash: [0; 32],
            previous_hash: [0; 32],
            extensions: Vec::new(),
            sequence: 0,
            is_hidden: false,
            offset,
            payload_size: 0,
        };
        let (mut payload, mut found) = (&[][..], 0_u8);
        let mut decoder = Decoder::new(frame);
        decoder.fields(|name, value| {
            match name {
                "event" => {
                    payload = event.body(value)?;
                    found |= 1;
                }
                "entity" => {
                    value.string()?.clone_into(&mut event.entity);
                    found |= 2;
                }
                "scope" => {
                    value.string()?.clone_into(&mut event.scope);
                    found |= 4;
                }
                "receipt_extensions" => value.fields(|name, value| {
                    event.extensions.push((name.to_owned(), value.bytes()?.into_owned()));
                    Some(())
                })?,
                _ => drop(value.span()?),
            }
            Some(())
        })?;
        if found != 7 || !decoder.is_at_end() {
            return None;
        }
        event.take_payload(payload);
        Some(event)
    }

    /// Reads header and chain, and returns the bytes of the payload's value.
    fn body<'a>(&mut self, value: &mut Decoder<'a>) -> Option<&'a [u8]> {
        let (mut payload, mut has_header) = (None, false);
        value.fields(|name, value| {
            match name {
                "header" => {
                    self.header(value)?;
                    has_header = true;
                }
                "payload" => payload = Some(value.span()?),
                "hash_chain" => {
                    let span = value.span()?;
                    if span != [0xc0] {
                        self.chain(&mut Decoder::new(span))?;
                    }
                }
                _ => drop(value.span()?),
            }
            Some(())
        })?;
        payload.filter(|_| has_header)
    }

    fn header(&mut self, value: &mut Decoder<'_>) -> Option<()> {
        let mut has_id = false;
        value.fields(|name, value| {
            match name {
                "event_id" => {
                    self.id = EventId(value.exactly()?);
                    has_id = true;
                }
                "correlation_id" => self.correlation = EventId(value.exactly()?),
                "causation_id" => {
                    let span = value.span()?;
                    if span != [0xc0] {
                        let id = EventId(Decoder::new(span).exactly()?);
                        self.causation = Some(id).filter(|id| id.0 != [0; 16]);
                    }
                }
                "timestamp_us" => self.timestamp = value.integer()?,
                "position" => value.fields(|name, value| {
                    match name {
                        "lane" => self.lane = value.integer()?,
                        "depth" => self.depth = value.integer()?,
                        "sequence" => self.clock = value.integer()?,
                        _ => drop(value.span()?),
                    }
                    Some(())
                })?,
                "payload_size" => self.payload_size = value.integer()?,
                "event_kind" => self.kind = value.integer()?,
                "flags" => self.flags = value.integer()?,
                "content_hash" => self.content_hash = value.exactly()?,
                _ => drop(value.span()?),
            }
            Some(())
        })?;
        has_id.then_some(())
    }

    fn chain(&mut self, value: &mut Decoder<'_>) -> Option<()> {
        value.fields(|name, value| {
            match name {
                "prev_hash" => self.previous_hash = value.exactly()?,
                _ => drop(value.span()?),
            }
            Some(())
        })
    }

    /// Takes the payload: the bytes that were appended, as numbers; or, if compaction wrote the event anew, its value
    /// itself. A value may look like bytes; then the size and the hash in the header say which of the two it is.
    fn take_payload(&mut self, span: &[u8]) {
        let bytes = Decoder::new(span).bytes().map(std::borrow::Cow::into_owned);
        if let Some(bytes) = bytes {
            let fits = bytes.len() == self.payload_size as usize || blake3::hash(&bytes) == self.content_hash;
            if fits || matches!(self.kind, BATCH_BEGIN | BATCH_COMMIT) {
                self.payload = bytes;
                return;
            }
        }
        self.payload = span.to_vec();
        self.is_rewritten = true;
    }
}
