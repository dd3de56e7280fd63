//! What is written and not known to be durable is withheld by a reader, and counted, with its place (F2, F9, F19).
//!
//! After 335 of 500 simulated power cuts the watermark was older than the log, and a reader left out synced,
//! acknowledged events without a word: it counted 300 of 1,000, and said of a kept receipt that its events were missing.

use tidegate::batch::ReceiptStatus;
use tidegate::report::Unconfirmed;
use tidegate::{AppendOptions, ErrorKind, Position, Receipt, StoreReader};

use crate::faults::stage::{History, Stage, batch, history, one};

/// A store in which the watermark says nothing of the last batches, although they were synced.
fn behind(batches: usize) -> (Stage, History, Vec<Receipt>) {
    let mut stage = Stage::new();
    stage.options.segment_bytes = 1 << 20;
    let store = stage.open();
    let mut receipts = Vec::new();
    let mut old = Vec::new();
    for number in 0..batches {
        receipts.push(store.append_with(batch(number), AppendOptions::new().synced()).unwrap());
        if number == 3 {
            old = stage.bytes("WATERMARK");
        }
    }
    let history = history(&store).unwrap();
    stage.disk.kill();
    stage.restart();
    stage.disk.at_rest().write("WATERMARK", &old).unwrap();
    (stage, history, receipts)
}

fn unconfirmed(reader: &StoreReader) -> Unconfirmed {
    let report = reader.report();
    report.unconfirmed.clone().unwrap_or_else(|| panic!("a silent prefix: {report}"))
}

/// The next opening for writing keeps what was counted, and then a reader shows it.
fn confirmed_by_a_writer(stage: &Stage, intact: &History) {
    let store = stage.open();
    assert_eq!(&history(&store).unwrap(), intact);
    drop(store);
    let reader = stage.read_only();
    assert_eq!(&history(&reader).unwrap(), intact);
    assert!(reader.report().unconfirmed.is_none(), "{}", reader.report());
}

/// All but the last group are vouched for by those behind them.
#[test]
fn later_frames_vouch_where_the_watermark_is_old() {
    let (stage, intact, receipts) = behind(9);
    let reader = stage.read_only();
    let last = receipts.last().unwrap();
    let shown = last.first().before().0 as usize;
    assert_eq!(history(&reader).unwrap(), intact[..shown]);
    let unconfirmed = unconfirmed(&reader);
    let active = stage.active();
    let frames = stage.frames(&active);
    let (from, end) = (frames[frames.len() - 2] as u64, frames[frames.len() - 1] as u64);
    assert_eq!((unconfirmed.after.0 as usize, unconfirmed.events), (shown, last.events.len() as u64));
    assert_eq!((&unconfirmed.file, unconfirmed.from.0, unconfirmed.bytes), (&active, from, end - from));
    assert!(unconfirmed.torn.is_none() && !unconfirmed.has_writer);
    let said = reader.report().to_string();
    assert!(said.contains("not known to be durable") && said.contains(&active), "{said}");
    for receipt in &receipts {
        let is_shown = receipt.last().0 as usize <= shown;
        let expected =
            if is_shown { ReceiptStatus::Agrees } else { ReceiptStatus::Unconfirmed(receipt.first()) };
        assert_eq!(reader.check_receipt(receipt).unwrap(), expected);
    }
    let mut beyond = last.clone();
    beyond.events[0].position = Position(intact.len() as u64 + 1);
    assert_eq!(reader.check_receipt(&beyond).unwrap(), ReceiptStatus::Missing(beyond.events[0].position));
    let mut other = last.clone();
    other.events[0].version = other.events[0].version.next();
    assert_eq!(reader.check_receipt(&other).unwrap(), ReceiptStatus::Differs(last.first()));
    confirmed_by_a_writer(&stage, &intact);
}

/// A store whose writer closed it, and whose watermark was deleted.
#[test]
fn a_deleted_watermark_takes_the_last_group_alone() {
    let (stage, intact) = Stage::closed();
    stage.disk.at_rest().remove("WATERMARK").unwrap();
    let reader = stage.read_only();
    let shown = history(&reader).unwrap();
    assert!(intact.starts_with(&shown) && shown.len() + 2 >= intact.len() && shown.len() < intact.len());
    assert_eq!(unconfirmed(&reader).events as usize, intact.len() - shown.len());
    confirmed_by_a_writer(&stage, &intact);
}

/// What was appended without a sync, and then the process was killed.
#[test]
fn of_a_killed_writer_with_buffered_events() {
    let mut stage = Stage::new();
    stage.options.segment_bytes = 1 << 20;
    let store = stage.open();
    let synced = store.append_with(batch(0), AppendOptions::new().synced()).unwrap();
    let buffered: Vec<_> = (1..8)
        .map(|number| store.append_with(batch(number), AppendOptions::new().buffered()).unwrap())
        .collect();
    let intact = history(&store).unwrap();
    stage.disk.kill();
    stage.restart();
    let reader = stage.read_only();
    assert_eq!(history(&reader).unwrap(), intact[..2]);
    assert_eq!(unconfirmed(&reader).events as usize, intact.len() - 2);
    assert_eq!(reader.check_receipt(&synced).unwrap(), ReceiptStatus::Agrees);
    for receipt in &buffered {
        assert_eq!(reader.check_receipt(receipt).unwrap(), ReceiptStatus::Unconfirmed(receipt.first()));
    }
    confirmed_by_a_writer(&stage, &intact);
}

