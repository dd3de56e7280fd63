//! Disclosures: what is shown of an event.
//!
//! Invariants:
//!
//! D1. The entry of a disclosure is computed from what it shows. Nothing in it says what the leaf is.
//! D2. A disclosure of names or of everything is a record whose parts fit its head.
//!
//! ```text
//! form 0   00 ‖ entry                                   136 bytes
//! form 1   01 ‖ head ‖ parts ‖ P                        head: bytes 8 to 111 of the record; P: the commitment to the payload
//! form 2   02 ‖ head ‖ parts ‖ blind ‖ payload
//! ```

use tidegate_format::record::{self, ENTRY_BYTES};
use tidegate_format::{Blind, Error, Hash, Record, Result, hash, limit};

use crate::entry::{ENTRY_HEAD_BYTES, Entry};

/// How much of an event is shown. The number is the first byte of the disclosure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum DisclosureForm {
    /// The entry alone: that an event stands there, with its version, time and id.
    Entry = 0,
    /// Its names as well: scope, entity, kind, key, tags, causes and metadata. The payload is hidden.
    Names = 1,
    /// Its payload as well.
    Payload = 2,
}

/// What is shown of an event: enough to compute its leaf, and nothing that says what the leaf is.
///
/// ```
/// # use tidegate_format::record::{self, Facts, Placed};
/// # use tidegate_format::{Blind, Draft, Hash, Micros, Position, Record, Version};
/// # let draft = Draft::new(("shop", "order-7"), "order.paid").bytes(&b"12"[..]);
/// # let id = "0195fdd6-0000-7000-8000-000000000001".parse()?;
/// # let facts = Facts { id, correlation: id.into(), causes: &[], key: None, notes: &[], blind: Blind([7; 16]), batch_end: true };
/// # let mut bytes = Vec::new();
/// # let body = record::encode(&draft, &facts, &mut bytes);
/// # let (position, previous, version) = (Position(1), Position(0), Version(1));
/// # let placed = Placed { position, version, previous, link: Hash::ZERO, time: Micros(5) };
/// # record::place(&mut bytes, &placed, position, &body);
/// use tidegate_proof::{Disclosure, DisclosureForm};
///
/// let record = Record::read(&bytes)?;
/// let names = Disclosure::of(&record, DisclosureForm::Names)?;
/// let received = Disclosure::read(names.as_bytes())?;
/// assert_eq!(received.entry().leaf(), record.leaf());
///
/// let shown = received.record().expect("names are shown");
/// assert_eq!(shown.record().kind(), "order.paid");
/// assert!(shown.record().payload().is_err());
/// # Ok::<(), tidegate_format::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Disclosure {
    form: DisclosureForm,
    bytes: Vec<u8>,
}

// Where fields lie in a record, which a disclosure is made a record for.
const RECORD_HEAD_BYTES: usize = record::RECORD_HEAD_BYTES;
const RECORD_ENTRY: usize = RECORD_HEAD_BYTES - ENTRY_HEAD_BYTES;
const RECORD_PAYLOAD_LENGTH: usize = 92;
const RECORD_KEY_LENGTH: usize = 108;
const RECORD_ERASED: u32 = 1 << 31;
const BLIND_BYTES: usize = 16;
const HASH_BYTES: usize = 32;

impl Disclosure {
    /// Shows this much of an event.
    ///
    /// # Errors
    ///
    /// [`Erased`](tidegate_format::ErrorKind::Erased) if the payload is to be shown and was erased.
    pub fn of(record: &Record<'_>, form: DisclosureForm) -> Result<Self> {
        let head = &record.as_bytes()[RECORD_ENTRY..RECORD_HEAD_BYTES];
        let mut bytes = vec![form as u8];
        match form {
            DisclosureForm::Entry => bytes.extend_from_slice(&record.entry()),
            DisclosureForm::Names => {
                bytes.extend_from_slice(&[head, record.parts(), &record.commitment().0].concat());
            }
            DisclosureForm::Payload => {
                let payload = record.payload()?;
                let blind = record.blind().unwrap_or_default();
                bytes.extend_from_slice(&[head, record.parts(), &blind.0, payload].concat());
            }
        }
        Ok(Self { form, bytes })
    }

