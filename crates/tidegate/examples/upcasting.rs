//! Upcasting: one kind through three versions of its schema, all read as the last one.
//!
//! `cargo run --release -p tidegate --example upcasting`

use serde::{Deserialize, Serialize};
use tidegate::{Draft, Event, Result, Store};

/// 2023: a price was a number, and the currency was implied.
#[derive(Serialize, Deserialize)]
struct PricedV1 {
    price: f64,
}

/// 2024: cents, for floats had lost some.
#[derive(Serialize, Deserialize)]
struct PricedV2 {
    cents: i64,
}

/// Today: with its currency. Only this one is bound to the kind.
#[derive(Debug, Serialize, Deserialize, Event)]
#[event(kind = "article.priced", version = 3, upcast(1 => PricedV1, 2 => PricedV2))]
struct Priced {
    cents: i64,
    currency: String,
}

impl TryFrom<PricedV1> for PricedV2 {
    type Error = String;

    fn try_from(earlier: PricedV1) -> std::result::Result<Self, String> {
        let cents = (earlier.price * 100.0).round();
        if cents.abs() < 1e15 {
            return Ok(Self { cents: cents as i64 });
        }
        Err(format!("{:e} is not a price", earlier.price))
    }
}

impl From<PricedV2> for Priced {
    fn from(earlier: PricedV2) -> Self {
        Self { cents: earlier.cents, currency: "EUR".to_owned() }
    }
}

/// Returns what an older program wrote.
fn written_earlier(article: &'static str, version: u16, payload: &'static str) -> Draft {
    Draft::new(("shop", article), "article.priced").schema(version).json_text(payload)
}

fn main() -> Result<()> {
    let store = Store::in_memory()?;
    let history = [
        written_earlier("lamp", 1, r#"{"price":19.99}"#),
        written_earlier("chair", 2, r#"{"cents":8900}"#),
        Priced { cents: 2150, currency: "CHF".to_owned() }.draft(("shop", "lamp"))?,
        written_earlier("shelf", 1, r#"{"price":1e300}"#),
        written_earlier("lamp", 4, r#"{"net":2000,"tax":150,"currency":"CHF"}"#),
    ];
    for draft in history {
        store.append(draft)?;
    }

    println!("{:<9} {:<6} {:<8} read as version 3", "position", "what", "written");
    for event in store.read(&Priced::item().into())? {
        let event = event?;
        let written = format!("v{}", event.schema());
        print!("{:<9} {:<6} {written:<8} ", event.position(), event.entity());
        match Priced::of(&event) {
            Ok(Priced { cents, currency }) => println!("{}.{:02} {currency}", cents / 100, cents % 100),
            // A version from the future and a price beyond sense are answers, not guesses and not panics.
            Err(error) => println!("{error}"),
        }
    }
    Ok(())
}
