//! Clients that are slow, many or malformed cost a bounded amount, and the page is answered meanwhile.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use tidegate::{Draft, Store};
use tidegate_inspect::Inspector;

use crate::client::{Server, read};

fn store() -> Store {
    let store = Store::in_memory().unwrap();
    store.append(Draft::new(("shop", "order-7"), "order.placed")).unwrap();
    store
}

#[test]
fn malformed_requests_are_refused_and_forgotten() {
    let server = Server::of(store().reader());
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(20_000));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(100));
    let cases: [(&[u8], u16); 9] = [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"GET\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (b"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n bad: folded\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        (long.as_bytes(), 431),
        (many.as_bytes(), 431),
    ];
    for (request, status) in cases {
        assert_eq!(
            server.send(request).status,
            status,
            "{:?}",
            String::from_utf8_lossy(&request[..request.len().min(40)])
        );
    }
    assert_eq!(server.json("/api/status")["head"], 1);
}

#[test]
fn answers_to_wrong_questions_are_errors_and_no_panics() {
    let server = Server::of(store().reader());
    for (target, status) in [
        ("/api/event/0", 404),
        ("/api/event/18446744073709551615", 404),
        ("/api/event/nosuch", 404),
        ("/api/event/", 404),
        ("/api/events?at=x", 400),
        ("/api/events?query={", 400),
        ("/api/events?kind=*", 400),
        ("/api/events?lane=99999999999", 400),
        ("/api/events?since=yesterday", 400),
        ("/api/picture", 400),
        ("/api/picture?event=7", 404),
        ("/api/picture?correlation=7", 400),
        ("/api/flow/7", 400),
        ("/api/stream", 400),
        ("/api/position", 400),
        ("/api/proof/9", 404),
        ("/api/nosuch", 404),
    ] {
        let answer = server.ask(target, "");
        assert_eq!(answer.status, status, "{target}: {}", answer.body);
        assert!(answer.body.starts_with("{\"error\":"), "{target}: {}", answer.body);
    }
    for target in [
        "/api/events?at=0",
        "/api/overview?at=0",
        "/api/kinds?at=0",
        "/api/rate?at=0",
        "/api/proofs?at=0",
        "/api/upkeep?at=0",
        "/api/events?limit=0",
        "/api/rate?buckets=0",
    ] {
        server.json(target);
    }
}

#[test]
fn a_client_that_writes_slowly_is_refused_after_its_time() {
    let server =
        Server::with(Inspector::new(store().reader()).unwrap().client_time(Duration::from_millis(300)));
    let mut stream = server.connect();
    let start = Instant::now();
    // A byte now and then would keep a time for each read from ever being over.
    while start.elapsed() < Duration::from_secs(10) && stream.write_all(b"G").is_ok() {
        stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        if stream.read(&mut [0; 1]).is_ok_and(|count| count > 0) {
            break;
        }
    }
    assert!(start.elapsed() < Duration::from_secs(5), "it was let write for {:?}", start.elapsed());
}

#[test]
fn a_client_that_reads_nothing_is_left_after_its_time() {
    let store = Store::in_memory().unwrap();
    // More than the buffers of a connection hold.
    for _ in 0..60 {
        store.append(Draft::new(("shop", "order-7"), "order.placed").bytes(vec![b'x'; 200_000])).unwrap();
    }
    let server =
        Server::with(Inspector::new(store.reader()).unwrap().client_time(Duration::from_millis(200)));
    let mut stream = server.connect();
    let (local, token) = (server.local, &server.token);
    write!(stream, "GET /api/export HTTP/1.1\r\nHost: {local}\r\nX-Tidegate-Token: {token}\r\n\r\n").unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    assert_eq!(stream.read(&mut [0; 1]).unwrap(), 1);
    // The client does something else for much longer than it was given.
    std::thread::sleep(Duration::from_secs(3));
    let answer = read(stream);
    let length = answer.head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    let length: usize = length.unwrap().parse().unwrap();
    assert!(answer.body.len() < length, "it got all {length} bytes");
}

#[test]
fn ten_thousand_connections_are_refused_politely() {
    let server = Server::of(store().reader());
    // These hold all places for ten seconds.
    let idle: Vec<TcpStream> = (0..32).map(|_| server.connect()).collect();
    let (mut refused, mut asked) = (0, 0);
    for _ in 0..10_000 {
        let mut stream = server.connect();
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let answer = read(stream);
        asked += 1;
        if answer.status == 503 {
            assert!(answer.head.contains("\r\nRetry-After: 1\r\n"), "{}", answer.head);
            refused += 1;
        }
    }
    // The first ones may come before the idle ones were taken in, and the last ones after their time.
    assert!(refused > 1_000, "{refused} of {asked} were refused with 503");
    drop(idle);
    let start = Instant::now();
    while server.ask("/api/status", "").status != 200 {
        assert!(start.elapsed() < Duration::from_secs(30), "the places were not given back");
    }
}

#[test]
fn pages_are_answered_while_others_follow_the_log() {
    let server = Server::of(store().reader());
    let follow = format!("GET /api/live?token={} HTTP/1.1\r\nHost: {}\r\n\r\n", server.token, server.local);
    let mut streams = Vec::new();
    for _ in 0..16 {
        let mut stream = server.connect();
        stream.write_all(follow.as_bytes()).unwrap();
        let mut first = [0; 12];
        stream.read_exact(&mut first).unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        streams.push(stream);
    }
    assert_eq!(server.send(&follow).status, 503);
    assert_eq!(server.json("/api/status")["head"], 1);
}
