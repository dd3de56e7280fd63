//! The keeper: a process that appends letters and keeps the store up meanwhile: it erases, stages, backs up and ships, and tells
//! what was answered.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tidegate::report::Erase;
use tidegate::report::backup::{FolderTarget, Shipper, back_up};
use tidegate::{Draft, Position, Query, Result, Store, StoreOptions};

use crate::dice::Dice;
use crate::worker::{DONE, GAVE_UP};

/// How many customers there are; the letters of one are erased together.
pub const CUSTOMERS: u64 = 5;

/// Where the backup and the target of a store are, beside it.
pub fn beside(directory: &Path, what: &str) -> PathBuf {
    directory.with_extension(what)
}

/// Returns the text of a letter, which stands nowhere else.
pub fn letter(life: u64, number: u64) -> String {
    format!("letter {life:06} {number:06} to a customer")
}

/// Returns the customer of a letter.
pub fn customer(number: u64) -> String {
    format!("customer-{}", number % CUSTOMERS)
}

fn draft(life: u64, number: u64) -> Draft {
    Draft::new(("shop", customer(number)), "letter.sent").bytes(letter(life, number).into_bytes())
}

/// Keeps a store until it is killed, and tells what was answered, a line each.
pub fn keep(directory: &Path, life: u64) -> u8 {
    match try_to_keep(directory, life) {
        Ok(()) => DONE,
        Err(error) => {
            eprintln!("{error}");
            GAVE_UP
        }
    }
}

fn try_to_keep(directory: &Path, life: u64) -> Result<()> {
    let store = StoreOptions::new().segment_bytes(20_000).open(directory)?;
    let target = Arc::new(FolderTarget::new(beside(directory, "target")));
    let mut shipper = Shipper::new(directory, target);
    let mut dice = Dice::new(life ^ 0x5eed);
    tell("open", 0, 0);
    for number in 0.. {
        match dice.below(16) {
            0 => erase(&store, number)?,
            1 => {
                let made = back_up(directory, beside(directory, "backup"), |_| ())?;
                tell("backed", made.until.0, 0);
            }
            2 | 3 => tell("shipped", shipper.ship()?.until.0, 0),
            4..8 => stage(&store, life, number)?,
            _ => {
                let receipt = store.append(draft(life, number))?;
                tell("sent", number, receipt.first().0);
            }
        }
    }
    Ok(())
}

fn erase(store: &Store, number: u64) -> Result<()> {
    let until = store.frontier().visible;
    tell("erasing", number % CUSTOMERS, until.0);
    store.upkeep().erase(&Query::stream(("shop", customer(number))), Erase::new("a request", "desk 2"))?;
    tell("erased", number % CUSTOMERS, until.0);
    Ok(())
}

/// Stages a letter, and most times commits or cancels it.
fn stage(store: &Store, life: u64, number: u64) -> Result<()> {
    let stage = store.stage(format!("offer-{life}-{number}"))?;
    stage.add(draft(life, number))?;
    tell("staged", number, 0);
    match number % 5 {
        0 => {
            tell("cancelling", number, 0);
            stage.cancel()?;
            tell("cancelled", number, 0);
        }
        1 => {}
        _ => {
            let receipt = stage.commit()?;
            let Position(at) = receipt.first();
            tell("committed", number, at);
        }
    }
    Ok(())
}

fn tell(what: &str, one: u64, other: u64) {
    let mut out = std::io::stdout().lock();
    // The trial has ended.
    if writeln!(out, "{what} {one} {other}").and_then(|()| out.flush()).is_err() {
        std::process::exit(i32::from(DONE));
    }
}
