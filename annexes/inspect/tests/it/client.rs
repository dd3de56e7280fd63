//! A raw client: exactly these bytes, and what comes back.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tidegate::StoreReader;
use tidegate_inspect::Inspector;

/// A server that runs until the test ends.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) local: SocketAddr,
    pub(crate) token: String,
    pub(crate) address: String,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Server {
    pub(crate) fn of(store: StoreReader) -> Self {
        Self::with(Inspector::new(store).unwrap().name("shop"))
    }

    pub(crate) fn with(inspector: Inspector) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (local, address) = (listener.local_addr().unwrap(), inspector.address(&listener).unwrap());
        let token = address.split_once('#').unwrap().1.to_owned();
        thread::spawn(move || inspector.serve(&listener));
        Self { local, token, address }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.local).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// Sends these bytes and reads all that comes back.
    pub(crate) fn send(&self, request: impl AsRef<[u8]>) -> Answer {
        let mut stream = self.connect();
        // A server that has refused already may have closed its side.
        let _ = stream.write_all(request.as_ref());
        read(stream)
    }

    /// Asks as the page does, with further header lines, each ending in a line break.
    pub(crate) fn ask(&self, target: &str, lines: &str) -> Answer {
        let (local, token) = (self.local, &self.token);
        self.send(format!(
            "GET {target} HTTP/1.1\r\nHost: {local}\r\nX-Tidegate-Token: {token}\r\n{lines}\r\n"
        ))
    }

    /// Asks as the page does, and reads the answer's JSON.
    #[track_caller]
    pub(crate) fn json(&self, target: &str) -> Value {
        let answer = self.ask(target, "Sec-Fetch-Site: same-origin\r\n");
        assert_eq!(answer.status, 200, "{target}: {}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }
}

/// Reads an answer to its end.
pub(crate) fn read(mut stream: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

/// Returns bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
