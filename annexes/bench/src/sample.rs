//! The events that both sides append: a posting to one of many accounts.

use serde::Serialize;

pub(crate) const SCOPE: &str = "bank";
pub(crate) const KINDS: [&str; 8] = [
    "account.credited",
    "account.debited",
    "account.frozen",
    "account.opened",
    "card.charged",
    "card.refunded",
    "loan.drawn",
    "loan.repaid",
];

/// What goes into a payload, about 150 bytes as `MessagePack`.
#[derive(Serialize)]
struct Posting {
    number: u64,
    account: u64,
    amount_cents: i64,
    balance_cents: i64,
    currency: &'static str,
    channel: &'static str,
    reference: &'static str,
    note: &'static str,
    cleared: bool,
}

/// One event as a caller has it, before it goes to either side.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) entity: String,
    pub(crate) kind: &'static str,
    pub(crate) payload: Vec<u8>,
}

impl Sample {
    /// Creates the sample with this number, always the same.
    pub(crate) fn new(number: u64, entities: u64) -> Self {
        let account = account(number, entities);
        let mixed = mix(number);
        let posting = Posting {
            number,
            account,
            amount_cents: (mixed % 1_000_000).cast_signed() - 500_000,
            balance_cents: (mixed >> 32).cast_signed(),
            currency: "EUR",
            channel: "online",
            reference: "RF18 5390 0754",
            note: "monthly payment, contract 2219-A",
            cleared: mixed & 1 == 0,
        };
        let payload = rmp_serde::to_vec_named(&posting).expect("plain fields always encode");
        Self { entity: entity(account), kind: kind(number), payload }
    }
}

/// Returns the name of an account.
pub(crate) fn entity(account: u64) -> String {
    format!("account-{account:06}")
}

/// Returns the account of a sample. All get equally many, in an order that jumps about.
pub(crate) fn account(number: u64, entities: u64) -> u64 {
    number.wrapping_mul(6_700_417) % entities
}

/// Returns the kind of a sample.
pub(crate) fn kind(number: u64) -> &'static str {
    KINDS[(mix(number) >> 20) as usize % KINDS.len()]
}

/// Returns a number that looks random and is not.
pub(crate) fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
