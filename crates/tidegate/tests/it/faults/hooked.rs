//! A disk that says what it is about to do before it does it, and lists a folder in two parts.

use std::fmt;
use std::io;
use std::sync::{Arc, Condvar, Mutex};

use tidegate::testing::{Block, Call, Disk, Env, File, FileLock, Identity, Mode};
use tidegate::{Store, StoreOptions};

/// Called before every call; it may wait or panic.
pub(crate) type Hook = Arc<dyn Fn(Call) + Send + Sync>;

#[derive(Clone)]
pub(crate) struct Hooked<T> {
    inner: T,
    hook: Hook,
}

impl<T> Hooked<T> {
    pub(crate) fn new(inner: T, hook: impl Fn(Call) + Send + Sync + 'static) -> Self {
        Self { inner, hook: Arc::new(hook) }
    }

    fn before(&self, call: Call) -> &T {
        (self.hook)(call);
        &self.inner
    }
}

/// Whether a name is in the first part of a listing.
fn is_early(name: &str) -> bool {
    name.bytes().fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte)) & 8 == 0
}

impl<T> fmt::Debug for Hooked<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hooked")
    }
}

impl<T: Disk> Disk for Hooked<T> {
    fn open(&self, name: &str, mode: Mode) -> io::Result<Arc<dyn File>> {
        // Opening for writing changes nothing yet, but no reader does it.
        let call = if mode == Mode::Read { Call::Open } else { Call::Create };
        let inner = self.before(call).open(name, mode)?;
        Ok(Arc::new(Hooked { inner, hook: Arc::clone(&self.hook) }))
    }

    /// A listing is not a moment of its folder: what comes or goes meanwhile is in it or not, whatever came first.
    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let mut names = self.before(Call::List).list(folder)?;
        names.retain(|name| is_early(name));
        let late = self.before(Call::List).list(folder)?;
        names.extend(late.into_iter().filter(|name| !is_early(name)));
        Ok(names)
    }

    fn create_folder(&self, folder: &str) -> io::Result<()> {
        self.before(Call::CreateFolder).create_folder(folder)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.before(Call::Rename).rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.before(Call::Remove).remove(name)
    }

    fn sync_folder(&self, folder: &str) -> io::Result<()> {
        self.before(Call::SyncFolder).sync_folder(folder)
    }

    fn lock(&self, name: &str) -> io::Result<Box<dyn FileLock>> {
        self.before(Call::Lock).lock(name)
    }

    fn place(&self) -> String {
        self.inner.place()
    }
}

impl File for Hooked<Arc<dyn File>> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.before(Call::Read).read_at(buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.before(Call::Write).write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.before(Call::Sync).sync()
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.before(Call::SetLength).set_len(length)
    }

    fn length(&self) -> io::Result<u64> {
        self.inner.length()
    }

    fn identity(&self) -> io::Result<Identity> {
        self.inner.identity()
    }

    fn map(&self, length: u64) -> io::Result<Block> {
        self.before(Call::Read).map(length)
    }
}

/// Where syncs wait while it is shut.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    /// Whether it is shut, and how many came to it since it was shut last.
    state: Mutex<(bool, usize)>,
    moved: Condvar,
}

impl Gate {
    pub(crate) fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        state.1 += 1;
        self.moved.notify_all();
        drop(self.moved.wait_while(state, |(shut, _)| *shut).unwrap());
    }

    pub(crate) fn shut(&self) {
        *self.state.lock().unwrap() = (true, 0);
    }

    pub(crate) fn open(&self) {
        self.state.lock().unwrap().0 = false;
        self.moved.notify_all();
    }

    pub(crate) fn wait_for_someone(&self) {
        let state = self.state.lock().unwrap();
        drop(self.moved.wait_while(state, |(_, waiting)| *waiting == 0).unwrap());
    }

    /// How many syncs came since it was shut last.
    pub(crate) fn passed(&self) -> usize {
        self.state.lock().unwrap().1
    }
}

/// Opens a gate when it is dropped: a test that fails while the gate is shut ends, and does not hang.
#[derive(Debug)]
pub(crate) struct Opened<'a>(pub(crate) &'a Gate);

impl Drop for Opened<'_> {
    fn drop(&mut self) {
        self.0.open();
    }
}

/// A store on a disk whose syncs wait while the gate is shut.
pub(crate) fn stalled(disk: impl Disk + 'static, world: Env, options: StoreOptions) -> (Store, Arc<Gate>) {
    let gate = Arc::new(Gate::default());
    let passed = Arc::clone(&gate);
    let disk = Hooked::new(disk, move |call| {
        if call == Call::Sync {
            passed.pass();
        }
    });
    (options.open_in(Env { disk: Arc::new(disk), ..world }).unwrap(), gate)
}
