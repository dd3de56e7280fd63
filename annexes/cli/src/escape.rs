//! What is shown: text that may come from anyone, written so that a terminal obeys none of it.

use std::borrow::Cow;
use std::fmt::Display;

use serde::Serialize;
use tidegate::format::name::{visible, visible_json};

/// A name or another text of one line, with what would be obeyed as its escape.
pub(crate) fn escape(text: impl Display) -> String {
    visible(&text.to_string()).into_owned()
}

/// A text of several lines, with what would be obeyed as its escape.
pub(crate) fn escape_lines(text: impl Display) -> String {
    let text = text.to_string();
    let lines: Vec<_> = text.split('\n').map(visible).collect();
    lines.join("\n")
}

/// A value as JSON, with what would be obeyed as its escape, which is the same JSON.
pub(crate) fn escape_json(value: &impl Serialize) -> serde_json::Result<String> {
    let json = serde_json::to_string(value)?;
    Ok(match visible_json(&json) {
        Cow::Borrowed(_) => json,
        Cow::Owned(shown) => shown,
    })
}
