//! What happens to files between lives: to derived ones, which must change no answer, and to the log itself, which
//! must never lose anything in silence.

use std::io;

use tidegate::report::{DoctorReport, Fault, examine_in};
use tidegate::{ErrorKind, Position, Query, StoreReader};
use tidegate_disk::Env;
use tidegate_format::{FrameHeader, SEGMENT_HEADER_BYTES, SegmentHeader};

use crate::dice::Dice;
use crate::failure::{Failure, ensure, failed, same};
use crate::machine::Machine;
use crate::model::{Model, compare};
use crate::query::ModelQuery;

/// What is done to a file.
#[derive(Clone, Copy, Debug)]
enum Damage {
    Flip,
    Cut,
    Zero,
    Blank,
    Swap,
    Remove,
    Exchange,
    Replace,
    Double,
}

impl Damage {
    const ALL: [Self; 9] = [
        Self::Flip,
        Self::Cut,
        Self::Zero,
        Self::Blank,
        Self::Swap,
        Self::Remove,
        Self::Exchange,
        Self::Replace,
        Self::Double,
    ];

    /// Does it to one of the files, and says to which names.
    fn strike(self, machine: &Machine, dice: &mut Dice, names: &[String]) -> io::Result<Vec<String>> {
        let rest = machine.disk.at_rest();
        let (name, other) = (dice.pick(names).clone(), dice.pick(names).clone());
        let length = rest.read(&name)?.len() as u64;
        let at = dice.below(length);
        match self {
            Self::Flip if length > 0 => rest.flip_bit(&name, at * 8 + dice.below(8))?,
            Self::Cut => rest.truncate(&name, at)?,
            Self::Zero => rest.zero(&name, at..length.min(at + 1 + dice.below(64)))?,
            Self::Blank => {
                // From the start of a frame on, so that nothing but zeros follows the frames before it.
                let (starts, _) = frames(&rest.read(&name)?);
                let from = if starts.is_empty() { at } else { *dice.pick(&starts) as u64 };
                rest.zero(&name, from..length)?;
            }
            Self::Swap if length > 64 => {
                let half = length / 2;
                rest.swap(&name, dice.below(half - 16), half, 16)?;
            }
            // A reader's place that is put away and put back later is whole and older, which nothing could notice.
            Self::Exchange | Self::Replace if is_place(&name) != is_place(&other) => rest.remove(&name)?,
            Self::Exchange => {
                let (one, two) = (rest.read(&name)?, rest.read(&other)?);
                rest.write(&name, &two)?;
                rest.write(&other, &one)?;
                return Ok(vec![name, other]);
            }
            Self::Replace => rest.copy(&other, &name)?,
            // Beside a store that is not durable yet it would be a stranger's file, and the directory no store's.
            Self::Double if !name.contains('/') => return Ok(Vec::new()),
            Self::Double => {
                let digits = name.find(|byte: char| byte.is_ascii_digit());
                let beside = match digits {
                    Some(at) if dice.chance(1, 2) => format!("{}9{}", &name[..at], &name[at + 1..]),
                    _ => format!("{name}.tmp"),
                };
                rest.copy(&name, &beside)?;
                return Ok(Vec::new());
            }
            _ => rest.remove(&name)?,
        }
        Ok(vec![name])
    }
}

fn is_place(name: &str) -> bool {
    name.starts_with("cursors/")
}

/// Damages one of the files that can be made anew, or one that holds a reader's place, and says whether there was
/// any.
pub(crate) fn derived(machine: &Machine, model: &mut Model, dice: &mut Dice) -> Result<bool, Failure> {
    let rest = machine.disk.at_rest();
    let mut names = rest.names();
    // Damage that puts back a whole older place is nothing a reader could notice: at most one is done at a time, and
    // none with what lies beside a place.
    let may_harm = model.progress.values().all(|progress| !progress.damaged);
    let is_derived = |name: &String| match name.strip_prefix("cursors/") {
        Some(reader) => may_harm && model.progress.contains_key(reader),
        None => name == "WATERMARK" || name.starts_with("index/") || name.starts_with("projections/"),
    };
    names.retain(is_derived);
    if names.is_empty() {
        return Ok(false);
    }
    let places: Vec<_> =
        model.progress.keys().map(|name| (*name, rest.read(&format!("cursors/{name}")).ok())).collect();
    let harm = *dice.pick(&Damage::ALL);
    harm.strike(machine, dice, &names).map_err(|error| Failure::new(format!("{harm:?}: {error}")))?;
    for (name, before) in places {
        let Some(progress) = model.progress.get_mut(name) else { continue };
        match rest.read(&format!("cursors/{name}")).ok() {
            None if before.is_some() => progress.lose(),
            after if after != before => progress.damaged = true,
            _ => {}
        }
    }
    Ok(true)
}

/// What came of damage to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DamageOutcome {
    /// The store was not opened for writing.
    Refused,
    /// An end of the log that was never reported as durable was cut off, and the opening reported it.
    Dropped,
    /// Reading told of it.
    Noticed,
    /// Nothing is different.
    Harmless,
}

