//! Tiles: how a tree is cut into files ([tlog-tiles](https://c2sp.org/tlog-tiles)).

use std::fmt;
use std::str::FromStr;

use tidegate_format::record::ENTRY_BYTES;
use tidegate_format::{Error, Hash, Result};

use crate::encoding::decimal;
use crate::refutation::shown;

/// Hashes of a full tile.
pub const TILE_WIDTH: u16 = 256;
/// The highest level a path can name.
const LEVEL_MAX: u8 = 63;

/// A row of consecutive hashes of one level of a tree: hash i of tile n on level l is the root over the 256^l leaves from
/// (256 n + i) 256^l on. Level 0 holds leaves. A tile is full with [`TILE_WIDTH`] hashes, and never changes then.
///
/// As text it is its path in a folder of tiles.
///
/// ```
/// use tidegate_proof::tree::Tile;
///
/// let tile = Tile::at(0, 1_234_067, 315_921_160).expect("the tree has it");
/// assert_eq!((tile.to_string().as_str(), tile.width()), ("tile/0/x001/x234/067.p/8", 8));
/// assert_eq!(tile.to_string().parse::<Tile>()?, tile);
/// assert_eq!(tile.entries_path(), "tile/entries/x001/x234/067.p/8");
/// # Ok::<(), tidegate_format::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    level: u8,
    index: u64,
    width: u16,
}

impl Tile {
    /// Returns the tile with this index as it is in a tree of `size` leaves, or `None` if the tree has no hash in it.
    pub fn at(level: u8, index: u64, size: u64) -> Option<Self> {
        let before = index.checked_mul(u64::from(TILE_WIDTH))?;
        let hashes = hashes_on(level, size).checked_sub(before).filter(|hashes| *hashes != 0)?;
        Some(Self { level, index, width: hashes.min(u64::from(TILE_WIDTH)) as u16 })
    }

    /// Returns the tiles that a tree of `new` leaves has and one of `old` leaves has not, or not as wide: what is added
    /// to a folder of tiles when a log grows. From 0 they are all tiles of the tree.
    ///
    /// ```
    /// use tidegate_proof::tree::Tile;
    ///
    /// let added: Vec<String> = Tile::added(256, 300).map(|tile| tile.to_string()).collect();
    /// assert_eq!(added, ["tile/0/001.p/44"]);
    /// assert_eq!(Tile::added(0, 70_000).count(), 273 + 1 + 1 + 1 + 1);
    /// ```
    pub fn added(old: u64, new: u64) -> impl Iterator<Item = Self> {
        let levels = (0..=LEVEL_MAX).take_while(move |level| hashes_on(*level, new) != 0);
        levels.flat_map(move |level| {
            let width = u64::from(TILE_WIDTH);
            let first = hashes_on(level, old) / width;
            let tiles = (first..hashes_on(level, new).div_ceil(width))
                .filter_map(move |index| Self::at(level, index, new));
            tiles.filter(move |tile| Self::at(level, tile.index, old) != Some(*tile))
        })
    }

    /// Returns the tiles that are partial in a tree of `size` leaves. Once a tile is full, its partial forms may go.
    pub fn partial(size: u64) -> impl Iterator<Item = Self> {
        let last = move |level| Self::at(level, hashes_on(level, size) / u64::from(TILE_WIDTH), size);
        (0..=LEVEL_MAX).filter_map(last)
    }

    /// Returns the level, from 0 for leaves.
    pub fn level(&self) -> u8 {
        self.level
    }

    /// Returns the number of tiles of its level before it.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Returns the number of hashes, from 1 to [`TILE_WIDTH`].
    pub fn width(&self) -> u16 {
        self.width
    }

    /// Returns whether it has all its hashes and stays as it is.
    pub fn is_full(&self) -> bool {
        self.width == TILE_WIDTH
    }

    /// Returns the path of the bundle of the entries under a tile of level 0.
    pub fn entries_path(&self) -> String {
        format!("tile/entries/{}", self.end_of_path())
    }

    /// Returns the content of its file: its hashes, one behind the other.
    ///
    /// # Errors
    ///
    /// [`Invalid`](tidegate_format::ErrorKind::Invalid) if there are not as many hashes as the tile is wide.
    pub fn encode(&self, hashes: &[Hash]) -> Result<Vec<u8>> {
        self.check_count(hashes.len())?;
        Ok(hashes.iter().flat_map(|hash| hash.0).collect())
    }

