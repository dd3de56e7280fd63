//! Whatever becomes of filter groups, and whether they were made at all, every question has the same answer.

use tidegate::testing::{Env, FaultPlan, FaultyDisk, Mode, Model, SeededRandom, SimulatedClock};
use tidegate::{
    AppendOptions, Batch, Draft, EventId, Position, Query, QueryItem, ReadOptions, Store, StoreOptions,
    StoreReader, StreamId, View,
};

use crate::stored::access::Access;

/// Every batch fills a segment.
const BATCHES: u64 = 150;
const EVENTS: u64 = 3;

fn options() -> StoreOptions {
    StoreOptions::new().segment_bytes(81).thread(false)
}

fn id(number: u64) -> EventId {
    EventId::from_key("shop", &number.to_string())
}

fn draft(number: u64) -> Draft {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    let stream = StreamId::new(["shop", "bank"][(mixed & 1) as usize], format!("entity-{}", mixed % 50))
        .lane((mixed % 11 / 10) as u32);
    let kind = ["order.placed", "order.paid", "stock.counted"][(mixed % 3) as usize];
    let draft = Draft::new(stream, kind).id(id(number)).tag(format!("tag-{}", mixed % 60));
    let draft = if number.is_multiple_of(7) { draft.correlation(id(number / 2)) } else { draft };
    if number > 20 && number.is_multiple_of(5) { draft.cause(Position(number - 17)) } else { draft }
}

fn filled() -> Env {
    let world = Env::memory();
    let store = options().open_in(world.clone()).unwrap();
    append(&store, 0..BATCHES);
    store.upkeep().step().unwrap();
    store.close().unwrap();
    world
}

fn append(store: &Store, batches: std::ops::Range<u64>) {
    for number in batches {
        let batch: Batch = (number * EVENTS..(number + 1) * EVENTS).map(draft).collect();
        store.append_with(batch.key(format!("batch {number}")), AppendOptions::new().buffered()).unwrap();
    }
}

fn filter_groups(world: &Env) -> Vec<String> {
    let names = world.disk.list("index").unwrap();
    let mut names: Vec<_> = names.iter().filter(|name| name.ends_with("filters")).collect();
    names.sort_unstable();
    names.iter().map(|name| format!("index/{name}")).collect()
}

fn positions(view: &View, query: &Query, read: ReadOptions) -> Vec<u64> {
    view.read_with(query, read).map(|event| event.unwrap().position().0).collect()
}

type Says = Box<dyn Fn(&tidegate::RecordedEvent) -> bool>;

/// The queries that are asked, with what says the same of an event.
fn queries() -> Vec<(Query, Says)> {
    let mut all: Vec<(Query, Says)> = Vec::new();
    for number in (0..65u64).step_by(8) {
        let tag = format!("tag-{number}");
        let has = |event: &tidegate::RecordedEvent, tag: &str| event.tags().any(|found| found == tag);
        let wanted = tag.clone();
        all.push((QueryItem::new().tag(tag.clone()).into(), Box::new(move |event| has(event, &wanted))));
        let wanted = tag.clone();
        all.push((
            QueryItem::new().tag(tag.clone()).kind("order.paid").scope("shop").into(),
            Box::new(move |event| {
                has(event, &wanted) && event.kind() == "order.paid" && event.scope() == "shop"
            }),
        ));
        let (wanted, entity) = (tag.clone(), format!("entity-{number}"));
        all.push((
            Query::from(QueryItem::new().tag(tag)).or(QueryItem::new().entity(entity.clone())),
            Box::new(move |event| has(event, &wanted) || event.entity() == entity),
        ));
        let cause = Position(number * 4 + 4);
        all.push((
            QueryItem::new().cause(cause).into(),
            Box::new(move |event| event.record().causes().any(|found| found == tidegate::Cause::At(cause))),
        ));
        let flow = id(number);
        all.push((
            QueryItem::new().correlation(flow).into(),
            Box::new(move |event| event.correlation() == flow),
        ));
    }
    all.push((
        QueryItem::new().kind("order.*").lane(1).into(),
        Box::new(|event| event.kind().starts_with("order.") && event.lane() == 1),
    ));
    all
}