/// Damages the log of a store that no process has open, and checks the outcome. If it was closed in good
/// order, all of it is known to be durable; otherwise what a reader shows is.
pub(crate) fn truth(
    machine: &Machine,
    model: &Model,
    was_closed: bool,
    dice: &mut Dice,
) -> Result<DamageOutcome, Failure> {
    let reader = machine.open_reader().map_err(failed("reading what will be damaged"))?;
    let shown = reader.view().map_err(failed("viewing what will be damaged"))?.head().0;
    let mut known = if was_closed { model.count() } else { shown };
    // A file that a newer generation took the place of is not read, so that harm to it changes nothing.
    let mut names: Vec<_> = machine.segments().into_values().collect();
    let newest = names.last().cloned();
    let mut harm = *dice.pick(&Damage::ALL);
    // Without the watermark the frames of the newest segment alone say how far the log was durable.
    let is_blind = dice.chance(1, 4) && machine.disk.at_rest().remove("WATERMARK").is_ok();
    if is_blind {
        (harm, names) = (Damage::Flip, newest.iter().cloned().collect());
    } else if model.count() > 0 {
        // A log without an event and without this file is a creation that did not end, which is no store to the doctor.
        names.push("STORE".to_owned());
    }
    let ends = ends(machine, &names);
    let before = contents(machine, &names, &ends);
    let struck = harm.strike(machine, dice, &names);
    let struck = struck.map_err(|error| Failure::new(format!("{harm:?}: {error}")))?;
    if is_blind {
        known = vouched(&before, &contents(machine, &names, &ends));
    }
    let after = contents(machine, &names, &ends);
    let is_same =
        before.iter().zip(&after).all(|(one, other)| is_used_alike(one.as_deref(), other.as_deref()));
    let seen = look(machine, model);
    let seen = seen.map_err(|failure| failure.during(&format!("{harm:?} of {struck:?}, read only")))?;
    let world = Env::simulated(&machine.disk, &machine.clock, &machine.random);
    let examined = examine_in(&world, |_| ());
    let sealed = struck.iter().any(|name| name.starts_with("segments/") && Some(name) != newest.as_ref());
    let outcome = judge(machine, model, known, seen, sealed && !is_same);
    let outcome = outcome.and_then(|outcome| agree(&examined, outcome).map(|()| outcome));
    outcome.map_err(|failure| failure.during(&format!("{harm:?} of {struck:?}")))
}

/// The doctor finds the log damaged if it was refused or reading told of it, and only then. What became of cursors in
/// earlier lives is another matter.
fn agree(examined: &tidegate::Result<DoctorReport>, outcome: DamageOutcome) -> Result<(), Failure> {
    let is_of_log =
        |fault: &Fault| !fault.error.place().is_some_and(|at| at.to_string().starts_with("cursors/"));
    let is_sound = match examined {
        Ok(examined) => !examined.faults.iter().any(is_of_log),
        Err(error) if is_told(error) => false,
        Err(error) => return Err(Failure::of("examining", error)),
    };
    let is_used = matches!(outcome, DamageOutcome::Dropped | DamageOutcome::Harmless);
    ensure(is_sound == is_used, || {
        format!("one state has two verdicts: {outcome:?}, and the doctor says {examined:?}")
    })
}

/// How far the log was durable, by the frames of a segment that were left whole.
fn vouched(before: &[Option<Vec<u8>>], after: &[Option<Vec<u8>>]) -> u64 {
    let ([Some(before)], [Some(after)]) = (before, after) else { return 0 };
    let harmed = before.iter().zip(after).position(|(one, other)| one != other).unwrap_or(before.len());
    let (mut at, mut most) = (SEGMENT_HEADER_BYTES, 0);
    while let Ok(head) = FrameHeader::read(before.get(at..).unwrap_or_default()) {
        let end = at + head.frame_bytes();
        if !(at..end).contains(&harmed) {
            most = most.max(head.synced.0);
        }
        at = end;
    }
    most
}

/// Whether a file holds the same as it did. What is behind the frames of a segment is not read.
fn is_used_alike(before: Option<&[u8]>, after: Option<&[u8]>) -> bool {
    let (Some(before), Some(after)) = (before, after) else { return before == after };
    let (starts, end) = frames(before);
    if starts.is_empty() { before == after } else { after.get(..end) == before.get(..end) }
}

/// Returns whether a segment has unused space behind its frames.
pub(crate) fn has_unused_space(bytes: &[u8]) -> bool {
    let (_, end) = frames(bytes);
    end < bytes.len() && bytes[end..].iter().all(|byte| *byte == 0)
}

/// Returns where the frames of a segment start, and where the last one ends. Other files have none.
fn frames(bytes: &[u8]) -> (Vec<usize>, usize) {
    let (mut at, mut starts) = (SEGMENT_HEADER_BYTES, Vec::new());
    while let Ok(head) = FrameHeader::read(bytes.get(at..).unwrap_or_default()) {
        starts.push(at);
        at += head.frame_bytes();
    }
    (starts, at)
}

