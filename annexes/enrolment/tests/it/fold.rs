//! What the tables must say: the plain fold of the log.

use std::collections::{BTreeMap, BTreeSet};

use tidegate::Event;
use tidegate::{Position, ReadOptions, Store};
use tidegate_enrolment::{Course, Fact};

/// All courses as they were at a position, in alphabetical order.
pub(crate) fn courses(store: &Store, until: Position) -> Vec<Course> {
    let mut courses: BTreeMap<String, (String, u32, BTreeSet<String>)> = BTreeMap::new();
    for event in store.read_with(&Fact::item().into(), ReadOptions::new().before(until.next())).unwrap() {
        let event = event.unwrap();
        let course = event.entity().to_owned();
        let fresh = match Fact::of(&event).unwrap() {
            Fact::Opened { title, seats } => {
                courses.insert(course, (title, seats, BTreeSet::new())).is_none()
            }
            Fact::Enrolled { student } => courses.get_mut(&course).unwrap().2.insert(student),
            Fact::Left { student } => courses.get_mut(&course).unwrap().2.remove(&student),
        };
        assert!(fresh, "position {} contradicts what was before", event.position());
    }
    courses
        .into_iter()
        .map(|(name, (title, seats, students))| Course {
            name,
            title,
            seats,
            taken: students.len() as u32,
            students: students.into_iter().collect(),
        })
        .collect()
}
