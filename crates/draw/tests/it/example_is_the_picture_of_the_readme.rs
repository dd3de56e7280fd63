//! The picture that the README shows is what the example draws.

#[path = "../../examples/order_saga.rs"]
#[allow(dead_code, reason = "the example's own way to begin")]
mod order_saga;

use crate::story::nodes;

#[test]
fn the_order_saga_is_drawn_as_it_stands_in_the_repository() {
    let (_, picture) = order_saga::draw().unwrap();
    let svg = picture.svg();
    assert_eq!(nodes(&svg).len(), 15);
    assert!(svg.len() < 20_000);
    let kept = include_str!("../../order_saga.svg");
    assert!(svg == kept, "run the example `order_saga` and keep what it draws as crates/draw/order_saga.svg");
}
