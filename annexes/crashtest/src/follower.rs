//! Processes beside the worker: one that follows the log, and one that wants to write to it as well.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use tidegate::{
    AppendOptions, Draft, Error, ErrorKind, Position, Query, ReadOptions, StoreOptions, StoreReader,
};

use crate::report::ReportLine;
use crate::worker::{DONE, GAVE_UP, WorkerOptions};

fn tell(line: &ReportLine) {
    let mut out = std::io::stdout().lock();
    if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
        // The parent process has closed the pipe.
        std::process::exit(i32::from(GAVE_UP));
    }
}

fn failed(what: &str, error: &Error) -> u8 {
    tell(&ReportLine::Failed(format!("{what}: {error}")));
    GAVE_UP
}

/// Opens the store for reading only, as soon as there is one, and tells every event that is there or comes.
pub fn follow(directory: &Path) -> u8 {
    let store = loop {
        match StoreReader::open(directory) {
            Ok(store) => break store,
            Err(error) if error.kind() == ErrorKind::Missing => std::thread::sleep(Duration::from_millis(1)),
            Err(error) => return failed("open", &error),
        }
    };
    let mut events = store.subscribe(Query::ALL, Position::START);
    loop {
        match events.next_within(Duration::from_secs(60)) {
            Ok(Some(event)) => tell(&ReportLine::Kept(event.position().0, event.leaf().to_string())),
            Ok(None) => return DONE,
            Err(error) if error.kind() == ErrorKind::TimedOut => {}
            Err(error) => return failed("follow", &error),
        }
    }
}

/// Opens the store for reading only, and tells every event that is there. Behind the first one it reads its input to the end.
pub fn look(directory: &Path, map: bool) -> u8 {
    let options = StoreOptions::new().map(map);
    let found = options.open_reader(directory).and_then(|store| {
        if let Some(damage) = &store.report().damage {
            return Err(damage.clone());
        }
        store.read(&Query::ALL)?.try_for_each(|event| {
            let event = event?;
            tell(&ReportLine::Kept(event.position().0, event.leaf().to_string()));
            if event.position() == Position(1) {
                // What it says is nothing: its end is the sign.
                let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
            }
            Ok(())
        })
    });
    found.map_or_else(|error| failed("look", &error), |()| DONE)
}

/// Opens a store of many segments for reading only, and asks it everything: by scans in both directions, pages, ids,
/// positions and streams. Then appends to it, if `writes` says so, and asks again. Tells how many events it has seen.
pub fn ask(directory: &Path, map: bool, writes: bool) -> u8 {
    let options = StoreOptions::new().map(map);
    let asked = options.open_reader(directory).and_then(|store| {
        if store.report().rebuilt_indexes > 0 {
            return Err(Error::invalid(
                "index files were not used; the trial does not write what a store reads",
            ));
        }
        let seen = ask_all(&store)?;
        if !writes {
            return Ok(seen);
        }
        append_more(directory, StoreOptions::new().map(map).segment_bytes(300))?;
        ask_all(&store)
    });
    match asked {
        Ok(seen) => {
            tell(&ReportLine::Kept(seen, "all".into()));
            DONE
        }
        Err(error) => failed("ask", &error),
    }
}

fn append_more(directory: &Path, options: StoreOptions) -> Result<(), Error> {
    let store = options.open(directory)?;
    ask_all(&store)?;
    for number in 0..40 {
        let draft = Draft::new(("shop", format!("later-{number}")), "order.placed");
        store.append_with(draft, AppendOptions::new().synced())?;
    }
    ask_all(&store)?;
    store.close()
}

/// Asks for every event in several ways, and returns how many there are.
fn ask_all(store: &StoreReader) -> Result<u64, Error> {
    let view = store.view()?;
    let head = view.head().0;
    let wrong = |what: &str, found: u64| {
        let message = format!("{what} finds {found} of {head} events");
        if found == head { Ok(()) } else { Err(Error::invalid(message)) }
    };
    // Few, as without filter groups each question asks one segment after the other.
    let (mut held, every) = (Vec::new(), head.div_ceil(2));
    let mut seen = 0;
    for event in view.read(&Query::ALL) {
        let event = event?;
        seen += 1;
        if seen % every == 0 {
            held.push(event);
        }
    }
    wrong("a scan", seen)?;
    let (mut pages, mut end) = (0, None);
    loop {
        let page = ReadOptions::new().backwards(true).limit(1_000);
        let page = end.map_or(page, |end| page.before(end));
        let page = view.read_with(&Query::ALL, page).collect::<Result<Vec<_>, _>>()?;
        let Some(last) = page.last() else { break };
        pages += page.len() as u64;
        end = Some(last.position());
    }
    wrong("paging", pages)?;
    let (mut ids, mut places) = (0, 0);
    for event in &held {
        ids += u64::from(view.find(event.id())?.is_some_and(|found| found.leaf() == event.leaf()));
        places += u64::from(view.at(event.position())?.is_some_and(|found| found.leaf() == event.leaf()));
        let version = view.version(&event.stream())?;
        if version.0 != 1 {
            return Err(Error::invalid(format!("{} has version {version}", event.stream())));
        }
    }
    if (ids, places) != (held.len() as u64, held.len() as u64) {
        return Err(Error::invalid(format!(
            "of {} events, {ids} are found by id, {places} by position",
            held.len()
        )));
    }
    Ok(seen)
}

/// Tries to open the store for writing, once. If it succeeds, it appends an event and holds the store until killed.
pub fn want(directory: &Path) -> u8 {
    let options = WorkerOptions { thread: true, ..WorkerOptions::new(directory) }.options();
    let store = match options.open(directory) {
        Ok(store) => store,
        Err(error) => return failed("open", &error),
    };
    tell(&ReportLine::Opened(store.frontier().durable.0));
    match store.append_with(Draft::new(("openers", "one"), "check.won"), AppendOptions::new().synced()) {
        Ok(receipt) => {
            receipt
                .events
                .iter()
                .for_each(|event| tell(&ReportLine::Kept(event.position.0, event.leaf.to_string())));
        }
        Err(error) => return failed("append", &error),
    }
    loop {
        std::thread::park();
    }
}
