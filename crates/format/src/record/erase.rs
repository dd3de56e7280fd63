//! Erasing: a record loses its payload and keeps its length and leaf.

use crate::layout;

use super::crc_of;
use super::read::Record;
use super::write::{put, put_length};

/// Erases the payload and the blind of a placed record in these bytes, and the content hash of its batch if it holds
/// one. Length, leaf and every other field stay as they are; the checksum is made anew. One that is erased stays so.
///
/// If the batch has a key and this is not its first event, the content hash of that one still tells the payload to those
/// who try: [`erase_content`] takes it away.
///
/// # Panics
///
/// If the bytes are not one record that [`Record::read`] has checked.
pub fn erase(record: &mut [u8]) {
    let (commitment, content, tail) = {
        let read = Record::read(record).expect("only a checked record is erased");
        let layout = read.layout();
        (read.commitment(), layout.content as usize, layout.tail as usize)
    };
    record[content..].fill(0);
    put(record, tail, &commitment.0);
    put_length(record, layout::ERASED);
    put_checksum(record);
}

/// Erases the content hash of a placed record in these bytes, if it holds one, and nothing else: for the first event of a
/// batch of which another one is erased. Length, leaf, payload and blind stay; the checksum is made anew.
///
/// # Panics
///
/// If the bytes are not one record that [`Record::read`] has checked.
pub fn erase_content(record: &mut [u8]) {
    let layout = Record::read(record).expect("only a checked record is erased").layout();
    record[layout.content as usize..layout.tail as usize].fill(0);
    put_checksum(record);
}

fn put_checksum(record: &mut [u8]) {
    let crc = crc_of(record);
    put(record, layout::CRC, &crc.to_le_bytes());
}
