//! What is asked costs what the answer holds, and opening costs a few calls a segment, however long the log is.

use tidegate::{
    AppendOptions, Batch, Draft, EventId, Position, Query, QueryItem, ReadOptions, StoreOptions, StreamId,
    View,
};
use tidegate_format::SEGMENT_HEADER_BYTES;

use super::counted::Counted;
use crate::stored::access::Access;

/// Events of a batch; one batch fills a segment.
const EVENTS: u64 = 4;
/// No event is larger, the gap to the next one included.
const EVENT_BYTES: u64 = 320;

fn options(map: bool) -> StoreOptions {
    StoreOptions::new().segment_bytes(600).map(map).thread(false)
}

fn stream(number: u64) -> StreamId {
    StreamId::new("shop", format!("order-{}", number % 997))
}

fn draft(number: u64) -> Draft {
    let kind = if number.is_multiple_of(2) { "order.placed" } else { "order.paid" };
    let draft = Draft::new(stream(number), kind).bytes(vec![b'.'; 40]).id(id(number));
    match number {
        1234 => draft.tag("rare"),
        number if number.is_multiple_of(10) => draft.tag("tenth"),
        _ => draft,
    }
}

fn id(number: u64) -> EventId {
    EventId::from_key("shop", &number.to_string())
}

/// A store with this many sealed segments and an active one, closed.
fn filled(sealed: u64) -> Counted {
    let disk = Counted::default();
    let store = options(true).open_in(disk.world()).expect("it opens");
    for batch in 0..=sealed {
        let drafts: Batch = (batch * EVENTS..(batch + 1) * EVENTS).map(draft).collect();
        store.append_with(drafts, AppendOptions::new().buffered()).expect("there is room");
    }
    store.close().expect("it closes");
    let mut index_files = disk.world().disk.list("index").expect("the folder is there");
    index_files.retain(|name| !name.ends_with("filters"));
    assert_eq!(index_files.len() as u64, sealed, "every batch fills a segment");
    disk.look();
    disk
}

fn read(view: &View, query: impl Into<Query>, read: ReadOptions) -> Vec<u64> {
    view.read_with(&query.into(), read).map(|event| event.expect("sound").position().0).collect()
}

#[test]
fn only_segments_without_an_index_file_take_memory_for_one() {
    let memory = |sealed: u64| {
        let disk = filled(sealed);
        let store = options(true).open_in(disk.world()).expect("it opens");
        let stats =
            store.view().and_then(|view| view.stats(&Query::ALL, ReadOptions::new(), 1)).expect("sound");
        assert_eq!((stats.events, stats.segments), ((sealed + 1) * EVENTS, sealed + 1));
        stats.index_memory
    };
    let (few, many) = (memory(3), memory(300));
    assert_eq!(few, many, "it is that of the active segment");
    assert!((4096..100_000).contains(&few), "{few} bytes");
}

#[test]
fn opening_takes_a_few_calls_a_segment_and_reads_no_events() {
    let (few, many) = (filled(100), filled(1000));
    for access in [Access::Write, Access::Read] {
        let [of_few, of_many] = [&few, &many].map(|disk| {
            let store = access.open(disk.world(), options(true)).expect("it opens");
            assert_eq!(store.report().rebuilt_indexes, 0);
            let asked = disk.look();
            store.close().expect("it closes");
            disk.look();
            asked
        });
        let calls = of_many.calls - of_few.calls;
        // What is left of the division are the filter groups, of 64 segments each.
        assert!(calls / 900 <= 4 && calls % 900 <= 900 / 64 * 3, "{calls} calls for 900 sealed segments");
        // The active segments hold equally many events, some with longer names.
        let heads = 900 * SEGMENT_HEADER_BYTES as u64;
        let bytes = of_many.bytes - of_few.bytes;
        assert!(bytes.abs_diff(heads) <= EVENT_BYTES, "{bytes} bytes read of 900 sealed segments");
    }
}