/// Asks everything, and compares with a plain look at each event.
fn check(store: &StoreReader) {
    let view = store.view().unwrap();
    let events: Vec<_> = view.read(&Query::ALL).map(Result::unwrap).collect();
    let head = view.head().0;
    assert_eq!(events.len() as u64, head);
    for (query, selects) in queries() {
        let expected: Vec<u64> =
            events.iter().filter(|event| selects(event)).map(|event| event.position().0).collect();
        assert_eq!(positions(&view, &query, ReadOptions::new()), expected, "{query:?}");
        let mut backwards = positions(&view, &query, ReadOptions::new().backwards(true));
        backwards.reverse();
        assert_eq!(backwards, expected, "{query:?} backwards");
        assert_eq!(view.count(&query).unwrap(), expected.len() as u64, "{query:?}");
        let (after, before) = (head / 3, head - head / 5);
        let read = ReadOptions::new().after(Position(after)).before(Position(before)).limit(3);
        let part: Vec<u64> =
            expected.iter().copied().filter(|one| (after + 1..before).contains(one)).take(3).collect();
        assert_eq!(positions(&view, &query, read), part, "{query:?} from {after} to {before}");
    }
    for event in &events {
        assert_eq!(view.find(event.id()).unwrap().unwrap().position(), event.position());
        let stream = event.stream();
        let last = events.iter().rfind(|other| other.stream() == stream).unwrap();
        assert_eq!(view.version(&stream).unwrap(), last.version());
    }
    assert!(view.find(id(1 << 40)).unwrap().is_none());
    assert_eq!(view.version(&StreamId::new("shop", "nobody")).unwrap().0, 0);
}

/// Appends what refers to old segments: a key, an id, a stream.
fn check_writing(store: &Store) {
    let known = store.append_with(
        (0..EVENTS).map(draft).collect::<Batch>().key("batch 0"),
        AppendOptions::new().buffered(),
    );
    assert_eq!(known.unwrap().first(), Position(1), "the key is known");
    store.append_with(draft(4), AppendOptions::new().buffered()).expect_err("the id is known");
    let stream = draft(0).stream;
    let version = store.view().unwrap().version(&stream).unwrap();
    let receipt =
        store.append_with(Draft::new(stream, "order.paid"), AppendOptions::new().buffered()).unwrap();
    assert_eq!(receipt.events[0].version, version.next());
}

#[test]
fn they_are_made_of_the_first_segments_sixteen_at_a_time() {
    let world = filled();
    let store = options().open_in(world.clone()).unwrap();
    assert_eq!(filter_groups(&world).len(), 3, "of 64, of 64 and of 16 segments");
    check(&store);
    check_writing(&store);
    append(&store, BATCHES..BATCHES + 60);
    check(&store);
    store.upkeep().step().unwrap();
    assert_eq!(filter_groups(&world).len(), 4);
    check(&store);
    check_writing(&store);
}

#[test]
fn without_them_nothing_changes_and_the_next_writer_makes_them_again() {
    let world = filled();
    for name in filter_groups(&world) {
        world.disk.remove(&name).unwrap();
    }
    let reader = options().open_reader_in(world.clone()).unwrap();
    check(&reader);
    assert!(filter_groups(&world).is_empty(), "a reader writes nothing");
    let store = options().open_in(world.clone()).unwrap();
    check(&store);
    check_writing(&store);
    store.upkeep().step().unwrap();
    assert_eq!(filter_groups(&world).len(), 3);
    check(&store);
    store.append_with(draft(BATCHES * EVENTS), AppendOptions::new().synced()).unwrap();
    check(&reader);
}

/// Opens a store whose filter groups were changed by `harm`, and asks everything.
fn harmed(harm: impl Fn(&Env, &[String])) {
    let world = filled();
    harm(&world, &filter_groups(&world));
    for access in [Access::Read, Access::Write] {
        let store = access.open(world.clone(), options()).unwrap();
        check(&store);
        if access == Access::Write {
            check_writing(store.writer());
            store.writer().upkeep().step().unwrap();
            check(&store);
        }
    }
    let bytes = |world: &Env| filter_groups(world).iter().map(|name| whole(world, name)).collect::<Vec<_>>();
    let repaired = bytes(&world);
    let store = options().open_in(world.clone()).unwrap();
    store.upkeep().reindex().unwrap();
    assert!(bytes(&world) == repaired, "what was harmed was made again");
}

fn whole(world: &Env, name: &str) -> Vec<u8> {
    let file = world.disk.open(name, Mode::Read).unwrap();
    let mut bytes = vec![0; file.length().unwrap() as usize];
    let count = file.read_at(&mut bytes, 0).unwrap();
    assert_eq!(count, bytes.len());
    bytes
}

fn replace(world: &Env, name: &str, bytes: &[u8]) {
    world.disk.remove(name).unwrap();
    world.disk.open(name, Mode::CreateNew).unwrap().write_all_at(bytes, 0).unwrap();
}

