//! Drawing writes nothing to the log of the program that asks for a picture.

use std::sync::Mutex;

use log::{LevelFilter, Log, Metadata, Record};
use tidegate_draw::Style;

use crate::story::{graph, history, picture};

struct Lines(Mutex<Vec<String>>);

impl Log for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        self.0.lock().unwrap().push(format!("{}: {}", record.target(), record.args()));
    }

    fn flush(&self) {}
}

static LINES: Lines = Lines(Mutex::new(Vec::new()));

/// The library that laid out pictures wrote hundreds of lines for each, under names of its own such as "layouting", so
/// that a program that drew found its own lines no more.
#[test]
fn a_picture_leaves_no_line_in_it() {
    log::set_logger(&LINES).unwrap();
    log::set_max_level(LevelFilter::Trace);
    let svg = picture(&graph(&history(120, 25, 3)), &Style::default()).svg();
    assert!(svg.contains("</svg>"));
    assert_eq!(*LINES.0.lock().unwrap(), Vec::<String>::new());
}
