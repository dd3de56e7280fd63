//! Openings that say how far the log must go: those who expect what was there are let in, those who expect more are not,
//! before anything is changed.

use tidegate::{ErrorKind, Position};
use tidegate_format::SEGMENT_HEADER_BYTES;

use crate::failure::{Failure, ensure};
use crate::machine::{Machine, Trace};
use crate::model::Model;

/// Opens the store, for writing or for reading only, as if it had held one event more than it can.
pub(crate) fn too_much(machine: &Machine, model: &Model, writes: bool) -> Result<(), Failure> {
    if !model.created {
        return Ok(());
    }
    let in_doubt: u64 = model.doubt.iter().map(|attempt| attempt.drafts.len() as u64).sum();
    let expected_head = Position(model.count() + in_doubt + 1);
    let before = files(machine);
    let options = machine.options.create(false).expected_head(expected_head);
    let opened = if writes {
        options.open_in(machine.env()).map(|store| store.reader())
    } else {
        options.open_reader_in(machine.env())
    };
    let kind = opened.as_ref().err().map(tidegate::Error::kind);
    // A power cut may have taken the lock's file, and a full disk has no room for another one.
    let lacks_room = writes && machine.disk.model().capacity_bytes.is_some() && kind == Some(ErrorKind::Full);
    ensure(kind == Some(ErrorKind::Damaged) || lacks_room, || {
        format!(
            "opening (for writing: {writes}) expects {expected_head}, {} are there: {opened:?}",
            model.count()
        )
    })?;
    ensure(files(machine) == before, || {
        format!("a refused opening (for writing: {writes}) changed something")
    })
}

/// Returns the name of each file that is not built anew from others, and a number over its bytes. A newest segment
/// without a head holds nothing.
fn files(machine: &Machine) -> Vec<(String, u64)> {
    let rest = machine.disk.at_rest();
    let is_truth = |name: &String| {
        ["segments/", "cursors/", "STORE", "WATERMARK"].iter().any(|one| name.starts_with(one))
    };
    let names = rest.names().into_iter().filter(is_truth);
    let files = names.filter_map(|name| {
        let bytes = rest.read(&name).ok()?;
        let is_empty = name.starts_with("segments/") && bytes.len() < SEGMENT_HEADER_BYTES;
        let number = Trace::default();
        number.note(&bytes);
        (!is_empty).then(|| (name, number.number()))
    });
    files.collect()
}
