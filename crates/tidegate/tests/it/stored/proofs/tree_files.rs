//! The files of `tree/`: derived data, which no answer rests on, whatever becomes of them.

use tidegate::report::examine_in;
use tidegate::testing::{Call, Errno, FaultPlan, SeededRandom};
use tidegate::{AppendOptions, Batch, Draft, Store, StoreReader};
use tidegate_format::{Hash, StoreFile, hash};
use tidegate_proof::tree::{self, MemoryTree};

use super::naive;
use crate::faults::stage::Stage;

const HEADER: usize = 80;
const ENTRY: usize = 36;

/// A machine whose segments hold a few hundred events.
fn stage(segment_bytes: u64) -> Stage {
    let stage = Stage::new();
    Stage { options: stage.options.segment_bytes(segment_bytes), ..stage }
}

fn grow(store: &Store, size: u64) {
    while store.frontier().visible.0 < size {
        let count = (size - store.frontier().visible.0).min(500);
        let drafts =
            (0..count).map(|n| Draft::new(("s", format!("e-{}", n % 7)), "k").bytes(vec![n as u8; 3]));
        store.append_with(drafts.collect::<Batch>(), AppendOptions::new().buffered()).unwrap();
    }
}

/// A closed store of 3,000 events in several segments, with its tree.
fn sample() -> (Stage, MemoryTree) {
    let mut stage = stage(40_000);
    let store = stage.open();
    grow(&store, 3000);
    store.upkeep().step().unwrap();
    let oracle = naive(&store);
    store.close().unwrap();
    stage.restart();
    assert_eq!(stage.disk.at_rest().names_in("tree"), ["tree/1"]);
    (stage, oracle)
}

/// Every size that is interesting has the root that follows from the leaves.
fn expect_roots(store: &StoreReader, oracle: &MemoryTree) {
    let proofs = store.proofs();
    let mut sizes = vec![0, 1, 255, 256, 257, 1024, 2047, 2048, oracle.size() - 1, oracle.size()];
    sizes.retain(|size| *size <= oracle.size());
    for size in sizes {
        assert_eq!(proofs.root(size).unwrap(), tree::root(oracle, size).unwrap(), "{size}");
    }
}

/// What the doctor says of the tree.
fn remarks(stage: &Stage) -> Vec<String> {
    let report = examine_in(&stage.world(), |_| ()).unwrap();
    assert!(report.faults.is_empty(), "{:?}", report.faults);
    let found = report.remarks.iter().map(ToString::to_string);
    found.filter(|remark| remark.contains("tree/")).collect()
}

/// An entry as FORMAT.md describes it.
fn entry(stage: &Stage, level: u32, index: u64, root: Hash) -> Vec<u8> {
    let store = StoreFile::read(&stage.bytes("STORE")).unwrap();
    let place = [&store.salt.to_le_bytes()[..], &level.to_le_bytes(), &index.to_le_bytes(), &root.0].concat();
    [&root.0[..], &hash::crc(0, &place).to_le_bytes()].concat()
}

#[test]
fn sealed_segments_have_their_hashes_in_a_file() {
    let (stage, oracle) = sample();
    let bytes = stage.bytes("tree/1");
    let sealed: u64 = stage.active()[9..29].parse::<u64>().unwrap() - 1;
    assert_eq!(bytes.len(), HEADER + (sealed / 256) as usize * ENTRY, "only whole tiles of sealed segments");
    for (index, found) in (0_u64..).zip(bytes[HEADER..].chunks(ENTRY)) {
        let leaves = (index * 256..(index + 1) * 256).map(|leaf| oracle.leaf(leaf).unwrap());
        assert_eq!(found, entry(&stage, 1, index, leaves.collect::<MemoryTree>().root()));
    }
    assert_eq!(remarks(&stage), Vec::<String>::new());
    // A reader uses them and never writes them; without them it computes the same.
    expect_roots(&stage.read_only(), &oracle);
    stage.disk.at_rest().remove("tree/1").unwrap();
    expect_roots(&stage.read_only(), &oracle);
    assert!(stage.disk.at_rest().names_in("tree").is_empty());
    // A writer writes them again when the next segment is sealed, or when it is asked to.
    let store = stage.open();
    store.upkeep().reindex().unwrap();
    assert_eq!(stage.bytes("tree/1"), bytes);
}

