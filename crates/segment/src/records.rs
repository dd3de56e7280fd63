//! Records of a whole segment in memory, frame by frame.

use tidegate_format::{Error, Frame, Offset, Position, Record, Result, SEGMENT_HEADER_BYTES};

/// The records of a segment's bytes, each with the byte at which it starts. Every frame is checked whole
/// before its first record comes; after an error nothing comes any more.
pub(crate) struct Records<'a> {
    bytes: &'a [u8],
    /// The file they are of, for errors.
    name: &'a str,
    salt: u64,
    at: usize,
    /// Where the frame at `at` ends.
    end: usize,
    next: Position,
    frame: Option<FrameRecords<'a>>,
}

/// The records of one frame, each with the byte of the frame at which it starts.
type FrameRecords<'a> = Box<dyn Iterator<Item = (usize, Record<'a>)> + 'a>;

impl<'a> Records<'a> {
    /// Creates the records of the segment in `bytes`, which starts with the event `first` and is in the file `name`.
    pub(crate) fn new(bytes: &'a [u8], name: &'a str, salt: u64, first: Position) -> Self {
        Self {
            bytes,
            name,
            salt,
            at: SEGMENT_HEADER_BYTES,
            end: SEGMENT_HEADER_BYTES,
            next: first,
            frame: None,
        }
    }

    fn step(&mut self) -> Result<Option<(Offset, Record<'a>)>> {
        loop {
            let start = self.at;
            if let Some(frame) = &mut self.frame
                && let Some((at, record)) = frame.next()
            {
                return Ok(Some((Offset((start + at) as u64), record)));
            }
            if self.frame.take().is_some() {
                self.at = self.end;
            }
            let Some(bytes) = self.bytes.get(self.at..).filter(|bytes| !bytes.is_empty()) else {
                return Ok(None);
            };
            let frame = Frame::read(bytes, self.salt)?;
            if frame.head.first != self.next {
                let found = frame.head.first;
                return Err(Error::damaged("a frame starts at a wrong position", self.next, found));
            }
            self.next = frame.head.last().next();
            self.end = self.at + frame.head.frame_bytes();
            self.frame = Some(Box::new(frame.records()));
        }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<(Offset, Record<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        let result = self.step().transpose();
        if !matches!(result, Some(Ok(_))) {
            self.bytes = &[];
            self.frame = None;
        }
        result.map(|result| {
            result.map_err(|error: Error| error.in_file(self.name, Some(Offset(self.at as u64))))
        })
    }
}
