//! Frames that are written while a sync runs: several of them are unsynced at once when the power goes.
//!
//! A history appends and decides. In the middle of a sync, before or after the disk has done it, other threads append
//! and decide too, one after the other, so that their order is known. Then the machine is copied as it stands, with
//! every answer that was given by then, and copied again once all have theirs. Each copy loses its power in many ways
//! and is opened: that is never refused, what is there is a beginning of the log, and no answer rests on an event that
//! is lost, whether it was a receipt, a denial or an error.

use std::collections::BTreeSet;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use tidegate::decide::{Decision, Outcome};
use tidegate::{
    AppendOptions, Draft, Durability, Error, ErrorKind, Position, Query, QueryItem, Result, Store,
    StoreOptions,
};
use tidegate_disk::{
    Block, Directories, Disk, Env, FaultyDisk, File, FileLock, Grain, Identity, Mode, Model, SeededRandom,
    SimulatedClock,
};
use tidegate_format::frame::Sealing;
use tidegate_format::{FrameHeader, SEGMENT_HEADER_BYTES, SegmentHeader, frame};
use tidegate_sim::Dice;

/// What a store could get wrong about a sync that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SyncDefect {
    /// A frame that is written while a sync runs says that this has made durable what it will.
    RunningSyncClaimed,
    /// A sync is believed to cover what was written while it ran.
    LaterWritesBelieved,
}

/// Done in the middle of a sync; and whether that is before the disk has done it.
type Act = (Box<dyn FnOnce() + Send>, bool);

/// What runs on the disk.
#[derive(Default)]
struct DuringSync {
    act: Mutex<Option<Act>>,
    syncs: AtomicBool,
    wrote: AtomicBool,
}

/// The simulated disk, with what is done in the middle of its syncs.
#[derive(Clone)]
struct HookedDisk {
    disk: FaultyDisk,
    running: Arc<DuringSync>,
    wrong: Option<SyncDefect>,
}

impl std::fmt::Debug for HookedDisk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HookedDisk").field("wrong", &self.wrong).finish_non_exhaustive()
    }
}

impl Disk for HookedDisk {
    fn open(&self, name: &str, mode: Mode) -> io::Result<Arc<dyn File>> {
        let file = self.disk.open(name, mode)?;
        let is_segment = name.starts_with("segments/") && mode != Mode::Read;
        Ok(if is_segment { Arc::new(HookedFile { file, midway: self.clone() }) } else { file })
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        self.disk.list(folder)
    }

    fn create_folder(&self, folder: &str) -> io::Result<()> {
        self.disk.create_folder(folder)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }

    fn sync_folder(&self, folder: &str) -> io::Result<()> {
        self.disk.sync_folder(folder)
    }

    fn lock(&self, name: &str) -> io::Result<Box<dyn FileLock>> {
        self.disk.lock(name)
    }

    fn place(&self) -> String {
        self.disk.place()
    }
}

#[derive(Debug)]
struct HookedFile {
    file: Arc<dyn File>,
    midway: HookedDisk,
}

impl HookedFile {
    /// The frame as a store writes it that takes a running sync for one that has ended.
    fn claiming(&self, bytes: &[u8]) -> Vec<u8> {
        let mut head = [0; SEGMENT_HEADER_BYTES];
        self.file.read_at(&mut head, 0).expect("the disk is whole");
        let salt = SegmentHeader::read(&head).expect("the segment is whole").salt;
        let mut bytes = bytes.to_vec();
        let FrameHeader { first, epoch, .. } = FrameHeader::read(&bytes).expect("it is a frame");
        frame::seal(&mut bytes, &Sealing { first, synced: first.before(), epoch, slot: None }, salt);
        bytes
    }
}

impl File for HookedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let running = &self.midway.running;
        if running.syncs.load(Ordering::SeqCst) {
            running.wrote.store(true, Ordering::SeqCst);
            if self.midway.wrong == Some(SyncDefect::RunningSyncClaimed) {
                return self.file.write_all_at(&self.claiming(bytes), offset);
            }
        }
        self.file.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        let running = &self.midway.running;
        let act = running.act.lock().expect("no thread panics while holding the lock").take();
        let wrote = running.wrote.swap(false, Ordering::SeqCst);
        let Some((act, is_before)) = act else {
            let believed = wrote && self.midway.wrong == Some(SyncDefect::LaterWritesBelieved);
            return if believed { Ok(()) } else { self.file.sync() };
        };
        running.syncs.store(true, Ordering::SeqCst);
        let synced = if is_before {
            act();
            self.file.sync()
        } else {
            let synced = self.file.sync();
            act();
            synced
        };
        running.syncs.store(false, Ordering::SeqCst);
        synced
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }

    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn identity(&self) -> io::Result<Identity> {
        self.file.identity()
    }

    fn map(&self, length: u64) -> io::Result<Block> {
        self.file.map(length)
    }
}

/// What one caller was answered.
#[derive(Clone, Copy, Debug)]
struct Answer {
    /// The last event that it rests on.
    rests_on: Position,
    /// Whether that was to survive the machine.
    synced: bool,
}

