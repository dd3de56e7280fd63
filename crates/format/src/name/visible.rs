//! Text that may come from anyone, shown so that a terminal or a page obeys none of it.

use std::borrow::Cow;
use std::fmt::Write;

/// Returns whether a character hides, reorders or ends text, or is obeyed by a terminal, instead of being shown: controls,
/// marks of direction, separators of lines, characters without width that join nothing, and noncharacters.
///
/// Joiners (U+200C, U+200D) and variation selectors are part of words and emoji, and are shown.
///
/// ```
/// use tidegate_format::name::is_hidden;
///
/// assert!(is_hidden('\u{1b}') && is_hidden('\u{9b}') && is_hidden('\u{202e}'));
/// assert!(!is_hidden('é') && !is_hidden('ש') && !is_hidden('\u{200d}'));
/// ```
#[must_use]
pub fn is_hidden(c: char) -> bool {
    let hides = matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
    let is_noncharacter = u32::from(c) & 0xfffe == 0xfffe || ('\u{fdd0}'..='\u{fdef}').contains(&c);
    c.is_control() || hides || is_noncharacter
}

/// Returns the text with every [hidden](is_hidden) character as its escape, `\u{202e}` or `\n`.
///
/// ```
/// use tidegate_format::name::visible;
///
/// assert_eq!(visible("gpj.\u{202e}exe"), r"gpj.\u{202e}exe");
/// assert_eq!(visible("order-7"), "order-7");
/// ```
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    escaped(text, |c, out| out.extend(c.escape_default()))
}

/// Returns a text of JSON with every [hidden](is_hidden) character as its escape, `\u202e`. It is the same JSON, as
/// those characters can stand nowhere in it but in strings.
///
/// Line breaks and tabs, which are space between values, stay.
///
/// ```
/// use tidegate_format::name::visible_json;
///
/// assert_eq!(visible_json("[\"a\u{202e}b\"]"), r#"["a\u202eb"]"#);
/// ```
#[must_use]
pub fn visible_json(json: &str) -> Cow<'_, str> {
    escaped(json, |c, out| match c {
        '\n' | '\r' | '\t' => out.push(c),
        _ => {
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}").expect("a string takes all that is written to it");
            }
        }
    })
}

fn escaped(text: &str, escape: impl Fn(char, &mut String)) -> Cow<'_, str> {
    // Most text is ASCII without controls, which is seen without decoding it.
    if text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) || !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_hidden(c) { escape(c, &mut out) } else { out.push(c) }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hides_or_reorders_text_is_escaped() {
        let text = "a\u{202e}b\u{0}c\u{2028}d\u{ffff}e\u{1f}\u{7f}\u{9b}31m";
        assert_eq!(visible(text), r"a\u{202e}b\u{0}c\u{2028}d\u{ffff}e\u{1f}\u{7f}\u{9b}31m");
        for shown in ["שלום é 漢 👩\u{200d}🔬", "a\\u{202e}b", ""] {
            assert!(matches!(visible(shown), Cow::Borrowed(text) if text == shown), "{shown}");
        }
    }

    #[test]
    fn json_stays_the_same_json() {
        assert_eq!(
            visible_json("{\n\t\"a\": \"\u{7f}\u{e0041}é\"\r\n}"),
            "{\n\t\"a\": \"\\u007f\\udb40\\udc41é\"\r\n}"
        );
    }
}
