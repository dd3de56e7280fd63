//! The loopback interface is no boundary, so every request shows that it is the page's own.

use std::net::TcpListener;

use tidegate::{Draft, ErrorKind, Store};
use tidegate_inspect::Inspector;

use crate::client::Server;

fn server() -> Server {
    let store = Store::in_memory().unwrap();
    store.append(Draft::new(("shop", "order-7"), "order.placed")).unwrap();
    Server::of(store.reader())
}

#[test]
fn only_the_loopback_interface_is_served() {
    let store = Store::in_memory().unwrap();
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let inspector = Inspector::new(store.reader()).unwrap();
    assert_eq!(inspector.address(&listener).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(inspector.serve(&listener).unwrap_err().kind(), ErrorKind::Invalid);
}

#[test]
fn a_request_names_this_host_once() {
    let server = server();
    let port = server.local.port();
    let ask = |lines: &str| server.send(format!("GET / HTTP/1.1\r\n{lines}\r\n")).status;
    for host in [format!("127.0.0.1:{port}"), format!("localhost:{port}"), format!("[::1]:{port}")] {
        assert_eq!(ask(&format!("Host: {host}\r\n")), 200, "{host}");
    }
    for host in [
        "evil.example".to_owned(),
        format!("evil.example:{port}"),
        format!("127.0.0.1.evil.example:{port}"),
        format!("localhost.:{port}"),
        "localhost".to_owned(),
        format!("127.0.0.1:{}", port.wrapping_add(1)),
        format!("127.1:{port}"),
        format!("0.0.0.0:{port}"),
        String::new(),
    ] {
        assert_eq!(ask(&format!("Host: {host}\r\n")), 421, "{host}");
    }
    assert_eq!(ask(""), 421);
    assert_eq!(ask(&format!("Host: localhost:{port}\r\nHost: localhost:{port}\r\n")), 421);
    assert_eq!(ask(&format!("Host: evil.example\r\nHost: localhost:{port}\r\n")), 421);
}

#[test]
fn pages_of_other_sites_are_refused() {
    let server = server();
    for site in ["cross-site", "same-site", "nonsense", ""] {
        assert_eq!(server.ask("/api/status", &format!("Sec-Fetch-Site: {site}\r\n")).status, 403, "{site}");
        assert_eq!(server.ask("/", &format!("Sec-Fetch-Site: {site}\r\n")).status, 403, "{site}");
    }
    for site in ["same-origin", "none"] {
        assert_eq!(server.ask("/api/status", &format!("Sec-Fetch-Site: {site}\r\n")).status, 200, "{site}");
    }
    for origin in ["http://evil.example", "null", "http://localhost", "https://127.0.0.1"] {
        assert_eq!(server.ask("/api/status", &format!("Origin: {origin}\r\n")).status, 403, "{origin}");
    }
    let own = format!("Origin: http://{}\r\n", server.local);
    assert_eq!(server.ask("/api/status", &own).status, 200);
}

#[test]
fn nothing_but_get_is_answered() {
    let server = server();
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE", "CONNECT", "get"] {
        let request = format!(
            "{method} /api/status HTTP/1.1\r\nHost: {}\r\nX-Tidegate-Token: {}\r\n\r\n",
            server.local, server.token
        );
        let answer = server.send(request);
        assert_eq!(answer.status, 405, "{method}");
        assert!(answer.head.contains("\r\nAllow: GET\r\n"), "{}", answer.head);
    }
    assert_eq!(server.ask("/api/status", "Content-Length: 5\r\n").status, 400);
    assert_eq!(server.ask("/api/status", "Transfer-Encoding: chunked\r\n").status, 400);
}

#[test]
fn answers_need_the_token() {
    let server = server();
    let ask = |target: &str, lines: &str| {
        server.send(format!("GET {target} HTTP/1.1\r\nHost: {}\r\n{lines}\r\n", server.local)).status
    };
    let wrong = "0".repeat(32);
    let targets =
        ["status", "overview", "events", "event/1", "export", "live", "picture.svg?event=1", "nosuch"];
    for target in targets.map(|name| format!("/api/{name}")) {
        assert_eq!(ask(&target, ""), 403, "{target}");
        assert_eq!(ask(&target, &format!("X-Tidegate-Token: {wrong}\r\n")), 403, "{target}");
        assert_eq!(ask(&target, "X-Tidegate-Token: \r\n"), 403, "{target}");
        assert_eq!(ask(&target, &format!("X-Tidegate-Token: {}\r\n", &server.token[..31])), 403, "{target}");
        assert_eq!(ask(&target, &format!("X-Tidegate-Token: {}0\r\n", server.token)), 403, "{target}");
    }
    assert_eq!(ask("/api/status", &format!("X-Tidegate-Token: {}\r\n", server.token)), 200);
    assert_eq!(ask(&format!("/api/status?token={}", server.token), ""), 200);
    // The page itself holds nothing of the store.
    assert_eq!(ask("/", ""), 200);
}

#[test]
fn tokens_are_not_the_same_twice() {
    let (one, other) = (server(), server());
    assert_eq!((one.token.len(), other.token.len()), (32, 32));
    assert_ne!(one.token, other.token);
    assert_eq!(
        other
            .send(format!(
                "GET /api/status HTTP/1.1\r\nHost: {}\r\nX-Tidegate-Token: {}\r\n\r\n",
                other.local, one.token
            ))
            .status,
        403
    );
}

#[test]
fn every_answer_has_the_headers_that_bind_a_browser() {
    let server = server();
    let answers = [
        server.ask("/", ""),
        server.ask("/app.js", ""),
        server.ask("/favicon.ico", ""),
        server.ask("/api/status", ""),
        server.ask("/api/picture.svg?event=1", ""),
        server.ask("/api/export", ""),
        server.ask("/api/event/99", ""),
        server.ask("/nosuch", ""),
        server.ask("/", "Sec-Fetch-Site: cross-site\r\n"),
        server.send("POST / HTTP/1.1\r\n\r\n"),
        server.send("nonsense\r\n\r\n"),
    ];
    for answer in answers {
        let policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";
        for line in [
            &format!("Content-Security-Policy: {policy}"),
            "X-Content-Type-Options: nosniff",
            "Referrer-Policy: no-referrer",
            "Cross-Origin-Opener-Policy: same-origin",
            "Cross-Origin-Resource-Policy: same-origin",
            "Cache-Control: no-store",
            "Connection: close",
        ] {
            assert!(answer.head.lines().any(|other| other == line), "{line} is missing:\n{}", answer.head);
        }
        assert!(!answer.head.to_lowercase().contains("access-control"), "{}", answer.head);
        let length = answer.head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        assert_eq!(length.unwrap(), answer.body.len().to_string());
    }
}

#[test]
fn paths_lead_to_no_other_files() {
    let server = server();
    for path in [
        "/../Cargo.toml",
        "/%2e%2e/Cargo.toml",
        "//etc/passwd",
        "/views/../../Cargo.toml",
        "/vendor/",
        "/app.js/",
        "/api",
        "http://evil.example/",
    ] {
        assert_eq!(server.ask(path, "").status, 404, "{path}");
    }
}
