//! A store whose files are bytes in memory answers as the store does, and judges them as the store would.

use std::sync::Arc;
use std::time::Duration;

use tidegate::testing::{Disk, Env, MemoryDisk, Mode, SeededRandom, SimulatedClock};
use tidegate::{
    Batch, Draft, ErrorKind, Position, Query, RecordedEvent, Result, Store, StoreOptions, StoreReader,
};

type Files = Vec<(String, Vec<u8>)>;

/// A store of several segments in memory.
fn written() -> (MemoryDisk, Store) {
    let disk = MemoryDisk::new();
    let env = Env {
        disk: Arc::new(disk.clone()),
        clock: Arc::new(SimulatedClock::new(1_700_000_000_000_000)),
        random: Arc::new(SeededRandom::new(3)),
    };
    let store = StoreOptions::new().thread(false).segment_bytes(4096).open_in(env).unwrap();
    for number in 0..60 {
        let draft = Draft::new(("shop", format!("order-{}", number % 7)), "order.placed").tag("shop:a");
        store.append(Batch::from(draft.bytes(vec![7; 200])).key(format!("key-{number}"))).unwrap();
    }
    (disk, store)
}

/// All files of a disk, with the folders in front.
fn files_of(disk: &MemoryDisk) -> Files {
    let mut found = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        let inside =
            |name: &str| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        for name in disk.list(&folder).unwrap() {
            let file = disk.open(&inside(&name), Mode::Read).unwrap();
            let bytes = file.map(file.length().unwrap()).unwrap().to_vec();
            found.push((inside(&name), bytes));
        }
        folders.extend(disk.folders(&folder).unwrap().iter().map(|name| inside(name)));
    }
    found
}

fn events(reader: &StoreReader) -> Vec<RecordedEvent> {
    reader.read(&Query::ALL).unwrap().collect::<Result<_>>().unwrap()
}

#[test]
fn it_answers_as_the_store_does() {
    let (disk, store) = written();
    store.close().unwrap();
    let reader = StoreReader::from_files(files_of(&disk)).unwrap();
    assert_eq!((reader.id(), reader.frontier().durable), (store.id(), Position(60)));
    let (here, there) = (events(&reader), events(&store));
    assert!(here.iter().map(RecordedEvent::leaf).eq(there.iter().map(RecordedEvent::leaf)));
    assert_eq!(here.len(), 60);
    assert_eq!(reader.count(&Query::stream(("shop", "order-3"))).unwrap(), 9);
    assert_eq!(reader.count(&Query::tag("shop:a")).unwrap(), 60);
    let found = reader.view().unwrap().find_key("key-17").unwrap().map(|event| event.position());
    assert_eq!(found, Some(Position(18)));
    assert_eq!(reader.verify(|_| ()).unwrap().events, 60);
}

/// A program that waits does not hang, as no event can come.
#[test]
fn every_wait_ends() {
    let (disk, store) = written();
    store.close().unwrap();
    let reader = StoreReader::from_files(files_of(&disk)).unwrap();
    let hour = Duration::from_secs(3600);
    assert_eq!(reader.wait_visible(Position(61), hour).unwrap_err().kind(), ErrorKind::TimedOut);
    let mut subscription = reader.subscribe(Query::ALL, Position(60));
    assert_eq!(subscription.next_within(hour).unwrap_err().kind(), ErrorKind::TimedOut);
}

/// Without index files it is slower, and says the same.
#[test]
fn segments_and_the_store_file_are_enough() {
    let (disk, store) = written();
    store.close().unwrap();
    let mut files = files_of(&disk);
    files.retain(|(name, _)| !name.contains('/') || name.starts_with("segments/"));
    let reader = StoreReader::from_files(files).unwrap();
    assert_eq!(reader.count(&Query::stream(("shop", "order-3"))).unwrap(), 9);
}

#[test]
fn what_is_damaged_or_missing_is_refused() {
    let (disk, store) = written();
    store.close().unwrap();
    let files = files_of(&disk);
    let segments = files.iter().map(|(name, _)| name).filter(|name| name.strip_suffix(".seg").is_some());
    assert!(segments.clone().count() > 2);
    let first = segments.min().expect("there are segments").clone();
    let changed = |change: &dyn Fn(&mut Files)| {
        let mut files = files.clone();
        change(&mut files);
        let opened = StoreReader::from_files(files);
        let read = opened.and_then(|reader| reader.verify(|_| ()));
        read.unwrap_err().kind()
    };
    let flip = |files: &mut Files| {
        let (_, bytes) = files.iter_mut().find(|(name, _)| *name == first).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    };
    assert_eq!(changed(&flip), ErrorKind::Damaged);
    assert_eq!(changed(&|files| files.retain(|(name, _)| *name != first)), ErrorKind::Damaged);
    assert_eq!(changed(&|files| files.clear()), ErrorKind::Missing);
    assert_eq!(changed(&|files| files.push(("../STORE".to_owned(), Vec::new()))), ErrorKind::Io);
    assert_eq!(changed(&|files| files.push(files[0].clone())), ErrorKind::Io);
}
