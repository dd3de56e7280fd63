//! An aggregate is loaded from its events, changed, and saved unless another caller saved it in between.

use serde_json::json;
use tidegate::{Batch, Condition, Draft, Position, Query, Receipt, Result, Store};

use super::{Desk, event, payload, tagged};

/// A course as an aggregate, with its own rules and the events it has not saved yet.
struct Course {
    id: String,
    capacity: u64,
    subscribed: u64,
    /// The head of the view it was loaded from.
    loaded_at: Position,
    changes: Vec<Draft>,
}

/// The boundary of an aggregate is a query.
fn boundary(id: &str) -> Query {
    tagged(format!("course:{id}"), &["course.defined", "course.capacity_changed", "student.subscribed"])
}

impl Course {
    fn create(id: &str, capacity: u64) -> Self {
        let (id, changes) = (id.to_owned(), Vec::new());
        let mut course = Self { id, capacity: 0, subscribed: 0, loaded_at: Position::START, changes };
        course.note("course.defined", capacity);
        course
    }

    fn load(store: &Store, id: &str) -> Result<Option<Self>> {
        let view = store.view()?;
        let (id, loaded_at) = (id.to_owned(), view.head());
        let mut course = Self { id, capacity: 0, subscribed: 0, loaded_at, changes: Vec::new() };
        let mut events = 0;
        for event in view.read(&boundary(&course.id)) {
            let event = event?;
            course.apply(event.kind(), payload(&event)["capacity"].as_u64().unwrap_or_default());
            events += 1;
        }
        Ok((events > 0).then_some(course))
    }

    fn apply(&mut self, kind: &str, capacity: u64) {
        match kind {
            "student.subscribed" => self.subscribed += 1,
            _ => self.capacity = capacity,
        }
    }

    fn note(&mut self, kind: &'static str, capacity: u64) {
        self.apply(kind, capacity);
        let tags = [format!("course:{}", self.id)];
        self.changes.push(event(&self.id, kind, &tags, &json!({ "capacity": capacity })));
    }

    fn change_capacity(&mut self, capacity: u64) -> Result<(), &'static str> {
        if capacity == self.capacity {
            return Err("the course has that capacity");
        }
        if capacity < self.subscribed {
            return Err("more students have seats");
        }
        self.note("course.capacity_changed", capacity);
        Ok(())
    }

    fn subscribe(&mut self) -> Result<(), &'static str> {
        if self.subscribed >= self.capacity {
            return Err("every seat is taken");
        }
        self.note("student.subscribed", 0);
        Ok(())
    }

    fn save(&mut self, store: &Store) -> Result<Receipt> {
        let unmoved = Condition::fail_if(boundary(&self.id)).after(self.loaded_at);
        let batch = Batch::from(std::mem::take(&mut self.changes)).only_if(unmoved);
        let receipt = store.append(batch)?;
        self.loaded_at = receipt.last();
        Ok(receipt)
    }
}

#[test]
fn an_aggregate_is_saved_and_loaded() {
    let desk = Desk::new();
    assert!(Course::load(&desk.store, "c1").unwrap().is_none());
    Course::create("c1", 1).save(&desk.store).unwrap();
    let mut course = Course::load(&desk.store, "c1").unwrap().unwrap();
    assert_eq!(course.change_capacity(1), Err("the course has that capacity"));
    course.subscribe().unwrap();
    assert_eq!(course.subscribe(), Err("every seat is taken"));
    assert_eq!(course.change_capacity(0), Err("more students have seats"));
    course.change_capacity(2).unwrap();
    course.save(&desk.store).unwrap();
    course.subscribe().unwrap();
    course.save(&desk.store).unwrap();
    let course = Course::load(&desk.store, "c1").unwrap().unwrap();
    assert_eq!((course.capacity, course.subscribed), (2, 2));
}

#[test]
fn an_aggregate_that_moved_is_not_saved() {
    let desk = Desk::new();
    Course::create("c1", 3).save(&desk.store).unwrap();
    let refused = Course::create("c1", 9).save(&desk.store).unwrap_err();
    assert_eq!(refused.conflict().unwrap().position, Some(Position(1)));
    let mut one = Course::load(&desk.store, "c1").unwrap().unwrap();
    let mut other = Course::load(&desk.store, "c1").unwrap().unwrap();
    Course::create("c2", 3).save(&desk.store).unwrap();
    one.subscribe().unwrap();
    one.save(&desk.store).expect("another course is outside the boundary");
    other.subscribe().unwrap();
    let refused = other.save(&desk.store).unwrap_err();
    let conflict = refused.conflict().unwrap();
    assert!(!conflict.retry, "it has to be loaded again; the same batch never passes");
    assert_eq!(conflict.position, Some(Position(3)));
    assert_eq!(Course::load(&desk.store, "c1").unwrap().unwrap().subscribed, 1);
}
