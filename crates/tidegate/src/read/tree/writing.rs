//! Writes the files of `tree/`, beside the writer of the log.

use tidegate_format::Result;
use tidegate_segment::write_error;

use super::level_file::TREE;
use super::log_tree::{LogTree, leaves_of, share};
use super::tiles::ViewTiles;
use crate::read::view::View;

/// Hashes of level 1 written at a time: 1,024, of 262,144 events.
const HASHES_AT_A_TIME: u64 = 1024;

impl LogTree {
    /// Writes the next hashes over sealed segments, which end at the head of the view. Returns whether there may be more.
    ///
    /// # Errors
    ///
    /// Those of reading records, and of writing.
    pub(crate) fn write_next(&self, sealed: &View) -> Result<bool> {
        let end = sealed.head().0 / leaves_of(1);
        if end == 0 {
            return Ok(false);
        }
        let mut is_looked_through = self.writing.lock();
        let mut known = self.known(sealed);
        if !*is_looked_through {
            known = self.before_holes(known);
            *is_looked_through = true;
        }
        if known >= end {
            return Ok(false);
        }
        let at = |cause| write_error("the tree cannot be written", TREE, cause);
        let upto = end.min(known + HASHES_AT_A_TIME);
        let tiles = ViewTiles::new(sealed, self);
        let tops: Vec<u8> = (1..=8).take_while(|level| upto >= share(*level)).collect();
        // What stands behind is of another log, or was lost. Higher levels go first: as long as any hash of the lowest is
        // wrong, it shows.
        for level in (1..=8).rev() {
            self.files.cut(level, known / share(level)).map_err(at)?;
        }
        for level in tops {
            let (first, last) = (known / share(level), upto / share(level));
            let hashes = tiles.hashes(level, first, last - first)?;
            self.files.write(level, first, &hashes).map_err(at)?;
        }
        self.set_known(upto);
        Ok(upto < end)
    }

    /// Returns how many hashes of level 1 come before the first one, of any level, that a power cut has taken.
    fn before_holes(&self, known: u64) -> u64 {
        let mut whole = known;
        for level in (1..=8).take_while(|level| known >= share(*level)) {
            let count = known / share(level);
            for first in (0..count).step_by(HASHES_AT_A_TIME as usize) {
                let entries = self.files.read(level, first, HASHES_AT_A_TIME.min(count - first));
                if let Some(hole) = entries.iter().position(Option::is_none) {
                    whole = whole.min((first + hole as u64) * share(level));
                    break;
                }
            }
        }
        whole
    }

    /// Makes the files over sealed segments anew.
    ///
    /// # Errors
    ///
    /// Those of reading records, and of writing.
    pub(crate) fn rewrite(&self, sealed: &View) -> Result<()> {
        self.forget();
        while self.write_next(sealed)? {}
        Ok(())
    }
}
