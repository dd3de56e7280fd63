//! Events as they come, as a browser's event source reads them.

use std::fmt::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;
use tidegate::{ErrorKind, Position};

use crate::answer::{Question, Subject, failure, row};
use crate::http::{Request, Response, start_stream, write_all};

/// How long to wait for an event before telling how far the log is.
const WAIT: Duration = Duration::from_millis(250);
/// Without an event, a comment comes after this time, so that the end of the connection is noticed.
const BEAT: Duration = Duration::from_secs(5);
/// A page shows no more events than this, so more than this behind the log are passed over.
const BEHIND_MAX: u64 = 500;
/// Events in one piece of the answer.
const PIECE_MAX: usize = 100;

/// Writes events to the client until it goes. An error is one that comes before the answer has begun.
pub(crate) fn follow(
    stream: &mut TcpStream,
    subject: &Subject,
    request: &Request,
    time: Duration,
) -> Result<(), Response> {
    let question = Question::new(subject, request);
    let query = question.query().map_err(|error| failure(&error))?;
    let start = match question.resumed_after() {
        Some(position) => position,
        None => subject.store.view().map_err(|error| failure(&error))?.head(),
    };
    if start_stream(stream, time).is_err() {
        return Ok(());
    }
    let mut events = subject.store.subscribe(query.clone(), start);
    let (mut told, mut beat) = (None, Instant::now());
    loop {
        let mut piece = String::new();
        let head = subject.store.frontier().visible;
        if head.0.saturating_sub(events.reached().0) > BEHIND_MAX * 2 {
            let after = Position(head.0 - BEHIND_MAX);
            let skipped = json!({ "after": events.reached().0, "until": after.0 });
            let _ = writeln!(piece, "event: skipped\ndata: {skipped}\n");
            events = subject.store.subscribe(query.clone(), after);
        }
        let mut next = events.next_within(WAIT);
        for _ in 0..PIECE_MAX {
            match next {
                Ok(Some(event)) => {
                    let _ = writeln!(piece, "id: {}\ndata: {}\n", event.position(), row(&event));
                }
                Ok(None) => break,
                Err(error) if error.kind() == ErrorKind::TimedOut => break,
                Err(error) => {
                    let failed = json!({ "message": error.to_string() });
                    let _ = writeln!(piece, "event: failed\ndata: {failed}\n");
                    let _ = write_all(stream, piece.as_bytes(), time);
                    return Ok(());
                }
            }
            next = events.next_now();
        }
        let head = subject.store.frontier().visible;
        if told != Some(head) {
            let _ = writeln!(piece, "event: head\ndata: {}\n", json!({ "head": head.0 }));
            told = Some(head);
        }
        if piece.is_empty() && beat.elapsed() >= BEAT {
            piece.push_str(":\n\n");
        }
        if !piece.is_empty() {
            beat = Instant::now();
            if write_all(stream, piece.as_bytes(), time).is_err() {
                return Ok(());
            }
        }
    }
}
