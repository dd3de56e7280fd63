//! What an HTTP service answers for each error of a store, after the page `docs/errors.md`.
//!
//! No web framework is needed to show it: an answer is a status code, a body, and whether to retry.

use serde_json::{Map, Value, json};
use tidegate::{Batch, Condition, Draft, Error, ErrorKind, ErrorPlace, Store};
use tidegate_format::limit::Limit;

/// A response, without the framework's types.
struct Answer {
    status: u16,
    /// Seconds for a `Retry-After` header.
    retry_after: Option<u32>,
    body: Value,
}

/// Returns the answer to a request that failed with this error.
fn answer(error: &Error) -> Answer {
    let (status, code, retry_after) = match error.kind() {
        ErrorKind::Invalid => match error.limit().map(|exceeded| exceeded.limit) {
            Some(Limit::PayloadBytes | Limit::BatchBytes) => (413, "too_large", None),
            _ => (400, "invalid", None),
        },
        ErrorKind::Refused => (422, "refused", None),
        ErrorKind::Conflict => (409, "conflict", None),
        ErrorKind::Denied => (422, "denied", None),
        // A missing store is the operator's concern, a missing event the caller's.
        ErrorKind::Missing if matches!(error.place(), Some(ErrorPlace::File { .. })) => {
            (503, "no_store", None)
        }
        ErrorKind::Missing => (404, "missing", None),
        ErrorKind::Erased => (410, "erased", None),
        ErrorKind::Encrypted => (500, "encrypted", None),
        ErrorKind::Retired => (410, "retired", None),
        ErrorKind::Disproved => (422, "disproved", None),
        ErrorKind::Locked => (503, "locked", Some(5)),
        ErrorKind::Full => (503, "full", Some(1)),
        ErrorKind::Ended => (503, "ended", Some(1)),
        ErrorKind::Unavailable => (503, "unavailable", Some(1)),
        // The append may be in the log: the client repeats the request under the same idempotency key.
        ErrorKind::TimedOut => (504, "timed_out", None),
        ErrorKind::OutcomeUnknown => (504, "outcome_unknown", None),
        ErrorKind::Damaged => (500, "damaged", None),
        ErrorKind::Diverged => (500, "diverged", None),
        ErrorKind::Older => (500, "older", None),
        ErrorKind::Newer => (500, "newer", None),
        // `Io`, and every kind of a later version.
        _ => (500, "internal", None),
    };
    let mut body = Map::new();
    body.insert("error".into(), code.into());
    // Paths and system errors are for the log of the service, not for its clients.
    let message =
        if status >= 500 { "the store cannot answer".to_owned() } else { error.message().to_owned() };
    body.insert("message".into(), message.into());
    add_details(error, &mut body);
    Answer { status, retry_after, body: Value::Object(body) }
}

/// Adds what a client can act on.
fn add_details(error: &Error, body: &mut Map<String, Value>) {
    if let Some(exceeded) = error.limit() {
        body.insert("max".into(), exceeded.max.into());
        body.insert("found".into(), exceeded.found.into());
    }
    if let Some(conflict) = error.conflict() {
        body.insert("position".into(), json!(conflict.position.map(|position| position.0)));
        body.insert("retry".into(), conflict.retry.into());
    }
    if let Some(denial) = error.denied().and_then(|denied| denied.denials().next()) {
        body.insert("code".into(), denial.code.to_string().into());
        body.insert("message".into(), denial.message.clone().into());
        for (name, value) in &denial.fields {
            body.insert(name.to_string(), value.clone().into());
        }
    }
}

fn main() -> Result<(), Error> {
    let store = Store::in_memory()?;
    let placed = || Draft::new(("shop", "order-7"), "order.placed");
    store.append(placed())?;

    let again = Batch::from(placed()).only_if(Condition::Absent(("shop", "order-7").into()));
    let large = Batch::from(placed().bytes(vec![0; (64 << 20) + 1]));
    for batch in [again, large] {
        let error = store.append(batch).expect_err("the store refuses it");
        let Answer { status, retry_after, body } = answer(&error);
        println!("{status} {body} retry after: {retry_after:?}");
        assert!(matches!(status, 409 | 413));
    }
    Ok(())
}
