//! What queries are held against: a plain list of all events, and a filter that looks at each of them.
pub(crate) mod known;
pub(crate) mod story;
pub(crate) mod question;
pub(crate) mod compare;
pub(crate) mod ground;

pub(crate) use compare::compare;
pub(crate) use ground::{Fixture, batches, questions};
pub(crate) use known::{Known, scan};
pub(crate) use question::{Question, question};
pub(crate) use story::{Sketch, append, sketch};
