//! Products are ordered at the price that was shown: the current one, or one that changed minutes ago.

use serde_json::json;
use tidegate::Result;
use tidegate::decide::{Decision, DecisionView};

use super::{Answer, Desk, MINUTE, event, payload, tagged};

const GRACE: u64 = 10 * MINUTE;
const KINDS: [&str; 2] = ["product.defined", "product.price_changed"];

impl Desk {
    fn define_product(&self, product: &str, price: u64) -> Answer {
        let tags = [format!("product:{product}")];
        self.decide(|_| -> tidegate::Result<Decision> {
            Ok(event(product, "product.defined", &tags, &json!({ "price": price })).into())
        })
    }

    fn change_price(&self, product: &str, price: u64) -> Answer {
        let tags = [format!("product:{product}")];
        self.decide(|_| -> tidegate::Result<Decision> {
            Ok(event(product, "product.price_changed", &tags, &json!({ "price": price })).into())
        })
    }

    /// The prices at which a product can be ordered now.
    fn prices(&self, view: &DecisionView, product: &str) -> Result<Vec<u64>> {
        let events: Vec<_> =
            view.read(&tagged(format!("product:{product}"), &KINDS)).collect::<Result<_>>()?;
        // A price is valid until some minutes after the next one came.
        let valid = events
            .iter()
            .enumerate()
            .filter(|(at, _)| events.get(at + 1).is_none_or(|next| self.age(next) <= GRACE));
        Ok(valid.map(|(_, event)| payload(event)["price"].as_u64().unwrap()).collect())
    }

    fn order(&self, cart: &[(&str, u64)]) -> Answer {
        self.decide(|view| -> tidegate::Result<Decision> {
            for (product, shown) in cart {
                let prices = self.prices(view, product)?;
                if prices.is_empty() {
                    return Ok(Decision::deny("PRODUCT_UNKNOWN", "there is no such product"));
                }
                if !prices.contains(shown) {
                    return Ok(Decision::deny("PRICE_INVALID", "the price is not valid any more"));
                }
            }
            let tags: Vec<_> = cart.iter().map(|(product, _)| format!("product:{product}")).collect();
            let total: u64 = cart.iter().map(|(_, price)| price).sum();
            Ok(event("order", "products.ordered", &tags, &json!({ "total": total })).into())
        })
    }
}

fn denied(code: &str) -> Answer {
    Err(code.to_owned())
}

#[test]
fn a_product_is_ordered_at_its_price() {
    let desk = Desk::new();
    assert_eq!(desk.order(&[("p1", 123)]), denied("PRODUCT_UNKNOWN"));
    desk.define_product("p1", 123).unwrap();
    assert_eq!(desk.order(&[("p1", 100)]), denied("PRICE_INVALID"));
    assert_eq!(desk.order(&[("p1", 123)]), Ok(2));
}

#[test]
fn a_changed_price_leaves_the_old_one_some_minutes() {
    let desk = Desk::new();
    desk.define_product("p1", 123).unwrap();
    desk.clock.advance(20 * MINUTE);
    desk.change_price("p1", 134).unwrap();
    desk.clock.advance(GRACE);
    assert_eq!(desk.order(&[("p1", 123)]), Ok(3), "the last moment counts");
    assert_eq!(desk.order(&[("p1", 134)]), Ok(4));
    assert_eq!(desk.order(&[("p1", 135)]), denied("PRICE_INVALID"));
    desk.clock.advance(1);
    assert_eq!(desk.order(&[("p1", 123)]), denied("PRICE_INVALID"));
    assert_eq!(desk.order(&[("p1", 134)]), Ok(5));
}

#[test]
fn a_cart_is_ordered_whole_or_not() {
    let desk = Desk::new();
    desk.define_product("p1", 123).unwrap();
    desk.define_product("p2", 321).unwrap();
    desk.change_price("p1", 150).unwrap();
    desk.clock.advance(GRACE + 1);
    assert_eq!(desk.order(&[("p1", 123), ("p2", 321)]), denied("PRICE_INVALID"));
    assert_eq!(desk.order(&[("p1", 150), ("p3", 1)]), denied("PRODUCT_UNKNOWN"));
    assert_eq!(desk.order(&[("p1", 150), ("p2", 321)]), Ok(4));
}
