//! A process that keeps its store up is killed at random moments, over and over: everything that it had answered holds.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tidegate::report::backup::{FolderTarget, RestoreOptions, ShipTarget, Shipper, examine, fetch, restore};
use tidegate::report::examine as examine_store;
use tidegate::{ErrorKind, Query, Store};

use crate::child::Program;
use crate::dice::Dice;
use crate::failure::{Failure, Outcome, ensure};
use crate::keeper::{CUSTOMERS, beside, letter};

/// What was done.
#[derive(Clone, Copy, Debug, Default)]
pub struct UpkeepReport {
    /// Processes that were killed.
    pub kills: u64,
    /// Letters that were answered for.
    pub letters: u64,
    /// Erasures that were answered, and kills during one.
    pub erasures: u64,
    /// See `erasures`.
    pub during_erasures: u64,
    /// Stages that were committed.
    pub committed: u64,
    /// Backups and shipments.
    pub copies: u64,
}

/// What the keepers told of one store.
#[derive(Debug, Default)]
struct KeeperReport {
    /// Letters by life and number, with their positions.
    letters: BTreeMap<(u64, u64), u64>,
    staged: BTreeSet<(u64, u64)>,
    cancelled: BTreeSet<(u64, u64)>,
    maybe_cancelled: BTreeSet<(u64, u64)>,
    /// By customer: up to which position letters are erased, and may be.
    erased: BTreeMap<u64, u64>,
    erasing: BTreeMap<u64, u64>,
    backed: u64,
    shipped: u64,
}

/// Kills this many keepers of one store.
pub fn upkeep(program: &Program, folder: &Path, seed: u64, cycles: u64) -> Outcome<UpkeepReport> {
    let (mut dice, mut done, mut told) = (Dice::new(seed), UpkeepReport::default(), KeeperReport::default());
    let directory = folder.join("kept");
    for life in 0..cycles {
        let at = |failure: Failure| failure.at(format!("seed {seed}, life {life}"));
        let lines = kill_once(program, &directory, life, &mut dice).map_err(at)?;
        told.take(life, &lines, &mut done);
        done.kills += 1;
        check(&directory, &mut told).map_err(at)?;
    }
    Ok(done)
}

