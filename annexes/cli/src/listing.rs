//! Listings: events as aligned lines for people.

use std::borrow::Cow;

use console::{Alignment, measure_text_width, pad_str, style, truncate_str};
use tidegate::{RecordedEvent, View};
use tidegate_format::PayloadType;
use tidegate_json::{event_to_json, message_pack_to_json};

use crate::clock::Clock;
use crate::escape::escape;
use crate::failure::{Result, kind_name};
use crate::output::{Output, clock_time};

/// Events that are looked at together to find out how wide a column is.
const PAGE_EVENTS: usize = 64;
/// How wide columns grow at most; what is longer moves the rest of its line.
const STREAM_WIDTH_MAX: usize = 40;
const KIND_WIDTH_MAX: usize = 24;
const TAGS_WIDTH_MAX: usize = 28;
/// A terminal with at least this many columns has room for milliseconds.
const WIDE: usize = 140;

/// Writes events as they are asked for: JSON at once, lines a page at a time.
pub(crate) struct Listing<'a> {
    output: &'a mut Output,
    json: bool,
    clock: Clock,
    page: Vec<ListingRow>,
    widths: Widths,
}

#[derive(Default)]
struct Widths {
    position: usize,
    stream: usize,
    kind: usize,
    tags: usize,
}

struct ListingRow {
    position: String,
    time: String,
    stream: String,
    kind: String,
    tags: String,
    payload: String,
}

impl<'a> Listing<'a> {
    pub(crate) fn new(output: &'a mut Output, json: bool) -> Self {
        Self { output, json, clock: Clock::default(), page: Vec::new(), widths: Widths::default() }
    }

    /// Sets whose times are shown.
    pub(crate) fn clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Writes an event. Its causes are looked up in the view.
    pub(crate) fn event(&mut self, event: &RecordedEvent, view: &View) -> Result<()> {
        if self.json {
            return self.output.styled(event_to_json(event, view)?);
        }
        self.page.push(ListingRow::of(event, self.clock, self.output.width()));
        if self.page.len() == PAGE_EVENTS { self.finish_page() } else { Ok(()) }
    }

    /// Hands on everything written so far.
    pub(crate) fn flush(&mut self) -> Result<()> {
        self.finish_page()?;
        self.output.flush()
    }

    /// Returns whether the reader has closed the output.
    pub(crate) fn is_closed(&self) -> bool {
        self.output.is_closed()
    }

    fn finish_page(&mut self) -> Result<()> {
        for line in &self.page {
            self.widths.take_in(line);
        }
        for line in self.page.drain(..) {
            let text = line.text(&self.widths);
            match self.output.width() {
                Some(width) => self.output.styled(truncate_str(&text, width, "…"))?,
                None => self.output.styled(text)?,
            }
        }
        Ok(())
    }
}

impl Widths {
    fn take_in(&mut self, line: &ListingRow) {
        let wider = |width: usize, text: &str, limit: usize| width.max(measure_text_width(text).min(limit));
        self.position = wider(self.position, &line.position, usize::MAX);
        self.stream = wider(self.stream, &line.stream, STREAM_WIDTH_MAX);
        self.kind = wider(self.kind, &line.kind, KIND_WIDTH_MAX);
        self.tags = wider(self.tags, &line.tags, TAGS_WIDTH_MAX);
    }
}

impl ListingRow {
    fn of(event: &RecordedEvent, clock: Clock, width: Option<usize>) -> Self {
        let tags: Vec<String> = event.tags().map(|tag| format!("#{tag}")).collect();
        let room = width.unwrap_or(usize::MAX);
        Self {
            position: event.position().to_string(),
            time: clock_time(clock.time(event), room >= WIDE),
            stream: escape(format_args!("{} v{}", event.stream(), event.version())),
            kind: escape(event.kind()),
            tags: escape(tags.join(" ")),
            payload: payload_text(event, room),
        }
    }

    fn text(&self, widths: &Widths) -> String {
        let cell = |text: &str, width| pad_str(text, width, Alignment::Left, None).into_owned();
        let mut text = format!(
            "{}  {}  {}  {}",
            style(pad_str(&self.position, widths.position, Alignment::Right, None)).bold(),
            style(&self.time).dim(),
            cell(&self.stream, widths.stream),
            style(cell(&self.kind, widths.kind)).cyan(),
        );
        for part in [style(cell(&self.tags, widths.tags)).yellow().to_string(), self.payload.clone()] {
            text.push_str("  ");
            text.push_str(&part);
        }
        text.trim_end().to_owned()
    }
}

/// Returns a payload as far as a line has room for it, without anything a terminal would obey.
fn payload_text(event: &RecordedEvent, room: usize) -> String {
    let payload = match event.payload() {
        Ok(payload) => payload,
        Err(error) => return kind_name(error.kind()).to_owned(),
    };
    bytes_text(event.payload_type(), payload, room)
}

/// Returns the bytes of a payload as far as a line has room for them, without anything a terminal would obey.
pub(crate) fn bytes_text(payload_type: PayloadType, payload: &[u8], room: usize) -> String {
    let text = match payload_type {
        PayloadType::Json => String::from_utf8_lossy(payload),
        PayloadType::MessagePack => match message_pack_to_json(payload) {
            Some(json) => Cow::Owned(json),
            None => Cow::Owned(format!("{} bytes of MessagePack", payload.len())),
        },
        PayloadType::Bytes if payload.is_empty() => Cow::Borrowed(""),
        PayloadType::Bytes | PayloadType::Encrypted => Cow::Owned(format!("{} bytes", payload.len())),
    };
    // Line breaks and tabs are space in JSON, and room is scarce.
    let text: String = text.chars().take(room).collect();
    escape(text.replace(['\n', '\r', '\t'], " "))
}
