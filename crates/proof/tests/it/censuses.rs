//! Censuses: all events of a stream, or none.

use tidegate_format::{Draft, ErrorKind, Hash, Position, StreamId};
use tidegate_proof::census::{
    CENSUS_KIND, Census, CensusField, CensusProof, CensusRow, CensusRowProof, CensusTable, CensusTally,
    CensusTerm,
};
use tidegate_proof::{Disclosure, DisclosureForm, Entry};

use crate::sample::{Log, policy};

const FIELDS: [CensusField; 4] =
    [CensusField::Stream, CensusField::Scope, CensusField::Kind, CensusField::Tag];

fn table(log: &Log, field: CensusField, until: u64) -> CensusTable {
    let mut tally = CensusTally::new(field);
    log.records().take(until as usize).for_each(|record| tally.add(&record));
    tally.finish()
}

/// Appends a census with this text.
fn note(log: &mut Log, text: String) -> Position {
    log.append(Draft::new(("tidegate", "census"), CENSUS_KIND).json_text(text))
}

/// A log of 30 events, and then a census of them for each field.
fn counted() -> (Log, [(CensusTable, Position); 4]) {
    let mut log = Log::of(30);
    let tables = FIELDS.map(|field| {
        let table = table(&log, field, 30);
        let position = note(&mut log, table.census(Position(30)).to_string());
        (table, position)
    });
    (log, tables)
}

fn terms() -> Vec<CensusTerm> {
    let stream =
        |entity: &'static str, lane| CensusTerm::Stream(StreamId { lane, ..StreamId::new("shop", entity) });
    vec![
        stream("order-0", 0),
        stream("order-1", 1),
        stream("order-1", 2),
        stream("order-9", 0),
        CensusTerm::Scope("shop".into()),
        CensusTerm::Scope("bank".into()),
        CensusTerm::Kind("order.paid".into()),
        CensusTerm::Kind("order".into()),
        CensusTerm::Tag("vip".into()),
        CensusTerm::Tag("order.paid".into()),
    ]
}

fn proof_of(
    log: &Log,
    tables: &[(CensusTable, Position); 4],
    term: &CensusTerm,
    form: DisclosureForm,
) -> CensusProof {
    let at = FIELDS.iter().position(|field| *field == term.field()).unwrap();
    let (table, position) = &tables[at];
    let events = log.records().take(30).filter(|record| term.has(record));
    let events = events.map(|record| Disclosure::of(&record, form).unwrap()).collect();
    let proof = log.proof(position.0, log.size(), DisclosureForm::Payload);
    CensusProof::new(proof, table.prove(term).unwrap(), events)
}

#[test]
fn all_events_of_a_term_are_shown() {
    let (log, tables) = counted();
    for term in terms() {
        let expected: Vec<Position> = log
            .records()
            .take(30)
            .filter(|record| term.has(record))
            .map(|record| record.position())
            .collect();
        for form in [DisclosureForm::Entry, DisclosureForm::Names, DisclosureForm::Payload] {
            let text = proof_of(&log, &tables, &term, form).to_string();
            let proof: CensusProof = text.parse().unwrap();
            assert_eq!(proof.to_string(), text);
            let finding = proof.verify(&policy(), &term).unwrap();
            let found: Vec<Position> = finding.entries.iter().map(Entry::position).collect();
            assert_eq!((finding.count(), &found), (expected.len() as u64, &expected), "{term}");
            assert_eq!((finding.census.until, finding.row.is_some()), (Position(30), !expected.is_empty()));
            assert_eq!(finding.approval.checkpoint, log.head(34));
        }
    }
    assert_eq!(terms().iter().filter(|term| !log.records().any(|record| term.has(&record))).count(), 5);
}

#[test]
fn the_row_alone_shows_the_count() {
    let (log, tables) = counted();
    let term = &terms()[0];
    let whole = proof_of(&log, &tables, term, DisclosureForm::Entry);
    let rows = tables[0].0.prove(term).unwrap();
    let alone = CensusProof::new(log.proof(31, 34, DisclosureForm::Payload), rows, Vec::new());
    let finding = alone.verify(&policy(), term).unwrap();
    assert_eq!((finding.count(), finding.entries.len()), (whole.events().len() as u64, 0));
}