/// Starts a keeper, kills it after this many lines and a short time, and returns all that it told.
fn kill_once(program: &Program, directory: &Path, life: u64, dice: &mut Dice) -> Outcome<Vec<String>> {
    let mut child = Command::new(&program.path)
        .arg("keep")
        .arg(directory)
        .arg(life.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let out = child.stdout.take().ok_or_else(|| Failure("no output".into()))?;
    let (mut out, mut lines, mut line) = (BufReader::new(out), Vec::new(), String::new());
    let wanted = 1 + dice.below(120) as usize;
    let mut is_killed = false;
    loop {
        line.clear();
        if out.read_line(&mut line)? == 0 || !line.ends_with('\n') {
            break;
        }
        lines.push(line.trim_end().to_owned());
        if lines.len() == wanted {
            std::thread::sleep(Duration::from_micros(dice.below(3000)));
            child.kill()?;
            is_killed = true;
        }
    }
    let status = child.wait()?;
    ensure(is_killed, || format!("the keeper ended by itself: {status}"))?;
    Ok(lines)
}

impl KeeperReport {
    fn take(&mut self, life: u64, lines: &[String], done: &mut UpkeepReport) {
        for line in lines {
            let mut words = line.split(' ');
            let what = words.next().unwrap_or_default();
            let mut number = || words.next().and_then(|word| word.parse().ok()).unwrap_or_default();
            let (one, other): (u64, u64) = (number(), number());
            match what {
                "sent" | "committed" => {
                    self.letters.insert((life, one), other);
                    self.staged.remove(&(life, one));
                    done.letters += 1;
                    done.committed += u64::from(what == "committed");
                }
                "staged" => drop(self.staged.insert((life, one))),
                "cancelling" => drop(self.maybe_cancelled.insert((life, one))),
                "cancelled" => drop(self.cancelled.insert((life, one))),
                "erasing" => drop(self.erasing.insert(one, other)),
                "erased" => {
                    self.erased.insert(one, other);
                    done.erasures += 1;
                }
                "backed" => (self.backed, done.copies) = (one, done.copies + 1),
                "shipped" => (self.shipped, done.copies) = (one, done.copies + 1),
                _ => {}
            }
        }
        done.during_erasures += u64::from(lines.last().is_some_and(|line| line.starts_with("erasing")));
    }

    /// Whether the letter at a position is erased, or may be.
    fn is_erased(&self, number: u64, position: u64) -> (bool, bool) {
        let reaches =
            |by: &BTreeMap<u64, u64>| by.get(&(number % CUSTOMERS)).is_some_and(|until| position <= *until);
        (reaches(&self.erased), reaches(&self.erasing))
    }
}

fn check(directory: &Path, told: &mut KeeperReport) -> Outcome {
    let store = Store::open(directory)?;
    letters(&store, told)?;
    stages(&store, told)?;
    store.close()?;
    drop(store);
    let found = examine_store(directory, |_| ())?;
    ensure(found.faults.is_empty(), || format!("the store has faults: {:?}", found.faults))?;
    for ((life, number), position) in &told.letters {
        if told.is_erased(*number, *position).0 {
            let text = letter(*life, *number);
            ensure(!holds(directory, &text)?, || format!("what was erased is in a file: {text}"))?;
        }
    }
    backup(directory, told)?;
    target(directory, told)
}

/// Every letter is there once, or what is left of it.
fn letters(store: &Store, told: &KeeperReport) -> Outcome {
    let view = store.view()?;
    for ((life, number), position) in &told.letters {
        let event = view.at(tidegate::Position(*position))?;
        let event = event.ok_or_else(|| Failure(format!("the letter at {position} is gone")))?;
        let (must_be, may_be) = told.is_erased(*number, *position);
        match event.payload() {
            Ok(payload) => {
                ensure(payload == letter(*life, *number).as_bytes(), || {
                    format!("another letter at {position}")
                })?;
                ensure(!must_be, || format!("the letter at {position} was erased and shows"))?;
            }
            Err(error) => {
                ensure(error.kind() == ErrorKind::Erased && may_be, || format!("at {position}: {error}"))?;
            }
        }
    }
    let mut seen = BTreeSet::new();
    for event in store.read(&Query::kind("letter.sent"))? {
        let event = event?;
        let Ok(payload) = event.payload() else { continue };
        ensure(seen.insert(payload.to_vec()), || format!("a letter is there twice: {event:?}"))?;
    }
    Ok(())
}

/// A letter that was staged waits, or is in the log; one that was cancelled is in neither.
fn stages(store: &Store, told: &mut KeeperReport) -> Outcome {
    for (life, number) in told.staged.clone() {
        let stage = store.stage(format!("offer-{life}-{number}"))?;
        let drafts = stage.drafts()?.len();
        let is_cancelled = told.cancelled.contains(&(life, number));
        let may_be_cancelled = told.maybe_cancelled.contains(&(life, number));
        ensure(!is_cancelled || drafts == 0, || {
            format!("offer-{life}-{number} was cancelled and has {drafts}")
        })?;
        match stage.commit() {
            Ok(receipt) => {
                ensure(!is_cancelled, || format!("offer-{life}-{number} was cancelled and is committed"))?;
                told.letters.insert((life, number), receipt.first().0);
            }
            Err(error) if error.kind() == ErrorKind::Missing && drafts == 0 => {
                ensure(is_cancelled || may_be_cancelled, || format!("offer-{life}-{number} is lost"))?;
            }
            Err(error) => return Err(error.into()),
        }
        told.staged.remove(&(life, number));
    }
    // The process may have died behind the call and before it told of it.
    let untold = store.stages()?;
    ensure(untold.len() <= 1, || format!("stages are left: {untold:?}"))?;
    for name in untold {
        store.stage(name)?.cancel()?;
    }
    Ok(())
}

/// Whether a file of a directory holds a text.
fn holds(directory: &Path, text: &str) -> Outcome<bool> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let found = if path.is_dir() {
            holds(&path, text)?
        } else {
            fs::read(&path)?.windows(text.len()).any(|part| part == text.as_bytes())
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The backup is whole, goes as far as was told, and a store that is made of it has none of what was erased since.
fn backup(directory: &Path, told: &KeeperReport) -> Outcome {
    let place = beside(directory, "backup");
    let examined = match examine(&place, |_| ()) {
        Err(error) if error.kind() == ErrorKind::Missing && told.backed == 0 => return Ok(()),
        examined => examined?,
    };
    ensure(examined.faults.is_empty(), || format!("the backup has faults: {:?}", examined.faults))?;
    ensure(examined.until.0 >= told.backed, || format!("the backup goes to {}", examined.until))?;
    let restored = beside(directory, "restored");
    let store = Store::open(directory)?;
    let options = RestoreOptions::new().erasures_of(&store)?;
    let _ = restore(&place, &restored, &options, |_| ())?;
    for ((life, number), position) in &told.letters {
        let text = letter(*life, *number);
        if *position <= examined.until.0 && told.is_erased(*number, *position).0 {
            ensure(!holds(&restored, &text)?, || format!("what was erased is in what was restored: {text}"))?;
        }
    }
    store.close()?;
    Ok(fs::remove_dir_all(&restored)?)
}

/// The target is whole, and after one shipment more it has nothing else.
fn target(directory: &Path, told: &KeeperReport) -> Outcome {
    let (place, fetched) = (beside(directory, "target"), beside(directory, "fetched"));
    let target = std::sync::Arc::new(FolderTarget::new(&place));
    let until = match fetch(&*target, &fetched) {
        Err(error) if error.kind() == ErrorKind::Missing && told.shipped == 0 => return Ok(()),
        fetched => fetched?,
    };
    ensure(until.0 >= told.shipped, || format!("the target goes to {until}"))?;
    let examined = examine(&fetched, |_| ())?;
    ensure(examined.faults.is_empty(), || format!("what was shipped has faults: {:?}", examined.faults))?;
    fs::remove_dir_all(&fetched)?;
    Shipper::new(directory, target.clone()).ship()?;
    let list = target.list("shipped")?;
    ensure(list.len() == 1, || format!("the target has the lists {list:?}"))?;
    let list = String::from_utf8_lossy(&target.get(&format!("shipped/{}", list[0]))?).into_owned();
    for piece in target.list("pieces")? {
        let digest = piece.rsplit_once('-').map_or("", |(_, digest)| digest);
        ensure(!digest.is_empty() && list.contains(digest), || format!("no list names {piece}"))?;
    }
    Ok(())
}
