//! Erased payloads, and frames with slots, which no version of the program writes so far: every reader takes them.

use tidegate::report::{StoreVerdict, examine_in, salvage_in};
use tidegate::testing::Env;
use tidegate::{Batch, Draft, ErrorKind, Query};
use tidegate_format::frame::{FRAME_HEADER_BYTES, SLOT_FRAME_HEADER_BYTES, Sealing};
use tidegate_format::{Frame, Offset, SEGMENT_HEADER_BYTES, SegmentHeader, frame, record};

use crate::faults::stage::{Outcome, Stage, history, outcome};

/// Writes every segment anew, each frame with a slot if it is to have one, each record erased if `erases` says so.
pub(crate) fn rewrite(stage: &Stage, has_slots: bool, erases: impl Fn(u64) -> bool) {
    rewrite_records(stage, has_slots, |position, record| {
        if erases(position) {
            record::erase(record);
        }
    });
}

/// Writes every segment anew, each record as `change` leaves it.
fn rewrite_records(stage: &Stage, has_slots: bool, change: impl Fn(u64, &mut [u8])) {
    let mut before_length = 0;
    for name in stage.segments() {
        let bytes = stage.bytes(&name);
        let head = SegmentHeader::read(&bytes).unwrap();
        let mut new = SegmentHeader { before_length: Offset(before_length), ..head }.encode().to_vec();
        let mut at = SEGMENT_HEADER_BYTES;
        while at < bytes.len() {
            let read = Frame::read(&bytes[at..], head.salt).unwrap();
            let head_bytes = if has_slots { SLOT_FRAME_HEADER_BYTES } else { FRAME_HEADER_BYTES };
            let mut sealed = vec![0; head_bytes];
            for (_, event) in read.records() {
                let mut event_bytes = event.as_bytes().to_vec();
                change(event.position().0, &mut event_bytes);
                sealed.append(&mut event_bytes);
            }
            let slot = has_slots.then_some(read.head.first.0);
            let sealing =
                Sealing { first: read.head.first, synced: read.head.synced, epoch: read.head.epoch, slot };
            frame::seal(&mut sealed, &sealing, head.salt);
            new.append(&mut sealed);
            at += read.head.frame_bytes();
        }
        before_length = new.len() as u64;
        stage.disk.at_rest().write(&name, &new).unwrap();
    }
}

/// Files that say how long segments are, or where events lie in them.
fn remove_offsets(stage: &Stage) {
    let files = stage.disk.at_rest();
    for name in files.names_in("index").into_iter().chain(["WATERMARK".to_owned()]) {
        files.remove(&name).unwrap();
    }
}

#[test]
fn frames_with_slots_are_read_by_everyone() {
    let (stage, intact) = Stage::closed();
    rewrite(&stage, true, |_| false);
    remove_offsets(&stage);
    let found = examine_in(&stage.world(), |_| ()).unwrap();
    assert!(found.faults.is_empty(), "{:?}", found.faults);
    assert_eq!(found.verified.events, intact.len() as u64);
    let saved = salvage_in(&stage.world(), &Env::memory(), |_| ()).unwrap();
    assert_eq!(saved.saved.events, intact.len() as u64);
    assert_eq!(outcome(&stage, &intact), Outcome::Same);
    // One that is damaged is told as any other, and the ones behind it are found again.
    let name = &stage.segments()[0];
    stage.disk.at_rest().edit(name, |bytes| bytes[SEGMENT_HEADER_BYTES + 60] ^= 1).unwrap();
    let found = examine_in(&stage.world(), |_| ()).unwrap();
    assert_eq!((found.faults.len(), found.lost[0].first.0), (1, 1), "{:?}", found.faults);
    assert!(found.verified.events >= intact.len() as u64 - 2);
}

