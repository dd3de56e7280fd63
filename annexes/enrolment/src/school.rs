//! What is decided: each rule reads the events it is about, and holds at the moment of the commit.

use tidegate::Event;
use tidegate::decide::{Decision, DecisionView, Outcome};
use tidegate::{AppendOptions, QueryItem, Result, Store, StreamId};

use crate::facts::Fact;

/// Maximum number of courses for one student.
const COURSES_MAX: usize = 3;

/// The decisions of a school over a store.
#[derive(Clone, Debug)]
pub struct School<'a> {
    store: &'a Store,
    append: AppendOptions,
}

/// What the rules need to know of a course.
#[derive(Default)]
struct Seats {
    all: Option<u32>,
    taken: Vec<String>,
}

impl<'a> School<'a> {
    /// Creates the school whose events are in this store, appending like this.
    pub fn new(store: &'a Store, append: AppendOptions) -> Self {
        Self { store, append }
    }

    /// Opens a course, once.
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub fn open(&self, course: &str, title: &str, seats: u32) -> Result<Outcome> {
        self.store.decide_with(self.append.clone(), |view| -> tidegate::Result<Decision> {
            if seats_of(view, course)?.all.is_some() {
                return Ok(Decision::deny("COURSE_EXISTS", "there is such a course already"));
            }
            let opened = Fact::Opened { title: title.to_owned(), seats };
            Ok(opened.draft(stream(course))?.tag(tag("course", course)).into())
        })
    }

    /// Gives a student a seat if one is free, once per course, up to the maximum number of courses.
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub fn enrol(&self, student: &str, course: &str) -> Result<Outcome> {
        self.store.decide_with(self.append.clone(), |view| -> tidegate::Result<Decision> {
            let seats = seats_of(view, course)?;
            let Some(all) = seats.all else {
                return Ok(Decision::deny("NO_COURSE", "there is no such course"));
            };
            if seats.taken.iter().any(|taken| taken == student) {
                return Ok(Decision::deny("TWICE", "the student has a seat in it"));
            }
            if seats.taken.len() >= all as usize {
                return Ok(Decision::deny("COURSE_FULL", "every seat is taken"));
            }
            if courses_of(view, student)? >= COURSES_MAX {
                return Ok(Decision::deny("TOO_MANY_COURSES", "the student has as many as one may"));
            }
            let enrolled = Fact::Enrolled { student: student.to_owned() };
            let draft = enrolled.draft(stream(course))?;
            Ok(draft.tag(tag("course", course)).tag(tag("student", student)).into())
        })
    }

    /// Takes a student's seat back.
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub fn leave(&self, student: &str, course: &str) -> Result<Outcome> {
        self.store.decide_with(self.append.clone(), |view| -> tidegate::Result<Decision> {
            if !seats_of(view, course)?.taken.iter().any(|taken| taken == student) {
                return Ok(Decision::deny("NO_SEAT", "the student has no seat in it"));
            }
            let left = Fact::Left { student: student.to_owned() };
            let draft = left.draft(stream(course))?;
            Ok(draft.tag(tag("course", course)).tag(tag("student", student)).into())
        })
    }
}

fn stream(course: &str) -> StreamId {
    StreamId::new("courses", course.to_owned())
}

fn tag(of: &str, name: &str) -> String {
    format!("{of}:{name}")
}

fn seats_of(view: &DecisionView, course: &str) -> Result<Seats> {
    let events = QueryItem::new().tag(tag("course", course)).into();
    view.fold(&events, Seats::default(), |mut seats, event| {
        match Fact::of(event)? {
            Fact::Opened { seats: all, .. } => seats.all = Some(all),
            Fact::Enrolled { student } => seats.taken.push(student),
            Fact::Left { student } => seats.taken.retain(|taken| *taken != student),
        }
        Ok(seats)
    })
}

fn courses_of(view: &DecisionView, student: &str) -> Result<usize> {
    let events = QueryItem::new().tag(tag("student", student)).into();
    view.fold(&events, 0, |courses, event| {
        Ok(match Fact::of(event)? {
            Fact::Opened { .. } => courses,
            Fact::Enrolled { .. } => courses + 1,
            Fact::Left { .. } => courses - 1,
        })
    })
}
