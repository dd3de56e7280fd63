//! What can happen.

use tidegate::Event;

/// What can happen to a course, which is a stream.
#[derive(Clone, Debug, PartialEq, Eq, Event)]
pub enum Fact {
    /// It was opened.
    #[event(kind = "course.opened")]
    Opened {
        /// What it is about.
        title: String,
        /// How many may sit in it.
        seats: u32,
    },
    /// A student got a seat.
    #[event(kind = "student.enrolled")]
    Enrolled {
        /// Who that is.
        student: String,
    },
    /// A student gave the seat back.
    #[event(kind = "student.left")]
    Left {
        /// Who that is.
        student: String,
    },
}
