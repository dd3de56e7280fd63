//! A shared log in memory, for tests and examples: it ends with its last handle.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tidegate_format::{Error, ErrorKind, Result};

use crate::log::{AppendError, LogDescription, SharedLog, Slot};

/// Bytes of an item at most, unless it is said otherwise.
const ITEM_BYTES_MAX: usize = 8 << 20;
/// Items that are returned at once.
const ITEMS_AT_ONCE: usize = 256;

/// A shared log in memory. A clone is another handle to the same log.
#[derive(Clone, Debug)]
pub struct MemoryLog {
    name: String,
    item_bytes_max: usize,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    items: Mutex<Items>,
    grown: Condvar,
}

#[derive(Debug, Default)]
struct Items {
    /// How many were trimmed.
    trimmed: u64,
    kept: VecDeque<Vec<u8>>,
}

impl Items {
    fn end(&self) -> u64 {
        self.trimmed + self.kept.len() as u64
    }
}

impl MemoryLog {
    /// Creates an empty log.
    pub fn new(name: &str) -> Self {
        Self::with_item_bytes_max(name, ITEM_BYTES_MAX)
    }

    /// Creates an empty log that takes items of this many bytes.
    pub fn with_item_bytes_max(name: &str, item_bytes_max: usize) -> Self {
        Self { name: format!("memory:{name}"), item_bytes_max, shared: Arc::default() }
    }
}

impl SharedLog for MemoryLog {
    fn describe(&self, _: Duration) -> Result<LogDescription> {
        let durability = "nothing: it is in the memory of this process";
        Ok(LogDescription::new(self.name.clone(), self.item_bytes_max, durability))
    }

    fn append(&self, item: &[u8], _: Duration) -> Result<Slot, AppendError> {
        if item.len() > self.item_bytes_max {
            return Err(AppendError::TooLarge { max: self.item_bytes_max });
        }
        let mut items = self.shared.items.lock();
        items.kept.push_back(item.to_vec());
        self.shared.grown.notify_all();
        Ok(Slot(items.end()))
    }

    fn read(&self, from: Slot, wait: Duration) -> Result<Vec<(Slot, Vec<u8>)>> {
        let mut items = self.shared.items.lock();
        if from.0 > items.end() && !wait.is_zero() {
            self.shared.grown.wait_while_for(&mut items, |items| from.0 > items.end(), wait);
        }
        if from.0 <= items.trimmed {
            let message = format!("slot {from} was trimmed; the first one is {}", items.trimmed + 1);
            return Err(Error::new(ErrorKind::Retired, message));
        }
        let skipped = (from.0 - items.trimmed - 1) as usize;
        let kept = items.kept.iter().skip(skipped).take(ITEMS_AT_ONCE);
        Ok(kept.zip(from.0..).map(|(item, slot)| (Slot(slot), item.clone())).collect())
    }

    fn end(&self, _: Duration) -> Result<Slot> {
        Ok(Slot(self.shared.items.lock().end()))
    }

    fn first(&self, _: Duration) -> Result<Slot> {
        Ok(Slot(self.shared.items.lock().trimmed + 1))
    }

    fn trim(&self, before: Slot, _: Duration) -> Result<()> {
        let mut items = self.shared.items.lock();
        while items.trimmed + 1 < before.0 && items.kept.len() > 1 {
            items.kept.pop_front();
            items.trimmed += 1;
        }
        Ok(())
    }
}
