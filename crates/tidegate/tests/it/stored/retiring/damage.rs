//! What stays of a retired segment is not derived: damage to it is told by everyone, and no answer comes of it.

use tidegate::report::examine_in;
use tidegate::{Error, ErrorKind, Position, Query, StoreReader};

use super::floors::retired;
use crate::faults::stage::Stage;
use crate::stored::access::Access;

/// Answers that come of what stays, each with the segments' other files untouched.
fn answers(store: &StoreReader, floor: Position) -> Vec<Result<String, Error>> {
    let view = store.view().unwrap();
    let graph = view.graph();
    let mut said = vec![
        view.count(&Query::ALL).map(|count| count.to_string()),
        view.count(&Query::stream(("scope", "entity-0"))).map(|count| count.to_string()),
        view.version(&("scope", "entity-1").into()).map(|version| version.to_string()),
        view.stats(&Query::ALL, tidegate::ReadOptions::new(), 9).map(|stats| format!("{:?}", stats.kinds)),
        view.scopes().map(|scopes| format!("{scopes:?}")),
    ];
    for position in (1..floor.0).map(Position) {
        said.push(graph.level(position).map(|level| level.to_string()));
        let effects = graph.effects(position).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        said.push(effects.map(|effects| format!("{effects:?}")));
    }
    said
}

fn gone(stage: &Stage) -> String {
    stage.segments().into_iter().find(|name| name.strip_suffix(".gone").is_some()).unwrap()
}

#[test]
fn a_flipped_bit_is_told_and_changes_no_answer() {
    let (sample, floor, ..) = retired();
    let (name, intact) = (gone(&sample), answers(&sample.read_only(), floor));
    assert!(intact.iter().all(Result::is_ok), "{intact:?}");
    let length = sample.bytes(&name).len();
    let (mut refused, mut answered) = (0, 0);
    for at in (0..length).step_by(3) {
        let stage = sample.fork();
        let mut bytes = stage.bytes(&name);
        bytes[at] ^= 1 << (at % 8);
        stage.disk.at_rest().write(&name, &bytes).unwrap();
        let faults = examine_in(&stage.world(), |_| ()).unwrap().faults;
        assert!(faults.iter().any(|fault| fault.to_string().contains(&name)), "byte {at}: {faults:?}");
        match stage.try_open(Access::Read) {
            Err(error) => {
                assert!(matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Newer), "byte {at}: {error}");
                refused += 1;
            }
            Ok(store) => {
                for (found, intact) in answers(&store, floor).iter().zip(&intact) {
                    match found {
                        Ok(found) => assert_eq!(Ok(found), intact.as_ref().map_err(ToString::to_string)),
                        Err(error) => assert_eq!(error.kind(), ErrorKind::Damaged, "byte {at}: {error}"),
                    }
                }
                answered += 1;
            }
        }
    }
    assert!(refused > 10 && answered > 10, "{refused} {answered}");
}

#[test]
fn a_missing_file_is_damage_to_everyone() {
    let (stage, ..) = retired();
    let name = gone(&stage);
    stage.disk.at_rest().remove(&name).unwrap();
    for access in [Access::Read, Access::Write] {
        let error = stage.try_open(access).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
        assert!(error.to_string().contains(&name), "{error}");
    }
    let faults = examine_in(&stage.world(), |_| ()).unwrap().faults;
    assert!(faults.iter().any(|fault| fault.to_string().contains(&name)), "{faults:?}");
}
