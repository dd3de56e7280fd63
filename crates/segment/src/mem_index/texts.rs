//! The values of terms in one column: the length in bytes, then the bytes, four to a cell.

use super::column::Column32;
use crate::sync::atomic::{AtomicU32, Ordering};

/// The texts of terms.
#[derive(Debug)]
pub(super) struct Texts {
    cells: Column32,
    end: AtomicU32,
}

impl Texts {
    pub(super) fn new() -> Self {
        // Place 0 stands for no text.
        Self { cells: Column32::new(), end: AtomicU32::new(1) }
    }

    /// Adds a text and returns its place. The caller that publishes the place does so with release order (M3).
    pub(super) fn add(&self, bytes: &[u8]) -> u32 {
        // Relaxed, here and below: this thread alone reads and writes the end.
        let at = self.end.load(Ordering::Relaxed);
        self.cells.set(at, bytes.len() as u32);
        let mut end = at + 1;
        for part in bytes.chunks(4) {
            let mut cell = [0; 4];
            cell[..part.len()].copy_from_slice(part);
            self.cells.set(end, u32::from_le_bytes(cell));
            end += 1;
        }
        self.end.store(end, Ordering::Relaxed);
        at
    }

    /// Appends the text at this place to `out`.
    pub(super) fn read(&self, at: u32, out: &mut Vec<u8>) {
        let length = self.cells.get(at);
        let end = out.len() + length as usize;
        for cell in 0..length.div_ceil(4) {
            out.extend_from_slice(&self.cells.get(at + 1 + cell).to_le_bytes());
        }
        out.truncate(end);
    }

    /// Returns the bytes of memory it takes.
    pub(super) fn memory(&self) -> usize {
        self.cells.memory()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn texts_of_any_length_come_back() {
        let texts = Texts::new();
        let all: Vec<Vec<u8>> = (0..40_u8).map(|length| vec![length + 1; length.into()]).collect();
        let places: Vec<u32> = all.iter().map(|text| texts.add(text)).collect();
        for (text, place) in all.iter().zip(places) {
            let mut read = vec![9];
            texts.read(place, &mut read);
            assert_eq!((read[0], &read[1..]), (9, text.as_slice()));
        }
    }
}
