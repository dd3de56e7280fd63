//! Values in `MessagePack`, read in place. Nothing recurses, so nesting costs no stack.

use std::borrow::Cow;

/// Reads values one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decoder<'a> {
    bytes: &'a [u8],
}

/// A value, or the head of one that holds others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Nil,
    Integer(i128),
    Bytes(&'a [u8]),
    Text(&'a str),
    /// How many values follow.
    Array(usize),
    /// How many pairs of values follow.
    Map(usize),
    /// A boolean, a fraction or an extension, of which nothing here has a use.
    Other,
}

impl<'a> Decoder<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.bytes.is_empty()
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(count)?;
        self.bytes = rest;
        Some(taken)
    }

    /// Reads a number of this many bytes.
    fn number(&mut self, bytes: usize) -> Option<u64> {
        Some(self.take(bytes)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn signed(&mut self, bytes: usize) -> Option<i128> {
        let number = self.number(bytes)?;
        let unused = 64 - 8 * bytes as u32;
        Some(i128::from((number << unused).cast_signed() >> unused))
    }

    fn text(&mut self, count: usize) -> Option<Value<'a>> {
        std::str::from_utf8(self.take(count)?).ok().map(Value::Text)
    }

    /// Reads a length of this many bytes.
    fn length(&mut self, bytes: usize) -> Option<usize> {
        usize::try_from(self.number(bytes)?).ok()
    }

    /// Reads a value, or the head of one that holds others. Returns `None` if it is not whole.
    pub(crate) fn value(&mut self) -> Option<Value<'a>> {
        let first = self.take(1)?[0];
        Some(match first {
            0x00..=0x7f => Value::Integer(i128::from(first)),
            0x80..=0x8f => Value::Map(usize::from(first & 0x0f)),
            0x90..=0x9f => Value::Array(usize::from(first & 0x0f)),
            0xa0..=0xbf => self.text(usize::from(first & 0x1f))?,
            0xc0 => Value::Nil,
            0xc1 => return None,
            0xc2 | 0xc3 => Value::Other,
            0xc4..=0xc6 => {
                let count = self.length(1 << (first - 0xc4))?;
                Value::Bytes(self.take(count)?)
            }
            // Extensions: a byte for the type stands before the bytes.
            0xc7..=0xc9 => {
                let count = self.length(1 << (first - 0xc7))?;
                self.take(count.checked_add(1)?)?;
                Value::Other
            }
            0xca | 0xcb => {
                self.take(4 << (first - 0xca))?;
                Value::Other
            }
            0xcc..=0xcf => Value::Integer(i128::from(self.number(1 << (first - 0xcc))?)),
            0xd0..=0xd3 => Value::Integer(self.signed(1 << (first - 0xd0))?),
            0xd4..=0xd8 => {
                self.take(1 + (1 << (first - 0xd4)))?;
                Value::Other
            }
            0xd9..=0xdb => {
                let count = self.length(1 << (first - 0xd9))?;
                self.text(count)?
            }
            0xdc | 0xdd => Value::Array(self.length(2 << (first - 0xdc))?),
            0xde | 0xdf => Value::Map(self.length(2 << (first - 0xde))?),
            0xe0..=0xff => Value::Integer(i128::from(first.cast_signed())),
        })
    }

    /// Reads a whole value with all that it holds, and returns its bytes.
    pub(crate) fn span(&mut self) -> Option<&'a [u8]> {
        let start = self.bytes;
        let mut left = 1_usize;
        while left > 0 {
            left -= 1;
            let more = match self.value()? {
                Value::Array(count) => count,
                Value::Map(count) => count.checked_mul(2)?,
                _ => 0,
            };
            // Each value has a byte at least, so a number that cannot be true ends here.
            left = left.checked_add(more).filter(|left| *left <= self.bytes.len())?;
        }
        Some(&start[..start.len() - self.bytes.len()])
    }

    /// Reads a map whose keys are texts. `take` reads the value of each.
    pub(crate) fn fields(&mut self, mut take: impl FnMut(&'a str, &mut Self) -> Option<()>) -> Option<()> {
        let Value::Map(count) = self.value()? else { return None };
        for _ in 0..count {
            let Value::Text(name) = self.value()? else { return None };
            take(name, self)?;
        }
        Some(())
    }

    /// Reads a number that fits.
    pub(crate) fn integer<T: TryFrom<i128>>(&mut self) -> Option<T> {
        match self.value()? {
            Value::Integer(number) => number.try_into().ok(),
            _ => None,
        }
    }

    pub(crate) fn string(&mut self) -> Option<&'a str> {
        match self.value()? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Reads bytes, which are also written as an array of numbers.
    pub(crate) fn bytes(&mut self) -> Option<Cow<'a, [u8]>> {
        match self.value()? {
            Value::Bytes(bytes) => Some(Cow::Borrowed(bytes)),
            Value::Array(count) if count <= self.bytes.len() => {
                (0..count).map(|_| self.integer::<u8>()).collect::<Option<Vec<u8>>>().map(Cow::Owned)
            }
            _ => None,
        }
    }

    /// Reads bytes of which the number is known.
    pub(crate) fn exactly<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes()?.as_ref().try_into().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_value_is_read() {
        for (bytes, value) in [
            (&b"\x07"[..], Value::Integer(7)),
            (b"\xff", Value::Integer(-1)),
            (b"\xcc\xff", Value::Integer(255)),
            (b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff", Value::Integer(i128::from(u64::MAX))),
            (b"\xd0\x80", Value::Integer(-128)),
            (b"\xd3\x80\0\0\0\0\0\0\0", Value::Integer(i128::from(i64::MIN))),
            (b"\xa2hi", Value::Text("hi")),
            (b"\xd9\x02hi", Value::Text("hi")),
            (b"\xda\0\x02hi", Value::Text("hi")),
            (b"\xc5\0\x01\xff", Value::Bytes(b"\xff")),
            (b"\xdc\0\x10", Value::Array(16)),
            (b"\xdf\0\0\0\x10", Value::Map(16)),
            (b"\xcb\0\0\0\0\0\0\0\0", Value::Other),
            (b"\xd5\x01\0\0", Value::Other),
            (b"\xc7\x01\x05\0", Value::Other),
            (b"\xc0", Value::Nil),
        ] {
            let mut decoder = Decoder::new(bytes);
            assert_eq!(decoder.value(), Some(value), "{bytes:02x?}");
            assert!(decoder.is_at_end(), "{bytes:02x?}");
            assert!(bytes.len() == 1 || Decoder::new(&bytes[..bytes.len() - 1]).value().is_none());
        }
    }

    #[test]
    fn a_span_is_one_whole_value_however_deep() {
        let nested = [&vec![0x91; 100_000][..], b"\x82\xa1a\x92\x01\xc0\xa1b\x01"].concat();
        let mut decoder = Decoder::new(&nested);
        assert_eq!(decoder.span(), Some(&nested[..]));
        assert_eq!(Decoder::new(&nested[..nested.len() - 1]).span(), None);
        assert_eq!(Decoder::new(b"\xdd\xff\xff\xff\xff\x01").span(), None, "a number that cannot be true");
    }
}
