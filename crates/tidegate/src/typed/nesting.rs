//! Nesting: whether bytes are one whole `MessagePack` value that is safe to decode.
//!
//! Decoders call themselves for every level. Not all of them count the levels, so they are counted here,
//! before a decoder sees the bytes, with no calls and no memory.

/// Levels of arrays, maps and extensions that a payload may have. What has no more prints as JSON and is
/// decoded within a small stack.
pub(super) const LEVELS_MAX: usize = 64;

/// What is wrong with the bytes of a payload, and at which byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// They end within a value.
    Cut(usize),
    /// A value begins with a byte that begins none.
    Unknown(usize),
    /// They go on after the value.
    Rest(usize),
    /// A value lies too deep.
    Deep(usize),
}

impl std::fmt::Display for Flaw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cut(at) => write!(f, "it ends within a value that begins at byte {at}"),
            Self::Unknown(at) => write!(f, "no value begins as byte {at} does"),
            Self::Rest(at) => write!(f, "it goes on after its value, at byte {at}"),
            Self::Deep(at) => write!(f, "at byte {at} it has more than {LEVELS_MAX} levels"),
        }
    }
}

/// What begins at a place: its head's bytes, the bytes after them, and the values inside.
struct Head {
    bytes: usize,
    data: usize,
    values: u64,
}

/// Looks through the bytes once.
pub(super) fn check(bytes: &[u8]) -> Result<(), Flaw> {
    // How many values are still to come at each level.
    let mut left = [0_u64; LEVELS_MAX + 1];
    let (mut level, mut at) = (0, 0);
    left[0] = 1;
    loop {
        while left[level] == 0 {
            if level == 0 {
                return if at == bytes.len() { Ok(()) } else { Err(Flaw::Rest(at)) };
            }
            level -= 1;
        }
        left[level] -= 1;
        let head = head(bytes, at)?;
        let end = at.checked_add(head.bytes).and_then(|end| end.checked_add(head.data));
        at = match end {
            // A value has at least one byte, so more values than bytes are a lie.
            Some(end) if end <= bytes.len() && head.values <= (bytes.len() - end) as u64 => end,
            _ => return Err(Flaw::Cut(at)),
        };
        if head.values > 0 {
            if level == LEVELS_MAX {
                return Err(Flaw::Deep(at));
            }
            level += 1;
            left[level] = head.values;
        }
    }
}

fn head(bytes: &[u8], at: usize) -> Result<Head, Flaw> {
    let first = *bytes.get(at).ok_or(Flaw::Cut(at))?;
    let length = |width: usize| -> Result<usize, Flaw> {
        let digits = bytes.get(at + 1..at + 1 + width).ok_or(Flaw::Cut(at))?;
        Ok(digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)))
    };
    let plain = |data: usize| Ok(Head { bytes: 1, data, values: 0 });
    let sized = |width: usize, more: usize| {
        Ok(Head { bytes: 1 + width, data: length(width)?.saturating_add(more), values: 0 })
    };
    let inside = |width: usize, each: u64| {
        Ok(Head { bytes: 1 + width, data: 0, values: each * length(width)? as u64 })
    };
    match first {
        0x00..=0x7f | 0xc0 | 0xc2 | 0xc3 | 0xe0..=0xff => plain(0),
        0x80..=0x8f => Ok(Head { bytes: 1, data: 0, values: 2 * u64::from(first & 0x0f) }),
        0x90..=0x9f => Ok(Head { bytes: 1, data: 0, values: u64::from(first & 0x0f) }),
        0xa0..=0xbf => plain(usize::from(first & 0x1f)),
        0xc1 => Err(Flaw::Unknown(at)),
        0xc4 | 0xd9 => sized(1, 0),
        0xc5 | 0xda => sized(2, 0),
        0xc6 | 0xdb => sized(4, 0),
        0xc7 => sized(1, 1),
        0xc8 => sized(2, 1),
        0xc9 => sized(4, 1),
        0xcc | 0xd0 => plain(1),
        0xcd | 0xd1 | 0xd4 => plain(2),
        0xca | 0xce | 0xd2 => plain(4),
        0xcb | 0xcf | 0xd3 => plain(8),
        0xd5 => plain(3),
        0xd6 => plain(5),
        0xd7 => plain(9),
        0xd8 => plain(17),
        0xdc => inside(2, 1),
        0xdd => inside(4, 1),
        0xde => inside(2, 2),
        0xdf => inside(4, 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_whole_value_is_fine() {
        for bytes in [
            &b"\xc0"[..],
            b"\x80",
            b"\x90",
            b"\x82\x01\x02\x92\x01\xa1b\x03",
            b"\xc4\x02\x00\xff",
            b"\xc7\x01\x05\x07",
            b"\xd4\x05\x07",
            b"\xdf\x00\x00\x00\x01\xc0\xdd\x00\x00\x00\x00",
            b"\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00",
        ] {
            assert_eq!(check(bytes), Ok(()), "{bytes:02x?}");
        }
    }

    #[test]
    fn anything_else_is_refused_at_its_byte() {
        for (bytes, flaw) in [
            (&b""[..], Flaw::Cut(0)),
            (b"\x81", Flaw::Cut(0)),
            (b"\x81\x01", Flaw::Cut(0)),
            (b"\x92\x01\xa2b", Flaw::Cut(2)),
            (b"\x01\x01", Flaw::Rest(1)),
            (b"\x91\xc1", Flaw::Unknown(1)),
            (b"\xdd\xff\xff\xff\xff", Flaw::Cut(0)),
            (b"\xdf\xff\xff\xff\xff\x01", Flaw::Cut(0)),
            (b"\xc6\xff\xff\xff\xff\x01", Flaw::Cut(0)),
            (b"\xc9\xff\xff\xff\xff", Flaw::Cut(0)),
            (b"\xdc\x00", Flaw::Cut(0)),
        ] {
            assert_eq!(check(bytes), Err(flaw), "{bytes:02x?}");
        }
    }

    #[test]
    fn levels_are_counted() {
        let nested = |levels: usize| [vec![0x91; levels - 1], vec![0x90]].concat();
        assert_eq!(check(&nested(LEVELS_MAX + 1)), Ok(()), "an empty array has nothing inside");
        let deeper = [vec![0x91; LEVELS_MAX], vec![0x01]].concat();
        assert_eq!(check(&deeper), Ok(()));
        let too_deep = [vec![0x91; LEVELS_MAX + 1], vec![0x01]].concat();
        assert_eq!(check(&too_deep), Err(Flaw::Deep(LEVELS_MAX + 1)));
        assert!(matches!(check(&vec![0x81; 1 << 20]), Err(Flaw::Deep(_) | Flaw::Cut(_))));
    }
}
