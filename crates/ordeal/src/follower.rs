//! Processes beside the worker: one that follows the log, and one that wants to write to it as well.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use tidegate::{Access, Append, Draft, Error, ErrorKind, Options, Position, Query, Read, Store};

use crate::told::Line;
use crate::worker::{DONE, GAVE_UP, Orders};

fn tell(line: &Line) {
    let mut out = std::io::stdout().lock();
    if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
        // Nobody listens any more.
        std::process::exit(i32::from(GAVE_UP));
    }
}

fn failed(what: &str, error: &Error) -> u8 {
    tell(&Line::Failed(format!("{what}: {error}")));
    GAVE_UP
}

/// Opens the store for reading only, as soon as there is one, and tells every event that is there or comes.
pub fn follow(directory: &Path) -> u8 {
    let options = Options { access: Access::Read, ..Options::default() };
    let store = loop {
        match Store::open(directory, options) {
            Ok(store) => break store,
            Err(error) if error.kind() == ErrorKind::Missing => std::thread::sleep(Duration::from_millis(1)),
            Err(error) => return failed("open", &error),
        }
    };
    let mut events = store.subscribe(Query::ALL, Position::START);
    loop {
        match events.next_within(Duration::from_secs(60)) {
            Ok(Some(event)) => tell(&Line::Kept(event.position().0, event.leaf().to_string())),
            Ok(None) => return DONE,
            Err(error) if error.kind() == ErrorKind::TimedOut => {}
            Err(error) => return failed("follow", &error),
        }
    }
}

/// Opens the store for reading only, and tells every event that is there.
pub fn look(directory: &Path, map: bool) -> u8 {
    let options = Options { access: Access::Read, map, ..Options::default() };
    let found = Store::open(directory, options).and_then(|store| {
        if let Some(damage) = &store.report().damage {
            return Err(damage.clone());
        }
        store.read(&Query::ALL, Read::all())?.try_for_each(|event| {
            let event = event?;
            tell(&Line::Kept(event.position().0, event.leaf().to_string()));
            Ok(())
        })
    });
    found.map_or_else(|error| failed("look", &error), |()| DONE)
}

/// Tries to open the store for writing, once. Whoever gets it appends an event and keeps it until killed.
pub fn want(directory: &Path) -> u8 {
    let options = Orders { thread: true, ..Orders::new(directory) }.options();
    let store = match Store::open(directory, options) {
        Ok(store) => store,
        Err(error) => return failed("open", &error),
    };
    tell(&Line::Opened(store.frontier().durable.0));
    match store.append(Draft::new(("openers", "one"), "check.won"), Append::synced()) {
        Ok(receipt) => {
            receipt
                .events
                .iter()
                .for_each(|event| tell(&Line::Kept(event.position.0, event.leaf.to_string())));
        }
        Err(error) => return failed("append", &error),
    }
    loop {
        std::thread::park();
    }
}