/// One flipped bit behind all that is known to be durable: what is whole is counted, and what an opening will cut off is
/// told with its place.
#[test]
fn and_what_is_torn_behind_it() {
    let mut stage = Stage::new();
    stage.options.segment_bytes = 1 << 20;
    let store = stage.open();
    store.append_with(batch(0), AppendOptions::new().synced()).unwrap();
    (0..8).for_each(|_| drop(store.append_with(one("buffered"), AppendOptions::new().buffered()).unwrap()));
    let intact = history(&store).unwrap();
    stage.disk.kill();
    stage.restart();
    let name = stage.active();
    let frames = stage.frames(&name);
    for (frame, whole) in [(1, 0), (3, 2), (8, 7)] {
        let copy = stage.fork();
        copy.disk.at_rest().flip_bit(&name, (frames[frame] as u64 + 50) * 8).unwrap();
        let reader = copy.read_only();
        assert_eq!(history(&reader).unwrap(), intact[..2]);
        let unconfirmed = unconfirmed(&reader);
        assert_eq!(unconfirmed.events, whole);
        let torn = unconfirmed.torn.as_ref().unwrap();
        assert!(torn.to_string().contains(&format!("{name}, byte {}", frames[frame])), "{torn}");
        let store = copy.open();
        assert_eq!(history(&store).unwrap().len() as u64, 2 + whole);
        assert!(store.report().dropped_bytes > 0);
    }
}

/// A hole among frames that were on their way together: the one behind it was sealed when only the first was durable,
/// and proves no more than that.
#[test]
fn a_frame_vouches_for_what_it_says_and_no_more() {
    let mut stage = Stage::new();
    stage.options.segment_bytes = 1 << 20;
    let store = stage.open();
    store.append_with(one("synced"), AppendOptions::new().synced()).unwrap();
    (0..3).for_each(|_| drop(store.append_with(one("buffered"), AppendOptions::new().buffered()).unwrap()));
    stage.disk.kill();
    stage.restart();
    stage.disk.at_rest().remove("WATERMARK").unwrap();
    let name = stage.active();
    let frames = stage.frames(&name);
    stage.disk.at_rest().flip_bit(&name, (frames[1] as u64 + 50) * 8).unwrap();
    let reader = stage.read_only();
    assert_eq!(
        history(&reader).unwrap().len(),
        1,
        "the frames behind the hole say that the first is durable"
    );
    assert!(reader.report().damage.is_none() && unconfirmed(&reader).torn.is_some(), "{}", reader.report());
}

/// With a writer there is nothing to warn of: it confirms what it writes.
#[test]
fn beside_a_writer_it_is_on_its_way() {
    let stage = Stage::new();
    let store = stage.open();
    store.append_with(batch(0), AppendOptions::new().synced()).unwrap();
    let buffered = store.append_with(one("buffered"), AppendOptions::new().buffered()).unwrap();
    let reader = stage.read_only();
    assert!(unconfirmed(&reader).has_writer && unconfirmed(&reader).events == 1);
    assert_eq!(reader.check_receipt(&buffered).unwrap(), ReceiptStatus::Unconfirmed(buffered.first()));
    store.append_with(batch(1), AppendOptions::new().synced()).unwrap();
    assert_eq!(reader.check_receipt(&buffered).unwrap(), ReceiptStatus::Agrees);
    assert_eq!(history(&reader).unwrap(), history(&store).unwrap());
    assert!(stage.read_only().report().unconfirmed.is_none());
}

/// A watermark that is deleted while the writer goes on to write to it: frames and segments tell a reader what is durable.
#[test]
fn a_reader_follows_without_a_watermark() {
    let stage = Stage::new();
    let store = stage.open();
    store.append_with(batch(0), AppendOptions::new().synced()).unwrap();
    let reader = stage.read_only();
    stage.disk.at_rest().remove("WATERMARK").unwrap();
    for number in 1..20 {
        let before = history(&store).unwrap();
        store.append_with(batch(number), AppendOptions::new().synced()).unwrap();
        assert_eq!(history(&reader).unwrap(), before, "{number}: all but what was synced last");
    }
    assert!(stage.segments().len() > 2);
    assert!(history(&stage.read_only()).unwrap().len() < history(&store).unwrap().len());
}

/// The caller knows that the log got further than what is confirmed: that is not an older log.
#[test]
fn an_expected_head_among_the_unconfirmed_is_named_so() {
    let (stage, intact, receipts) = behind(9);
    let expect = |head: u64| {
        let options = stage.options.expected_head(Position(head));
        options.open_reader_in(stage.world())
    };
    let shown = receipts.last().unwrap().first().before().0;
    expect(shown).unwrap();
    for head in shown + 1..=intact.len() as u64 {
        let error = expect(head).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Missing, "{error}");
        assert!(error.to_string().contains("not known to be durable"), "{error}");
    }
    let error = expect(intact.len() as u64 + 1).unwrap_err();
    assert!(error.kind() == ErrorKind::Damaged && error.to_string().contains("older"), "{error}");
}
