//! What an engine must do to take part.

use std::error::Error;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::sample::{Id, Sample};

/// What can go wrong, in the engine's own words.
pub type Result<T = ()> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// When an append is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// After the sync: what was answered survives the end of the machine.
    Synced,
    /// Before it: what was answered survives the end of the process at most.
    Relaxed,
}

/// What to read.
#[derive(Clone, Copy, Debug)]
pub enum Query<'a> {
    /// Every event.
    All,
    /// The events of one stream, by scope and entity.
    Stream(&'a str, &'a str),
    /// The events of one kind.
    Kind(&'a str),
    /// The events with one tag.
    Tag(&'a str),
}

/// What an engine shows of an event that it read.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// Its position, as the engine counts.
    pub position: u64,
    /// Its kind.
    pub kind: &'a str,
    /// Its payload.
    pub payload: &'a [u8],
}

/// Takes the events that were read, one by one.
pub type Visit<'a> = &'a mut dyn FnMut(Seen<'_>);

/// How a decision ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its event is in the log, after the engine itself had judged it again this many times.
    Appended(u64),
    /// Another one came first, so that it has to be made again.
    Conflict,
}

/// One store that is open. Callers share it by reference.
pub trait Engine: Send + Sync {
    /// Appends events as one, all or nothing, in this order.
    fn append(&self, events: Vec<Sample>) -> Result;

    /// Returns the position of the last event: an answer that shows the store to be open.
    fn last(&self) -> Result<u64>;

    /// Reads up to `limit` events after a position, in the order of their positions.
    fn read(&self, query: Query<'_>, after: u64, limit: usize, visit: Visit<'_>) -> Result;

    /// Reads the event with an id.
    fn find(&self, id: Id, visit: Visit<'_>) -> Result;

    /// Reads the event at a position.
    fn at(&self, position: u64, visit: Visit<'_>) -> Result {
        self.read(Query::All, position - 1, 1, visit)
    }

    /// Returns the ids of the events with these numbers, for engines that make ids of their own.
    fn ids(&self, numbers: &[u64]) -> Result<Vec<Id>> {
        Ok(numbers.iter().map(|number| crate::sample::id(*number)).collect())
    }

    /// Reads the events with a tag and appends one more, unless another came in between.
    fn decide(&self, _tag: &str, _event: Sample) -> Result<Outcome> {
        Err("this engine has no conditions over tags".into())
    }

    /// Returns the state that the engine's own projections make of one stream, as new as the log: how many events it has
    /// taken in. Asked again, the engine may go on from what it knows.
    fn fold(&self, _scope: &str, _entity: &str) -> Result<u64> {
        Err("this engine has no projections".into())
    }

    /// Ends in good order.
    fn close(self: Box<Self>) -> Result;
}

/// An engine before it is open.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What it is and what it can do.
    pub about: About,
    /// Opens the store in a directory, or makes one there.
    pub open: fn(&Path, Durability) -> Result<Box<dyn Engine>>,
}

/// What not every engine does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Skill {
    /// It can answer before the sync.
    Relaxed,
    /// It commits what many callers append together by itself.
    Groups,
    /// It finds events by tag.
    Tags,
    /// It decides over a tag.
    Decides,
    /// It keeps states folded from events up to date.
    Folds,
}

/// What an engine is and what it can do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct About {
    /// Its name, with its version if two take part.
    pub name: String,
    /// How it is set up, in one line.
    pub settings: String,
    /// What it does not do.
    pub lacks: Vec<Skill>,
}

impl About {
    /// Creates an engine that does everything but this.
    pub fn new(name: &str, settings: &str, lacks: &[Skill]) -> Self {
        Self { name: name.to_owned(), settings: settings.to_owned(), lacks: lacks.to_vec() }
    }

    /// Returns whether it does something.
    pub fn has(&self, skill: Skill) -> bool {
        !self.lacks.contains(&skill)
    }
}
