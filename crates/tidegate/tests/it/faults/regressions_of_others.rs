//! What happened to other stores, one test each. Each opens with what happened, why, and what keeps it from
//! happening here.

use tidegate::testing::{Call, Errno, FaultPlan};
use tidegate::{AppendOptions, Batch, Condition, Draft, Durability, ErrorKind, StreamId, Version};

use super::stage::{LONG, Outcome, Stage, batch, fill, history, one, outcome};
use crate::stored::access::Access;

/// A store that had recovered from one crash refused to open after the next, for ever: the torn tail of the
/// first lay in front of frames of the second life. Here what is left of a tail is never in the file that is
/// written on.
#[test]
fn crash_reopen_crash() {
    let mut stage = Stage::new();
    let mut expected = Vec::new();
    for life in 0..10 {
        let store = stage.open();
        assert_eq!(history(&store).unwrap(), expected, "life {life}");
        fill(&store, 2);
        let told = history(&store).unwrap();
        stage.disk.set_plan(FaultPlan::default().crash_at(1));
        store.append_with(one("torn"), AppendOptions::new().synced()).unwrap_err();
        stage.disk.kill();
        stage.restart();
        let name = stage.active();
        stage.disk.at_rest().edit(&name, |bytes| bytes.extend([0x55; 33])).unwrap();
        let store = stage.open();
        expected = history(&store).unwrap();
        assert!(expected.starts_with(&told) && store.report().dropped_bytes >= 33);
        stage.disk.kill();
        stage.restart();
    }
}

/// A torn tail was tolerated by an opening that kept it in the file; after a clean close and with the caches
/// deleted, the next opening took it for damage. Here a tail is cut when it is found.
#[test]
fn torn_tail_then_clean_close_then_caches_deleted() {
    let (mut stage, intact) = Stage::killed();
    let name = stage.active();
    stage.disk.at_rest().edit(&name, |bytes| bytes.extend([9; 100])).unwrap();
    let store = stage.open();
    assert_eq!(store.report().dropped_bytes, 100);
    store.close().unwrap();
    stage.restart();
    stage.disk.at_rest().names_in("index").iter().for_each(|name| stage.disk.at_rest().remove(name).unwrap());
    stage.disk.at_rest().remove("WATERMARK").unwrap();
    let store = stage.open();
    assert_eq!(store.report().dropped_bytes, 0);
    assert_eq!(history(&store).unwrap(), intact);
}

/// A half-written batch was followed by the events of the next session, which recovery then took for the rest of
/// the batch, and dropped with it. Here a batch is in one frame, whole or not there.
#[test]
fn half_a_batch_followed_by_the_next_session() {
    for seed in 0..50 {
        let mut stage = Stage::new();
        stage.options.segment_bytes = 1 << 20;
        let store = stage.open();
        fill(&store, 1);
        let before = history(&store).unwrap();
        stage.disk.set_plan(FaultPlan::default().crash_at(1));
        let three: Batch = (0..3).map(|_| one("half")).collect();
        store.append_with(three, AppendOptions::new().synced()).unwrap_err();
        stage.disk.power_cut(seed);
        stage.restart();
        let store = stage.open();
        let left = history(&store).unwrap();
        assert!(left.len() == before.len() || left.len() == before.len() + 3, "seed {seed}");
        fill(&store, 2);
        let acknowledged = history(&store).unwrap();
        stage.disk.power_cut(seed);
        stage.restart();
        assert_eq!(history(&stage.open()).unwrap(), acknowledged, "seed {seed}");
    }
}

/// A batch that failed left its markers behind, and single appends after it counted as parts of it. Here nothing
/// of a refused batch stays.
#[test]
fn failed_batch_followed_by_single_appends() {
    let mut stage = Stage::new();
    let store = stage.open();
    stage.disk.set_plan(FaultPlan::default().fail(Call::Write, 1, Errno::NOSPC));
    let failed = store.append_with(batch(0), AppendOptions::new().synced()).unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Full);
    for _ in 0..5 {
        store.append_with(one("single"), AppendOptions::new().synced()).unwrap();
    }
    let all = history(&store).unwrap();
    stage.disk.lose_unsynced();
    stage.restart();
    assert_eq!(history(&stage.open()).unwrap(), all);
    assert_eq!(all.len(), 5);
}

