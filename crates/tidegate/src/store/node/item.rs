//! The items of a shared log: what stands around the batches. The bytes are on the format's page.

use tidegate_format::store::NodeId;
use tidegate_format::{Error, ErrorKind, Hash, Micros, Result, StoreFile, StoreId, hash, limit};

use super::bytes::{Reader, Writer, odd};

/// The rules by which this version judges. Another number is another judgement of the same proposal.
pub(super) const RULES: u32 = 1;

const FORMAT: u32 = 1;
const MAGIC_BYTES: usize = 8;
const GENESIS: [u8; MAGIC_BYTES] = *b"\xf7TGgen\r\n";
const PROPOSAL: [u8; MAGIC_BYTES] = *b"\xf7TGpro\r\n";
const CRC_BYTES: usize = 4;
/// Bytes of a proposal beside its batches.
pub(super) const PROPOSAL_BYTES: usize = 76 + CRC_BYTES;

/// What an item is.
#[derive(Debug)]
pub(super) enum Item<'a> {
    /// Nothing that a node wrote.
    Foreign,
    Genesis(Genesis),
    /// A proposal, and the bytes of its batches.
    Proposal(Header, &'a [u8]),
}

/// The first item of a store's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Genesis {
    pub(super) store: StoreId,
    pub(super) salt: u64,
    pub(super) seed: u64,
    pub(super) created: Micros,
}

/// What a proposal says beside its batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) rules: u32,
    pub(super) store: StoreId,
    pub(super) node: NodeId,
    pub(super) sequence: u64,
    /// Up to which slot its maker had applied the log.
    pub(super) applied: u64,
    /// The clock of its maker.
    pub(super) time: Micros,
    /// How many batches.
    pub(super) batches: u32,
}

impl Genesis {
    pub(super) fn of(store: &StoreFile) -> Self {
        Self { store: store.id, salt: store.salt, seed: store.seed, created: store.created }
    }

    /// Returns the store file of a node of this log.
    pub(super) fn member(&self, log: &str) -> StoreFile {
        let Self { store: id, salt, seed, created } = *self;
        StoreFile { id, salt, seed, created, forks: Vec::new(), log: Some(log.to_owned()) }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut item = Writer::default();
        item.raw(&GENESIS);
        item.small(FORMAT as usize);
        item.small(RULES as usize);
        item.raw(&self.store.0);
        item.number(self.salt);
        item.number(self.seed);
        item.number(self.created.0);
        item.number(0);
        item.raw(&Hash::ZERO.0);
        seal(item)
    }

    fn read(mut rest: Reader<'_>) -> Result<Self> {
        let store = StoreId(rest.id()?);
        let (salt, seed, created) = (rest.number()?, rest.number()?, Micros(rest.number()?));
        let (base, root) = (rest.number()?, rest.hash()?);
        if (base, root) != (0, Hash::ZERO) {
            return Err(odd("base", base));
        }
        rest.end()?;
        Ok(Self { store, salt, seed, created })
    }
}

impl Header {
    /// Returns the proposal with these batches.
    pub(super) fn seal(&self, batches: &[u8]) -> Vec<u8> {
        let mut item = Writer(Vec::with_capacity(PROPOSAL_BYTES + batches.len()));
        item.raw(&PROPOSAL);
        item.small(FORMAT as usize);
        item.small(self.rules as usize);
        item.raw(&self.store.0);
        item.raw(&self.node.0);
        item.number(self.sequence);
        item.number(self.applied);
        item.number(self.time.0);
        item.small(self.batches as usize);
        item.raw(batches);
        seal(item)
    }

    fn read(rules: u32, mut rest: Reader<'_>) -> Result<(Self, &[u8])> {
        let (store, node) = (StoreId(rest.id()?), NodeId(rest.id()?));
        let (sequence, applied) = (rest.number()?, rest.number()?);
        let (time, batches) = (Micros(rest.number()?), rest.small()?);
        Ok((Self { rules, store, node, sequence, applied, time, batches }, rest.0))
    }
}

impl<'a> Item<'a> {
    /// Reads an item.
    ///
    /// # Errors
    ///
    /// [`Damaged`](ErrorKind::Damaged) for an item of a node that does not hold, and [`Newer`](ErrorKind::Newer) for one that this
    /// version cannot judge.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self> {
        let is_proposal = bytes.starts_with(&PROPOSAL);
        if !is_proposal && !bytes.starts_with(&GENESIS) {
            return Ok(Self::Foreign);
        }
        let Some((body, crc)) = bytes.split_last_chunk::<CRC_BYTES>() else {
            return Err(odd("length", bytes.len()));
        };
        let (stated, found) = (u32::from_le_bytes(*crc), hash::crc(0, body));
        if stated != found {
            let (stated, found) = (format!("{stated:08x}"), format!("{found:08x}"));
            return Err(Error::damaged("an item's checksum does not hold", stated, found));
        }
        let mut rest = Reader(body);
        rest.raw(MAGIC_BYTES)?;
        let (format, rules) = (rest.small()?, rest.small()?);
        if format > FORMAT || rules > RULES {
            let message = format!(
                "another node proposes by format {format} and rules {rules}, and this version knows {FORMAT} and {RULES}; \
                 upgrade this node"
            );
            return Err(Error::new(ErrorKind::Newer, message));
        }
        if is_proposal {
            Header::read(rules, rest).map(|(header, batches)| Self::Proposal(header, batches))
        } else {
            Genesis::read(rest).map(Self::Genesis)
        }
    }
}

fn seal(item: Writer) -> Vec<u8> {
    let mut bytes = item.0;
    let crc = hash::crc(0, &bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes
}

const _: () = assert!(limit::FORMAT == FORMAT, "the items have the format of the files");
