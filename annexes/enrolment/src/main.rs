//! Four desks give away the seats of three courses at once, while a read model follows in `SQLite`.
//!
//! `cargo run --release -p tidegate-enrolment [DIRECTORY]`: with a directory, run it again and see it go on.
#![allow(clippy::disallowed_methods, reason = "an application has threads of its own")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tidegate::decide::Outcome;
use tidegate::project::Updater;
use tidegate::{AppendOptions, Result, Store};
use tidegate_enrolment::{Catalogue, School};

const COURSES: [(&str, &str, u32); 3] = [
    ("algebra", "Rings and fields", 4),
    ("knots", "Knots and splices", 3),
    ("tides", "Tides and currents", 5),
];

/// The answers of the desks, with how many times each was given.
type Answers = BTreeMap<String, usize>;

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let temporary = tempfile::tempdir()?;
    let directory = std::env::args_os().nth(1).map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    std::fs::create_dir_all(&directory)?;
    let store = Store::open(directory.join("events"))?;
    let mut updater = Updater::open(&store, Catalogue::open(&directory.join("catalogue.sqlite"))?)?;
    println!("the log has {} events, the read model got to {}", store.view()?.head(), updater.position());

    let school = &School::new(&store, AppendOptions::new());
    for (course, title, seats) in COURSES {
        // A later run finds the courses of the first one.
        if let Outcome::Denied(denied) = school.open(course, title, seats)? {
            println!("{course}: {denied}");
        }
    }
    let answers = std::thread::scope(|scope| {
        let desks: Vec<_> = (0..4).map(|desk| scope.spawn(move || enrol(school, desk))).collect();
        // The read model follows on this thread, until the desks are done.
        while !desks.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            match updater.update_within(Duration::from_millis(20)) {
                Err(error) if error.kind() == tidegate::ErrorKind::TimedOut => {}
                other => drop(other?),
            }
        }
        let said = desks.into_iter().map(|desk| desk.join().expect("no desk panics"));
        said.collect::<Result<Vec<Answers>>>()
    })?;
    show(&answers);
    // A seat that is given back goes to the next student who asks.
    for decided in [school.leave("bob", "tides")?, school.enrol("gus", "tides")?] {
        if let Outcome::Denied(denied) = decided {
            println!("denied: {denied}");
        }
    }
    updater.update()?;
    println!("the log has {} events, the read model got to {}\n", store.view()?.head(), updater.position());
    for course in updater.model().courses()? {
        let (taken, seats, students) = (course.taken, course.seats, course.students.join(", "));
        println!("{:<8} {:<18} {taken} of {seats}: {students}", course.name, course.title);
    }
    if directory != Path::new(temporary.path()) {
        println!("\nrun it again with {} and it goes on from here", directory.display());
    }
    Ok(store.close()?)
}

/// What one desk does: every student asks for every course.
fn enrol(school: &School<'_>, desk: usize) -> Result<Answers> {
    let mut answers = Answers::new();
    for student in ["ada", "bob", "cyd", "dan", "eve", "fay", "gus"] {
        for turn in 0..COURSES.len() {
            let (course, ..) = COURSES[(desk + turn) % COURSES.len()];
            let said = match school.enrol(student, course)? {
                Outcome::Committed(_) => "a seat".to_owned(),
                Outcome::Denied(denied) => denied.to_string(),
            };
            *answers.entry(said).or_default() += 1;
        }
    }
    Ok(answers)
}

fn show(answers: &[Answers]) {
    let mut all = Answers::new();
    for (said, count) in answers.iter().flatten() {
        *all.entry(said.clone()).or_default() += count;
    }
    for (said, count) in all {
        println!("{count:>4} times: {said}");
    }
}
