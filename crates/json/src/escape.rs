//! Text that may come from anyone, written so that a terminal obeys none of it.

use std::borrow::Cow;

use serde::Serialize;
use tidegate_format::name::visible_json;

/// Returns a value as JSON on one line. Characters that a terminal would obey are written as their escapes, which is
/// the same JSON.
///
/// # Errors
///
/// What the value's own `Serialize` refuses.
///
/// ```
/// assert_eq!(tidegate_json::escape_json(&"a\u{9b}31m").unwrap(), r#""a\u009b31m""#);
/// ```
pub fn escape_json(value: &impl Serialize) -> serde_json::Result<String> {
    let json = serde_json::to_string(value)?;
    Ok(match visible_json(&json) {
        Cow::Borrowed(_) => json,
        Cow::Owned(escaped) => escaped,
    })
}
