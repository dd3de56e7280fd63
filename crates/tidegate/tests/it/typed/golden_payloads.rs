//! A golden file is read for ever, and a change of a type that it does not know is told.

use serde::{Deserialize, Serialize};
use tidegate::typed::golden;
use tidegate::{ErrorKind, Event};

/// The same kind as the source had it at several times.
mod at {
    use super::*;

    macro_rules! weighed {
        ($name:ident, $kind:literal, $($field:tt)*) => {
            #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Event)]
            #[event(kind = $kind)]
            pub(super) struct $name { $($field)* }
        };
    }

    // A kind has one type in a program, so each time has its own; the test writes the first one's name into all.
    weighed!(First, "golden.weighed", pub(super) grams: u64);
    weighed!(Narrowed, "golden.narrowed", pub(super) grams: u32);
    weighed!(Grown, "golden.grown", pub(super) grams: u64, #[serde(default)] pub(super) net: bool);
    weighed!(Renamed, "golden.renamed", pub(super) weight: u64);
}

#[derive(Clone, Debug, PartialEq, Event)]
enum Chart {
    #[event(kind = "golden.drawn", content = "image/svg+xml")]
    Drawn(String),
    #[event(kind = "golden.torn")]
    Torn,
}

/// The lines that an error asks to append.
fn asked_for<E: Event>(golden: &str, samples: Vec<E>) -> String {
    let error = golden::check(golden, samples).map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let (_, lines) = error.message().split_once("what is written now:\n").expect("it asks for lines");
    lines.to_owned()
}

fn first() -> String {
    asked_for("", vec![at::First { grams: 5 }])
}

#[test]
fn what_is_asked_for_is_accepted_and_reads_back() {
    let weighed = at::First { grams: 5 };
    let golden = format!("# weights\n\n{}\n", first());
    assert_eq!(golden::check(&golden, [weighed.clone()]).unwrap(), [weighed]);
    let charts = vec![Chart::Drawn("<svg/>".to_owned()), Chart::Torn];
    let golden = asked_for("", charts.clone());
    assert_eq!(golden.lines().count(), 2);
    assert!(
        golden.contains("\"content\":\"image/svg+xml\"") && golden.contains("\"type\":\"bytes\""),
        "{golden}"
    );
    assert_eq!(golden::check(&golden, charts.clone()).unwrap(), charts);
}

#[test]
fn a_changed_type_without_a_version_is_told() {
    // The bytes of a small number are the same in both widths: only the shape tells.
    let golden = first().replace("golden.weighed", "golden.narrowed");
    let error = golden::check(&golden, [at::Narrowed { grams: 5 }]).unwrap_err();
    for words in ["golden.narrowed", "version 1", "{grams:u64}", "{grams:u32}", "raise its version"] {
        assert!(error.message().contains(words), "{error}");
    }
    let accepted = format!("{golden}\n{}", asked_for(&golden, vec![at::Narrowed { grams: 5 }]));
    assert_eq!(
        golden::check(&accepted, [at::Narrowed { grams: 5 }]).unwrap().len(),
        2,
        "old and new are read"
    );
}

#[test]
fn a_field_with_a_default_is_accepted_and_old_payloads_are_read() {
    let golden = first().replace("golden.weighed", "golden.grown");
    let new = at::Grown { grams: 5, net: true };
    let golden = format!("{golden}\n{}", asked_for(&golden, vec![new.clone()]));
    assert_eq!(golden::check(&golden, [new.clone()]).unwrap(), [at::Grown { grams: 5, net: false }, new]);
}

#[test]
fn a_line_that_is_not_read_any_more_is_told_with_its_number() {
    let golden = format!("# weights\n{}", first().replace("golden.weighed", "golden.renamed"));
    let error = golden::check(&golden, [at::Renamed { weight: 5 }]).unwrap_err();
    assert!(error.message().starts_with("line 2 of the golden file cannot be read"), "{error}");
    for broken in ["{", "{}", r#"{"kind":"a","version":1,"shape":"","type":"json","payload":"a"}"#] {
        let error = golden::check(broken, [at::First { grams: 5 }]).unwrap_err();
        assert!(error.message().starts_with("line 1 of the golden file"), "{error}");
    }
}

#[test]
fn every_kind_needs_a_sample() {
    let error = golden::check("", [Chart::Torn]).unwrap_err();
    assert!(error.message().contains("no sample of the kind \"golden.drawn\""), "{error}");
}
