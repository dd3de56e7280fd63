//! Which files are mapped, and which are open for writing: never one file for both.
//!
//! U1. While a file is mapped, no handle of this process can write to it, cut it or grow it: a map is made of a file
//!     that is open for reading only, and is refused while another handle writes; opening for writing is refused while
//!     a map lives.

use std::collections::BTreeMap;
use std::io;

use parking_lot::Mutex;

use crate::room::Counted;

/// The device and the number of a file. A number is not given to another file while this one is mapped or open.
type Key = (u64, u64);

/// The files of the operating system that this process maps or writes to through this crate.
static USES: Mutex<BTreeMap<Key, Uses>> = Mutex::new(BTreeMap::new());

#[derive(Debug, Default)]
struct Uses {
    maps: usize,
    writers: usize,
}

/// The right to write to a file. No process maps the file while this lives.
#[derive(Debug)]
pub(crate) struct Writing(Key);

/// The right to map a file. No process opens it for writing while this lives.
#[derive(Debug)]
pub(crate) struct Mapping {
    key: Key,
    _counted: Counted,
}

impl Writing {
    pub(crate) fn begin(key: Key) -> io::Result<Self> {
        let mut all = USES.lock();
        let uses = all.entry(key).or_default();
        if uses.maps > 0 {
            let message = "this process has the file mapped; drop what was read of it before writing to it";
            return Err(io::Error::new(io::ErrorKind::ResourceBusy, message));
        }
        uses.writers += 1;
        Ok(Self(key))
    }
}

impl Mapping {
    pub(crate) fn begin(key: Key) -> io::Result<Self> {
        let mut all = USES.lock();
        let uses = all.entry(key).or_default();
        if uses.writers > 0 {
            return Err(is_written());
        }
        uses.maps += 1;
        Ok(Self { key, _counted: Counted::map() })
    }
}

/// Returns the error of a map of a file that is open for writing.
pub(crate) fn is_written() -> io::Error {
    let message = "a file that is open for writing is not mapped; close it, and open it for reading";
    io::Error::new(io::ErrorKind::ResourceBusy, message)
}

impl Drop for Writing {
    fn drop(&mut self) {
        end(self.0, |uses| uses.writers -= 1);
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        end(self.key, |uses| uses.maps -= 1);
    }
}

fn end(key: Key, change: impl FnOnce(&mut Uses)) {
    let mut all = USES.lock();
    if let Some(uses) = all.get_mut(&key) {
        change(uses);
        if uses.maps == 0 && uses.writers == 0 {
            all.remove(&key);
        }
    }
}
