//! What a school decides.

use tidegate::decide::Outcome;
use tidegate::project::Updater;
use tidegate::{AppendOptions, Store};
use tidegate_enrolment::{Catalogue, School};

use crate::fold;

fn code(decided: tidegate::Result<Outcome>) -> String {
    match decided.unwrap() {
        Outcome::Committed(_) => "done".to_owned(),
        Outcome::Denied(denied) => denied.to_string(),
    }
}

#[test]
fn of_seats_and_courses() {
    let store = Store::in_memory().unwrap();
    let school = School::new(&store, AppendOptions::new());
    for course in ["a", "b", "c", "d"] {
        assert_eq!(code(school.open(course, "About", 2)), "done");
    }
    assert!(code(school.open("a", "Other", 9)).contains("COURSE_EXISTS"));
    assert!(code(school.enrol("ada", "e")).contains("NO_COURSE"));
    for course in ["a", "b", "c"] {
        assert_eq!(code(school.enrol("ada", course)), "done");
    }
    assert!(code(school.enrol("ada", "a")).contains("TWICE"));
    assert!(code(school.enrol("ada", "d")).contains("TOO_MANY_COURSES"));
    assert_eq!(code(school.enrol("bob", "a")), "done");
    assert!(code(school.enrol("cyd", "a")).contains("COURSE_FULL"));
    assert!(code(school.leave("cyd", "a")).contains("NO_SEAT"));
    assert_eq!(code(school.leave("ada", "a")), "done");
    assert_eq!(code(school.enrol("cyd", "a")), "done");
    assert_eq!(code(school.enrol("ada", "d")), "done");

    let database = rusqlite::Connection::open_in_memory().unwrap();
    let mut updater = Updater::open(&store, Catalogue::over(database).unwrap()).unwrap().at_most(2);
    let reached = updater.update().unwrap();
    assert_eq!(reached, store.view().unwrap().head());
    assert_eq!(updater.model().courses().unwrap(), fold::courses(&store, reached));
}
