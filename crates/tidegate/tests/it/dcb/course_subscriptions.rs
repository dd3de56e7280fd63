//! Students subscribe to courses with a capacity, and no student to more than five.

use serde_json::json;
use tidegate::Result;
use tidegate::decide::{Decision, DecisionView};

use super::{Answer, Desk, event, payload, tagged};

/// What is decided about one course.
#[derive(Default)]
struct Course {
    capacity: Option<u64>,
    subscribed: u64,
}

fn course(view: &DecisionView, course: &str) -> Result<Course> {
    let kinds = ["course.defined", "course.capacity_changed", "student.subscribed"];
    view.fold(&tagged(format!("course:{course}"), &kinds), Course::default(), |mut course, event| {
        match event.kind() {
            "student.subscribed" => course.subscribed += 1,
            _ => course.capacity = payload(event)["capacity"].as_u64(),
        }
        Ok(course)
    })
}

impl Desk {
    fn define(&self, id: &str, capacity: u64) -> Answer {
        self.decide(|view| -> tidegate::Result<Decision> {
            Ok(match course(view, id)?.capacity {
                Some(_) => Decision::deny("COURSE_EXISTS", "the course exists already"),
                None => {
                    let tags = [format!("course:{id}")];
                    event(id, "course.defined", &tags, &json!({ "capacity": capacity })).into()
                }
            })
        })
    }

    fn change_capacity(&self, id: &str, capacity: u64) -> Answer {
        self.decide(|view| -> tidegate::Result<Decision> {
            Ok(match course(view, id)?.capacity {
                None => Decision::deny("COURSE_UNKNOWN", "there is no such course"),
                Some(old) if old == capacity => Decision::deny("CAPACITY_SAME", "it has that capacity"),
                Some(_) => {
                    let tags = [format!("course:{id}")];
                    event(id, "course.capacity_changed", &tags, &json!({ "capacity": capacity })).into()
                }
            })
        })
    }

    fn subscribe(&self, student: &str, id: &str) -> Answer {
        self.decide(|view| -> tidegate::Result<Decision> {
            let found = course(view, id)?;
            let Some(capacity) = found.capacity else {
                return Ok(Decision::deny("COURSE_UNKNOWN", "there is no such course"));
            };
            if found.subscribed >= capacity {
                return Ok(Decision::deny("COURSE_FULL", "every seat is taken"));
            }
            let (tag, course_tag) = (format!("student:{student}"), format!("course:{id}"));
            let mut courses = 0;
            for event in view.read(&tagged(tag.clone(), &["student.subscribed"])) {
                courses += 1;
                if event?.tags().any(|tag| tag == course_tag) {
                    return Ok(Decision::deny("SUBSCRIBED_ALREADY", "the student has a seat"));
                }
            }
            if courses >= 5 {
                return Ok(Decision::deny("TOO_MANY_COURSES", "a student takes five courses at most"));
            }
            Ok(event(student, "student.subscribed", &[tag, course_tag], &json!({})).into())
        })
    }
}

fn denied(code: &str) -> Answer {
    Err(code.to_owned())
}

#[test]
fn a_course_is_defined_once() {
    let desk = Desk::new();
    assert_eq!(desk.define("c1", 10), Ok(1));
    assert_eq!(desk.define("c1", 15), denied("COURSE_EXISTS"));
    assert_eq!(desk.define("c2", 15), Ok(2));
    assert_eq!(desk.count(), 2);
}

#[test]
fn a_capacity_changes_for_a_course_that_is_there() {
    let desk = Desk::new();
    assert_eq!(desk.change_capacity("c0", 15), denied("COURSE_UNKNOWN"));
    desk.define("c1", 12).unwrap();
    assert_eq!(desk.change_capacity("c1", 12), denied("CAPACITY_SAME"));
    assert_eq!(desk.change_capacity("c1", 15), Ok(2));
    assert_eq!(desk.change_capacity("c1", 12), Ok(3));
}

#[test]
fn a_student_takes_a_free_seat_of_a_known_course() {
    let desk = Desk::new();
    assert_eq!(desk.subscribe("s1", "c0"), denied("COURSE_UNKNOWN"));
    desk.define("c1", 3).unwrap();
    for student in ["s1", "s2", "s3"] {
        assert!(desk.subscribe(student, "c1").is_ok(), "{student}");
    }
    assert_eq!(desk.subscribe("s4", "c1"), denied("COURSE_FULL"));
    desk.change_capacity("c1", 4).unwrap();
    assert_eq!(desk.subscribe("s4", "c1"), Ok(6));
    assert_eq!(desk.subscribe("s5", "c1"), denied("COURSE_FULL"));
    assert_eq!(desk.count(), 6);
}

#[test]
fn a_student_subscribes_to_a_course_once() {
    let desk = Desk::new();
    desk.define("c1", 10).unwrap();
    assert!(desk.subscribe("s1", "c1").is_ok());
    assert_eq!(desk.subscribe("s1", "c1"), denied("SUBSCRIBED_ALREADY"));
    assert!(desk.subscribe("s2", "c1").is_ok());
}

#[test]
fn a_student_takes_five_courses_at_most() {
    let desk = Desk::new();
    for course in 1..=6 {
        desk.define(&format!("c{course}"), 10).unwrap();
    }
    for course in 1..=5 {
        assert!(desk.subscribe("s1", &format!("c{course}")).is_ok());
    }
    assert_eq!(desk.subscribe("s1", "c6"), denied("TOO_MANY_COURSES"));
    assert!(desk.subscribe("s2", "c6").is_ok());
}