/// 70,000 events have a second level, over 65,536 of them.
#[test]
fn higher_levels_are_written_and_used() {
    let mut stage = stage(2 << 20);
    let store = stage.open();
    grow(&store, 70_000);
    store.close().unwrap();
    stage.restart();
    let store = stage.open();
    grow(&store, 80_000);
    store.upkeep().step().unwrap();
    let oracle = naive(&store);
    assert_eq!(stage.disk.at_rest().names_in("tree"), ["tree/1", "tree/2"]);
    assert_eq!(stage.bytes("tree/2").len(), HEADER + ENTRY);
    let reader = stage.read_only();
    for size in [65_535, 65_536, 65_537, 70_000, 79_999] {
        assert_eq!(reader.proofs().root(size).unwrap(), tree::root(&oracle, size).unwrap(), "{size}");
    }
    for (level, names) in [("tree/1", ["tree/2"]), ("tree/2", ["tree/1"])] {
        let copy = stage.fork();
        copy.disk.at_rest().remove(level).unwrap();
        assert_eq!(copy.disk.at_rest().names_in("tree"), names);
        assert_eq!(copy.read_only().proofs().root(79_999).unwrap(), tree::root(&oracle, 79_999).unwrap());
        // A hole is found by the next process that writes, and closed.
        let store = copy.open();
        grow(&store, 90_000);
        store.upkeep().step().unwrap();
        assert_eq!(remarks(&copy), Vec::<String>::new());
        assert!(copy.bytes(level).starts_with(&stage.bytes(level)));
    }
}

/// Changed, cut, swapped, of another store, an older one: the roots stay, the doctor tells, and the writer mends it.
#[test]
fn a_file_that_was_changed_changes_no_root() {
    let (stage, oracle) = sample();
    let intact = stage.bytes("tree/1");
    let mut tampered = Vec::new();
    for bit in (0..intact.len() * 8).step_by(211) {
        let mut bytes = intact.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        tampered.push((bytes, true));
    }
    for length in (0..intact.len()).step_by(61) {
        // What is not there was not written yet.
        tampered.push((intact[..length].to_vec(), length < HEADER));
    }
    let mut swapped = intact.clone();
    swapped[HEADER..HEADER + 2 * ENTRY].rotate_left(ENTRY);
    tampered.push((swapped, true));
    tampered.push(([&intact[..], &intact[HEADER..]].concat(), true));
    tampered.push(([&intact[..], &[0; ENTRY]].concat(), true));
    let other = Stage { random: SeededRandom::new(5), ..self::stage(40_000) };
    let store = other.open();
    grow(&store, 3000);
    store.close().unwrap();
    tampered.push((other.bytes("tree/1"), true));
    for (bytes, is_told) in tampered {
        let copy = stage.fork();
        copy.disk.at_rest().write("tree/1", &bytes).unwrap();
        expect_roots(&copy.read_only(), &oracle);
        assert_eq!(!remarks(&copy).is_empty(), is_told, "{} bytes", bytes.len());
    }
    // Mended by what seals the next segment, not by opening.
    for at in [3, HEADER + 5, intact.len() - 2] {
        let copy = stage.fork();
        copy.disk.at_rest().edit("tree/1", |bytes| bytes[at] ^= 1).unwrap();
        let store = copy.open();
        grow(&store, 4000);
        store.upkeep().step().unwrap();
        expect_roots(&store, &naive(&store));
        assert_eq!(remarks(&copy), Vec::<String>::new());
        assert!(copy.bytes("tree/1").starts_with(&intact));
    }
}

