//! Files of a batpak store: a segment, the body of a frame, and hidden ranges.

use tidegate_batpak::BatpakStore;

/// A segment that batpak wrote, with its footer.
const SEGMENT: &[u8] = include_bytes!("../../../crates/batpak/fixtures/closed/000001.fbat");
const HIDDEN: &[u8] = include_bytes!("../../../crates/batpak/fixtures/closed/visibility_ranges.fbv");
const HIDDEN_HEADER_BYTES: usize = 12;
/// A file's mark, the length of its header, and a header that says version 1.
const HEADER: &[u8] = b"FBAT\0\0\0\x0a\x81\xa7version\x01";

/// Inputs to start from, each with the byte that says what it is.
pub(crate) fn examples() -> Vec<(u8, Vec<u8>)> {
    let survivor: &[u8] = include_bytes!("../../../crates/batpak/fixtures/retention/000001.fbat");
    let torn: &[u8] = include_bytes!("../../../crates/batpak/fixtures/killed/000001.fbat");
    let frames: [&[u8]; 3] = [SEGMENT, survivor, torn];
    let mut found: Vec<_> = frames.iter().map(|segment| (0, segment.to_vec())).collect();
    for segment in frames {
        let length =
            |at: usize| segment[at..at + 4].iter().fold(0, |all, byte| all << 8 | usize::from(*byte));
        let first = 8 + length(4);
        found.push((1, segment[first + 8..first + 8 + length(first)].to_vec()));
    }
    found.push((2, HIDDEN[HIDDEN_HEADER_BYTES..].to_vec()));
    found
}

/// The first byte says what the rest is.
pub fn one(bytes: &[u8]) {
    let Some((mode, rest)) = bytes.split_first() else { return };
    match mode % 3 {
        0 => segment(rest),
        1 => {
            let checksum = crc32fast::hash(rest).to_be_bytes();
            segment(&[HEADER, &(rest.len() as u32).to_be_bytes(), &checksum, rest].concat());
        }
        _ => hidden(rest),
    }
}

fn segment(bytes: &[u8]) {
    let name = "000001.fbat".to_owned();
    let read = || {
        let mut store =
            BatpakStore::open(std::slice::from_ref(&name), |_| unreachable!("no small file is named"));
        let store = store.as_mut().expect("a name alone is well");
        let batches = store.read_segment(&name, bytes).map_err(|error| error.to_string());
        (batches, store.findings().to_vec())
    };
    let (batches, findings) = read();
    let events = batches.iter().flatten().flat_map(|batch| &batch.events);
    let mut last = None;
    for event in events {
        assert!(event.offset < bytes.len() as u64 && last < Some(event.offset), "frames follow each other");
        assert!(event.payload.len() <= bytes.len());
        last = Some(event.offset);
    }
    assert!(findings.iter().all(|finding| !finding.to_string().is_empty()));
    assert_eq!((batches, findings), read(), "the same bytes are read alike");
}

/// Hidden ranges under a checksum that is right.
fn hidden(body: &[u8]) {
    let checksum = crc32fast::hash(body).to_le_bytes();
    let file = [&HIDDEN[..HIDDEN_HEADER_BYTES - checksum.len()], &checksum, body].concat();
    let names = ["000001.fbat".to_owned(), "visibility_ranges.fbv".to_owned()];
    let Ok(mut store) = BatpakStore::open(&names, |_| Ok(file.clone())) else { return };
    let batches = store.read_segment(&names[0], SEGMENT).expect("the sample is whole");
    assert!(batches.iter().all(|batch| !batch.events.is_empty()), "hidden events are told and not lost");
}
