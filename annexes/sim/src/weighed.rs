//! An event type in its third version, and what is read of events that were written in each version.

use serde::{Deserialize, Serialize};
use tidegate::{Draft, ErrorKind, Event, RecordedEvent, StreamId};

use crate::dice::Dice;
use crate::failure::{Failure, ensure, same};

/// The kind of these events.
pub(crate) const WEIGHED: &str = "catch.weighed";

/// The newest version, and one after it that only a later program knows.
const NEWEST: u16 = 3;

#[derive(Deserialize)]
struct First {
    grams: u8,
}

#[derive(Deserialize)]
struct Second {
    grams: u32,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, Event)]
#[event(kind = "catch.weighed", version = 3, upcast(1 => First, 2 => Second))]
struct Weighed {
    grams: u64,
}

impl From<First> for Second {
    fn from(earlier: First) -> Self {
        Self { grams: u32::from(earlier.grams) * 3 + 1 }
    }
}

impl TryFrom<Second> for Weighed {
    type Error = String;

    fn try_from(earlier: Second) -> Result<Self, String> {
        if earlier.grams.is_multiple_of(7) {
            return Err("nothing weighs that much".to_owned());
        }
        Ok(Self { grams: u64::from(earlier.grams) * 5 + 2 })
    }
}

/// Returns an event as some version of the program writes it, as JSON or as `MessagePack`.
pub(crate) fn draft(dice: &mut Dice, stream: StreamId) -> Draft {
    let schema = if dice.chance(1, 12) { NEWEST + 1 } else { 1 + dice.below(u64::from(NEWEST)) as u16 };
    let grams = dice.roll() as u8;
    let draft = Draft::new(stream, WEIGHED).schema(schema);
    if dice.chance(1, 2) {
        return draft.json_text(format!(r#"{{"grams":{grams}}}"#));
    }
    // A map of one field: its name of five bytes, and a number of one byte.
    let field = [0x81, 0xa5, b'g', b'r', b'a', b'm', b's', 0xcc, grams];
    draft.message_pack(field.to_vec())
}

/// Returns the number that a draft was written with.
fn written(draft: &Draft) -> u64 {
    let digits: String =
        draft.payload.iter().filter(|byte| byte.is_ascii_digit()).map(|byte| char::from(*byte)).collect();
    match draft.payload.first() {
        Some(b'{') => digits.parse().unwrap_or_default(),
        _ => draft.payload.last().copied().map_or(0, u64::from),
    }
}

/// Checks what a program of the newest version reads of an event, if it is one of these.
pub(crate) fn check(draft: &Draft, event: &RecordedEvent) -> Result<(), Failure> {
    if draft.kind != WEIGHED {
        return Ok(());
    }
    let grams = written(draft);
    let second = if draft.schema == 1 { grams * 3 + 1 } else { grams };
    let expected = match draft.schema {
        1 | 2 if second.is_multiple_of(7) => Err(ErrorKind::Invalid),
        1 | 2 => Ok(Weighed { grams: second * 5 + 2 }),
        NEWEST => Ok(Weighed { grams }),
        _ => Err(ErrorKind::Newer),
    };
    let read = Weighed::of(event);
    let place = read.as_ref().err().map(|error| error.to_string().contains(&event.position().to_string()));
    ensure(place != Some(false), || format!("an error of reading a version names no place: {read:?}"))?;
    same("an event of an earlier version", &expected, &read.map_err(|error| error.kind()))
}
