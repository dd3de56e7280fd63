//! What is shown: text that may come from anyone, written so that a terminal obeys none of it.

use std::fmt::Display;

use tidegate_format::name::visible;

/// Returns a name or another text of one line, with what would be obeyed as its escape.
pub(crate) fn escape(text: impl Display) -> String {
    visible(&text.to_string()).into_owned()
}

/// Returns a text of several lines, with what would be obeyed as its escape.
pub(crate) fn escape_lines(text: impl Display) -> String {
    let text = text.to_string();
    let lines: Vec<_> = text.split('\n').map(visible).collect();
    lines.join("\n")
}
