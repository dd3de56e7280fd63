//! Whole stores that another program wrote from the page of the format alone, `fixtures/store.py`, are read here as it
//! says, and it reads what is written here.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tidegate::report::{StoreVerdict, examine};
use tidegate::{
    Batch, Cause, Draft, ErrorKind, Position, Query, ReadOptions, RecordedEvent, StoreOptions, StoreReader,
};

use crate::faults::mending::sample::closed;
use crate::faults::stage::Stage;
use crate::stored::retiring::floors::retired;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// A copy of a store of the other program, and what it says is in there.
fn copied(name: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let from = fixtures().join(name);
    for part in ["", "segments"] {
        fs::create_dir_all(folder.path().join(part)).unwrap();
        for entry in fs::read_dir(from.join(part)).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_file() {
                fs::copy(entry.path(), folder.path().join(part).join(entry.file_name())).unwrap();
            }
        }
    }
    (folder, fs::read_to_string(fixtures().join(format!("{name}.txt"))).unwrap())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn cause(cause: Cause) -> String {
    match cause {
        Cause::At(position) => position.to_string(),
        Cause::Foreign(store, event) => format!("{store}/{event}"),
        other => panic!("{other:?} is not in a log"),
    }
}

/// What an event says, in the words of the other program.
fn line(event: &RecordedEvent) -> String {
    let (key, content) = event
        .record()
        .key()
        .map_or((String::new(), String::new()), |(key, content)| (key.to_owned(), hex(&content.0)));
    let payload = match event.payload() {
        Ok(payload) => hex(payload),
        Err(error) if error.kind() == ErrorKind::Erased => "erased".to_owned(),
        Err(error) => panic!("{error}"),
    };
    let tags: Vec<_> = event.tags().collect();
    let causes: Vec<_> = event.causes().map(cause).collect();
    let metadata: Vec<_> = event.metadata().map(|(name, value)| format!("{name}={}", hex(value))).collect();
    format!(
        "{} {} {} {} {}/{}/{} {} {} key={key}:{content} tags={} causes={} {} metadata={} payload={}:{payload} end={} {}\n",
        event.position(),
        event.version(),
        event.id(),
        event.time().0,
        event.scope(),
        event.entity(),
        event.lane(),
        event.kind(),
        event.schema(),
        tags.join(","),
        causes.join(","),
        event.correlation(),
        metadata.join(","),
        event.payload_type() as u8,
        u8::from(event.record().ends_batch()),
        hex(&event.leaf().0),
    )
}

fn lines(store: &StoreReader, read: ReadOptions) -> String {
    store.read_with(&Query::ALL, read).unwrap().map(|event| line(&event.unwrap())).collect()
}

fn ran_by_other(directory: &Path) -> Output {
    let mut program = Command::new("python3");
    let ran = program.arg(fixtures().join("store.py")).arg("--read").arg(directory).output();
    ran.expect("python3 is needed to run the other program")
}

/// What the other program reads.
fn read_by_other(directory: &Path) -> String {
    let ran = ran_by_other(directory);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap()
}

#[test]
fn its_store_is_read_as_it_says() {
    let (folder, said) = copied("whole");
    let found = examine(folder.path(), |_| ()).unwrap();
    assert!(found.faults.is_empty() && found.verified.events == 7, "{found:#?}");
    assert_eq!(found.verdict(), StoreVerdict::Mendable, "it has no index files");
    let reader = StoreReader::open(folder.path()).unwrap();
    assert!(reader.report().clean, "{}", reader.report());
    assert_eq!(lines(&reader, ReadOptions::new()), said);
    assert_eq!(reader.verify(|_| ()).unwrap().events, 7);
    drop(reader);
    let store = StoreOptions::new().create(false).open(folder.path()).unwrap();
    assert!(store.report().clean && store.report().head == Position(7), "{}", store.report());
    assert_eq!(lines(&store, ReadOptions::new()), said);
    // Its key is known, and goes on meaning what it meant.
    let draft = || Draft::new(("shop", "order-9"), "order.placed");
    let refusal = store.append(Batch::from(draft()).key("request-1")).unwrap_err();
    assert_eq!(refusal.kind(), ErrorKind::Conflict, "{refusal}");
}

#[test]
fn a_store_that_both_wrote_is_read_by_both() {
    let (folder, said) = copied("whole");
    let store = StoreOptions::new().create(false).open(folder.path()).unwrap();
    let first = Draft::new(("shop", "order-7"), "order.returned").cause(Position(6)).meta("by", "till 4");
    let second =
        Draft::new(("shop", "caf\u{e9}"), "OrderPlaced").json_text("{}").cause(Cause::Draft(0)).tag("vip");
    let receipt = store.append(Batch::from(vec![first, second]).key("request-3")).unwrap();
    assert_eq!(receipt.events[0].version.0, 4, "the stream goes on");
    let ours = lines(&store, ReadOptions::new());
    store.close().unwrap();
    assert!(ours.starts_with(&said) && ours.lines().count() == 9);
    assert_eq!(read_by_other(folder.path()), ours);
}

/// The files of a simulated disk, in a folder.
fn laid_out(stage: &Stage) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in stage.disk.at_rest().names() {
        let path = folder.path().join(&name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, stage.bytes(&name)).unwrap();
    }
    folder
}

#[test]
fn a_store_of_ours_is_read_by_it() {
    let (stage, _) = closed(30);
    let folder = laid_out(&stage);
    let ours = lines(&stage.read_only(), ReadOptions::new());
    assert_eq!(read_by_other(folder.path()), ours);
    // And what it refuses is refused by it.
    let name = folder.path().join(&stage.segments()[1]);
    let mut bytes = fs::read(&name).unwrap();
    bytes[200] ^= 1;
    fs::write(&name, bytes).unwrap();
    assert!(!ran_by_other(folder.path()).status.success());
}

/// The floor file, what stays below it, and segments behind it.
#[test]
fn a_retired_store_of_ours_is_read_by_it() {
    let (stage, floor, ..) = retired();
    let folder = laid_out(&stage);
    let above = ReadOptions::new().after(floor.before());
    assert_eq!(read_by_other(folder.path()), lines(&stage.read_only(), above));
    // And what stays of a segment is checked by it.
    let name = stage.segments().into_iter().find(|name| name.strip_suffix(".gone").is_some()).unwrap();
    let name = folder.path().join(name);
    let mut bytes = fs::read(&name).unwrap();
    let last = bytes.len() - 40;
    bytes[last] ^= 1;
    fs::write(&name, bytes).unwrap();
    assert!(!ran_by_other(folder.path()).status.success());
}
