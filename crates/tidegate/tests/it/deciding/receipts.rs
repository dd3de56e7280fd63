//! Receipts: kept as text, read back, and checked against the log.

use proptest::prelude::*;
use tidegate::batch::{ReceiptEvent, ReceiptStatus};
use tidegate::decide::{DecisionView, GateSet, Proposal, Verdict, gate};
use tidegate::{Batch, ErrorKind, EventId, Position, Receipt, StoreId, StoreOptions, Version};
use tidegate_format::{Hash, Micros};

use super::{append, draft, store};

fn read_back(receipt: &Receipt) -> Receipt {
    receipt.to_string().parse().unwrap_or_else(|error| panic!("{error}\n{receipt}"))
}

#[test]
fn odd_names_of_gates_read_back() {
    let odd = [
        "",
        " ",
        "two words ",
        "a\nb",
        "a\r",
        "\t",
        "quote\" and '",
        "back\\slash",
        "\\n",
        "\\u{41}",
        "ünïcode 海",
        "\u{85}\u{2028}",
        "\0",
        "gate x\nevent",
        "}",
        "\u{10ffff}",
    ];
    let store = store();
    let set = odd.iter().fold(GateSet::new(), |set, name| {
        set.and(gate(*name, |_: &Proposal<'_, str>, _: &DecisionView| Ok(Verdict::Allow)))
    });
    let batch = || Batch::from(vec![draft("a", "a.b"), draft("b", "a.b")]).key("k");
    let receipt = store.propose("ann", batch(), &set).unwrap().receipt().unwrap().clone();
    assert_eq!(receipt.gates, odd);
    assert_eq!(read_back(&receipt), receipt);
    assert_eq!(append(&store, batch()), receipt, "from the log");
    assert_eq!(store.check_receipt(&read_back(&receipt)).unwrap(), ReceiptStatus::Agrees);
}

#[test]
fn a_text_that_is_no_receipt_is_refused() {
    let store = store();
    let text = append(&store, vec![draft("a", "a.b"), draft("b", "a.b")]).to_string();
    let lines: Vec<_> = text.lines().collect();
    for count in 0..4 {
        let cut = lines[..count].join("\n").parse::<Receipt>().unwrap_err();
        assert_eq!(cut.kind(), ErrorKind::Invalid, "{count} lines");
    }
    for (from, to) in [
        ("tidegate receipt", "a receipt"),
        ("store ", "shop "),
        ("time ", "time x"),
        ("event ", "event x"),
        ("event ", "event  "),
        ("\nevent", "\ngate \\q\\\nevent"),
        ("\nevent", "\ngate \\u{110000}\nevent"),
        ("\nevent", "\n\nevent"),
        ("time ", "time 1\ntime "),
        ("\nevent", "\njudged -1\nevent"),
    ] {
        let broken = text.replacen(from, to, 1);
        assert_ne!(broken, text);
        let refused = broken.parse::<Receipt>().map_err(|error| error.kind());
        assert_eq!(refused.err(), Some(ErrorKind::Invalid), "{broken}");
    }
}

proptest! {
    #[test]
    fn any_receipt_reads_back(
        store in any::<[u8; 16]>(),
        time in any::<u64>(),
        gates in prop::collection::vec(any::<String>(), 0..4),
        judged_at in prop::option::of(any::<u64>()),
        events in prop::collection::vec((any::<[u8; 16]>(), any::<u64>(), any::<u64>(), any::<[u8; 32]>()), 1..4),
    ) {
        let events = events.into_iter().map(|(id, position, version, leaf)| {
            let (position, version) = (Position(position), Version(version));
            ReceiptEvent { id: EventId(id), position, version, leaf: Hash(leaf) }
        });
        let receipt = Receipt {
            store: StoreId(store),
            time: Micros(time),
            gates: gates.into_iter().map(Into::into).collect(),
            judged_at: judged_at.map(Position),
            events: events.collect(),
        };
        prop_assert_eq!(read_back(&receipt), receipt);
    }

    #[test]
    fn no_text_makes_reading_panic(lines in prop::collection::vec("(store|time|judged|gate|event) .{0,60}", 0..5)) {
        let _ = format!("tidegate receipt\n{}", lines.join("\n")).parse::<Receipt>();
    }
}

#[test]
fn a_receipt_agrees_with_its_own_log_alone() {
    let store = store();
    let allow =
        || GateSet::new().and(gate("one", |_: &Proposal<'_, str>, _: &DecisionView| Ok(Verdict::Allow)));
    let decided = store.propose("ann", vec![draft("a", "a.b"), draft("b", "a.b")], &allow());
    let receipt = decided.unwrap().receipt().unwrap().clone();
    append(&store, draft("a", "a.b"));
    let check = |change: &dyn Fn(&mut Receipt)| {
        let mut changed = receipt.clone();
        change(&mut changed);
        store.check_receipt(&changed).unwrap()
    };
    assert_eq!(check(&|_| ()), ReceiptStatus::Agrees);
    assert_eq!(check(&|receipt| receipt.store.0[0] ^= 1), ReceiptStatus::OtherStore);
    assert_eq!(
        check(&|receipt| receipt.events[1].position = Position(9)),
        ReceiptStatus::Missing(Position(9))
    );
    let first = ReceiptStatus::Differs(Position(1));
    assert_eq!(check(&|receipt| receipt.events[0].id.0[0] ^= 1), first);
    assert_eq!(check(&|receipt| receipt.events[0].leaf.0[0] ^= 1), first);
    assert_eq!(check(&|receipt| receipt.events[0].version = Version(2)), first);
    assert_eq!(check(&|receipt| receipt.events[1].version = Version(2)), ReceiptStatus::Differs(Position(2)));
    assert_eq!(
        check(&|receipt| receipt.events[1].position = Position(3)),
        ReceiptStatus::Differs(Position(3))
    );
    assert_eq!(check(&|receipt| receipt.time.0 += 1), first);
    assert_eq!(check(&|receipt| receipt.gates.push("never asked".into())), first);
    assert_eq!(check(&|receipt| receipt.gates.clear()), first);
    assert_eq!(check(&|receipt| receipt.judged_at = Some(Position(1))), first);
}

#[test]
fn an_older_copy_of_the_log_misses_what_came_later() {
    let disk = tidegate::testing::MemoryDisk::new();
    let world = |disk: &tidegate::testing::MemoryDisk| tidegate::testing::Env {
        disk: std::sync::Arc::new(disk.clone()),
        ..tidegate::testing::Env::memory()
    };
    let store = StoreOptions::new().open_in(world(&disk)).unwrap();
    append(&store, draft("a", "a.b"));
    let reader = StoreOptions::new().open_reader_in(world(&disk)).unwrap();
    let seen = reader.view().unwrap().head();
    let receipt = append(&store, draft("a", "a.b"));
    assert_eq!((seen, receipt.first()), (Position(1), Position(2)));
    assert_eq!(store.check_receipt(&receipt).unwrap(), ReceiptStatus::Agrees);
    let elsewhere = self::store();
    assert_eq!(elsewhere.check_receipt(&receipt).unwrap(), ReceiptStatus::OtherStore);
    assert_eq!(reader.check_receipt(&receipt).unwrap(), ReceiptStatus::Agrees, "a reader looks again");
}
