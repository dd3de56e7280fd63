//! Times in RFC 3339, both ways.

use jiff::Timestamp;
use tidegate::Micros;

/// Returns a time in RFC 3339 with microseconds, in UTC, such as `2005-04-07T22:13:13.000000Z`.
///
/// A time after the year 9999, which RFC 3339 cannot express, is returned as its microseconds since 1970.
pub fn rfc3339(time: Micros) -> String {
    let timestamp = i64::try_from(time.0).ok().and_then(|micros| Timestamp::from_microsecond(micros).ok());
    timestamp.map_or_else(|| time.0.to_string(), |time| format!("{time:.6}"))
}

/// Reads a time: microseconds since 1970, or RFC 3339 with a time from 1970 on. Returns `None` for other text.
///
/// ```
/// let time = tidegate_json::parse_time("2005-04-07T22:13:13.000001Z").expect("it is RFC 3339");
/// assert_eq!(tidegate_json::rfc3339(time), "2005-04-07T22:13:13.000001Z");
/// assert_eq!(tidegate_json::parse_time("yesterday"), None);
/// ```
pub fn parse_time(text: &str) -> Option<Micros> {
    let micros = match text.parse() {
        Ok(micros) => Some(micros),
        Err(_) if !is_rfc3339(text) => None,
        Err(_) => u64::try_from(text.parse::<Timestamp>().ok()?.as_microsecond()).ok(),
    };
    micros.map(Micros)
}

/// Returns whether a text is a time in RFC 3339. The parser takes other forms too, so the punctuation is checked here and
/// only the numbers are left to the parser.
pub(crate) fn is_rfc3339(text: &str) -> bool {
    let bytes = text.as_bytes();
    let punctuation = [(4, "-"), (7, "-"), (10, "Tt "), (13, ":"), (16, ":")];
    let in_place = |(at, signs): &(usize, &str)| bytes.get(*at).is_some_and(|b| signs.as_bytes().contains(b));
    let offset = match bytes {
        [.., b'Z' | b'z'] => 1,
        [.., b'+' | b'-', _, _, b':', _, _] => 6,
        _ => return false,
    };
    let seconds = bytes.get(17..bytes.len() - offset).unwrap_or_default();
    let whole_seconds = matches!(seconds, [_, _] | [_, _, b'.', _, ..]);
    punctuation.iter().all(in_place) && whole_seconds && text.parse::<Timestamp>().is_ok()
}

/// Returns a time that may lack its zone, its seconds or its time of day as RFC 3339, or `None` for other text. What lacks is
/// UTC, and zero.
pub(crate) fn completed(text: &str) -> Option<String> {
    let text = text.trim().replacen(',', ".", 1);
    let (date, clock) = match text.split_once(['T', 't', ' ']) {
        Some((date, clock)) => (date, clock.trim()),
        None => (&*text, "00:00:00Z"),
    };
    let zone_at = clock.find(['Z', 'z', '+', '-']).unwrap_or(clock.len());
    let (clock, zone) = clock.split_at(zone_at);
    let clock = clock.trim();
    let seconds = if clock.matches(':').count() == 1 { ":00" } else { "" };
    let zone = match zone.len() {
        0 => "Z".to_owned(),
        3 => format!("{zone}:00"),
        5 => format!("{}:{}", zone.get(..3)?, zone.get(3..)?),
        _ => zone.to_owned(),
    };
    let whole = format!("{date}T{clock}{seconds}{zone}");
    is_rfc3339(&whole).then_some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rfc3339_is_a_time() {
        for time in [
            "2005-04-07T22:13:13Z",
            "2005-04-07t22:13:13.123456z",
            "2005-04-07 22:13:13+02:00",
            "2005-04-07T22:13:13.5-00:00",
            "2016-12-31T23:59:60Z",
        ] {
            assert!(is_rfc3339(time), "{time}");
        }
        for time in [
            "",
            "Z",
            "2005-04-07",
            "2005-04-07T22:13Z",
            "2005-04-07T22:13:13",
            "2005-04-07T22:13:13+0200",
            "2005-04-07T22:13:13.Z",
            "2005-04-07T22:13:13Z[UTC]",
            "2005-02-30T22:13:13Z",
            "2005-04-07T25:13:13Z",
            "20050407T221313Z",
            "2005-04-07T22:13:13,5Z",
            "2005-04-07T22:13:13é+02:00",
        ] {
            assert!(!is_rfc3339(time), "{time}");
        }
    }

    #[test]
    fn what_a_time_lacks_is_completed() {
        for (text, whole) in [
            ("2024-05-01", "2024-05-01T00:00:00Z"),
            ("2024-05-01 12:30", "2024-05-01T12:30:00Z"),
            ("2024-05-01T12:30:05.250", "2024-05-01T12:30:05.250Z"),
            ("2024-05-01 12:30:05,25", "2024-05-01T12:30:05.25Z"),
            ("2024-05-01 12:30:05+0200", "2024-05-01T12:30:05+02:00"),
            ("2024-05-01 12:30:05 -02", "2024-05-01T12:30:05-02:00"),
            ("2024-05-01T12:30:05z", "2024-05-01T12:30:05z"),
        ] {
            assert_eq!(completed(text).as_deref(), Some(whole), "{text}");
        }
        for text in [
            "",
            "T",
            "2024",
            "2024-05",
            "2024-02-30",
            "01.05.2024",
            "2024-05-01 25:00",
            "2024-05-01 12",
            "12:30",
            "é+0é2",
        ] {
            assert_eq!(completed(text), None, "{text}");
        }
    }
}