/// Where each file ends for readers: a recovery may have ended a segment before frames that it copied.
fn ends(machine: &Machine, names: &[String]) -> Vec<usize> {
    let heads =
        names.iter().skip(1).map(|next| SegmentHeader::read(&machine.disk.at_rest().read(next).ok()?).ok());
    let ends = heads.map(|head| head.map_or(usize::MAX, |head| head.before_length.0 as usize));
    ends.chain([usize::MAX]).collect()
}

fn contents(machine: &Machine, names: &[String], ends: &[usize]) -> Vec<Option<Vec<u8>>> {
    let read = |(name, end): (&String, &usize)| {
        let mut bytes = machine.disk.at_rest().read(name).ok()?;
        bytes.truncate(*end);
        Some(bytes)
    };
    names.iter().zip(ends).map(read).collect()
}

/// A reader shows a first part of the log, and ends in what is wrong. Returns how many events it shows and counts as
/// withheld, or `None` if it was told of damage.
fn look(machine: &Machine, model: &Model) -> Result<Option<u64>, Failure> {
    match machine.open_reader() {
        Ok(store) => {
            let (shown, told) = scan(&store, model)?;
            let withheld = store.report().unconfirmed.as_ref().map_or(0, |unconfirmed| unconfirmed.events);
            Ok((!told).then_some(shown + withheld))
        }
        Err(error) if is_told(&error) => Ok(None),
        Err(error) => Err(Failure::of("opening for reading", &error)),
    }
}

fn is_told(error: &tidegate::Error) -> bool {
    matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Missing | ErrorKind::Newer)
}

/// Reads as far as the log can be read, and says how far that was and whether it ended in an error.
fn scan(store: &StoreReader, model: &Model) -> Result<(u64, bool), Failure> {
    let mut count = 0;
    let view = match store.view() {
        Ok(view) => view,
        Err(error) if is_told(&error) => return Ok((0, true)),
        Err(error) => return Err(Failure::of("viewing", &error)),
    };
    for event in view.read(&Query::ALL) {
        let event = match event {
            Ok(event) => event,
            Err(error) if is_told(&error) => return Ok((count, true)),
            Err(error) => return Err(Failure::of("reading", &error)),
        };
        count += 1;
        same("a position", &Position(count), &event.position())?;
        ensure(count <= model.count(), || format!("{event:?} came from nowhere"))?;
        compare(model.at(count), &event)?;
    }
    Ok((count, false))
}

/// Whether a query is answered rightly, or with an error.
fn ask(store: &StoreReader, model: &Model, head: u64) -> Result<bool, Failure> {
    for kind in ["a.*", "b.three", "echo.made"] {
        let wanted = ModelQuery::kind(kind);
        let read = store.view().map(|view| view.read(&wanted.query()));
        let found = read
            .and_then(|events| events.map(|event| Ok(event?.position().0)).collect::<Result<Vec<_>, _>>());
        match found {
            Ok(found) => {
                let expected: Vec<u64> = model.selected(&wanted).filter(|at| *at <= head).collect();
                same("the answer of a damaged store", &expected, &found)?;
            }
            Err(error) if is_told(&error) => return Ok(true),
            Err(error) => return Err(Failure::of("asking a damaged store", &error)),
        }
    }
    Ok(false)
}

fn judge(
    machine: &Machine,
    model: &Model,
    known: u64,
    seen: Option<u64>,
    is_sealed: bool,
) -> Result<DamageOutcome, Failure> {
    let store = match machine.open() {
        Ok(store) => store,
        Err(error) if is_told(&error) => {
            ensure(seen.is_none(), || format!("a reader ends in silence, and a writer is told {error}"))?;
            return Ok(DamageOutcome::Refused);
        }
        Err(error) => return Err(Failure::of("opening what is damaged", &error)),
    };
    let head = store.report().head.0;
    if let Some(seen) = seen {
        same("what a reader shows or counts, and what opening keeps", &seen, &head)?;
    }
    ensure(head >= known, || {
        format!("{known} events were known to be durable, {head} are left: {}", store.report())
    })?;
    let (count, told) = scan(&store, model)?;
    let told = ask(&store, model, head)? || told;
    let verified = store.verify(|_| ());
    if told || verified.is_err() {
        return Ok(DamageOutcome::Noticed);
    }
    ensure(!is_sealed, || "damage to a sealed segment is not noticed by verifying".to_owned())?;
    same("the head of the report", &head, &count)?;
    if count == model.count() {
        return Ok(DamageOutcome::Harmless);
    }
    // A newest segment that held nothing durable may be gone without a trace, as after a power cut.
    let dropped = store.report().dropped_bytes > 0 || count >= model.durable;
    ensure(dropped, || format!("{count} events of {} are left, in silence", model.count()))?;
    Ok(DamageOutcome::Dropped)
}
