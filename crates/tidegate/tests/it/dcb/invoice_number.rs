//! Invoices are numbered from 1 without a gap.

use serde_json::json;
use tidegate::{Query, QueryItem};

use super::{Answer, Desk, event, last, payload};

impl Desk {
    fn create_invoice(&self, amount: u64) -> Answer {
        self.decide(|view| -> tidegate::Result<_> {
            let created = Query::from(QueryItem::new().kind("invoice.created"));
            let before = last(view, &created)?.map_or(0, |event| payload(&event)["number"].as_u64().unwrap());
            let number = before + 1;
            let payload = json!({ "number": number, "amount": amount });
            Ok(event(&format!("invoice-{number}"), "invoice.created", &[], &payload).into())
        })
    }

    fn invoices(&self) -> Vec<(u64, u64)> {
        let created = Query::from(QueryItem::new().kind("invoice.created"));
        let events = self.store.read(&created).unwrap().map(Result::unwrap);
        let numbered = events.map(|event| {
            let payload = payload(&event);
            (payload["number"].as_u64().unwrap(), payload["amount"].as_u64().unwrap())
        });
        numbered.collect()
    }
}

#[test]
fn the_first_invoice_has_number_1_and_the_next_ones_follow() {
    let desk = Desk::new();
    desk.create_invoice(123).unwrap();
    assert_eq!(desk.invoices(), [(1, 123)]);
    desk.decide(|_| -> tidegate::Result<tidegate::decide::Decision> {
        Ok(event("note-1", "note.taken", &[], &json!({})).into())
    })
    .unwrap();
    desk.create_invoice(456).unwrap();
    desk.create_invoice(789).unwrap();
    assert_eq!(desk.invoices(), [(1, 123), (2, 456), (3, 789)]);
}
