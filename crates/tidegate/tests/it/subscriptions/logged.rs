//! What a program's log is told, taken down.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Takes down each event of a log, its level and its fields in order, and does something at each.
struct Log {
    lines: Arc<Mutex<Vec<String>>>,
    at_each: Box<dyn Fn() + Send + Sync>,
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        use std::fmt::Write;
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.lines.lock().unwrap().push(line.0);
        (self.at_each)();
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Does something on this thread, and returns the warnings that its log was told.
pub(crate) fn warnings(act: impl FnOnce()) -> Vec<String> {
    warnings_and(|| (), act)
}

/// The same with a log that does something of its own at each line.
pub(crate) fn warnings_and(at_each: impl Fn() + Send + Sync + 'static, act: impl FnOnce()) -> Vec<String> {
    let lines = Arc::default();
    let log = Log { lines: Arc::clone(&lines), at_each: Box::new(at_each) };
    tracing::subscriber::with_default(log, act);
    let mut lines: Vec<String> = lines.lock().unwrap().split_off(0);
    lines.retain(|line| line.starts_with("WARN"));
    lines
}
