//! Answers, and the headers that every one of them has.

use std::io::{self, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// What a browser may do with any answer: nothing that the page itself does not need.
const HEADERS: &str = "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'\r\n\
    X-Content-Type-Options: nosniff\r\n\
    Referrer-Policy: no-referrer\r\n\
    Cross-Origin-Opener-Policy: same-origin\r\n\
    Cross-Origin-Resource-Policy: same-origin\r\n\
    Cross-Origin-Embedder-Policy: require-corp\r\n\
    Permissions-Policy: camera=(), geolocation=(), microphone=()\r\n\
    Cache-Control: no-store\r\n\
    Connection: close\r\n";

/// An answer with all of its body.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    content_type: &'static str,
    body: Vec<u8>,
}

impl Response {
    /// Returns an answer with a file of the page.
    pub(crate) fn file(content_type: &'static str, body: &'static [u8]) -> Self {
        Self { status: 200, content_type, body: body.to_vec() }
    }

    /// Returns an answer in JSON.
    pub(crate) fn json(value: &Value) -> Self {
        Self { status: 200, content_type: "application/json", body: value.to_string().into_bytes() }
    }

    /// Returns lines of JSON.
    pub(crate) fn lines(body: String) -> Self {
        Self { status: 200, content_type: "application/x-ndjson", body: body.into_bytes() }
    }

    /// Returns a style sheet.
    pub(crate) fn style(body: String) -> Self {
        Self { status: 200, content_type: "text/css", body: body.into_bytes() }
    }

    /// Returns a picture.
    pub(crate) fn svg(body: String) -> Self {
        Self { status: 200, content_type: "image/svg+xml", body: body.into_bytes() }
    }

    /// Returns a refusal that says why.
    pub(crate) fn refusal(status: u16, message: &str) -> Self {
        Self::failure(status, "refused", message)
    }

    /// Returns what went wrong.
    pub(crate) fn failure(status: u16, kind: &str, message: &str) -> Self {
        let body = json!({ "error": { "kind": kind, "message": message } });
        Self { status, content_type: "application/json", body: body.to_string().into_bytes() }
    }

    /// Returns it as bytes.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let allow = if self.status == 405 { "Allow: GET\r\n" } else { "" };
        let retry = if self.status == 503 { "Retry-After: 1\r\n" } else { "" };
        let mut bytes = format!(
            "HTTP/1.1 {} {}\r\nContent-Type: {}; charset=utf-8\r\nContent-Length: {}\r\n{allow}{retry}{HEADERS}\r\n",
            self.status,
            reason(self.status),
            self.content_type,
            self.body.len(),
        )
        .into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        421 => "Misdirected Request",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    }
}

/// Begins an answer of events that goes on until the connection ends.
pub(crate) fn start_stream(stream: &mut TcpStream, time: Duration) -> io::Result<()> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n{HEADERS}\r\n");
    write_all(stream, head.as_bytes(), time)
}

/// Writes bytes to a client that may be slow, but takes no longer than `time`.
pub(crate) fn write_all(stream: &mut TcpStream, mut bytes: &[u8], time: Duration) -> io::Result<()> {
    let end = Instant::now() + time;
    while !bytes.is_empty() {
        let late = || io::Error::from(io::ErrorKind::TimedOut);
        let left =
            end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()).ok_or_else(late)?;
        stream.set_write_timeout(Some(left))?;
        match stream.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