/// Neither an offset, nor an index file, nor a leaf, nor the end of the log changes.
#[test]
fn erased_payloads_change_nothing_else() {
    let (stage, intact) = Stage::closed();
    for has_index in [true, false] {
        for part in [1, 2, 3] {
            let copy = stage.fork();
            rewrite(&copy, false, |position| position.is_multiple_of(part));
            if !has_index {
                copy.disk
                    .at_rest()
                    .names_in("index")
                    .iter()
                    .for_each(|name| copy.disk.at_rest().remove(name).unwrap());
            }
            let reader = copy.read_only();
            assert!(reader.report().clean && reader.report().damage.is_none(), "{}", reader.report());
            assert_eq!(reader.report().rebuilt_indexes == 0, has_index);
            assert_eq!(history(&reader).unwrap(), intact);
            // No event says that they are erased, and verifying says so.
            let error = reader.verify(|_| ()).unwrap_err();
            assert!(error.to_string().contains("no event says"), "{error}");
            for event in reader.read(&Query::ALL).unwrap() {
                let event = event.unwrap();
                let is_erased = event.position().0.is_multiple_of(part);
                let kind = event.payload().map(|_| ()).map_err(|error| error.kind());
                assert_eq!(kind, if is_erased { Err(ErrorKind::Erased) } else { Ok(()) });
            }
            let found = examine_in(&copy.world(), |_| ()).unwrap();
            assert_eq!(
                (found.verdict(), found.faults.len()),
                (StoreVerdict::Damaged, 1),
                "{:?}",
                found.faults
            );
            assert!(found.faults[0].to_string().contains("no event says"), "{:?}", found.faults);
            assert_eq!(outcome(&copy, &intact), Outcome::Noticed);
            let target = Env::memory();
            let saved = salvage_in(&copy.world(), &target, |_| ()).unwrap();
            // One event more says what is erased.
            assert_eq!((saved.saved.events, saved.lost.len()), (intact.len() as u64 + 1, 0));
            // With other positions the records are made anew, of what stayed.
            let first = copy.segments()[0].clone();
            copy.disk.at_rest().remove(&first).unwrap();
            let target = Env::memory();
            let saved = salvage_in(&copy.world(), &target, |_| ()).unwrap();
            let store = tidegate::StoreOptions::new().open_reader_in(target).unwrap();
            store.verify(|_| ()).unwrap();
            let lost = intact.len() as u64 + 1 - saved.saved.events;
            for event in store.read(&Query::kind("thing.done")).unwrap() {
                let event = event.unwrap();
                let is_erased = (event.position().0 + lost).is_multiple_of(part);
                assert_eq!(event.payload().is_err(), is_erased);
            }
        }
    }
}

/// The content hash under a key is kept beside the first blind. If another event of the batch is erased, both would stay,
/// and a caller that tries all payloads would find it, by retrying under the key alone.
#[test]
fn a_key_does_not_tell_what_was_erased_in_its_batch() {
    let pin = |pin: u32| {
        let draft = |entity: &'static str, payload: String| {
            Draft::new(("scope", entity), "pin.set").bytes(payload.into_bytes())
        };
        Batch::from(vec![draft("a", "open".to_owned()), draft("b", format!("{pin:04}"))]).key("pins")
    };
    for position in [1, 2] {
        let mut stage = Stage::new();
        let store = stage.open();
        store.append(pin(4711)).unwrap();
        store.close().unwrap();
        let leaves = history(&store).unwrap();
        stage.restart();
        rewrite_records(&stage, false, |at, record| {
            if at == position {
                record::erase(record);
            }
            record::erase_content(record);
        });
        let bytes = stage.bytes(&stage.active());
        assert!(position == 1 || !bytes.windows(4).any(|window| window == b"4711"));
        let store = stage.open();
        assert_eq!(history(&store).unwrap(), leaves);
        for guess in 4700..4720 {
            let error = store.append(pin(guess)).unwrap_err();
            assert!(error.conflict().is_some() && error.to_string().contains("erased"), "{guess}: {error}");
        }
        assert_eq!(history(&store).unwrap(), leaves);
    }
}