/// The last frame had its full length and a bad checksum, and opening failed although no caller had been told of it.
/// Here it is a torn tail, unless something says that it was durable.
#[test]
fn full_length_last_frame_with_a_bad_checksum() {
    let (stage, intact) = Stage::killed();
    let name = stage.active();
    stage.disk.at_rest().remove("WATERMARK").unwrap();
    let frames = stage.frames(&name);
    let last = frames[frames.len() - 2];
    stage.disk.at_rest().edit(&name, |bytes| bytes[last + 60] ^= 1).unwrap();
    let store = stage.open();
    assert!(store.report().dropped_bytes > 0);
    let found = history(&store).unwrap();
    assert!(intact.starts_with(&found) && found.len() < intact.len());
    fill(&store, 3);
}

/// A huge length in the middle was believed, reached past the end of the file, and everything behind it was cut
/// off as a torn tail. Here the whole frames behind it vouch for what stood there.
#[test]
fn huge_length_in_the_middle() {
    let (stage, _) = Stage::killed();
    let name = stage.active();
    stage.disk.at_rest().remove("WATERMARK").unwrap();
    let first = stage.frames(&name)[0];
    for length in [u32::MAX, 64 << 20, 1 << 30, 70_000] {
        let copy = stage.fork();
        copy.disk
            .at_rest()
            .edit(&name, |bytes| bytes[first + 8..first + 12].copy_from_slice(&length.to_le_bytes()))
            .unwrap();
        let error = copy.try_open(Access::Write).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
        assert!(error.to_string().contains("was durable"), "{error}");
    }
}

/// A newest segment without a byte, or without its head, kept a store from opening. Here one can only be there
/// when something outside made it; if nothing was ever in it, it goes.
#[test]
fn empty_or_headerless_newest_segment() {
    let (stage, intact) = Stage::closed();
    let next = format!("segments/{:020}.seg", intact.len() + 1);
    for length in [0, 1, 79] {
        let copy = stage.fork();
        copy.disk.at_rest().write(&next, &vec![0; length]).unwrap();
        let store = copy.open();
        assert_eq!(store.report().removed, std::slice::from_ref(&next));
        assert_eq!(history(&store).unwrap(), intact);
        fill(&store, 5);
    }
}

/// The head of a new file was persisted and its size was not, or the other way round, and the store was lost
/// with it. Here a file has its name only once it is whole and durable.
#[test]
fn head_persisted_but_file_not_grown() {
    for nth in 1..60 {
        for seed in 0..6 {
            let mut stage = Stage::new();
            stage.disk.set_plan(FaultPlan::default().crash_at(nth));
            let mut told = 0;
            if let Ok(store) = stage.try_write() {
                told = (0..8)
                    .take_while(|_| store.append_with(one("a"), AppendOptions::new().synced()).is_ok())
                    .count();
            }
            stage.disk.power_cut(seed);
            stage.restart();
            let found = history(&stage.open()).unwrap().len();
            assert!(
                found == told || found == told + 1,
                "crash at {nth}, cut {seed}: {told} told, {found} there"
            );
        }
    }
}

/// The entry of a renamed file was lost because its directory was never synced, and with it the file. Here the
/// power goes right after every roll.
#[test]
fn directory_entry_lost_after_a_rename() {
    let mut stage = Stage::new();
    for _ in 0..12 {
        let store = stage.open();
        let segments = stage.segments().len();
        while stage.segments().len() == segments {
            store.append_with(one("a"), AppendOptions::new().synced()).unwrap();
        }
        let all = history(&store).unwrap();
        stage.disk.lose_unsynced();
        stage.restart();
        assert_eq!(history(&stage.open()).unwrap(), all);
        stage.restart();
    }
}

/// One flipped bit in the middle of the log made recovery cut off the half behind it, without a word. Here it
/// refuses, and says where.
#[test]
fn one_flipped_bit_in_the_middle() {
    let (stage, intact) = Stage::killed();
    let name = stage.active();
    let second = stage.frames(&name)[1] as u64;
    stage.disk.at_rest().flip_bit(&name, (second + 100) * 8).unwrap();
    let place = format!("{name}, byte {second}");
    // What the watermark vouches for is read by an opening if it is little, and by the caller that asks for it otherwise.
    let mut opening = stage.fork();
    opening.options.segment_bytes = 1 << 20;
    let error = opening.try_open(Access::Write).unwrap_err();
    super::stage::assert_refusal(&error);
    assert!(error.to_string().contains(&place), "{error}");
    let error = history(&stage.fork().open()).unwrap_err();
    assert!(error.to_string().contains(&place), "{error}");
    assert_eq!(outcome(&stage, &intact), Outcome::Noticed);
}

