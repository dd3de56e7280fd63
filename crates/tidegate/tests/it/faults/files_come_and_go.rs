//! Files that are missing, doubled, foreign, older or none of ours (F7, F19, F20, F22, F23, F27, F34, F36, F37).

use std::path::Path;

use tidegate::report::examine_in;
use tidegate::testing::{AtRest, Call, Directories, Env, Errno, FaultPlan, Model};
use tidegate::{AppendOptions, Error, ErrorKind, Query, StoreOptions, StoreReader};

use super::stage::{LONG, Stage, assert_refusal, fill, history, one};
use crate::stored::access::Access;

fn refused(stage: &Stage, change: impl FnOnce(&AtRest)) -> Error {
    let copy = stage.fork();
    change(&copy.disk.at_rest());
    let names = copy.disk.at_rest().names();
    let error = copy.try_open(Access::Create).unwrap_err();
    assert_refusal(&error);
    assert_eq!(copy.disk.at_rest().names(), names, "a refusal removes and adds nothing");
    error
}

/// F19: a missing segment is refused by name and positions, wherever it was.
#[test]
fn a_missing_segment() {
    let (stage, intact) = Stage::closed();
    for name in stage.segments() {
        let error = refused(&stage, |files| files.remove(&name).unwrap());
        let text = error.to_string();
        let newest = name == stage.active();
        assert!(newest || text.contains(&name), "{text}");
        assert!(text.contains("position"), "{text}");
    }
    let error = refused(&stage, |files| files.remove("STORE").unwrap());
    assert!(error.to_string().contains("STORE"), "{error}");
    // So is a store of one segment, even if that is damaged as well.
    let mut single = Stage::new();
    single.open().append_with(one("only"), AppendOptions::new().synced()).unwrap();
    single.restart();
    for damaged in [false, true] {
        let error = refused(&single, |files| {
            files.remove("STORE").unwrap();
            if damaged {
                files.flip_bit(&single.active(), 8 * 40).unwrap();
            }
        });
        assert!(error.to_string().contains("STORE"), "{error}");
    }
    let copy = stage.fork();
    copy.disk.at_rest().remove("WATERMARK").unwrap();
    assert_eq!(history(&copy.open()).unwrap(), intact, "the watermark is not needed");
}

/// F20: segments that are there twice, under another's name, from another store, or older than they were.
#[test]
fn a_segment_that_does_not_belong() {
    let (stage, _) = Stage::closed();
    let [first, second, newest] = &stage.segments()[..] else { unreachable!("the sample has three") };
    let far = "segments/00000000000000000999.seg";
    let between = "segments/00000000000000000002.seg";
    for (from, to) in [(first, far), (newest, far), (first, between), (first, second), (second, newest)] {
        refused(&stage, |files| files.copy(from, to).unwrap());
    }
    refused(&stage, |files| files.rename(newest, far).unwrap());
    let mut other = Stage::seeded(2);
    let store = other.open();
    fill(&store, 12);
    store.close().unwrap();
    other.restart();
    for name in stage.segments() {
        refused(&stage, |files| files.write(&name, &other.bytes(&name)).unwrap());
    }
    let older = {
        let mut stage = Stage::new();
        let store = stage.open();
        fill(&store, 11);
        store.close().unwrap();
        stage.restart();
        assert_eq!(&stage.active(), newest);
        stage.bytes(newest)
    };
    refused(&stage, |files| files.write(newest, &older).unwrap());
}

/// A creation that was interrupted leaves a first segment without a store file. An error of reading that segment
/// was taken for damage, and the caller was told to salvage a store that never was; it is told as what it is, and
/// the next opening creates the store.
#[test]
fn an_unfinished_creation_that_cannot_be_read() {
    let whole = Stage::new();
    drop(whole.open());
    let mut met = 0;
    for crash in 1..=whole.disk.calls() {
        for read in 1..8 {
            for call in [Call::Open, Call::Read, Call::List] {
                let mut stage = Stage::new();
                stage.disk.set_plan(FaultPlan::default().crash_at(crash));
                let _ = stage.try_open(Access::Create);
                stage.restart();
                stage.disk.set_plan(FaultPlan::default().fail(call, read, Errno::IO));
                if let Err(error) = stage.try_open(Access::Create) {
                    assert_eq!(error.kind(), ErrorKind::Io, "crash at {crash}, {call:?} {read}: {error}");
                    met += 1;
                }
                stage.restart();
                stage.open();
            }
        }
    }
    assert!(met > 20, "{met} errors are too few to mean anything");
}

