//! Golden files: bytes as text, a field a line, in `fixtures/`.

/// The bytes of a golden file. Every line says where it stands, so a line that went missing is noticed.
pub(crate) fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let mut columns = line.split('|');
        let offset: usize = columns.next().unwrap().trim().parse().unwrap();
        assert_eq!(offset, bytes.len(), "{line}");
        let digits = columns.next().unwrap().split_whitespace();
        bytes.extend(digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()));
    }
    bytes
}

/// What a comment of a golden file says behind this word.
pub(crate) fn note<'a>(text: &'a str, word: &str) -> &'a str {
    let start = format!("# {word} ");
    text.lines().find_map(|line| line.strip_prefix(start.as_str())).unwrap()
}

/// Bytes as the lines of a golden file, for a difference that can be read.
pub(crate) fn lines(bytes: &[u8]) -> String {
    let line = |(row, part): (usize, &[u8])| format!("{:5} | {part:02x?}\n", row * 16);
    bytes.chunks(16).enumerate().map(line).collect()
}

/// Asserts that bytes are those of a golden file.
#[track_caller]
pub(crate) fn assert_same(found: &[u8], text: &str) {
    assert_eq!(lines(found), lines(&bytes(text)));
}