    /// Reads a disclosure from its bytes.
    ///
    /// # Errors
    ///
    /// [`Invalid`](tidegate_format::ErrorKind::Invalid) if no event can be shown like that: an unknown form, or names that
    /// do not fit the head.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let forms = [DisclosureForm::Entry, DisclosureForm::Names, DisclosureForm::Payload];
        let form = bytes.first().and_then(|code| forms.into_iter().find(|form| *form as u8 == *code));
        let Some(form) = form else {
            let message = "a disclosure begins with 0 for the entry, 1 for names or 2 for the payload too";
            return Err(Error::invalid(message));
        };
        let read = Self { form, bytes: bytes.to_vec() };
        match form {
            DisclosureForm::Entry => {
                let entry = <[u8; ENTRY_BYTES]>::try_from(&bytes[1..]);
                Entry::new(entry.map_err(|_| not_fitting("an entry has 136 bytes"))?)?;
            }
            DisclosureForm::Names | DisclosureForm::Payload => read.check_parts()?,
        }
        Ok(read)
    }

    /// Returns its bytes, the first of which is the form.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns how much it shows.
    pub fn form(&self) -> DisclosureForm {
        self.form
    }

    /// Returns the entry that follows from what is shown.
    pub fn entry(&self) -> Entry {
        let shown = &self.bytes[1..];
        let mut entry = [0; ENTRY_BYTES];
        if self.form == DisclosureForm::Entry {
            entry.copy_from_slice(shown);
        } else {
            let body = hash::sha256(&[&self.commitment().0, self.parts()].concat());
            entry[..ENTRY_HEAD_BYTES].copy_from_slice(&shown[..ENTRY_HEAD_BYTES]);
            entry[ENTRY_HEAD_BYTES..].copy_from_slice(&body.0);
        }
        Entry::new(entry).expect("it was checked when it was read (D2)")
    }

    /// Returns the event as a record, or `None` if the entry alone is shown. If the payload is not shown, it reads as one
    /// that was erased. The content hash of a key reads as zeros, since no leaf covers it.
    ///
    /// The record takes as many bytes as that in the log, so ask for it once the event was proved.
    pub fn record(&self) -> Option<DisclosedRecord> {
        let bytes = match self.form {
            DisclosureForm::Entry => return None,
            DisclosureForm::Names => {
                self.as_record(&self.commitment().0, self.payload_length(), RECORD_ERASED)
            }
            DisclosureForm::Payload => self.as_record(&self.bytes[self.tail()..], self.payload_length(), 0),
        };
        Some(DisclosedRecord(bytes))
    }

    /// Returns a record with the names that are shown and no payload. It takes no more bytes than the disclosure.
    pub(crate) fn names(&self) -> Option<DisclosedRecord> {
        let is_shown = self.form != DisclosureForm::Entry;
        is_shown.then(|| DisclosedRecord(self.as_record(&Hash::ZERO.0, 0, RECORD_ERASED)))
    }

    fn head(&self) -> &[u8] {
        &self.bytes[1..=ENTRY_HEAD_BYTES]
    }

    /// The bytes of the payload, as the head says.
    fn payload_length(&self) -> usize {
        self.entry_number(RECORD_PAYLOAD_LENGTH, 4)
    }

    /// The little-endian number that stands at this place in a record's head.
    fn entry_number(&self, at: usize, bytes: usize) -> usize {
        let at = at - RECORD_ENTRY;
        let digits = self.head()[at..at + bytes].iter().rev();
        digits.fold(0, |number, byte| number << 8 | usize::from(*byte))
    }

    /// Where the commitment begins, or blind and payload.
    fn tail(&self) -> usize {
        let length =
            if self.form == DisclosureForm::Names { HASH_BYTES } else { BLIND_BYTES + self.payload_length() };
        self.bytes.len() - length
    }

    fn parts(&self) -> &[u8] {
        &self.bytes[1 + ENTRY_HEAD_BYTES..self.tail()]
    }

    fn commitment(&self) -> Hash {
        let tail = &self.bytes[self.tail()..];
        if self.form == DisclosureForm::Names {
            let mut commitment = Hash::ZERO;
            commitment.0.copy_from_slice(tail);
            return commitment;
        }
        let (blind, payload) = tail.split_at(BLIND_BYTES);
        let mut bytes = [0; BLIND_BYTES];
        bytes.copy_from_slice(blind);
        Blind(bytes).commit(payload)
    }

    /// Refuses lengths that do not fit each other, and parts that are not those of a record.
    fn check_parts(&self) -> Result<()> {
        if self.bytes.len() <= ENTRY_HEAD_BYTES {
            return Err(not_fitting("it ends inside its head"));
        }
        let payload = self.payload_length();
        let tail = if self.form == DisclosureForm::Names { HASH_BYTES } else { BLIND_BYTES + payload };
        if payload > limit::PAYLOAD_BYTES_MAX || self.bytes.len() > limit::FRAME_BYTES_MAX {
            return Err(not_fitting("it is longer than any event"));
        }
        if self.bytes.len() < 1 + ENTRY_HEAD_BYTES + tail {
            return Err(not_fitting("it ends before its tail"));
        }
        // A payload that is not shown is left out of the record that is looked at, so that a short text cannot ask for much
        // memory.
        let record = match self.form {
            DisclosureForm::Payload => self.as_record(&self.bytes[self.tail()..], payload, 0),
            _ => self.as_record(&self.commitment().0, 0, RECORD_ERASED),
        };
        let read = Record::read(&record).map(|_| ());
        read.map_err(|error| not_fitting("its parts do not fit its head").because(error))
    }

    /// Returns a record with this tail and a payload of this length.
    fn as_record(&self, tail: &[u8], payload_length: usize, marks: u32) -> Vec<u8> {
        let is_keyed = self.entry_number(RECORD_KEY_LENGTH, 2) != 0;
        let behind = (BLIND_BYTES + payload_length).max(HASH_BYTES);
        let parts = self.parts();
        let content = if is_keyed { HASH_BYTES } else { 0 };
        let length = RECORD_HEAD_BYTES + parts.len() + content + behind;
        let mut record = Vec::with_capacity(length);
        record.extend_from_slice(&(length as u32 | marks).to_le_bytes());
        record.extend_from_slice(&[0; 4]);
        record.extend_from_slice(self.head());
        let stated = (payload_length as u32).to_le_bytes();
        record[RECORD_PAYLOAD_LENGTH..RECORD_PAYLOAD_LENGTH + 4].copy_from_slice(&stated);
        record.extend_from_slice(parts);
        record.resize(record.len() + content, 0);
        record.extend_from_slice(tail);
        record.resize(length, 0);
        let crc = hash::crc(hash::crc(0, &record[..4]), &record[8..]);
        record[4..8].copy_from_slice(&crc.to_le_bytes());
        record
    }
}

impl std::fmt::Debug for Disclosure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Disclosure({:?} of {:?})", self.form, self.entry())
    }
}

/// An event made a record again from what was shown of it.
#[derive(Clone, PartialEq, Eq)]
pub struct DisclosedRecord(Vec<u8>);

impl DisclosedRecord {
    /// Returns it to read in place.
    pub fn record(&self) -> Record<'_> {
        Record::read(&self.0).expect("it was made from a disclosure that was checked (D2)")
    }
}

impl std::fmt::Debug for DisclosedRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.record().fmt(f)
    }
}

fn not_fitting(why: &str) -> Error {
    Error::invalid(format!("a disclosure is not one of an event: {why}"))
}
