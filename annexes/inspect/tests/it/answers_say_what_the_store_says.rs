//! What the page is told is what the store says, as of any position.

use std::io::{BufRead, BufReader, Write};

use serde_json::Value;
use tidegate::{Draft, Store, StoreReader};

use crate::client::Server;
use crate::story::{self, HOSTILE};

fn positions(answer: &Value) -> Vec<u64> {
    answer["events"].as_array().unwrap().iter().map(|row| row["position"].as_u64().unwrap()).collect()
}

#[test]
fn events_are_paged_filtered_and_as_of_a_position() {
    let store = Store::in_memory().unwrap();
    for n in 0..250 {
        let kind = if n % 5 == 0 { "order.paid" } else { "order.placed" };
        store.append(Draft::new(("shop", format!("order-{n}")), kind).tag("all")).unwrap();
    }
    let server = Server::of(store.reader());
    let page = server.json("/api/events?limit=100");
    assert_eq!(positions(&page), (151..=250).rev().collect::<Vec<_>>());
    assert_eq!(page["has_more"], true);
    let page = server.json("/api/events?limit=100&before=51");
    assert_eq!(positions(&page), (1..=50).rev().collect::<Vec<_>>());
    assert_eq!(page["has_more"], false);
    assert_eq!(positions(&server.json("/api/events?kind=order.paid&limit=2")), [246, 241]);
    assert_eq!(positions(&server.json("/api/events?kind=order.paid&limit=2&at=240")), [236, 231]);
    assert_eq!(server.json("/api/count?kind=order.*&tag=all")["count"], 250);
    assert_eq!(server.json("/api/count?kind=order.paid&at=100")["count"], 20);
    assert_eq!(server.json("/api/count?entity_prefix=order-24")["count"], 11);
    let rate = server.json("/api/rate?buckets=7");
    let sum = |rate: &Value| rate["counts"].as_array().unwrap().iter().filter_map(Value::as_u64).sum::<u64>();
    assert_eq!(sum(&rate), 250);
    assert_eq!(sum(&server.json("/api/rate?buckets=7&kind=order.paid")), 50);
    assert_eq!(sum(&server.json("/api/rate?at=99")), 99);
    let lines = server.ask("/api/export?kind=order.paid", "").body;
    assert_eq!(lines.lines().count(), 50);
}

#[test]
fn an_event_has_its_causes_effects_grounds_and_flow() {
    let store = Store::in_memory().unwrap();
    let story = story::tell(&store).unwrap();
    let server = Server::of(store.reader());
    let refused = server.json(&format!("/api/event/{}", story.refused));
    assert_eq!(refused["row"]["kind"], "order.refused");
    let causes: Vec<u64> =
        refused["causes"].as_array().unwrap().iter().filter_map(|row| row["position"].as_u64()).collect();
    assert_eq!(causes, [story.reason.0 + 1, story.reason.0]);
    assert_eq!(refused["grounds"]["read"][0]["count"], 1);
    assert_eq!(refused["grounds"]["read"][0]["last"][0]["position"], story.reason.0);

    let placed = server.json(&format!("/api/event/{}", story.placed));
    assert_eq!(placed["effects"][0]["kind"], "payment.taken");
    assert!(placed["payload"].as_str().unwrap().contains("12345678901234567890"));
    let by_id = server.json(&format!("/api/event/{}", placed["row"]["id"].as_str().unwrap()));
    assert_eq!(by_id["row"], placed["row"]);
    let then = server.json(&format!("/api/event/{}?at={}", story.placed, story.placed));
    assert_eq!(then["effects"].as_array().unwrap().len(), 0);

    let flow = server.json(&format!("/api/flow/{}", placed["row"]["correlation"].as_str().unwrap()));
    assert_eq!(flow["count"], 5);
    let path: Vec<u64> =
        flow["critical"].as_array().unwrap().iter().filter_map(|hop| hop["position"].as_u64()).collect();
    assert_eq!((path.first(), path.len()), (Some(&story.placed.0), 5));
}

#[test]
fn a_stream_goes_as_far_as_the_position() {
    let store = Store::in_memory().unwrap();
    for _ in 0..3 {
        store.append(Draft::new(("shop", "order-7"), "order.changed")).unwrap();
    }
    let server = Server::of(store.reader());
    assert_eq!(server.json("/api/stream?scope=shop&entity=order-7")["version"], 3);
    let then = server.json("/api/stream?scope=shop&entity=order-7&at=2");
    assert_eq!((then["version"].as_u64(), positions(&then)), (Some(2), vec![2, 1]));
}

