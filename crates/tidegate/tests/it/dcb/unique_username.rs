//! A username belongs to one account, is free again some days after it was given up, and never before.

use serde_json::json;
use tidegate::Result;
use tidegate::decide::{Decision, DecisionView};

use super::{Answer, DAY, Desk, event, last, payload, tagged};

const RETENTION: u64 = 3 * DAY;
const KINDS: [&str; 3] = ["account.registered", "account.closed", "username.changed"];

impl Desk {
    /// Whether no user has the name, and no user had it lately.
    fn is_free(&self, view: &DecisionView, name: &str) -> Result<bool> {
        let Some(event) = last(view, &tagged(format!("username:{name}"), &KINDS))? else { return Ok(true) };
        let given_up = event.kind() == "account.closed" || payload(&event)["new"] != name;
        Ok(given_up && self.age(&event) > RETENTION)
    }

    fn register(&self, account: &str, name: &str) -> Answer {
        self.decide(|view| -> tidegate::Result<Decision> {
            if !self.is_free(view, name)? {
                return Ok(Decision::deny("NAME_CLAIMED", "the username is claimed"));
            }
            let tags = [format!("username:{name}")];
            Ok(event(account, "account.registered", &tags, &json!({ "new": name })).into())
        })
    }

    fn close_account(&self, account: &str, name: &str) -> Answer {
        let tags = [format!("username:{name}")];
        self.decide(|_| -> tidegate::Result<Decision> {
            Ok(event(account, "account.closed", &tags, &json!({})).into())
        })
    }

    fn rename(&self, account: &str, old: &str, new: &str) -> Answer {
        self.decide(|view| -> tidegate::Result<Decision> {
            if !self.is_free(view, new)? {
                return Ok(Decision::deny("NAME_CLAIMED", "the username is claimed"));
            }
            // Both names: the new one is taken, the old one given up.
            let tags = [format!("username:{old}"), format!("username:{new}")];
            Ok(event(account, "username.changed", &tags, &json!({ "old": old, "new": new })).into())
        })
    }
}

fn claimed() -> Answer {
    Err("NAME_CLAIMED".to_owned())
}

#[test]
fn a_claimed_name_is_refused() {
    let desk = Desk::new();
    assert_eq!(desk.register("a1", "u1"), Ok(1));
    assert_eq!(desk.register("a2", "u1"), claimed());
    assert_eq!(desk.register("a2", "u2"), Ok(2));
    desk.clock.advance(10 * RETENTION);
    assert_eq!(desk.register("a3", "u1"), claimed());
}

#[test]
fn the_name_of_a_closed_account_is_free_after_the_retention() {
    let desk = Desk::new();
    desk.register("a1", "u1").unwrap();
    desk.clock.advance(10 * DAY);
    desk.close_account("a1", "u1").unwrap();
    assert_eq!(desk.register("a2", "u1"), claimed());
    desk.clock.advance(RETENTION);
    assert_eq!(desk.register("a2", "u1"), claimed(), "the last moment counts");
    desk.clock.advance(1);
    assert_eq!(desk.register("a2", "u1"), Ok(3));
    assert_eq!(desk.register("a3", "u1"), claimed());
}

#[test]
fn a_changed_name_gives_up_the_old_and_claims_the_new() {
    let desk = Desk::new();
    desk.register("a1", "u1").unwrap();
    desk.register("a2", "u2").unwrap();
    assert_eq!(desk.rename("a1", "u1", "u2"), claimed());
    assert_eq!(desk.rename("a1", "u1", "u1-new"), Ok(3));
    assert_eq!(desk.register("a3", "u1-new"), claimed());
    assert_eq!(desk.register("a3", "u1"), claimed(), "given up a moment ago");
    desk.clock.advance(RETENTION + 1);
    assert_eq!(desk.register("a3", "u1-new"), claimed());
    assert_eq!(desk.register("a3", "u1"), Ok(4));
}