/// What cannot be read right now is neither damage nor nothing, whichever file it is: opening fails with that, or it does
/// without and nothing is missing.
#[test]
fn a_store_that_cannot_be_read() {
    for (sample, intact) in [Stage::closed(), Stage::killed()] {
        for access in [Access::Read, Access::Write] {
            for call in [Call::Open, Call::Read, Call::List] {
                let calls = {
                    let stage = sample.fork();
                    stage.disk.set_plan(FaultPlan::default());
                    drop(stage.try_open(access).unwrap());
                    stage.disk.count(call)
                };
                let mut met = 0;
                for nth in 1..=calls {
                    let stage = sample.fork();
                    stage.disk.set_plan(FaultPlan::default().fail(call, nth, Errno::IO));
                    match stage.try_open(access) {
                        Ok(store) => {
                            assert_eq!(history(&store).unwrap(), intact, "{access:?}, {call:?} {nth}");
                        }
                        Err(error) => {
                            assert_eq!(error.kind(), ErrorKind::Io, "{access:?}, {call:?} {nth}: {error}");
                            met += 1;
                        }
                    }
                }
                assert!(met > 0, "{access:?}, {call:?}: none of {calls} calls mattered");
            }
        }
    }
}

/// F18: the watermark knows of more than is there. As long as it cannot be read, nothing opens as if that were all.
#[test]
fn a_watermark_that_cannot_be_read_hides_no_loss() {
    let (stage, _) = Stage::closed();
    let (name, frames) = (stage.active(), stage.frames(&stage.active()));
    stage.disk.at_rest().truncate(&name, frames[frames.len() - 2] as u64).unwrap();
    for call in [Call::Open, Call::Read] {
        for nth in 1..30 {
            let copy = stage.fork();
            copy.disk.set_plan(FaultPlan::default().fail(call, nth, Errno::IO));
            let error = copy.try_open(Access::Write).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Io | ErrorKind::Damaged), "{call:?} {nth}: {error}");
        }
    }
}

/// F7, F8: a process died, or a sync of the folder failed, between the rename of a recovered copy and its sync. The
/// copy was as long as the watermark of an earlier clean close said, so the next opening took the close for its own
/// and went on in a file whose name was not durable: a power cut then took acknowledged events. A copy is of a later
/// epoch than that watermark.
#[test]
fn a_copy_whose_name_is_not_durable() {
    let mut stage = Stage::on(Model { directories: Directories::Strict, ..Model::default() });
    let store = stage.open();
    fill(&store, 2);
    store.close().unwrap();
    stage.restart();
    // A write behind the clean end was cut short by a crash.
    let torn = [&stage.bytes(&stage.active())[..], &[1; 27]].concat();
    stage.disk.at_rest().write(&stage.active(), &torn).unwrap();

    let plans = |calls: u64| {
        let crashes = (1..=calls).map(|nth| FaultPlan::default().crash_at(nth));
        crashes.chain((1..=3).map(|nth| FaultPlan::default().fail(Call::SyncFolder, nth, Errno::IO)))
    };
    let mut met = 0;
    for plan in plans(20) {
        let mut stage = stage.fork();
        stage.disk.set_plan(plan.clone());
        met += u64::from(stage.try_open(Access::Create).is_err());
        stage.disk.kill();
        stage.restart();
        let store = stage.open();
        let receipt = store.append_with(one("later"), AppendOptions::new().synced()).unwrap();
        stage.disk.lose_unsynced();
        stage.restart();
        let found = history(&stage.open()).unwrap();
        assert_eq!(found.last(), Some(&(receipt.last().0, receipt.events[0].leaf)), "{plan:?}");
    }
    assert!(met > 5, "{met} openings that failed are too few to mean anything");
}

/// F7: a name that comes back after it was removed, or a copy that was never renamed, is ignored and removed.
#[test]
fn a_resurrected_leftover() {
    let (stage, intact) = Stage::killed();
    let active = stage.active();
    let leftovers = ["STORE.tmp".to_owned(), format!("{active}.tmp")];
    for name in &leftovers {
        stage.disk.at_rest().write(name, &stage.bytes(&active)[..100]).unwrap();
    }
    let store = stage.open();
    assert_eq!(history(&store).unwrap(), intact);
    let mut removed = store.report().removed.clone();
    removed.sort();
    assert_eq!(removed, leftovers);
}