#[test]
fn answers_read_what_they_hold() {
    let disk = filled(1000);
    let store = options(false).open_in(disk.world()).expect("it opens");
    let (view, last) = (store.view().expect("a view"), 1001 * EVENTS);
    disk.look();

    for number in (7..last).step_by(199) {
        let found = view.find(id(number)).expect("sound").expect("it is there");
        assert_eq!(found.position().0, number + 1);
        let head = view.last_event(&stream(number)).expect("sound").expect("it is there");
        assert_eq!(head.position().0, number + 1 + (last - 1 - number) / 997 * 997);
    }
    let asked = disk.look();
    // A few ids that are not in a segment seem to be, and their records are looked at.
    let answers = 2 * last.div_ceil(199);
    assert!(asked.bytes <= (answers + answers / 4) * EVENT_BYTES, "{asked:?} for {answers} events");

    assert_eq!(read(&view, QueryItem::new().tag("rare"), ReadOptions::new()), [1235]);
    assert_eq!(read(&view, QueryItem::new().tag("rare"), ReadOptions::new().backwards(true)), [1235]);
    assert!(disk.look().bytes <= 2 * EVENT_BYTES);

    let middle = ReadOptions::new().after(Position(2000)).limit(100);
    for (query, step) in [(Query::ALL, 1), (QueryItem::new().kind("order.placed").into(), 2)] {
        for read_part in [middle, ReadOptions::new().backwards(true).limit(100).before(Position(2201))] {
            let found = read(&view, query.clone(), read_part);
            assert!(found.len() == 100 && found.windows(2).all(|pair| pair[0].abs_diff(pair[1]) == step));
            let asked = disk.look();
            // Reading on takes a segment's neighbours along.
            assert!(asked.bytes <= (100 * step + EVENTS) * EVENT_BYTES, "{asked:?} for 100 events");
        }
    }

    let tenth = QueryItem::new().tag("tenth").into();
    assert_eq!(view.count(&tenth).expect("sound"), last.div_ceil(10));
    assert_eq!(view.count_with(&Query::ALL, middle).expect("sound"), 100);
    assert_eq!(disk.look().bytes, 0, "counting reads no event");
}

/// What happened: of an active segment, and of one that is not mapped, 256 KiB were read for every event, even
/// where the events of a page lay far apart.
#[test]
fn a_page_of_few_among_many_reads_the_few() {
    let disk = Counted::default();
    let store = StoreOptions::new().thread(false).open_in(disk.world()).expect("it opens");
    for batch in 0..10 {
        let drafts: Batch = (batch * 500..(batch + 1) * 500).map(draft).collect();
        store.append_with(drafts, AppendOptions::new().buffered()).expect("there is room");
    }
    let view = store.view().expect("a view");
    disk.look();
    for part in
        [ReadOptions::new().after(Position(2000)).limit(100), ReadOptions::new().backwards(true).limit(100)]
    {
        assert_eq!(read(&view, QueryItem::new().tag("tenth"), part).len(), 100);
        let asked = disk.look();
        assert!(asked.bytes <= 100 * EVENT_BYTES, "{asked:?} for 100 events");
    }
    for part in [ReadOptions::new(), ReadOptions::new().backwards(true)] {
        assert_eq!(read(&view, Query::ALL, part).len(), 5000);
        let asked = disk.look();
        assert!(asked.bytes <= 5000 * EVENT_BYTES && asked.reads <= 20, "{asked:?} for 5000 events in a row");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn sealed_segments_take_no_descriptors() {
    let open_files = |directory: &std::path::Path| {
        let entries = std::fs::read_dir("/proc/self/fd").expect("linux shows them");
        let targets = entries.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
        targets.filter(|target| target.starts_with(directory)).count()
    };
    let place = tempfile::tempdir().expect("a temporary folder");
    let directory = place.path().canonicalize().expect("it is there");
    let store = options(true).open(&directory).expect("it opens");
    let empty = open_files(&directory);
    assert!(empty > 0, "the lock and the active segment are open");
    for batch in 0..60 {
        let drafts: Batch = (batch * EVENTS..(batch + 1) * EVENTS).map(draft).collect();
        store.append_with(drafts, AppendOptions::new().buffered()).expect("there is room");
    }
    assert_eq!(open_files(&directory), empty, "while it grows");
    store.close().expect("it closes");
    drop(store);
    let store = options(true).open(&directory).expect("it opens");
    assert_eq!((store.report().segments, open_files(&directory)), (60, empty), "after opening");
}
