//! An order that is sent twice is placed once, by a token that comes with it.

use serde_json::json;
use tidegate::decide::Decision;

use super::{Answer, Desk, event, tagged};

impl Desk {
    fn place_order(&self, order: &str, token: &str) -> Answer {
        self.decide(|view| -> tidegate::Result<Decision> {
            let tag = format!("idempotency:{token}");
            if view.exists(&tagged(tag.clone(), &["order.placed"]))? {
                return Ok(Decision::deny("RE_SUBMITTED", "this order was sent before"));
            }
            Ok(event(order, "order.placed", &[tag, format!("order:{order}")], &json!({})).into())
        })
    }
}

#[test]
fn a_token_places_one_order() {
    let desk = Desk::new();
    assert_eq!(desk.place_order("o12345", "11111"), Ok(1));
    assert_eq!(desk.place_order("o54321", "11111"), Err("RE_SUBMITTED".to_owned()));
    assert_eq!(desk.place_order("o54321", "22222"), Ok(2));
    assert_eq!(desk.count(), 2);
}