/// F36: what is not ours stays, and changes nothing.
#[test]
fn foreign_files_and_odd_names() {
    let (stage, intact) = Stage::closed();
    let foreign = [
        "notes.txt",
        "STORE.bak",
        "WATERMARK.tmp",
        "segments/README",
        "segments/1.seg",
        "segments/x.seg.tmp",
        "segments/000000000000000000001.seg",
        "segments/00000000000000000001.SEG",
        "segments/.seg",
        "other/file",
    ];
    for name in foreign {
        stage.disk.at_rest().write(name, b"not ours").unwrap();
    }
    let store = stage.open();
    assert!(store.report().removed.is_empty(), "{}", store.report());
    assert_eq!(history(&store).unwrap(), intact);
    fill(&store, 9);
    store.close().unwrap();
    assert!(foreign.iter().all(|name| stage.bytes(name) == b"not ours"));
}

/// F36: a directory that holds something else is not made a store.
#[test]
fn a_directory_of_somebody_else() {
    let stage = Stage::new();
    stage.disk.at_rest().write("thesis.tex", b"years of work").unwrap();
    assert_eq!(stage.try_open(Access::Create).unwrap_err().kind(), ErrorKind::Missing);
    assert_eq!(stage.disk.at_rest().names(), ["thesis.tex"]);
    for access in [Access::Write, Access::Read] {
        assert_eq!(Stage::new().try_open(access).unwrap_err().kind(), ErrorKind::Missing);
    }
}

/// F36: links are not followed and not removed.
#[test]
#[cfg(unix)]
fn symbolic_links() {
    let folder = tempfile::tempdir().unwrap();
    let outside = folder.path().join("outside");
    std::fs::write(&outside, b"not ours").unwrap();
    let directory = folder.path().join("store");
    fill(&tidegate::Store::open(&directory).unwrap(), 2);
    for name in ["segments/00000000000000000777.seg", "segments/00000000000000000778.seg.tmp"] {
        std::os::unix::fs::symlink(&outside, directory.join(name)).unwrap();
    }
    let store = tidegate::Store::open(&directory).unwrap();
    assert_eq!(history(&store).unwrap().len(), 3);
    assert_eq!(std::fs::read(&outside).unwrap(), b"not ours");
}

/// What cannot be opened is named with its directory, for every access: "the directory cannot be created ()" was all that
/// was said of a path below a file.
#[test]
fn a_path_that_leads_nowhere_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, b"no store").unwrap();
    let long = folder.path().join("l".repeat(300));
    for path in [file.clone(), file.join("below"), long, folder.path().join("none")] {
        for access in [Access::Create, Access::Write, Access::Read] {
            if path.ends_with("none") && access == Access::Create {
                continue;
            }
            let error = access.open(Env::native(&path), StoreOptions::new()).unwrap_err();
            let text = error.to_string();
            assert_eq!(text.matches(path.to_str().unwrap()).count(), 1, "{access:?}: {text}");
            assert!(matches!(error.kind(), ErrorKind::Io | ErrorKind::Missing), "{text}");
        }
    }
}

/// F22, F23: the lock is the kernel's. A file left over locks nothing; a second handle is told.
#[test]
fn one_writer_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("store")).unwrap();
    std::fs::write(folder.path().join("store/LOCK"), b"4711").unwrap();
    let native = || Env::native(folder.path().join("store"));
    let stage = Stage::new();
    let simulated = || stage.world();
    for world in [&native as &dyn Fn() -> Env, &simulated] {
        let store = StoreOptions::new().open_in(world()).unwrap();
        fill(&store, 1);
        let second = StoreOptions::new().open_in(world()).unwrap_err();
        assert_eq!(second.kind(), ErrorKind::Locked, "{second}");
        assert!(second.to_string().contains("or open for reading only"), "{second}");
        assert_eq!(history(&StoreOptions::new().open_reader_in(world()).unwrap()).unwrap().len(), 2);
        store.close().unwrap();
        let third = StoreOptions::new().open_in(world()).unwrap();
        assert_eq!(store.append(one("closed")).unwrap_err().kind(), ErrorKind::Ended);
        fill(&third, 1);
    }
}