fn step(proof: &CensusProof, term: &CensusTerm) -> String {
    let error = proof.verify(&policy(), term).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disproved, "{error}");
    error.message().split(':').next().unwrap().to_owned()
}

/// An event left out, doubled, exchanged, added, or of another term.
#[test]
fn events_that_are_not_all_are_refused() {
    let (log, tables) = counted();
    for term in terms().iter().filter(|term| log.records().any(|record| term.has(&record))) {
        for form in [DisclosureForm::Entry, DisclosureForm::Payload] {
            let whole = proof_of(&log, &tables, term, form);
            let at = FIELDS.iter().position(|field| *field == term.field()).unwrap();
            let with = |events: Vec<Disclosure>| {
                let proof = log.proof(tables[at].1.0, 34, DisclosureForm::Payload);
                step(&CensusProof::new(proof, tables[at].0.prove(term).unwrap(), events), term)
            };
            let events = whole.events().to_vec();
            let foreign = log.records().find(|record| !term.has(record)).unwrap();
            for place in 0..events.len() {
                let mut changed = events.clone();
                let one = changed.remove(place);
                if !changed.is_empty() {
                    assert_eq!(with(changed.clone()), "events");
                    changed.insert((place + 1) % events.len(), one);
                    assert_eq!(with(changed), "events");
                }
                let mut changed = events.clone();
                changed.insert(place, events[place].clone());
                assert_eq!(with(changed), "events");
                let mut changed = events.clone();
                changed[place] = Disclosure::of(&foreign, form).unwrap();
                assert_eq!(with(changed), "events");
            }
            let census = Disclosure::of(&log.record(34), form).unwrap();
            assert_eq!(with([events, vec![census]].concat()), "events");
        }
    }
}

/// What is there cannot be denied, nor shown by the row of another one.
#[test]
fn rows_that_are_not_those_of_the_term_are_refused() {
    let (log, tables) = counted();
    let (table, position) = &tables[0];
    let (there, absent) = (&terms()[0], &terms()[3]);
    let size = table.rows().len();
    let row = |at: usize| {
        let index = at as u64;
        let tree = table.rows().iter().map(CensusRow::leaf).collect::<tidegate_proof::tree::MemoryTree>();
        let hashes = tidegate_proof::tree::InclusionProof::make(&tree, index, size as u64).unwrap().hashes;
        CensusRowProof { row: table.rows()[at], index, hashes }
    };
    let with = |rows: Vec<CensusRowProof>| {
        CensusProof::new(log.proof(position.0, 34, DisclosureForm::Payload), rows, Vec::new())
    };
    let own = table.rows().iter().position(|row| row.term == there.hash()).unwrap();
    for left in 0..size {
        for right in 0..size {
            let rows = vec![row(left), row(right)];
            assert_eq!(step(&with(rows.clone()), there), "row", "{left} {right}");
            let is_between = left + 1 == right
                && row(left).row.term < absent.hash()
                && absent.hash() < row(right).row.term;
            assert_eq!(with(rows).verify(&policy(), absent).is_ok(), is_between);
        }
        if left != own {
            assert_eq!(step(&with(vec![row(left)]), there), "row");
        }
        let is_before = row(left).row.term < absent.hash();
        let is_end = if is_before { left + 1 == size } else { left == 0 };
        assert_eq!(with(vec![row(left)]).verify(&policy(), absent).is_ok(), is_end);
    }
    assert_eq!(step(&with(Vec::new()), there), "row");
    assert_eq!(step(&with(vec![row(0); 3]), there), "row");
    let mut changed = row(own);
    changed.row.count += 1;
    assert_eq!(step(&with(vec![changed]), there), "row");
    let mut moved = row(own);
    moved.index = (moved.index + 1) % size as u64;
    assert_eq!(step(&with(vec![moved]), there), "row");
    // None is there, and some are shown.
    let shown = vec![Disclosure::of(&log.record(1), DisclosureForm::Entry).unwrap()];
    let proof = log.proof(position.0, 34, DisclosureForm::Payload);
    assert_eq!(step(&CensusProof::new(proof, table.prove(absent).unwrap(), shown), absent), "events");
}