/// The error of a periodic sync was swallowed, and appends went on being acknowledged. Here it ends the writer.
#[test]
fn swallowed_error_of_a_periodic_sync() {
    let mut stage = Stage::new();
    stage.options.thread = true;
    let store = stage.open();
    stage.disk.set_plan(FaultPlan::default().fail(Call::Sync, 1, Errno::IO));
    let durability = Durability::Interval(std::time::Duration::ZERO);
    store.append_with(one("a"), AppendOptions::new().durability(durability)).unwrap();
    let error = store.wait_durable(tidegate::Position(1), LONG).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Ended);
    assert_eq!(
        store.append_with(one("b"), AppendOptions::new().buffered()).unwrap_err().kind(),
        ErrorKind::Ended
    );
}

/// A retry under the same idempotency key was refused because the stream had moved on, by the very append that
/// was retried. Here the key is asked first, also after a crash that left the caller without an answer.
#[test]
fn retry_refused_because_the_version_moved() {
    let mut stage = Stage::new();
    let stream = StreamId::new("bank", "alice");
    let payment = || {
        Batch::from(Draft::new(stream.clone(), "money.paid"))
            .key("payment-1")
            .only_if(Condition::Version(stream.clone(), Version(0)))
    };
    let store = stage.open();
    let first = store.append_with(payment(), AppendOptions::new().synced()).unwrap();
    assert_eq!(store.append_with(payment(), AppendOptions::new().synced()).unwrap(), first);
    stage.disk.lose_unsynced();
    stage.restart();
    let store = stage.open();
    assert_eq!(store.append_with(payment(), AppendOptions::new().synced()).unwrap().events, first.events);
    assert_eq!(history(&store).unwrap().len(), 1);
}

/// A retry under a key was answered from memory although the first append had only been buffered: the caller who
/// asked for durability had none. Here the answer waits for the sync.
#[test]
fn retry_is_as_durable_as_asked() {
    let mut stage = Stage::new();
    let store = stage.open();
    let keyed = || Batch::from(one("a")).key("k");
    let first = store.append_with(keyed(), AppendOptions::new().buffered()).unwrap();
    let queued = store.submit_with(keyed(), AppendOptions::new().synced()).unwrap();
    assert_eq!(queued.wait().unwrap(), first);
    stage.disk.lose_unsynced();
    stage.restart();
    assert_eq!(history(&stage.open()).unwrap().len(), 1);
}

/// The same if the first append is still queued when the retry comes, in a group before that of the retry.
#[test]
fn retry_behind_the_first_is_as_durable_as_asked() {
    let mut stage = Stage::new();
    stage.options.segment_bytes = 64 << 20;
    let store = stage.open();
    let keyed = || Batch::from(one("a")).key("k");
    let first = store.submit_with(keyed(), AppendOptions::new().buffered()).unwrap();
    let between =
        store.submit_with(one("long").bytes(vec![1; 9 << 20]), AppendOptions::new().buffered()).unwrap();
    let retry = store.submit_with(keyed(), AppendOptions::new().synced()).unwrap();
    assert_eq!(retry.wait().unwrap(), first.wait().unwrap());
    stage.disk.lose_unsynced();
    stage.restart();
    assert_eq!(history(&stage.open()).unwrap().len(), 2);
    assert_eq!(between.wait().unwrap().first().0, 2);
}

/// A compare-and-set could not say "still empty": version 0 meant "any". Here it means no event.
#[test]
fn compare_and_set_on_an_empty_stream() {
    let stage = Stage::new();
    let store = stage.open();
    let stream = StreamId::new("users", "ada");
    let claim = |condition| Batch::from(Draft::new(stream.clone(), "name.claimed")).only_if(condition);
    store
        .append_with(claim(Condition::Version(stream.clone(), Version(0))), AppendOptions::new().synced())
        .unwrap();
    for condition in [Condition::Version(stream.clone(), Version(0)), Condition::Absent(stream.clone())] {
        assert_eq!(
            store.append_with(claim(condition), AppendOptions::new().synced()).unwrap_err().kind(),
            ErrorKind::Conflict
        );
    }
}