/// F27: reading writes nothing: no file is added, removed or touched.
#[test]
fn reading_leaves_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    let options = StoreOptions::new().segment_bytes(1000).thread(false);
    let store = options.open(folder.path()).unwrap();
    fill(&store, 20);
    store.append_with(one("unsynced"), AppendOptions::new().buffered()).unwrap();
    let trace = || {
        let mut found = Vec::new();
        for part in ["", "segments", "index"] {
            for entry in std::fs::read_dir(folder.path().join(part)).into_iter().flatten() {
                let entry = entry.unwrap();
                let data = entry.metadata().unwrap();
                found.push((entry.path(), data.len(), data.modified().unwrap()));
            }
        }
        found.sort();
        found
    };
    let before = trace();
    let reader = StoreReader::open(folder.path()).unwrap();
    reader.verify(|_| ()).unwrap();
    assert_eq!(history(&reader).unwrap().len(), 27);
    drop(reader);
    assert_eq!(trace(), before);
}

/// F34: a store of a newer format is refused as that, by writers and readers, and not touched.
#[test]
fn a_newer_format() {
    let (stage, _) = Stage::closed();
    let segment = stage.active();
    let newer_store = |text: &mut Vec<u8>| {
        let old = String::from_utf8(text.clone()).unwrap();
        let body = old.replace("format 1\n", "format 2\n");
        let body = &body[..body.rfind("checksum").unwrap()];
        *text = format!("{body}checksum {:08x}\n", crc(body.as_bytes())).into_bytes();
    };
    let newer_segment = |bytes: &mut Vec<u8>| {
        bytes[8..12].copy_from_slice(&2u32.to_le_bytes());
        let sum = crc(&bytes[..12]);
        bytes[12..16].copy_from_slice(&sum.to_le_bytes());
    };
    for (name, change) in [("STORE", &newer_store as &dyn Fn(&mut Vec<u8>)), (&segment, &newer_segment)] {
        for access in [Access::Create, Access::Write, Access::Read] {
            let copy = stage.fork();
            copy.disk.at_rest().edit(name, |bytes| change(bytes)).unwrap();
            copy.disk.at_rest().remove("WATERMARK").unwrap();
            let names = copy.disk.at_rest().names();
            let error = copy.try_open(access).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Newer, "{error}");
            assert_eq!(copy.disk.at_rest().names(), names);
            assert_eq!(copy.disk.calls(), u64::from(access != Access::Read && name != "STORE"), "the lock");
        }
    }
}

/// CRC-32C, a bit at a time.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum, byte| {
        (0..8).fold(
            sum ^ u32::from(*byte),
            |sum, _| if sum & 1 == 1 { sum >> 1 ^ 0x82f6_3b78 } else { sum >> 1 },
        )
    })
}

/// F37: a directory that is deleted under the store is not made again.
#[test]
#[cfg(unix)]
fn a_directory_deleted_while_open() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("store");
    let options = StoreOptions::new().segment_bytes(1000).thread(false);
    let store = options.open(&directory).unwrap();
    fill(&store, 2);
    std::fs::remove_dir_all(&directory).unwrap();
    let error =
        (0..20).find_map(|_| store.append_with(one("a"), AppendOptions::new().synced()).err()).unwrap();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "it was written: {error}");
    assert_eq!(store.append(one("b")).unwrap_err().kind(), ErrorKind::Ended);
    assert!(!history(&store).unwrap().is_empty(), "what was read in stays readable");
    assert!(store.close().is_err());
    assert!(!directory.exists());
    let again = StoreOptions::new().create(false);
    assert_eq!(again.open(&directory).unwrap_err().kind(), ErrorKind::Missing);
}

/// F37: a lock file that is deleted while it is held is taken by another writer, with a lock of its own. The first one
/// acknowledges nothing any more, so nothing that either of them acknowledged is lost.
#[test]
#[cfg(unix)]
fn a_lock_file_deleted_while_held() {
    let options = StoreOptions::new().thread(false);
    for (batches, late) in [(0, true), (2, true), (0, false)] {
        let folder = tempfile::tempdir().unwrap();
        fill(&options.open(folder.path()).unwrap(), 1);
        let first = options.open(folder.path()).unwrap();
        fill(&first, batches);
        let cursor = first.cursor("reader", Query::ALL).unwrap();
        cursor.next_now().unwrap().unwrap().ack().unwrap();
        std::fs::remove_file(folder.path().join("LOCK")).unwrap();
        let second = options.open(folder.path()).unwrap();
        fill(&second, 3);
        if late {
            let error = first.append_with(one("late"), AppendOptions::new().synced()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "it was written: {error}");
            assert_eq!(first.append(one("later")).unwrap_err().kind(), ErrorKind::Ended);
        }
        assert_eq!(cursor.commit().unwrap_err().kind(), ErrorKind::Ended);
        assert_eq!(first.close().unwrap_err().kind(), ErrorKind::Ended);
        fill(&second, 3);
        let all = history(&second).unwrap();
        assert_eq!(all.len(), if batches == 0 { 10 } else { 13 });
        second.close().unwrap();
        assert_eq!(history(&options.open(folder.path()).unwrap()).unwrap(), all);
    }
}

