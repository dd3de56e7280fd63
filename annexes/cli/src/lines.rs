//! Lines of a text file, of one that was compressed with gzip, or of standard input.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use tidegate::{Error, ErrorKind, Result};

use crate::progress::Progress;

/// Bytes of one line. The largest event there can be fits, every character of it escaped.
const LINE_BYTES_MAX: u64 = 256 << 20;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// The lines of one input, read one by one.
pub(crate) struct Lines {
    reader: Box<dyn BufRead>,
    name: String,
    number: u64,
    buffer: Vec<u8>,
}

/// An input that is open but was not looked into yet.
pub(crate) struct Input {
    reader: Box<dyn Read>,
    name: String,
    length: Option<u64>,
    named_gzip: bool,
}

impl Input {
    /// Opens a file; `-` is standard input.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        if path == Path::new("-") {
            let name = "standard input".to_owned();
            return Ok(Self { reader: Box::new(io::stdin().lock()), name, length: None, named_gzip: false });
        }
        let name = path.display().to_string();
        let file = File::open(path).map_err(|cause| {
            let kind =
                if cause.kind() == io::ErrorKind::NotFound { ErrorKind::Missing } else { ErrorKind::Io };
            Error::new(kind, format!("{name} cannot be opened")).because(cause)
        })?;
        let length = file.metadata().ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len());
        let named_gzip = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
        Ok(Self { reader: Box::new(file), name, length, named_gzip })
    }

    /// Returns its bytes, if their number is known.
    pub(crate) fn length(&self) -> Option<u64> {
        self.length
    }

    /// Returns its lines. It is unpacked if it begins or is named like something packed.
    pub(crate) fn lines(self, progress: &Progress) -> Result<Lines> {
        let mut reader = progress.reading(self.reader);
        let mut start = Vec::new();
        let read = reader.by_ref().take(GZIP_MAGIC.len() as u64).read_to_end(&mut start);
        read.map_err(|cause| {
            Error::new(ErrorKind::Io, format!("{} cannot be read", self.name)).because(cause)
        })?;
        let packed = self.named_gzip || start == GZIP_MAGIC;
        let whole = Cursor::new(start).chain(reader);
        let reader: Box<dyn BufRead> = if packed {
            Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(BufReader::new(whole))))
        } else {
            Box::new(BufReader::with_capacity(1 << 16, whole))
        };
        Ok(Lines { reader, name: self.name, number: 0, buffer: Vec::new() })
    }
}

impl Lines {
    /// Returns the next line that is not blank, with its number and no space around it.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, &str)>> {
        loop {
            self.buffer.clear();
            self.number += 1;
            let mut limited = self.reader.by_ref().take(LINE_BYTES_MAX + 1);
            let count = limited.read_until(b'\n', &mut self.buffer).map_err(unreadable)?;
            if count as u64 > LINE_BYTES_MAX {
                return Err(Error::invalid(format!("the line has more than {LINE_BYTES_MAX} bytes")));
            }
            if count == 0 {
                return Ok(None);
            }
            if !self.buffer.trim_ascii().is_empty() {
                break;
            }
        }
        let text = std::str::from_utf8(&self.buffer)
            .map_err(|cause| Error::invalid("the line is not UTF-8").because(cause))?;
        let text = if self.number == 1 { text.trim_start_matches(BYTE_ORDER_MARK) } else { text };
        Ok(Some((self.number, text.trim_ascii())))
    }

    /// Returns the number of the line read last, from 1.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Returns what the input is called.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

/// What the system says has a code; the rest is said by the unpacking.
fn unreadable(cause: io::Error) -> Error {
    if cause.raw_os_error().is_some() {
        return Error::new(ErrorKind::Io, "the input cannot be read").because(cause);
    }
    Error::invalid("the gzip data is damaged, cut short, or none at all").because(cause)
}
