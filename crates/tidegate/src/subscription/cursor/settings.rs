//! How a cursor is read: values, each with a sensible default.

use std::time::Duration;

use tidegate_format::Position;

/// How a cursor is read.
///
/// ```
/// use std::time::Duration;
/// use tidegate::subscription::cursor::CursorOptions;
///
/// let patient = CursorOptions { attempts: 20, retry_after: Duration::from_secs(60), ..CursorOptions::default() };
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CursorOptions {
    /// Where a cursor begins that does not exist yet: after this position. One that exists goes on.
    pub start: Position,
    /// How long an event may be out: 30 seconds. After that it is handed out again, and that counts as a
    /// failure.
    pub redeliver_after: Duration,
    /// How often an event is tried before it is parked: 5 times.
    pub attempts: u32,
    /// How long an event rests after a failure, and its stream with it: 1 second.
    pub retry_after: Duration,
    /// How many events may be parked: 1,000. While there are more, an event that fails is tried again and
    /// again, and holds up its stream.
    pub parked_max: usize,
    /// How many events may be found and not be done, out and waiting together: 1,024.
    pub window: usize,
    /// How long an acknowledgement may be kept in memory only: 100 milliseconds. What was acknowledged is also
    /// kept before the cursor waits, when it is dropped, and when the store is closed. Zero keeps each at once,
    /// which takes two syncs.
    pub keep_every: Duration,
}

impl Default for CursorOptions {
    fn default() -> Self {
        Self {
            start: Position::START,
            redeliver_after: Duration::from_secs(30),
            attempts: 5,
            retry_after: Duration::from_secs(1),
            parked_max: 1000,
            window: 1024,
            keep_every: Duration::from_millis(100),
        }
    }
}
