//! A decision: seats of a course, given away by many threads, and never one too many.
//!
//! `cargo run --release -p tidegate --example decision`

use tidegate::decide::{Decision, Outcome};
use tidegate::{Draft, Query, QueryItem, Result, Store};

const SEATS: usize = 3;

/// Gives a student a seat: what was read here still holds when the event is committed.
fn subscribe(store: &Store, student: &str) -> Result<Outcome> {
    store.decide(|view| -> tidegate::Result<Decision> {
        let course = Query::from(QueryItem::new().tag("course:tides").kind("student.subscribed"));
        let taken: Vec<_> = view.read(&course).collect::<Result<_>>()?;
        if taken.iter().any(|event| event.entity() == student) {
            return Ok(Decision::deny("TWICE", "the student has a seat already"));
        }
        if taken.len() >= SEATS {
            return Ok(Decision::deny("COURSE_FULL", format!("all {SEATS} seats are taken")));
        }
        Ok(Draft::new(("school", student.to_owned()), "student.subscribed").tag("course:tides").into())
    })
}

fn main() -> Result<()> {
    let store = Store::in_memory()?;
    let students = ["ada", "bob", "cyd", "dan", "eve", "ada"];
    // Scoped threads of the example; the store starts none for this.
    #[expect(clippy::disallowed_methods, reason = "an example is a caller, and callers have threads")]
    let answers: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = students
            .map(|student| (student, scope.spawn(|| subscribe(&store, student))))
            .into_iter()
            .collect();
        threads
            .into_iter()
            .map(|(student, thread)| (student, thread.join().expect("no thread panics")))
            .collect()
    });
    for (student, answer) in answers {
        match answer? {
            Outcome::Committed(receipt) => println!("{student}: seat at position {}", receipt.first()),
            Outcome::Denied(denied) => println!("{student}: {denied}"),
        }
    }
    let seats = store.view()?.count(&QueryItem::new().tag("course:tides").into())?;
    println!("{seats} of {SEATS} seats are taken");
    Ok(())
}
