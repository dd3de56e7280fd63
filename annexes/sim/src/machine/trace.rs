//! The trace of a run: one number over every call on the disk and every answer of the store, in order. Two runs
//! that differ anywhere have different ones.

use std::hash::{Hash, Hasher};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tidegate_disk::{Block, Disk, File, FileLock, Identity, Mode};

use super::sync_hook::SyncHook;

/// The number so far. Clones go on with the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace(Arc<AtomicU64>);

/// Mixes what it is given into one number: fast, and no defence against an attacker.
struct Mixer(u64);

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        let mut chunks = bytes.chunks_exact(8);
        for chunk in &mut chunks {
            self.write_u64(u64::from_le_bytes(chunk.try_into().expect("a chunk has eight bytes")));
        }
        let mut rest = [0; 8];
        rest[..chunks.remainder().len()].copy_from_slice(chunks.remainder());
        self.write_u64(u64::from_le_bytes(rest) ^ ((bytes.len() as u64) << 56));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
}

impl Trace {
    /// Takes something in.
    pub(crate) fn note(&self, what: &impl Hash) {
        let mut mixer = Mixer(self.0.load(Ordering::Relaxed));
        what.hash(&mut mixer);
        mixer.write_u64(0x5bd1_e995);
        self.0.store(mixer.finish(), Ordering::Relaxed);
    }

    pub(crate) fn number(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// A disk whose calls are taken in, and whose syncs of segments let something happen meanwhile.
    pub(crate) fn watch(&self, disk: Arc<dyn Disk>, meanwhile: &SyncHook) -> Arc<dyn Disk> {
        Arc::new(TracedDisk { disk, trace: self.clone(), meanwhile: meanwhile.clone() })
    }

    fn call<T>(&self, what: &impl Hash, answer: io::Result<T>) -> io::Result<T> {
        self.note(&(what, answer.as_ref().map_err(io::Error::kind).err()));
        answer
    }
}

#[derive(Debug)]
struct TracedDisk {
    disk: Arc<dyn Disk>,
    trace: Trace,
    meanwhile: SyncHook,
}

impl Disk for TracedDisk {
    fn open(&self, name: &str, mode: Mode) -> io::Result<Arc<dyn File>> {
        let file = self.trace.call(&("open", name, mode as u8), self.disk.open(name, mode))?;
        let meanwhile = name.starts_with("segments/").then(|| self.meanwhile.clone());
        Ok(Arc::new(TracedFile { file, trace: self.trace.clone(), meanwhile }))
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        self.trace.call(&("list", folder), self.disk.list(folder))
    }

    fn create_folder(&self, folder: &str) -> io::Result<()> {
        self.trace.call(&("create folder", folder), self.disk.create_folder(folder))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.trace.call(&("rename", from, to), self.disk.rename(from, to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.trace.call(&("remove", name), self.disk.remove(name))
    }

    fn sync_folder(&self, folder: &str) -> io::Result<()> {
        self.trace.call(&("sync folder", folder), self.disk.sync_folder(folder))
    }

    fn lock(&self, name: &str) -> io::Result<Box<dyn FileLock>> {
        self.trace.call(&("lock", name), self.disk.lock(name))
    }

    fn place(&self) -> String {
        self.disk.place()
    }
}

#[derive(Debug)]
struct TracedFile {
    file: Arc<dyn File>,
    trace: Trace,
    /// What happens during a sync, if this is a segment.
    meanwhile: Option<SyncHook>,
}

impl File for TracedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let asked = buffer.len();
        let answer = self.file.read_at(buffer, offset);
        self.trace.note(&("read", asked, offset, answer.as_ref().ok()));
        answer
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.trace.call(&("write", bytes, offset), self.file.write_all_at(bytes, offset))
    }

    fn sync(&self) -> io::Result<()> {
        self.trace.call(&"sync", self.file.sync())?;
        if let Some(meanwhile) = &self.meanwhile {
            meanwhile.happen();
        }
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.trace.call(&("set length", length), self.file.set_len(length))
    }

    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn identity(&self) -> io::Result<Identity> {
        self.file.identity()
    }

    fn map(&self, length: u64) -> io::Result<Block> {
        self.trace.call(&("map", length), self.file.map(length))
    }
}
