//! Text, made visible, measured and shortened.

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
