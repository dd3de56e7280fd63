//! A salvage that is interrupted anywhere leaves what says so, or everything.

use tidegate::ErrorKind;
use tidegate::report::salvage_in;
use tidegate::testing::FaultPlan;

use super::sample::{closed, log};
use crate::faults::stage::Stage;
use crate::stored::access::Access;

#[test]
fn at_every_call() {
    let (stage, intact) = closed(9);
    let (mut unfinished, mut whole) = (0, 0);
    for nth in 1.. {
        let mut new = Stage::seeded(5);
        new.disk.set_plan(FaultPlan::default().crash_at(nth));
        let done = salvage_in(&stage.world(), &new.world(), |_| ());
        if !new.disk.ended() {
            new.disk.set_plan(FaultPlan::default());
            assert!(done.unwrap().lost.is_empty());
            assert_eq!(log(&new.open()), intact);
            break;
        }
        new.disk.power_cut(nth);
        new.restart();
        match new.try_open(Access::Write) {
            Ok(store) => {
                assert_eq!(log(&store), intact, "crash at call {nth}");
                assert!(!new.disk.at_rest().names().contains(&"UNFINISHED".to_owned()), "the mark goes");
                whole += 1;
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Missing, "crash at call {nth}: {error}");
                let reader = new.try_open(Access::Read).map(drop).unwrap_err();
                assert_eq!(reader.kind(), ErrorKind::Missing, "{reader}");
                unfinished += 1;
            }
        }
    }
    assert!(unfinished > 5 && whole > 0, "{unfinished} unfinished, {whole} whole");
}