/// Rows that no log can have, under a census that a store signed.
#[test]
fn impossible_rows_are_refused() {
    let mut log = Log::of(30);
    let term = CensusTerm::Scope("shop".into());
    let rows = [(0, 9), (1, 31), (10, 9), (u64::MAX, 30), (1, 0)];
    for (count, last) in rows {
        let row = CensusRow { term: term.hash(), count, tip: Hash::ZERO, last: Position(last) };
        let census = Census { until: Position(30), field: CensusField::Scope, rows: 1, root: row.leaf() };
        let position = note(&mut log, census.to_string());
        let proof = log.proof(position.0, log.size(), DisclosureForm::Payload);
        let row = CensusRowProof { row, index: 0, hashes: Vec::new() };
        assert_eq!(
            step(&CensusProof::new(proof, vec![row], Vec::new()), &term),
            "row",
            "{count} up to {last}"
        );
    }
}

/// Before the first row, behind the last one, and in a census without rows.
#[test]
fn absence_is_shown_at_both_ends() {
    let mut log = Log::of(1);
    let until = Position(1);
    let row = |first: u8| {
        let mut row = CensusRow::new(Hash([first; 32]));
        row.add(CensusField::Scope, Hash([1; 32]), until);
        row
    };
    let term = CensusTerm::Scope("absent".into());
    let hash = term.hash().0[0];
    let lists =
        [vec![], vec![row(hash - 1)], vec![row(hash + 1)], vec![row(0), row(1)], vec![row(254), row(255)]];
    for rows in lists {
        let table = CensusTable::new(CensusField::Scope, rows).unwrap();
        let position = note(&mut log, table.census(until).to_string());
        let proof = log.proof(position.0, log.size(), DisclosureForm::Payload);
        let proof = CensusProof::new(proof, table.prove(&term).unwrap(), Vec::new());
        assert!(
            proof.to_string().parse::<CensusProof>().unwrap().verify(&policy(), &term).unwrap().row.is_none()
        );
    }
}

/// Only an event of the store's own kind is a census, and only of what came before it.
#[test]
fn what_is_not_a_census_is_refused() {
    let mut log = Log::of(30);
    let term = &terms()[0];
    let table = table(&log, CensusField::Stream, 30);
    let rows = table.prove(term).unwrap();
    let good = table.census(Position(30));
    let others = [
        log.append(Draft::new(("shop", "fake"), "shop.census").json_text(good.to_string())),
        log.append(
            Draft::new(("tidegate", "census"), "tidegate.imported.census").json_text(good.to_string()),
        ),
        note(&mut log, "{}".to_owned()),
        note(&mut log, format!("{good} ")),
        note(&mut log, Census { until: Position(36), ..good.clone() }.to_string()),
        note(&mut log, Census { field: CensusField::Kind, ..good.clone() }.to_string()),
    ];
    for position in others {
        let proof = log.proof(position.0, log.size(), DisclosureForm::Payload);
        assert_eq!(step(&CensusProof::new(proof, rows.clone(), Vec::new()), term), "census", "{position}");
    }
    let position = note(&mut log, good.to_string());
    for form in [DisclosureForm::Entry, DisclosureForm::Names] {
        let proof = log.proof(position.0, log.size(), form);
        assert_eq!(step(&CensusProof::new(proof, rows.clone(), Vec::new()), term), "census");
    }
    let proof = log.proof(position.0, log.size(), DisclosureForm::Payload);
    assert!(CensusProof::new(proof, rows, Vec::new()).verify(&policy(), term).is_ok());
}