/// A hash that checks itself and is yet wrong makes no wrong proof, and no wrong checkpoint behind one that was signed.
#[test]
fn a_forged_hash_makes_no_wrong_proof() {
    use tidegate::Position;
    use tidegate::proofs::DisclosureForm;
    let (stage, oracle) = sample();
    let keys = super::KeyDisk::new(2);
    let store = stage.read_only();
    let signer = keys.create(store.id()).unwrap();
    let signed = store.proofs().checkpoint(&signer).unwrap();
    let forged = entry(&stage, 1, 2, Hash([9; 32]));
    stage
        .disk
        .at_rest()
        .edit("tree/1", |bytes| bytes[HEADER + 2 * ENTRY..][..ENTRY].copy_from_slice(&forged))
        .unwrap();
    assert_eq!(remarks(&stage).len(), 1);
    let policy = super::policy(&signer);
    let (reader, writer) = (stage.read_only(), stage.open());
    for store in [&reader, &*writer] {
        let proof = store.proofs().prove(Position(9), &signed, DisclosureForm::Names).unwrap();
        super::audit(&proof, &policy, 9, oracle.leaf(8).unwrap());
        assert_eq!(store.proofs().checkpoint(&signer).unwrap(), signed);
        expect_roots(store, &oracle);
    }
    // The writer makes them anew.
    grow(&writer, 4000);
    writer.upkeep().step().unwrap();
    assert_eq!(remarks(&stage), Vec::<String>::new());
}

/// `verify` counts the hashes that are not those of the events. From then on they are not used, and the writer makes them anew.
#[test]
fn verifying_compares_the_files_with_the_events() {
    let (stage, oracle) = sample();
    let entries = stage.bytes("tree/1").len() as u64 / ENTRY as u64 - 2;
    let counts = |store: &StoreReader| {
        let found = store.verify(|_| ()).unwrap();
        (found.tree_hashes, found.tree_hashes_wrong)
    };
    assert_eq!(counts(&stage.read_only()), (entries, 0));
    for place in [2 * ENTRY, 3 * ENTRY - 1] {
        let copy = stage.fork();
        copy.disk.at_rest().edit("tree/1", |bytes| bytes[HEADER + place] ^= 1).unwrap();
        assert_eq!(counts(&copy.read_only()), (entries - 1, 1));
    }
    // One whose checksum holds is noticed by nothing else before it contradicts a proof.
    let forged = entry(&stage, 1, 2, Hash([9; 32]));
    let forge = |bytes: &mut Vec<u8>| bytes[HEADER + 2 * ENTRY..][..ENTRY].copy_from_slice(&forged);
    stage.disk.at_rest().edit("tree/1", forge).unwrap();
    let (reader, writer) = (stage.read_only(), stage.open());
    assert_ne!(
        reader.proofs().root(2900).unwrap(),
        tree::root(&oracle, 2900).unwrap(),
        "it is believed so far"
    );
    for store in [&reader, &*writer] {
        assert_eq!(counts(store), (entries - 1, 1));
        expect_roots(store, &oracle);
    }
    grow(&writer, 4000);
    writer.upkeep().step().unwrap();
    assert_eq!((counts(&writer).1, remarks(&stage)), (0, Vec::new()));
    assert_eq!(counts(&writer).0, stage.bytes("tree/1").len() as u64 / ENTRY as u64 - 2);
}

/// Segments were put back from a copy, and `tree/` was not: the files are of a log that never was.
#[test]
fn files_of_a_longer_log_are_not_used_for_a_restored_one() {
    let mut stage = stage(40_000);
    let store = stage.open();
    grow(&store, 1500);
    store.close().unwrap();
    let backup = Stage { random: SeededRandom::new(77), ..stage.fork() };
    stage.restart();
    let store = stage.open();
    grow(&store, 5000);
    store.close().unwrap();
    backup.disk.at_rest().write("tree/1", &stage.bytes("tree/1")).unwrap();
    for size in [1500, 1800, 2600, 4000, 5000, 6000] {
        let copy = backup.fork();
        let store = copy.open();
        grow(&store, size);
        // Before the files are looked at by the writer, and after.
        expect_roots(&copy.read_only(), &readable(&copy));
        expect_roots(&store, &naive(&store));
        store.upkeep().step().unwrap();
        store.close().unwrap();
        expect_roots(&copy.read_only(), &naive(&copy.read_only()));
        let count = |bytes: usize| (bytes - HEADER) / ENTRY;
        assert!(count(copy.bytes("tree/1").len()) as u64 <= size / 256 || size < 2000, "{size}");
        if size > 2000 {
            assert_eq!(remarks(&copy), Vec::<String>::new(), "{size}");
        }
    }
}

fn readable(stage: &Stage) -> MemoryTree {
    naive(&stage.read_only())
}

