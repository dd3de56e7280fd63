//! A small shop: orders, one of them refused for a reason, a mailer that lags, and content that means harm.

use tidegate::subscription::cursor::CursorOptions;
use tidegate::{AppendOptions, Batch, Cause, Draft, Position, Query, QueryItem, Result, Store};

/// What a page must show as text and never obey.
pub(crate) const HOSTILE: &str =
    "<img src=x onerror=\"document.title='harmed'\"><script>document.title='harmed'</script>";

/// What a test wants to find again.
#[derive(Debug)]
pub(crate) struct Story {
    /// The order that was refused.
    pub(crate) refused: Position,
    /// The event that was the reason.
    pub(crate) reason: Position,
    /// The order that was paid, sent and told of.
    pub(crate) placed: Position,
    /// The event with hostile content everywhere.
    pub(crate) hostile: Position,
    pub(crate) parked: Position,
}

/// Fills a store.
pub(crate) fn tell(store: &Store) -> Result<Story> {
    let order = |entity: &str, kind: &'static str| Draft::new(("shop", entity.to_owned()), kind);
    let blocked = Draft::new(("risk", "customer-9"), "customer.blocked").tag("customer:c9");
    let reason =
        store.append(blocked.json_text(r#"{"because":"three chargebacks","by":"risk team"}"#))?.first();
    let asked = order("order-2", "order.placed")
        .tag("customer:c9")
        .json_text(r#"{"total":95.5,"lines":[{"sku":"lamp","count":1}]}"#);
    let asked = store.append(asked)?.first();
    let query = Query::from(QueryItem::new().kind("customer.*").tag("customer:c9"));
    let keep = AppendOptions::new().keep_footprint(true);
    let refused = store.decide_with(keep, |view| -> Result<Vec<Draft>> {
        assert_eq!(view.count(&query)?, 1);
        let refusal =
            Draft::new(("shop", "order-2"), "order.refused").cause(asked).cause(reason).tag("customer:c9");
        Ok(vec![refusal.json_text(r#"{"why":"the customer is blocked"}"#)])
    })?;
    let refused = refused.receipt().expect("it appended").first();

    let placed = order("order-7", "order.placed").tag("customer:c1").json_text(r#"{"total":12,"big":12345678901234567890,"note":null,"lines":[{"sku":"cup","count":2},{"sku":"tea","count":1}]}"#);
    let placed = store.append(placed)?.first();
    let paid = Batch::new()
        .and(Draft::new(("pay", "payment-7"), "payment.taken").cause(placed).json_text(r#"{"amount":12}"#))
        .and(Draft::new(("shop", "order-7"), "order.paid").cause(Cause::Draft(0)));
    let paid = store.append(paid)?.last();
    let sent = store.append(
        Draft::new(("stock", "parcel-7"), "parcel.sent").cause(paid).json_text(r#"{"carrier":"post"}"#),
    )?;
    store.append(Draft::new(("mail", "letter-7"), "letter.written").cause(sent.first()).cause(paid))?;

    let hostile = Draft::new((HOSTILE.to_owned(), HOSTILE.to_owned()), "order.placed");
    let payload = serde_json::json!({ HOSTILE: HOSTILE, "__proto__": { "harmed": true } }).to_string();
    let hostile = store.append(hostile.tag(HOSTILE.to_owned()).json_text(payload))?.first();

    let mut parked = Position(0);
    let mailer = store.cursor_with("mailer", Query::kind("order.*"), CursorOptions::new().max_attempts(1))?;
    for _ in 0..2 {
        let Some(delivery) = mailer.next_now()? else { break };
        parked = delivery.event().position();
        delivery.fail("the mail server said: 550 no such user")?;
    }
    mailer.commit()?;
    let ledger = store.cursor("ledger", Query::kind("payment.*"))?;
    while let Some(delivery) = ledger.next_now()? {
        delivery.ack()?;
    }
    ledger.commit()?;
    Ok(Story { refused, reason, placed, hostile, parked })
}