#[test]
fn readers_lag_by_events_and_by_time() {
    let store = Store::in_memory().unwrap();
    let story = story::tell(&store).unwrap();
    let server = Server::of(store.reader());
    let readers = server.json("/api/readers");
    let of = |name: &str| {
        readers["readers"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap().clone()
    };
    assert_eq!((of("ledger")["lag"].as_u64(), of("ledger")["oldest"].is_null()), (Some(0), true));
    let mailer = of("mailer");
    assert_eq!(
        mailer["lag"].as_u64(),
        store.reader().count(&tidegate::Query::kind("order.*")).ok().map(|all| all - 2)
    );
    assert!(mailer["oldest"]["position"].as_u64() > Some(story.parked.0));
    assert_eq!(mailer["parked"][1]["reason"], "the mail server said: 550 no such user");
}

#[test]
fn a_time_is_a_position() {
    let store = Store::in_memory().unwrap();
    let story = story::tell(&store).unwrap();
    let server = Server::of(store.reader());
    let row = server.json(&format!("/api/event/{}", story.placed))["row"].clone();
    let before = server.json(&format!("/api/position?time={}", row["time"].as_str().unwrap()));
    assert!(before["position"].as_u64().unwrap() < story.placed.0);
    assert_eq!(server.json("/api/position?time=1970-01-02T00:00:00Z")["position"], 0);
    assert_eq!(
        server.json("/api/position?time=2999-01-02T00:00:00Z")["position"],
        store.frontier().visible.0
    );
}

#[test]
fn a_proof_leads_from_the_entry_to_the_root() {
    use base64::Engine;
    use sha2::{Digest, Sha256};
    let store = Store::in_memory().unwrap();
    store.append(Draft::new(("shop", "a"), "order.placed")).unwrap();
    store.append(Draft::new(("shop", "b"), "order.placed")).unwrap();
    let server = Server::of(store.reader());
    let (proof, root) = (server.json("/api/proof/2"), server.json("/api/proofs"));
    let hex = crate::client::hex;
    let entry: Vec<u8> =
        proof["entry"].as_array().unwrap().iter().map(|byte| byte.as_u64().unwrap() as u8).collect();
    let leaf = Sha256::new().chain_update([0]).chain_update(&entry).finalize();
    assert_eq!(hex(&leaf), proof["leaf"]);
    let [other] = &proof["hashes"].as_array().unwrap()[..] else {
        panic!("one hash leads from a leaf of two: {proof}")
    };
    let other = base64::engine::general_purpose::STANDARD.decode(other.as_str().unwrap()).unwrap();
    let computed = Sha256::new().chain_update([1]).chain_update(other).chain_update(leaf).finalize();
    assert_eq!(hex(&computed), root["root"]);
    let then = server.json("/api/proof/1?at=1");
    assert_eq!(then["leaf"], server.json("/api/proofs?at=1")["root"]);
}

#[test]
fn hostile_content_is_escaped_as_json() {
    let store = Store::in_memory().unwrap();
    let story = story::tell(&store).unwrap();
    let server = Server::of(store.reader());
    let answer = server.ask(&format!("/api/event/{}", story.hostile), "");
    assert!(answer.head.contains("Content-Type: application/json; charset=utf-8"), "{}", answer.head);
    let value: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(
        (value["row"]["entity"].as_str(), value["row"]["scope"].as_str()),
        (Some(HOSTILE), Some(HOSTILE))
    );
    let picture = server.ask(&format!("/api/picture.svg?event={}", story.hostile), "").body;
    assert!(!picture.contains("<img") && !picture.contains("<script"), "{picture}");
}

#[test]
fn events_come_live_also_from_another_handle_and_go_on_where_they_ended() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    store.append(Draft::new(("shop", "order-1"), "order.placed")).unwrap();
    let server = Server::of(StoreReader::open(folder.path()).unwrap());
    let mut stream = server.connect();
    let (local, token) = (server.local, &server.token);
    write!(stream, "GET /api/live?kind=order.paid&token={token} HTTP/1.1\r\nHost: {local}\r\n\r\n").unwrap();
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    assert!(
        lines
            .by_ref()
            .take_while(|line| !line.is_empty())
            .any(|line| line.starts_with("Content-Type: text/event-stream"))
    );
    for kind in ["order.placed", "order.paid"] {
        store.append(Draft::new(("shop", "order-2"), kind)).unwrap();
    }
    assert_eq!(lines.by_ref().find(|line| line.starts_with("id: ")).unwrap(), "id: 3");
    let row: Value = serde_json::from_str(lines.next().unwrap().strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!((row["kind"].as_str(), row["position"].as_u64()), (Some("order.paid"), Some(3)));

    // A browser that comes again says what it saw last.
    let mut stream = server.connect();
    write!(stream, "GET /api/live?token={token} HTTP/1.1\r\nHost: {local}\r\nLast-Event-ID: 1\r\n\r\n")
        .unwrap();
    let ids = BufReader::new(stream).lines().map(Result::unwrap).filter(|line| line.starts_with("id: "));
    assert_eq!(ids.take(2).collect::<Vec<_>>(), ["id: 2", "id: 3"]);
}
