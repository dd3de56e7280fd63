//! Text, made visible, measured and shortened.

use std::fmt::Display;

/// Returns the text with what hides, reorders or ends text as its escape.
pub(crate) fn visible(text: &str) -> String {
    tidegate_format::name::visible(text).into_owned()
}

/// Returns how wide a text is at most, in pixels, at a size. No font is at hand, so it goes by the widest common ones.
pub(crate) fn width(text: &str, size: f64) -> f64 {
    text.chars().map(em).sum::<f64>() * size
}

/// Returns the text with its middle left out, so that it is at most so wide.
pub(crate) fn shorten(text: &str, size: f64, width_max: f64) -> String {
    if width(text, size) <= width_max {
        return text.to_owned();
    }
    let room = width_max / size - em('…');
    let head = taken(text.chars(), room * 0.6);
    let tail = taken(text.chars().rev(), room - head.iter().copied().map(em).sum::<f64>());
    head.into_iter().chain(['…']).chain(tail.into_iter().rev()).collect()
}

/// Returns as many characters from the start as there is room for.
fn taken(text: impl Iterator<Item = char>, room: f64) -> Vec<char> {
    let mut used = 0.0;
    let fits = text.take_while(|c| {
        used += em(*c);
        used <= room
    });
    fits.collect()
}

fn em(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | ' ' => 0.33,
        'f' | 'r' | 't' | '-' | '(' | ')' | '[' | ']' | '/' | '!' | 'I' => 0.41,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '…' => 0.98,
        'A'..='Z' | '#' | '&' | '+' | '<' | '=' | '>' | '~' => 0.76,
        ' '..='~' | '·' => 0.62,
        '\u{a0}'..='\u{2ff}' | '\u{370}'..='\u{6ff}' | '–' => 0.75,
        _ => 1.1,
    }
}

/// A length in pixels, to a tenth.
#[derive(Clone, Copy)]
pub(crate) struct Px(pub(crate) f64);

impl Display for Px {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tenths = (self.0 * 10.0).round() as i64;
        let (whole, rest) = (tenths.abs() / 10, tenths.abs() % 10);
        let sign = if tenths < 0 { "-" } else { "" };
        if rest == 0 { write!(f, "{sign}{whole}") } else { write!(f, "{sign}{whole}.{rest}") }
    }
}

/// Returns a number with commas between its thousands.
pub(crate) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns a number and what is counted, `1 cause` or `3 causes`.
pub(crate) fn count(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {what}{plural}", number(count))
}

/// Returns a time that passed, in the two largest units that say something.
pub(crate) fn elapsed(micros: u64) -> String {
    const SECOND: u64 = 1_000_000;
    const UNITS: [(u64, &str); 4] =
        [(86_400 * SECOND, "d"), (3_600 * SECOND, "h"), (60 * SECOND, "min"), (SECOND, "s")];
    if micros < SECOND {
        let millis = micros / 1_000;
        return if micros == 0 || millis > 0 { format!("{millis} ms") } else { format!("{micros} µs") };
    }
    let mut rest = micros;
    let mut said = Vec::new();
    for (unit, name) in UNITS {
        if !said.is_empty() || rest >= unit {
            said.push((rest / unit, name));
        }
        rest %= unit;
        if said.len() == 2 {
            break;
        }
    }
    let said = said.into_iter().filter(|(count, _)| *count > 0);
    said.map(|(count, name)| format!("{} {name}", number(count))).collect::<Vec<_>>().join(" ")
}

#[test]
fn elapsed_times_are_short() {
    let seconds = |seconds: u64| elapsed(seconds * 1_000_000);
    assert_eq!((elapsed(0), elapsed(7), elapsed(1_999)), ("0 ms".into(), "7 µs".into(), "1 ms".into()));
    assert_eq!((seconds(9), seconds(60), seconds(61)), ("9 s".into(), "1 min".into(), "1 min 1 s".into()));
    assert_eq!((seconds(7_200), seconds(7_261)), ("2 h".into(), "2 h 1 min".into()));
    assert_eq!((seconds(86_400), seconds(90_001)), ("1 d".into(), "1 d 1 h".into()));
    assert_eq!(seconds(1_200 * 86_400), "1,200 d");
}

#[test]
fn shortened_text_keeps_both_ends_and_fits() {
    assert_eq!(shorten("order.placed", 13.0, 200.0), "order.placed");
    let long = "entity-".repeat(40) + "end";
    let short = shorten(&long, 12.0, 150.0);
    assert!(short.starts_with("entity-") && short.ends_with("end") && short.contains('…'), "{short}");
    assert!(width(&short, 12.0) <= 150.0);
    assert!(width(&shorten(&"漢".repeat(99), 12.0, 150.0), 12.0) <= 150.0);
}

#[test]
fn numbers_are_grouped() {
    assert_eq!((number(7), number(1_000), number(81_966)), ("7".into(), "1,000".into(), "81,966".into()));
    assert_eq!((count(1, "cause"), count(1_204, "event")), ("1 cause".into(), "1,204 events".into()));
}