/// The process dies at any call of writing them, and the power goes: the roots stay, and the files are whole again later.
#[test]
fn a_crash_at_every_call_of_writing_leaves_the_roots() {
    let (base, _) = sample();
    let mut crashes = 0;
    for nth in 1.. {
        let mut stage = base.fork();
        let store = stage.open();
        grow(&store, 4200);
        store.reader().wait_durable(tidegate::Position(4200), std::time::Duration::from_secs(60)).unwrap();
        stage.disk.set_plan(FaultPlan::default().crash_at(nth));
        let _ = store.upkeep().step();
        let crashed = stage.disk.ended();
        crashes += u64::from(crashed);
        drop(store);
        stage.disk.power_cut(nth);
        stage.restart();
        let reader = stage.read_only();
        expect_roots(&reader, &naive(&reader));
        let store = stage.open();
        expect_roots(&store, &naive(&store));
        grow(&store, 5600);
        store.upkeep().step().unwrap();
        expect_roots(&store, &naive(&store));
        assert_eq!(remarks(&stage), Vec::<String>::new(), "{nth}");
        if !crashed {
            break;
        }
    }
    assert!(crashes > 5, "{crashes}");
}

/// They are never there before the store file is, so a directory that has them and no store file is not a new one.
#[test]
fn a_directory_with_a_tree_alone_is_what_a_store_left() {
    let (stage, _) = sample();
    for name in stage.disk.at_rest().names() {
        if name != "tree/1" {
            stage.disk.at_rest().remove(&name).unwrap();
        }
    }
    let refused = stage.options.open_in(stage.world()).unwrap_err();
    assert_eq!(refused.kind(), tidegate::ErrorKind::Damaged);
    assert!(refused.to_string().contains("tree/1"), "{refused}");
}

/// A disk that refuses them is no reason to refuse anything else.
#[test]
fn a_tree_that_cannot_be_written_keeps_no_append_from_the_log() {
    for call in [Call::Create, Call::Write, Call::CreateFolder] {
        let stage = stage(40_000);
        let store = stage.open();
        grow(&store, 1000);
        store.upkeep().step().unwrap();
        let counted = stage.fork();
        counted.disk.at_rest().remove("tree/1").unwrap();
        let store = counted.open();
        counted.disk.set_plan(FaultPlan::default().fail_from(call, 1, Errno::ACCESS));
        let _ = store.upkeep().reindex();
        counted.disk.set_plan(FaultPlan::default());
        expect_roots(&store, &naive(&store));
        grow(&store, 2000);
        store.upkeep().step().unwrap();
        assert_eq!(remarks(&counted), Vec::<String>::new(), "{call:?}");
    }
}

/// A writer has the leaves of what it wrote itself: a checkpoint and the files of the tree read no record of those.
#[test]
fn what_was_written_is_not_read_again() {
    let stage = stage(40_000);
    let store = stage.open();
    grow(&store, 900);
    store.reader().wait_durable(tidegate::Position(900), std::time::Duration::from_secs(60)).unwrap();
    let oracle = naive(&store);
    let reads = |what: &dyn Fn()| {
        let before = stage.disk.count(Call::Read);
        what();
        stage.disk.count(Call::Read) == before
    };
    assert!(reads(&|| assert_eq!(store.proofs().root(255).unwrap(), tree::root(&oracle, 255).unwrap())));
    assert!(reads(&|| assert_eq!(store.proofs().root(900).unwrap(), tree::root(&oracle, 900).unwrap())));
    // The next process has none of them, and gets the same from the records.
    let mut next = stage.clone();
    store.close().unwrap();
    next.restart();
    let store = next.open();
    expect_roots(&store, &oracle);
    grow(&store, 2000);
    expect_roots(&store, &naive(&store));
    store.upkeep().step().unwrap();
    expect_roots(&store, &naive(&store));
    assert_eq!(remarks(&next), Vec::<String>::new());
}

/// Opening and appending read and write nothing of it.
#[test]
fn nothing_of_the_tree_is_on_the_way() {
    let (stage, _) = sample();
    let with = |folder: bool| {
        let copy = stage.fork();
        if !folder {
            copy.disk.at_rest().remove("tree/1").unwrap();
        }
        let store = copy.open();
        store.append(Draft::new(("s", "e"), "k")).unwrap();
        Call::ALL.map(|call| copy.disk.count(call))
    };
    assert_eq!(with(true), with(false));
    assert_eq!(stage.fork().disk.count(Call::Read), 0);
}