/// F37: if another store has come to be in the place of a directory that was deleted or moved, the writer of the old
/// one leaves it alone. It once put segments, and places of cursors, among those of the new one.
#[test]
#[cfg(unix)]
fn another_store_in_the_place_of_one_that_is_open() {
    type Away = fn(&Path);
    let delete: Away = |directory| std::fs::remove_dir_all(directory).unwrap();
    let shift: Away = |directory| std::fs::rename(directory, directory.with_extension("old")).unwrap();
    for away in [delete, shift] {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("store");
        let options = StoreOptions::new().segment_bytes(1000).thread(false);
        let old = options.open(&directory).unwrap();
        fill(&old, 4);
        let cursor = old.cursor("reader", Query::ALL).unwrap();
        cursor.next_now().unwrap().unwrap().ack().unwrap();
        away(&directory);
        let new = options.open(&directory).unwrap();
        fill(&new, 9);
        new.cursor("reader", Query::ALL).unwrap();
        let error = (0..20)
            .find_map(|_| old.append_with(one("late"), AppendOptions::new().buffered()).err())
            .unwrap();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "it was on its way: {error}");
        assert_eq!(old.append(one("later")).unwrap_err().kind(), ErrorKind::Ended);
        assert_eq!(cursor.commit().unwrap_err().kind(), ErrorKind::Ended);
        drop(cursor);
        assert!(old.close().is_err());
        fill(&new, 9);
        let all = history(&new).unwrap();
        new.close().unwrap();
        let examined = examine_in(&Env::native(&directory), |_| ()).unwrap();
        assert!(examined.faults.is_empty(), "{:?}", examined.faults);
        assert_eq!(history(&options.open(&directory).unwrap()).unwrap(), all);
    }
}

/// F7, F19: a process died before the name of its new segment was durable. The next one indexed the segment in front of
/// it and died too, and a power cut took the name. The index file then stood for a segment that was never promised, and
/// the log was refused as if one were missing.
#[test]
fn an_index_file_outlives_no_segment() {
    let mut rolled = 0;
    for nth in 1.. {
        let stage = Stage::new();
        let store = stage.open();
        stage.disk.set_plan(FaultPlan::default().crash_at(nth));
        let kept = (0..5).take_while(|_| {
            store.append_with(one("a").bytes(vec![7; 400]), AppendOptions::new().synced()).is_ok()
        });
        if kept.count() == 5 && !stage.disk.ended() {
            break;
        }
        rolled += usize::from(stage.segments().len() > 1);
        for later in 1.. {
            let mut again = stage.fork();
            again.disk.set_plan(FaultPlan::default().crash_at(later));
            drop(again.try_open(Access::Write));
            let is_last = !again.disk.ended();
            again.disk.lose_unsynced();
            again.restart();
            let place = format!("died at call {nth}, and opening at call {later}");
            for access in [Access::Read, Access::Write] {
                let opened = again.try_open(access).unwrap_or_else(|error| panic!("{place}: {error}"));
                assert!(opened.report().damage.is_none(), "{place}: {}", opened.report());
            }
            if is_last {
                break;
            }
        }
    }
    assert!(rolled > 3, "{rolled} deaths left a new segment");
}

/// F37, on Unix: Windows keeps what is open from being deleted or moved. A reader is told that its store is gone. It once waited for ever for what was to come.
#[test]
#[cfg(unix)]
fn a_directory_deleted_under_a_reader() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("store");
    let options = StoreOptions::new().thread(false);
    fill(&options.open(&directory).unwrap(), 2);
    let reader = StoreReader::open(&directory).unwrap();
    let view = reader.view().unwrap();
    std::fs::remove_dir_all(&directory).unwrap();
    for _ in ["no store", "another store"] {
        let error = reader.view().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Missing, "{error}");
        let waited = reader.subscribe(Query::ALL, view.head()).next_within(LONG).unwrap_err();
        assert_eq!(waited.kind(), ErrorKind::Missing, "{waited}");
        assert_eq!(view.read(&Query::ALL).map(Result::unwrap).count(), 3);
        fill(&options.open(&directory).unwrap(), 5);
    }
}