/// What a caller does.
#[derive(Clone, Copy, Debug)]
enum Operation {
    Append,
    /// Decides by all seats and takes one.
    Take,
    /// Decides by all seats that there is none left.
    Deny,
    /// Decides by all seats, and fails.
    Fail,
}

const DEEDS: [Operation; 4] = [Operation::Append, Operation::Take, Operation::Deny, Operation::Fail];

fn seat(length: u64) -> Draft {
    Draft::new(("s", "seats"), "seat.taken").tag("seat").bytes(vec![7; length as usize])
}

/// Does something; `seen` hears once of what it reads, before it is answered.
fn act(store: &Store, operation: Operation, length: u64, append: AppendOptions, seen: &Sender<()>) -> Answer {
    let synced = append.durability == Some(Durability::Synced);
    let mut head = Position::START;
    let decide = |decision: fn(u64) -> Result<Decision>, head: &mut Position| {
        store.decide_with(append.clone(), |view| -> tidegate::Result<_> {
            let taken = view.count(&Query::from(QueryItem::new().tag("seat")))?;
            assert_eq!(taken, view.head().0, "every event is a seat, and every one that is written is seen");
            *head = view.head();
            // A send fails if no receiver waits any more.
            let _ = seen.send(());
            decision(length)
        })
    };
    let answer = match operation {
        Operation::Append => store.append_with(seat(length), append).map(Outcome::Committed),
        Operation::Take => decide(|length| Ok(seat(length).into()), &mut head),
        Operation::Deny => decide(|_| Ok(Decision::deny("FULL", "taken")), &mut head),
        Operation::Fail => decide(|_| Err(Error::new(ErrorKind::Missing, "no such course")), &mut head),
    };
    let rests_on = match (operation, answer) {
        (Operation::Append | Operation::Take, Ok(Outcome::Committed(receipt))) => receipt.last(),
        (Operation::Deny, Ok(Outcome::Denied(_))) => head,
        (Operation::Fail, Err(error)) if error.kind() == ErrorKind::Missing => head,
        (operation, answer) => panic!("{operation:?} came to {answer:?}"),
    };
    Answer { rests_on, synced }
}

/// A machine as it stood, and all that had been answered by then.
struct Moment {
    disk: FaultyDisk,
    answers: Vec<Answer>,
}

/// One store in one life, and its moments.
struct History {
    dice: Dice,
    disk: FaultyDisk,
    running: Arc<DuringSync>,
    store: Arc<Store>,
    answers: Arc<Mutex<Vec<Answer>>>,
    moments: Arc<Mutex<Vec<Moment>>>,
}

fn world(seed: u64, disk: Arc<dyn Disk>, faulty: &FaultyDisk) -> Env {
    let (clock, random) = (SimulatedClock::new(1_795_000_000_000_000), SeededRandom::new(seed));
    Env { disk, ..Env::simulated(faulty, &clock, &random) }
}

impl History {
    fn new(seed: u64, wrong: Option<SyncDefect>) -> Self {
        let mut dice = Dice::new(seed);
        let model = Model {
            directories: *dice.pick(&[Directories::Strict, Directories::Ordered]),
            grain: *dice.pick(&[Grain::Sector, Grain::Page]),
            torn: dice.chance(1, 2),
            ..Model::default()
        };
        let (disk, running) = (FaultyDisk::new(seed, model), Arc::new(DuringSync::default()));
        let midway = HookedDisk { disk: disk.clone(), running: Arc::clone(&running), wrong };
        let options = StoreOptions::new().thread(dice.chance(1, 3));
        let store = options.open_in(world(seed, Arc::new(midway), &disk)).expect("the disk is whole");
        let (answers, moments) = (Arc::default(), Arc::default());
        Self { dice, disk, running, store: Arc::new(store), answers, moments }
    }

    fn durability(&mut self) -> AppendOptions {
        if self.dice.chance(2, 3) { AppendOptions::new().synced() } else { AppendOptions::new().buffered() }
    }

