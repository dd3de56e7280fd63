//! A handler is called for each event of its type, with the event if it asks for it.

use serde::{Deserialize, Serialize};
use tidegate::project::{Projection, Projector, ProjectorOptions, Staleness};
use tidegate::{Event, Position, RecordedEvent};

use super::{append, store};

#[derive(Serialize, Deserialize, Event)]
#[event(kind = "handled.begun")]
struct Begun {
    name: String,
}

#[derive(Event)]
enum Work {
    Begun(Begun),
    #[event(kind = "handled.ended")]
    Ended {
        well: bool,
    },
}

/// Two handlers are about one kind, and each gets its events.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Projection)]
#[projection(name = "handled.list", version = 1, on(Begun => begun))]
#[projection(on(Work => work))]
enum List {
    #[default]
    Nothing,
    Names(Vec<String>, u64),
}

impl List {
    fn begun(&mut self, Begun { name }: Begun) {
        match self {
            Self::Nothing => *self = Self::Names(vec![name], 0),
            Self::Names(names, _) => names.push(name),
        }
    }

    fn work(&mut self, work: Work, event: &RecordedEvent) -> tidegate::Result<()> {
        let Self::Names(names, last) = self else {
            return Err(tidegate::Error::invalid("nothing has begun"));
        };
        match work {
            Work::Begun(begun) => assert_eq!(names.last(), Some(&begun.name)),
            Work::Ended { well } => names.push(format!("ended {}", if well { "well" } else { "badly" })),
        }
        *last = event.position().0;
        Ok(())
    }
}

#[test]
fn each_for_the_events_of_its_type() {
    let store = store();
    let begun = |name: &str| Begun { name: name.to_owned() }.draft(("s", "e")).unwrap();
    append(&store, [begun("a"), Work::Ended { well: true }.draft(("s", "e")).unwrap(), begun("b")]);
    let list: Projector<List> = store.projector().unwrap();
    let names = ["a", "ended well", "b"].map(str::to_owned).to_vec();
    assert_eq!(*list.read().unwrap(), List::Names(names, 3));
    assert_eq!(List::query().items().map(<[_]>::len), Some(1), "one item selects all kinds");
    let lone: Projector<List> = store.projector_with(ProjectorOptions::new().stream(("s", "f"))).unwrap();
    append(&store, [Work::Ended { well: false }.draft(("s", "f")).unwrap()]);
    let error = lone.read().unwrap_err().to_string();
    assert!(error.contains("nothing has begun"), "{error}");
    assert_eq!(lone.read_with(Staleness::ANY).unwrap().position(), Position(0));
}
