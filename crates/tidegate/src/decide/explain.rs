//! Explanations: on what grounds an event is in the log.

use tidegate_format::{Error, ErrorKind, Position, Result, Text};
use tidegate_segment::RecordedEvent;

use crate::batch::{BYPASS, Bypass, FOOTPRINT, Footprint, gates_of};
use crate::read::View;

/// Why an event was appended, as far as its batch recorded it.
///
/// ```
/// use tidegate::{AppendOptions, Draft, QueryItem, Query, Store};
///
/// let store = Store::in_memory()?;
/// let seat = Draft::new(("school", "ada"), "student.subscribed").tag("course:c1");
/// let subscribed = Query::from(QueryItem::new().tag("course:c1"));
/// let keep = AppendOptions::new().keep_footprint(true);
/// let decided = store.decide_with(keep, |view| -> tidegate::Result<tidegate::decide::Decision> {
///     assert!(view.count(&subscribed)? < 20);
///     Ok(seat.clone().into())
/// })?;
///
/// let event = decided.receipt().expect("no caller denied it").first();
/// let explanation = store.view()?.explain(event)?;
/// let footprint = explanation.footprint.expect("it was kept");
/// assert_eq!(footprint.queries(), [subscribed]);
/// assert_eq!(explanation.judged_at.unwrap().count(&footprint.queries()[0])?, 0);
/// # Ok::<(), tidegate::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Explanation {
    /// The positions of its batch, which was decided as one.
    pub batch: std::ops::RangeInclusive<Position>,
    /// The gates that the batch passed, in order.
    pub gates: Vec<Text>,
    /// Why it passed over gates, if it did.
    pub bypass: Option<Bypass>,
    /// The log as the decision and the gates saw it, if the batch says when that was. What they read still
    /// reads the same in it.
    pub judged_at: Option<View>,
    /// What was read, if the footprint was [kept](crate::AppendOptions::keep_footprint).
    pub footprint: Option<Footprint>,
}

impl View {
    /// Explains why an event was appended. Its batch is read back to its first event, on which all
    /// of that is noted.
    ///
    /// # Errors
    ///
    /// [`Missing`](ErrorKind::Missing) if the view does not show the event.
    pub fn explain(&self, event: Position) -> Result<Explanation> {
        let Some(last) = self.at(event)? else {
            let message = format!("there is no event at position {event}; the view ends at {}", self.head());
            return Err(Error::new(ErrorKind::Missing, message));
        };
        let mut first = last.clone();
        while first.position() > self.floor() {
            match self.at(first.position().before())? {
                Some(earlier) if !earlier.record().ends_batch() => first = earlier,
                _ => break,
            }
        }
        let mut end = last;
        while !end.record().ends_batch()
            && let Some(later) = self.at(end.position().next())?
        {
            end = later;
        }
        let (gates, judged_at) = gates_of(&first);
        let kept = note(&first, FOOTPRINT).map(Footprint::read_note).transpose()?;
        let (footprint, read_at) = kept.unzip();
        let bypass = note(&first, BYPASS).map(Bypass::read_note).transpose()?;
        let judged_at = read_at.or(judged_at).map(|position| self.as_of(position));
        Ok(Explanation { batch: first.position()..=end.position(), gates, bypass, judged_at, footprint })
    }
}

fn note<'a>(event: &'a RecordedEvent, name: &str) -> Option<&'a str> {
    event.meta_text(name)
}