    /// One caller whose sync runs, and others in the middle of it.
    fn round(&mut self) {
        let others: Vec<_> = (0..=self.dice.below(4))
            .map(|_| (*self.dice.pick(&DEEDS), self.dice.below(900), self.durability()))
            .collect();
        let (helpers, is_before) = (Arc::new(Mutex::new(Vec::new())), self.dice.chance(1, 2));
        let (store, answers) = (Arc::clone(&self.store), Arc::clone(&self.answers));
        let (disk, moments, hands) = (self.disk.clone(), Arc::clone(&self.moments), Arc::clone(&helpers));
        let midway = move || {
            for (operation, length, append) in others {
                let helper = help(&store, &answers, (operation, length, append));
                hands.lock().expect("no thread panics while holding the lock").push(helper);
            }
            let answers = answers.lock().expect("no thread panics while holding the lock").clone();
            moments
                .lock()
                .expect("no thread panics while holding the lock")
                .push(Moment { disk: disk.fork(), answers });
        };
        *self.running.act.lock().expect("no thread panics while holding the lock") =
            Some((Box::new(midway), is_before));
        let operation = *self.dice.pick(&[Operation::Append, Operation::Take]);
        let (seen, _) = channel();
        let mine = act(&self.store, operation, self.dice.below(900), AppendOptions::new().synced(), &seen);
        self.answers.lock().expect("no thread panics while holding the lock").push(mine);
        let helpers: Vec<JoinHandle<()>> =
            std::mem::take(&mut *helpers.lock().expect("no thread panics while holding the lock"));
        assert!(!helpers.is_empty(), "a synced append syncs");
        for helper in helpers {
            helper.join().expect("what it asserts holds");
        }
        let answers = self.answers.lock().expect("no thread panics while holding the lock").clone();
        self.moments
            .lock()
            .expect("no thread panics while holding the lock")
            .push(Moment { disk: self.disk.fork(), answers });
    }

    /// What the log is at its end, by leaves.
    fn log(&self) -> Vec<[u8; 32]> {
        leaves(&self.store).expect("it is read")
    }
}

fn leaves(store: &Store) -> Result<Vec<[u8; 32]>> {
    store.read(&Query::ALL)?.map(|event| Ok(event?.leaf().0)).collect()
}

/// Starts a thread that does something, and waits until that is written or has seen what it decides by.
fn help(
    store: &Arc<Store>,
    answers: &Arc<Mutex<Vec<Answer>>>,
    (operation, length, append): (Operation, u64, AppendOptions),
) -> JoinHandle<()> {
    let before = store.frontier().written;
    let (seen, was_seen) = channel();
    let (caller, answers) = (Arc::clone(store), Arc::clone(answers));
    #[expect(clippy::disallowed_methods, reason = "a test outside the store")]
    let helper = thread::spawn(move || {
        let mine = act(&caller, operation, length, append, &seen);
        answers.lock().expect("no thread panics while holding the lock").push(mine);
    });
    match operation {
        Operation::Append | Operation::Take => {
            while store.frontier().written == before {
                thread::yield_now();
            }
        }
        Operation::Deny | Operation::Fail => was_seen.recv().expect("it is asked"),
    }
    helper
}

/// What was found wrong with a moment.
fn check(moment: &Moment, log: &[[u8; 32]], seed: u64) -> std::result::Result<(), String> {
    for cut in 0..8 {
        let disk = moment.disk.fork();
        match cut {
            0 => disk.kill(),
            1 => disk.lose_unsynced(),
            _ => disk.power_cut(seed ^ (cut << 20)),
        }
        let disk = disk.reopen();
        let options = StoreOptions::new().thread(false);
        let store = options
            .open_in(world(seed, Arc::new(disk.clone()), &disk))
            .map_err(|error| format!("cut {cut}: a crash is taken for damage: {error}"))?;
        let found = leaves(&store).map_err(|error| format!("cut {cut}: {error}"))?;
        if !log.starts_with(&found) {
            return Err(format!("cut {cut}: what is there is no beginning of the log"));
        }
        let is_lost =
            |answers: &&Answer| (cut == 0 || answers.synced) && answers.rests_on.0 > found.len() as u64;
        if let Some(answers) = moment.answers.iter().find(is_lost) {
            return Err(format!("cut {cut}: {} events are left, and an answer was {answers:?}", found.len()));
        }
    }
    Ok(())
}

/// What a seed shows, and how many moments had several unsynced frames.
fn run(seed: u64, wrong: Option<SyncDefect>) -> std::result::Result<usize, String> {
    let mut history = History::new(seed, wrong);
    for _ in 0..=history.dice.below(4) {
        history.round();
    }
    let log = history.log();
    let moments =
        std::mem::take(&mut *history.moments.lock().expect("no thread panics while holding the lock"));
    moments.iter().try_for_each(|moment| check(moment, &log, seed))?;
    Ok(moments.len())
}

#[test]
fn no_answer_rests_on_a_lost_event() {
    let mut moments = 0;
    for seed in 0..100 {
        moments += run(seed, None).unwrap_or_else(|found| panic!("seed {seed}: {found}"));
    }
    assert!(moments > 300, "{moments} moments are too few to mean anything");
}

/// Each canary is caught within the number of seeds that stands beside it.
#[test]
fn a_store_that_is_wrong_about_running_syncs_is_caught() {
    for (wrong, most, how) in [
        (SyncDefect::RunningSyncClaimed, 50, "a crash is taken for damage"),
        (SyncDefect::LaterWritesBelieved, 10, "an answer was"),
    ] {
        let found: Vec<_> = (0..most).filter_map(|seed| run(seed, Some(wrong)).err()).collect();
        let kinds: BTreeSet<_> = found.iter().map(|found| found.contains(how)).collect();
        println!("{wrong:?}: {} of {most} seeds", found.len());
        assert!(kinds.contains(&true), "{wrong:?} is not caught: {found:?}");
    }
}