/// Rows that a store made up: what is shown must still be what the term says.
#[test]
fn a_row_that_lies_is_refused_once_events_are_shown() {
    let mut log = Log::of(30);
    let mut with = |term: &CensusTerm, chosen: Vec<u64>| {
        let mut row = CensusRow::new(term.hash());
        for at in &chosen {
            row.add(term.field(), log.record(*at).leaf(), Position(*at));
        }
        let table = CensusTable::new(term.field(), vec![row]).unwrap();
        let position = note(&mut log, table.census(Position(30)).to_string());
        let events = chosen.iter().map(|at| Disclosure::of(&log.record(*at), DisclosureForm::Names).unwrap());
        let (events, rows) = (events.collect(), table.prove(term).unwrap());
        let proof = log.proof(position.0, log.size(), DisclosureForm::Payload);
        step(&CensusProof::new(proof, rows, events), term)
    };
    // Events without the tag, and of another stream.
    assert_eq!(with(&CensusTerm::Tag("vip".into()), vec![4, 5]), "events");
    assert_eq!(with(&CensusTerm::Stream(StreamId::new("shop", "order-9")), vec![2]), "events");
    // Of stream order-1 on lane 1, at 1, 11 and 21: without its first event, and without the one between.
    let stream = CensusTerm::Stream(StreamId { lane: 1, ..StreamId::new("shop", "order-1") });
    assert_eq!(with(&stream, vec![11, 21]), "events");
    assert_eq!(with(&stream, vec![1, 21]), "events");
}

/// An auditor with the records finds that a stream was left out.
#[test]
fn an_audit_finds_what_was_left_out() {
    let log = Log::of(30);
    for field in FIELDS {
        let honest = table(&log, field, 30);
        let mut rows = honest.rows().to_vec();
        rows.pop();
        assert_ne!(CensusTable::new(field, rows).unwrap().census(Position(30)), honest.census(Position(30)));
        assert_eq!(table(&log, field, 30).census(Position(30)), honest.census(Position(30)));
    }
    let mut rows = table(&log, CensusField::Stream, 30).rows().to_vec();
    rows.swap(0, 1);
    assert_eq!(CensusTable::new(CensusField::Stream, rows.clone()).unwrap_err().kind(), ErrorKind::Invalid);
    rows[1] = rows[0];
    assert!(CensusTable::new(CensusField::Stream, rows).is_err());
    assert!(CensusTable::new(CensusField::Stream, vec![CensusRow::new(Hash::ZERO)]).is_err());
}

#[test]
fn rows_and_terms_have_fixed_bytes() {
    let mut row = CensusRow::new(CensusTerm::Stream(StreamId::new("shop", "order-7")).hash());
    row.add(CensusField::Stream, Hash([9; 32]), Position(5));
    assert_eq!(CensusRow::from_bytes(&row.to_bytes()), row);
    let bytes = row.to_bytes();
    assert_eq!(
        (&bytes[32..40], &bytes[40..72], &bytes[72..]),
        (&[1, 0, 0, 0, 0, 0, 0, 0][..], &[9; 32][..], &[5, 0, 0, 0, 0, 0, 0, 0][..])
    );
    let hashes: Vec<Hash> = terms().iter().map(CensusTerm::hash).collect();
    let mut once = hashes.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), hashes.len());
    assert_eq!(hashes[0].to_string(), "0467724c8e834fe52c8cd99f213f495e1d41b2cc83f7e82e8f0c4502cd033d6c");
}

#[test]
fn only_its_own_spelling_is_a_census() {
    let good = CensusTable::new(CensusField::Tag, Vec::new()).unwrap().census(Position(7)).to_string();
    assert!(good.parse::<Census>().is_ok());
    for (from, to) in [
        (":7", ":07"),
        (":7", ": 7"),
        (":7", ":-7"),
        ("tag", "entity"),
        ("rows", "row"),
        ("e3b0", "E3B0"),
        ("}", "} "),
    ] {
        let wrong = good.replacen(from, to, 1);
        assert_eq!(wrong.parse::<Census>().map_err(|error| error.kind()), Err(ErrorKind::Invalid), "{wrong}");
    }
}

/// Every bit of a file that shows a stream: refused, or it says the same.
#[test]
fn no_bit_of_a_census_proof_can_be_changed() {
    let (log, tables) = counted();
    let term = &terms()[0];
    let text = proof_of(&log, &tables, term, DisclosureForm::Entry).to_string();
    for at in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 1 << (at % 7);
        let Ok(changed) = String::from_utf8(bytes) else { continue };
        let Ok(proof) = changed.parse::<CensusProof>() else { continue };
        assert_eq!(proof.to_string(), changed);
        assert_eq!(
            proof.verify(&policy(), term).map_err(|error| error.kind()).err(),
            Some(ErrorKind::Disproved),
            "byte {at}"
        );
    }
}