#[test]
fn damaged_rows_leave_out_nothing() {
    harmed(|world, names| {
        for name in names {
            let mut bytes = whole(world, name);
            bytes[4096..].iter_mut().step_by(5).for_each(|byte| *byte = 0);
            replace(world, name, &bytes);
        }
    });
}

#[test]
fn damaged_heads_cut_files_and_those_of_others_are_not_used() {
    harmed(|world, names| {
        let contents: Vec<_> = names.iter().map(|name| whole(world, name)).collect();
        replace(world, &names[0], &contents[1]);
        replace(world, &names[1], &contents[1][..5000]);
        let mut bytes = contents[2].clone();
        bytes[16] ^= 3;
        replace(world, &names[2], &bytes);
    });
    harmed(|world, names| names.iter().for_each(|name| replace(world, name, b"")));
    let other = filled();
    harmed(|world, names| names.iter().for_each(|name| replace(world, name, &whole(&other, name))));
}

/// The process dies at any call that puts a filter group in the place of an older one, and the machine runs on, loses
/// its power, or keeps nothing but what was synced.
#[test]
fn a_crash_at_any_call_of_their_making_changes_nothing() {
    let (clock, random) = (SimulatedClock::new(1_795_000_000_000_000), SeededRandom::new(1));
    let world = |disk: &FaultyDisk| Env::simulated(disk, &clock, &random);
    let base = FaultyDisk::new(1, Model::default());
    let store = options().open_in(world(&base)).unwrap();
    append(&store, 0..18);
    store.upkeep().step().unwrap();
    append(&store, 18..34);
    store.append_with(draft(34 * EVENTS), AppendOptions::new().synced()).unwrap();
    base.kill();
    let opened = |nth: Option<u64>| {
        let disk = base.fork().reopen();
        let store = options().open_in(world(&disk)).unwrap();
        disk.set_plan(nth.map_or_else(FaultPlan::default, |nth| FaultPlan::default().crash_at(nth)));
        store.upkeep().step().unwrap();
        disk
    };
    let whole = opened(None);
    let contents = |disk: &FaultyDisk| -> Vec<Vec<u8>> {
        let mut names = disk.at_rest().names_in("index");
        names.retain(|name| name.ends_with(".filters"));
        names.iter().map(|name| disk.at_rest().read(name).unwrap()).collect()
    };
    let (made, before) = (contents(&whole), contents(&base));
    assert!(made != before, "the filter group of 16 segments became one of 32");
    let calls = whole.calls();
    assert!(calls >= 7, "{calls} calls");
    for (nth, blow) in (1..=calls).flat_map(|nth| (0..3).map(move |blow| (nth, blow))) {
        let disk = opened(Some(nth));
        assert!(disk.ended(), "the process died at call {nth}");
        match blow {
            0 => {}
            1 => disk.power_cut(nth),
            _ => disk.lose_unsynced(),
        }
        let disk = disk.reopen();
        let kept = contents(&disk);
        let is_known = |kept: &Vec<u8>| made.contains(kept) || before.contains(kept);
        assert!(
            !kept.is_empty() && kept.iter().all(is_known),
            "the old one, the new one or both, whole: call {nth}, blow {blow}"
        );
        let store = options().open_in(world(&disk)).unwrap();
        check(&store);
        store.upkeep().step().unwrap();
        check(&store);
        assert!(contents(&disk) == made, "call {nth}, blow {blow}");
    }
}

#[test]
fn leftovers_are_removed_and_other_files_are_not() {
    let world = filled();
    let put = |name: &str| {
        world.disk.open(name, Mode::CreateNew).unwrap();
    };
    put("index/00000000000000000001.filters.tmp");
    put("index/1.filters.tmp");
    put("index/00000000000000000001.filter.tmp");
    let store = options().open_in(world.clone()).unwrap();
    assert_eq!(store.report().removed, ["index/00000000000000000001.filters.tmp"]);
}

#[test]
fn readers_take_up_what_the_writer_makes() {
    let world = Env::memory();
    let store = options().open_in(world.clone()).unwrap();
    let tick = || {
        store
            .append_with(Draft::new(("shop", "clock"), "clock.ticked"), AppendOptions::new().synced())
            .unwrap()
    };
    append(&store, 0..1);
    tick();
    let reader = options().open_reader_in(world.clone()).unwrap();
    for round in 0..6 {
        append(&store, round * 25 + 1..round * 25 + 26);
        store.upkeep().step().unwrap();
        tick();
        check(&reader);
    }
    assert_eq!(filter_groups(&world).len(), 3);
}