    /// Reads its hashes from the content of its file. The file of a wider form of the same tile is read too, since a
    /// partial tile may go once a fuller one is there: its first hashes are taken.
    ///
    /// # Errors
    ///
    /// [`Invalid`](tidegate_format::ErrorKind::Invalid) if the file is shorter than that, has more than
    /// [`TILE_WIDTH`] hashes, or ends inside a hash.
    pub fn decode(&self, bytes: &[u8]) -> Result<Vec<Hash>> {
        let (hashes, rest) = bytes.as_chunks::<32>();
        let width = usize::from(self.width);
        if !rest.is_empty() || hashes.len() > usize::from(TILE_WIDTH) || hashes.len() < width {
            let message = format!("{self} holds {} bytes, expected {}", bytes.len(), width * 32);
            return Err(Error::invalid(message));
        }
        Ok(hashes[..width].iter().map(|hash| Hash(*hash)).collect())
    }

    /// Refuses another number of hashes than the tile has.
    pub(super) fn check_count(&self, count: usize) -> Result<()> {
        if count == usize::from(self.width) {
            return Ok(());
        }
        Err(Error::invalid(format!("{self} has {} hashes, {count} are given", self.width)))
    }

    fn end_of_path(&self) -> String {
        let mut path = format!("{:03}", self.index % 1000);
        let mut rest = self.index / 1000;
        while rest != 0 {
            path = format!("x{:03}/{path}", rest % 1000);
            rest /= 1000;
        }
        if self.is_full() { path } else { format!("{path}.p/{}", self.width) }
    }
}

/// Returns the number of hashes that a tree has on a level of tiles.
pub(super) fn hashes_on(level: u8, size: u64) -> u64 {
    size.checked_shr(u32::from(level) * 8).unwrap_or(0)
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tile/{}/{}", self.level, self.end_of_path())
    }
}

/// Reads the path of a tile. No other spelling than its own is read, and no path of more than 100 bytes.
impl FromStr for Tile {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let tile = || {
            let (level, rest) = text.strip_prefix("tile/")?.split_once('/')?;
            let (index, width) = match rest.split_once(".p/") {
                Some((index, width)) => (index, decimal(width)?),
                None => (rest, u64::from(TILE_WIDTH)),
            };
            let level = u8::try_from(decimal(level)?).ok().filter(|level| *level <= LEVEL_MAX)?;
            let width = u16::try_from(width).ok().filter(|width| (1..=TILE_WIDTH).contains(width))?;
            let digits: String = index.chars().filter(char::is_ascii_digit).collect();
            Some(Self { level, index: digits.parse().ok()?, width })
        };
        let is_short = text.len() <= 100;
        let read = is_short.then(tile).flatten().filter(|tile: &Self| tile.to_string() == text);
        read.ok_or_else(|| Error::invalid(format!("{} is not the path of a tile", shown(text))))
    }
}

/// Returns a bundle of entries as tlog-tiles has it: each with its length in two bytes, most significant first.
///
/// ```
/// use tidegate_proof::tree;
///
/// let bundle = tree::bundle(&[[7; 136], [8; 136]]);
/// assert_eq!(tree::unbundle(&bundle)?, [[7; 136], [8; 136]]);
/// # Ok::<(), tidegate_format::Error>(())
/// ```
pub fn bundle(entries: &[[u8; ENTRY_BYTES]]) -> Vec<u8> {
    const LENGTH: [u8; 2] = (ENTRY_BYTES as u16).to_be_bytes();
    entries.iter().flat_map(|entry| LENGTH.into_iter().chain(*entry)).collect()
}

/// Reads the entries of a bundle.
///
/// # Errors
///
/// [`Invalid`](tidegate_format::ErrorKind::Invalid) if there are none or more than [`TILE_WIDTH`], or one of them has not
/// the length of an entry of a Tidegate store.
pub fn unbundle(bytes: &[u8]) -> Result<Vec<[u8; ENTRY_BYTES]>> {
    const LENGTH: usize = ENTRY_BYTES + 2;
    let (entries, rest) = bytes.as_chunks::<LENGTH>();
    if !rest.is_empty() || entries.is_empty() || entries.len() > usize::from(TILE_WIDTH) {
        let message =
            format!("a bundle of {} bytes does not hold 1 to 256 entries of {ENTRY_BYTES}", bytes.len());
        return Err(Error::invalid(message));
    }
    let read = entries.iter().map(|entry| {
        let length = usize::from(u16::from_be_bytes([entry[0], entry[1]]));
        if length != ENTRY_BYTES {
            return Err(Error::invalid(format!(
                "an entry of a bundle has {length} bytes, expected {ENTRY_BYTES}"
            )));
        }
        let mut bytes = [0; ENTRY_BYTES];
        bytes.copy_from_slice(&entry[2..]);
        Ok(bytes)
    });
    read.collect()
}
