//! The events that every engine is given: the same ones, made from their number alone.

use std::fmt::Write as _;

/// An event's id.
pub type Id = [u8; 16];

/// How long every payload is.
pub const PAYLOAD_BYTES: usize = 152;

/// How many events one stream has.
pub const STREAM_EVENTS: u64 = 100;

/// What kinds there are; each event has one of them, as likely as any other.
pub const KINDS: [&str; 8] = [
    "order.placed",
    "order.paid",
    "order.packed",
    "order.shipped",
    "order.delivered",
    "order.returned",
    "invoice.issued",
    "invoice.settled",
];

/// How many regions there are; each event is tagged with one.
pub const REGIONS: u64 = 8;

/// How many events share the tag of one customer.
pub const CUSTOMER_EVENTS: u64 = 1000;

/// One event, with everything that an engine stores of it.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Its id, if the engine lets the caller choose it.
    pub id: Id,
    /// The scope of its stream.
    pub scope: String,
    /// The entity of its stream, which no other scope has.
    pub entity: String,
    /// What happened.
    pub kind: &'static str,
    /// A region, which many events have, and a customer, which few have.
    pub tags: Vec<String>,
    /// JSON text, with the event's number near its start.
    pub payload: Vec<u8>,
}

/// A log with this many events, counted from 1.
#[derive(Clone, Copy, Debug)]
pub struct Samples {
    events: u64,
}

impl Samples {
    /// Creates the events of a log that is this long. They can be asked for beyond it.
    pub fn new(events: u64) -> Self {
        Self { events }
    }

    /// Returns how many streams there are.
    pub fn streams(self) -> u64 {
        (self.events / STREAM_EVENTS).max(1)
    }

    /// Returns how many customers there are.
    pub fn customers(self) -> u64 {
        (self.events / CUSTOMER_EVENTS).max(1)
    }

    /// Returns the event with a number.
    pub fn get(self, number: u64) -> Sample {
        let random = mix(number);
        let stream = self.stream_of(number);
        Sample {
            id: id(number),
            scope: scope(stream),
            entity: entity(stream),
            kind: self.kind(number),
            tags: vec![region((random >> 8) % REGIONS), customer((random >> 16) % self.customers())],
            payload: payload(number),
        }
    }

    /// Returns several events from a number on.
    pub fn range(self, first: u64, count: u64) -> Vec<Sample> {
        (first..first + count).map(|number| self.get(number)).collect()
    }

    /// Returns the kind of the event with a number.
    pub fn kind(self, number: u64) -> &'static str {
        KINDS[(mix(number) % KINDS.len() as u64) as usize]
    }

    /// Streams take turns, each round in another order: the events of one lie all over the log.
    fn stream_of(self, number: u64) -> u64 {
        let (round, place) = ((number - 1) / self.streams(), (number - 1) % self.streams());
        // A prime that divides no number of streams in use, so that a round visits each stream once.
        (place * 7919 + round * 104_729) % self.streams()
    }
}

/// Returns the id of the event with a number: unordered, as ids made by callers are.
pub fn id(number: u64) -> Id {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&mix(number ^ 0x5bd1).to_be_bytes());
    id[8..].copy_from_slice(&number.to_be_bytes());
    id
}

/// Returns the scope that a stream is in.
pub fn scope(stream: u64) -> String {
    format!("shop-{}", stream % 4)
}

/// Returns the entity that a stream is about.
pub fn entity(stream: u64) -> String {
    format!("order-{stream:07}")
}

/// Returns the tag of a region.
pub fn region(region: u64) -> String {
    format!("region:{region}")
}

/// Returns the tag of a customer.
pub fn customer(customer: u64) -> String {
    format!("customer:{customer:05}")
}

/// Returns the number of the event that a payload belongs to.
pub fn number_of(payload: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(payload.get(6..22)?).ok()?;
    u64::from_str_radix(digits, 16).ok()
}

fn payload(number: u64) -> Vec<u8> {
    let mut text = format!(r#"{{"n":"{number:016x}","amount":{:07},"note":""#, mix(number) % 10_000_000);
    let mut random = number;
    while text.len() < PAYLOAD_BYTES {
        random = mix(random);
        write!(text, "{random:016x}").expect("a string accepts every write");
    }
    text.truncate(PAYLOAD_BYTES - 2);
    text.push_str("\"}");
    text.into_bytes()
}

/// Numbers that look random, the same in every run (`SplitMix64`).
pub fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_have_as_many_events_as_they_should() {
        let samples = Samples::new(100_000);
        let mut counts = vec![0; samples.streams() as usize];
        (1..=100_000).for_each(|number| counts[samples.stream_of(number) as usize] += 1);
        assert!(counts.iter().all(|count| *count == STREAM_EVENTS));
    }

    #[test]
    fn payloads_are_of_one_length_and_say_their_number() {
        for number in [1, 77, 1_000_000] {
            let payload = Samples::new(1000).get(number).payload;
            assert_eq!((payload.len(), number_of(&payload)), (PAYLOAD_BYTES, Some(number)));
        }
    }
}
