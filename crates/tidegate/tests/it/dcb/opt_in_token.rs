//! A sign-up is confirmed once, with the token that was sent to its address, within an hour.

use serde_json::json;
use tidegate::decide::Decision;

use super::{Answer, Desk, MINUTE, event, payload, tagged};

const KINDS: [&str; 2] = ["sign_up.initiated", "sign_up.confirmed"];

impl Desk {
    fn sign_up(&self, address: &str, token: &str, name: &str) -> Answer {
        let tags = [format!("email:{address}"), format!("otp:{token}")];
        self.decide(|_| -> tidegate::Result<Decision> {
            let payload = json!({ "address": address, "name": name });
            Ok(event(address, "sign_up.initiated", &tags, &payload).into())
        })
    }

    fn confirm(&self, address: &str, token: &str) -> Answer {
        self.decide(|view| -> tidegate::Result<Decision> {
            let mut initiated = None;
            for event in view.read(&tagged(format!("otp:{token}"), &KINDS)) {
                let event = event?;
                if event.kind() == "sign_up.confirmed" {
                    return Ok(Decision::deny("TOKEN_USED", "the token was used already"));
                }
                initiated = Some(event);
            }
            let Some(initiated) = initiated else {
                return Ok(Decision::deny("TOKEN_UNKNOWN", "no sign-up waits for this token"));
            };
            let sign_up = payload(&initiated);
            if sign_up["address"] != address {
                return Ok(Decision::deny("TOKEN_UNKNOWN", "no sign-up waits for this token"));
            }
            if self.age(&initiated) > 60 * MINUTE {
                return Ok(Decision::deny("TOKEN_EXPIRED", "the token was valid for an hour"));
            }
            let tags = [format!("email:{address}"), format!("otp:{token}")];
            Ok(event(address, "sign_up.confirmed", &tags, &json!({ "name": sign_up["name"] })).into())
        })
    }
}

fn denied(code: &str) -> Answer {
    Err(code.to_owned())
}

#[test]
fn a_token_that_nobody_waits_for_is_refused() {
    let desk = Desk::new();
    assert_eq!(desk.confirm("john@example.org", "000000"), denied("TOKEN_UNKNOWN"));
    desk.sign_up("john@example.org", "111111", "John").unwrap();
    assert_eq!(desk.confirm("john@example.org", "222222"), denied("TOKEN_UNKNOWN"));
}

#[test]
fn a_token_of_another_address_is_refused() {
    let desk = Desk::new();
    desk.sign_up("john@example.org", "111111", "John").unwrap();
    assert_eq!(desk.confirm("jane@example.org", "111111"), denied("TOKEN_UNKNOWN"));
    assert_eq!(desk.confirm("john@example.org", "111111"), Ok(2));
}

#[test]
fn a_token_is_used_once() {
    let desk = Desk::new();
    desk.sign_up("john@example.org", "222222", "John").unwrap();
    assert_eq!(desk.confirm("john@example.org", "222222"), Ok(2));
    assert_eq!(desk.confirm("john@example.org", "222222"), denied("TOKEN_USED"));
    assert_eq!(desk.count(), 2);
}

#[test]
fn a_token_expires() {
    let desk = Desk::new();
    desk.sign_up("john@example.org", "333333", "John").unwrap();
    desk.sign_up("jane@example.org", "444444", "Jane").unwrap();
    desk.clock.advance(60 * MINUTE);
    assert_eq!(desk.confirm("john@example.org", "333333"), Ok(3), "the last moment counts");
    desk.clock.advance(1);
    assert_eq!(desk.confirm("jane@example.org", "444444"), denied("TOKEN_EXPIRED"));
}
