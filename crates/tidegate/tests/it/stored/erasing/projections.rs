//! States that came of an erased event are folded anew, and their files removed.

use serde::{Deserialize, Serialize};
use tidegate::project::{Projection, ProjectorOptions, Staleness, Start, catch_up_all};
use tidegate::report::ErasePlan;
use tidegate::subscription::StateDir;
use tidegate::{Query, RecordedEvent, Result};

use super::{erase, files_with, fill, of_subject, secret, subject};
use crate::faults::stage::Stage;

/// All payloads, as they are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Payloads {
    pub(crate) seen: Vec<String>,
}

impl Projection for Payloads {
    const NAME: &'static str = "payloads";
    const VERSION: u16 = 1;

    fn query() -> Query {
        Query::kind("letter.sent")
    }

    fn apply(&mut self, event: &RecordedEvent) -> Result<()> {
        self.seen.push(String::from_utf8(event.payload()?.to_vec()).expect("they are text"));
        Ok(())
    }
}

fn of(subject: u64) -> ProjectorOptions {
    ProjectorOptions::new().stream(("shop", format!("subject-{subject}")))
}

#[test]
fn only_what_came_of_it_is_folded_anew() {
    let mut stage = Stage::new();
    let store = stage.open();
    fill(&store, 9);
    let all = store.projector::<Payloads>().unwrap();
    let [first, second] = [0, 1].map(|n| store.projector_with::<Payloads>(of(n)).unwrap());
    for projector in [&all, &first, &second] {
        projector.read().unwrap();
        projector.save().unwrap();
    }
    let unread = store.projector_with::<Payloads>(of(1)).unwrap();
    let count = store.count(&subject(1)).unwrap();
    let plan = ErasePlan::of(&store, &subject(1)).unwrap();
    assert_eq!(plan.saved_states.len(), 2, "{:?}", plan.saved_states);
    let kept = files_with(&stage, secret(0).as_bytes());
    assert_eq!(erase(&store, &subject(1)).unwrap().saved_states, 2);
    assert_eq!(files_with(&stage, secret(1).as_bytes()), [""; 0]);
    assert_eq!(kept.iter().filter(|name| name.starts_with("projections")).count(), 2);
    let kept = files_with(&stage, secret(0).as_bytes());
    assert_eq!(kept.iter().filter(|name| name.starts_with("projections")).count(), 1, "{kept:?}");
    // Even a read that takes any staleness shows it no more.
    assert_eq!(second.read_with(Staleness::ANY).unwrap().seen, [""; 0]);
    for projector in [&second, &unread] {
        let reading = projector.read().unwrap();
        assert_eq!((reading.seen.len(), reading.left_out()), (0, count));
    }
    let reading = all.read().unwrap();
    assert_eq!(reading.left_out(), count);
    assert!(reading.seen.iter().all(|payload| payload[7..13].parse::<u64>().unwrap() % 3 != 1));
    let untouched = first.read().unwrap();
    assert_eq!((untouched.seen.len() as u64, untouched.left_out()), (store.count(&subject(0)).unwrap(), 0));
    all.save().unwrap();
    store.close().unwrap();
    stage.restart();
    let store = stage.open();
    let again = store.projector::<Payloads>().unwrap();
    assert!(matches!(again.start(), Start::Saved(_)), "{:?}", again.start());
    assert_eq!(again.read().unwrap().left_out(), count);
}

#[test]
fn several_in_one_pass_take_note_too() {
    let store = tidegate::Store::in_memory().unwrap();
    fill(&store, 9);
    let [all, one] =
        [ProjectorOptions::new(), of(1)].map(|options| store.projector_with::<Payloads>(options).unwrap());
    catch_up_all(&[&all, &one]).unwrap();
    erase(&store, &subject(1)).unwrap();
    store.append(of_subject(2)).unwrap();
    catch_up_all(&[&all, &one]).unwrap();
    assert_eq!(one.read_with(Staleness::ANY).unwrap().seen, [""; 0]);
    assert!(
        all.read_with(Staleness::ANY).unwrap().seen.iter().all(|payload| payload[7..13]
            .parse::<u64>()
            .unwrap()
            % 3
            != 1)
    );
}

/// A state outside the store is not reached, and not believed any more.
#[test]
fn a_state_elsewhere_is_rejected() {
    let stage = Stage::new();
    let folder = tempfile::tempdir().unwrap();
    let dir = || StateDir::open(folder.path()).unwrap();
    let store = stage.open();
    fill(&store, 9);
    let reader = stage.read_only();
    let all = reader.projector_with::<Payloads>(ProjectorOptions::new().state_dir(&dir())).unwrap();
    all.read().unwrap();
    all.save().unwrap();
    erase(&store, &subject(1)).unwrap();
    let count = store.count(&subject(1)).unwrap();
    assert_eq!(all.read().unwrap().left_out(), count, "a running one takes note");
    let again = stage.read_only();
    let next = again.projector_with::<Payloads>(ProjectorOptions::new().state_dir(&dir())).unwrap();
    assert!(
        matches!(next.start(), Start::Rebuilt(error) if error.to_string().contains("erased since")),
        "{:?}",
        next.start()
    );
    assert_eq!(next.read().unwrap().left_out(), count);
    next.save().unwrap();
    let last = again.projector_with::<Payloads>(ProjectorOptions::new().state_dir(&dir())).unwrap();
    assert!(matches!(last.start(), Start::Saved(_)));
}
