//! Events of another store come over once, in their order, and never into a stream that goes on here.

use std::sync::Arc;

use tidegate::report::keyring::Keyring;
use tidegate::report::{Erase, ImportOptions, ImportReport};
use tidegate::testing::FaultPlan;
use tidegate::{
    AppendOptions, Batch, Cause, Draft, ErrorKind, Position, Query, QueryItem, RecordedEvent, Result, Store,
};

use crate::faults::stage::{Stage, batch};
use crate::stored::{encrypting, erasing};

fn draft(scope: &str, entity: &str, kind: &str) -> Draft {
    Draft::new((scope.to_owned(), entity.to_owned()), kind.to_owned())
        .json_text(format!(r#"{{"of":"{entity}"}}"#))
}

/// Orders and bills, with causes over both scopes, batches, a key, tags and an erased payload.
fn source() -> Store {
    let store = Store::in_memory().unwrap();
    let placed = store.append(draft("shop", "order-7", "order.placed").tag("c1")).unwrap().first();
    let both = Batch::new()
        .and(draft("shop", "order-7", "order.paid").cause(placed))
        .and(draft("bills", "bill-1", "bill.made").cause(Cause::Draft(0)))
        .and(draft("shop", "stock-3", "stock.moved").cause(Cause::Draft(0)).cause(placed));
    store.append(both.key("payment-7")).unwrap();
    store.append(draft("bills", "bill-1", "bill.sent").cause(Position(3)).meta("by", "post")).unwrap();
    store.append(draft("shop", "secret", "note.made")).unwrap();
    store.append(draft("shop", "order-7", "order.shipped").cause(Position(6)).cause(Position(5))).unwrap();
    store.upkeep().erase(&QueryItem::new().entity("secret").into(), Erase::new("request 1", "desk")).unwrap();
    store
}

fn import(to: &Store, from: &Store, query: &Query, options: &ImportOptions) -> Result<ImportReport> {
    to.upkeep().import(from, query, options, |_| ())
}

fn in_scope(scope: &str) -> Query {
    QueryItem::new().scope(scope.to_owned()).into()
}

fn events(store: &Store) -> Vec<RecordedEvent> {
    store.read(&Query::ALL).unwrap().collect::<Result<_>>().unwrap()
}

#[test]
fn what_a_query_selects_comes_over_with_where_it_was() {
    let (from, to) = (source(), Store::in_memory().unwrap());
    to.append(draft("own", "thing", "thing.done")).unwrap();
    let report = import(&to, &from, &in_scope("shop"), &ImportOptions::new()).unwrap();
    let counts = (report.imported, report.skipped, report.erased, report.own, report.foreign_causes);
    assert_eq!(counts, (4, 0, 1, 0, 2), "{report}");
    let (old, new) = (events(&from), events(&to));
    let came: Vec<(usize, usize)> = vec![(0, 1), (1, 2), (3, 3), (6, 4)];
    assert_eq!(new.len(), 5);
    for (before, after) in came {
        let (old, new) = (&old[before], &new[after]);
        assert_eq!((old.id(), old.stream(), old.kind()), (new.id(), new.stream(), new.kind()));
        assert_eq!((old.payload().unwrap(), old.correlation()), (new.payload().unwrap(), new.correlation()));
        assert!(old.tags().eq(new.tags()) && old.payload_type() == new.payload_type());
        let note: serde_json::Value = serde_json::from_slice(new.meta("tidegate.imported").unwrap()).unwrap();
        assert_eq!(note["store"], from.id().to_string());
        assert_eq!(note["position"], old.position().0);
        assert_eq!((&note["leaf"], &note["time"]), (&old.leaf().to_string().into(), &old.time().0.into()));
    }
    let causes = |at: usize| new[at].causes().collect::<Vec<_>>();
    assert_eq!(causes(2), [Cause::At(Position(2))]);
    assert_eq!(causes(3), [Cause::At(Position(3)), Cause::At(Position(2))]);
    let foreign = |at: usize| Cause::Foreign(from.id(), old[at].id());
    assert_eq!(causes(4), [foreign(5), foreign(4)], "the erased event and the bill stayed there");
    // The batch is one, of those of its events that were selected; its key is noted on each.
    assert_eq!([1, 2, 3, 4].map(|at| new[at].record().ends_batch()), [true, false, true, true]);
    let note: serde_json::Value = serde_json::from_slice(new[2].meta("tidegate.imported").unwrap()).unwrap();
    assert_eq!(note["key"], "payment-7");
    let key = format!("import:{}:2", from.id());
    assert_eq!(to.view().unwrap().find_key(&key).unwrap().unwrap().position(), Position(3));
    assert!(to.view().unwrap().find_key("payment-7").unwrap().is_none(), "a key there is not a key here");
    to.verify(&mut |_| ()).unwrap();
}

#[test]
fn a_later_run_brings_what_is_new_and_nothing_twice() {
    let (from, to) = (source(), Store::in_memory().unwrap());
    let (query, options) = (Query::ALL, ImportOptions::new());
    let first = import(&to, &from, &query, &options).unwrap();
    assert_eq!((first.imported, first.own, first.erased), (6, 1, 1), "{first}");
    let again = import(&to, &from, &query, &options).unwrap();
    assert_eq!((again.imported, again.skipped), (0, 6), "{again}");
    from.append(draft("shop", "order-7", "order.closed").cause(Position(7))).unwrap();
    let later = import(&to, &from, &query, &options).unwrap();
    assert_eq!((later.imported, later.skipped, later.foreign_causes), (1, 6, 0), "{later}");
    let closed = events(&to).pop().unwrap();
    assert_eq!(closed.causes().collect::<Vec<_>>(), [Cause::At(Position(6))]);
    let after = import(&to, &from, &query, &ImportOptions::new().after(later.until)).unwrap();
    assert_eq!((after.imported, after.skipped), (0, 0), "{after}");
    // And back: what came from there is a cause there again.
    to.append(draft("mail", "letter", "letter.sent").cause(closed.position())).unwrap();
    import(&from, &to, &in_scope("mail"), &options).unwrap();
    let letter = events(&from).pop().unwrap();
    assert_eq!(letter.causes().collect::<Vec<_>>(), [Cause::Foreign(to.id(), closed.id())]);
    // On to a third store: both places are noted.
    let third = Store::in_memory().unwrap();
    import(&third, &to, &in_scope("bills"), &options).unwrap();
    let note: serde_json::Value =
        serde_json::from_slice(events(&third)[0].meta("tidegate.imported").unwrap()).unwrap();
    assert_eq!(
        (&note["store"], &note["before"]["store"]),
        (&to.id().to_string().into(), &from.id().to_string().into())
    );
}

#[test]
fn a_stream_that_goes_on_here_is_refused_or_goes_elsewhere() {
    let (from, to) = (source(), Store::in_memory().unwrap());
    let (shop, options) = (in_scope("shop"), ImportOptions::new());
    to.append(draft("shop", "order-7", "order.placed")).unwrap();
    let error = import(&to, &from, &shop, &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.message().contains("shop / order-7 / 0 has events here that did not come"), "{error}");
    let elsewhere = ImportOptions::new().into_scope("old-shop");
    assert_eq!(import(&to, &from, &shop, &elsewhere).unwrap().imported, 4);
    assert_eq!(to.view().unwrap().count(&in_scope("old-shop")).unwrap(), 4);
    assert_eq!(import(&to, &from, &shop, &elsewhere).unwrap().skipped, 4);
    let error = import(&Store::in_memory().unwrap(), &from, &Query::ALL, &elsewhere).unwrap_err();
    assert!(error.message().contains(r#"the scopes "shop" and "bills" would go to one scope"#), "{error}");
    let error = import(&from, &from.clone(), &shop, &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);

    // A stream that came and then went on here does not take more.
    let to = Store::in_memory().unwrap();
    import(&to, &from, &shop, &options).unwrap();
    to.append(draft("shop", "stock-3", "stock.counted")).unwrap();
    from.append(draft("shop", "stock-3", "stock.moved")).unwrap();
    let error = import(&to, &from, &shop, &options).unwrap_err();
    assert!(error.message().contains("shop / stock-3 / 0 has events here that did not come"), "{error}");
    // Nor one of which a later part came.
    let to = Store::in_memory().unwrap();
    import(&to, &from, &QueryItem::new().scope("shop").kind("order.paid").into(), &options).unwrap();
    let error = import(&to, &from, &shop, &options).unwrap_err();
    assert!(error.message().contains("has come up to position 2 of that store already"), "{error}");
    // An event of the same id that is another one.
    let to = Store::in_memory().unwrap();
    let taken = draft("elsewhere", "x", "k").id(events(&from)[0].id());
    to.append(taken).unwrap();
    let error = import(&to, &from, &shop, &options).unwrap_err();
    assert!(
        error.message().contains("is here already, at position 1, and did not come from position 1"),
        "{error}"
    );
}

#[test]
fn a_plan_appends_nothing_and_counts_the_same() {
    let (from, to) = (source(), Store::in_memory().unwrap());
    to.append(draft("own", "thing", "thing.done")).unwrap();
    let planned = import(&to, &from, &Query::ALL, &ImportOptions::new().plan(true)).unwrap();
    assert_eq!(events(&to).len(), 1);
    assert_eq!(planned, import(&to, &from, &Query::ALL, &ImportOptions::new()).unwrap());
}

/// An import that reads what is encrypted must not write it down in the clear.
#[test]
fn ciphertext_comes_over_as_it_is() {
    let (stage, other) = (Stage::new(), Stage::seeded(5));
    let (from, to) = (stage.open(), other.open());
    let keyring = encrypting::try_keyring(&stage).unwrap();
    from.use_keyring(Arc::clone(&keyring) as Arc<dyn Keyring>).unwrap();
    from.append(encrypting::letter(1)).unwrap();
    let sent = events(&from).remove(0);
    assert_eq!(sent.payload().unwrap(), erasing::secret(1).as_bytes());
    let error = import(&to, &from, &Query::ALL, &ImportOptions::new().into_scope("mail")).unwrap_err();
    assert!(error.message().contains("is encrypted for its stream"), "{error}");
    import(&to, &from, &Query::ALL, &ImportOptions::new()).unwrap();
    let came = events(&to).remove(0);
    assert_eq!(came.payload().unwrap_err().kind(), ErrorKind::Encrypted);
    assert_eq!(came.record().payload().unwrap(), sent.record().payload().unwrap());
    to.use_keyring(keyring).unwrap();
    assert_eq!(events(&to)[0].payload().unwrap(), erasing::secret(1).as_bytes());
    // A key that was destroyed leaves its events behind, as erased ones.
    encrypting::forget(&from, 1).unwrap();
    let report = import(&Store::in_memory().unwrap(), &from, &Query::kind("letter.*"), &ImportOptions::new());
    assert_eq!(report.map(|report| (report.imported, report.erased)).unwrap(), (0, 1));
}

/// G1: whatever became durable of an import before a crash, the next run ends as one that was never cut off.
#[test]
fn at_any_call_of_an_import() {
    let from = Store::in_memory().unwrap();
    for number in 0..12 {
        from.append_with(batch(number), AppendOptions::new().synced()).unwrap();
    }
    from.append(draft("scope", "entity-1", "thing.ended").cause(Position(3)).cause(Position(9))).unwrap();
    let run = |stage: &Stage| {
        let store = stage.try_write()?;
        let done = import(&store, &from, &Query::ALL, &ImportOptions::new())?;
        store.close()?;
        Ok::<_, tidegate::Error>(done)
    };
    let told = |stage: &Stage| {
        let (store, mut told) = (stage.open(), Vec::new());
        for event in events(&store) {
            let causes: Vec<_> = event.causes().collect();
            told.push((event.position(), event.version(), event.id(), causes, event.record().ends_batch()));
        }
        told
    };
    let straight = Stage::new();
    let all = run(&straight).unwrap().imported;
    let expected = told(&straight.fork());
    assert_eq!(expected.len() as u64, all);
    let (mut partly, mut crashes) = (0, 0);
    for nth in 1.. {
        let mut stage = Stage::new();
        stage.disk.set_plan(FaultPlan::default().crash_at(nth));
        let done = run(&stage);
        if !stage.disk.ended() {
            done.unwrap();
            break;
        }
        crashes += 1;
        stage.disk.power_cut(nth);
        stage.restart();
        let done = run(&stage).unwrap_or_else(|error| panic!("crash at call {nth}: {error}"));
        assert_eq!(done.imported + done.skipped, all, "crash at call {nth}");
        partly += u32::from(done.skipped > 0 && done.imported > 0);
        stage.restart();
        assert_eq!(told(&stage), expected, "crash at call {nth}");
    }
    assert!(crashes > 40 && partly > 3, "{crashes} crashes, {partly} with a part of it durable");
}
