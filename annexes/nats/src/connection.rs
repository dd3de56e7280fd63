//! One connection to a server: the text protocol of NATS, as far as requests and their answers need it.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use serde_json::Value;
use tidegate_shared_log::{Error, Result};

/// How long one try to reach one server takes at most.
const CONNECT: Duration = Duration::from_secs(1);

/// A connection, with the answers to its own requests under a prefix of its own.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: TcpStream,
    buffer: Vec<u8>,
    inbox: String,
    requests: u64,
    /// Bytes that a message may have.
    pub(crate) max_payload: usize,
}

/// A message that came.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) subject: String,
    /// The status in its headers, such as 503 if no server answers a request.
    pub(crate) status: Option<u16>,
    pub(crate) payload: Vec<u8>,
}

/// Why no message came.
#[derive(Debug)]
pub(crate) enum Silence {
    /// The time is over; the connection may go on.
    TimedOut,
    /// The connection is of no more use.
    Lost(Error),
}

pub(crate) fn unavailable(what: &str, cause: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(tidegate_shared_log::ErrorKind::Unavailable, what.to_owned()).because(cause)
}

fn lost(what: &str) -> Silence {
    Silence::Lost(Error::new(tidegate_shared_log::ErrorKind::Unavailable, what.to_owned()))
}

impl Connection {
    /// Connects to a server and subscribes to the answers.
    pub(crate) fn open(server: &str, inbox: String) -> Result<Self> {
        let failed = |cause| unavailable(&format!("the server {server} cannot be reached"), cause);
        let mut addresses = server.to_socket_addrs().map_err(failed)?;
        let address = addresses.next().ok_or_else(|| failed(ErrorKind::NotFound.into()))?;
        let socket = TcpStream::connect_timeout(&address, CONNECT).map_err(failed)?;
        socket.set_nodelay(true).map_err(failed)?;
        socket.set_write_timeout(Some(CONNECT * 5)).map_err(failed)?;
        let mut connection = Self { socket, buffer: Vec::new(), inbox, requests: 0, max_payload: 0 };
        let until = Instant::now() + CONNECT;
        let info = connection.line(until).map_err(into_error)?;
        let info: Value = info
            .strip_prefix("INFO ")
            .and_then(|info| serde_json::from_str(info).ok())
            .ok_or_else(|| Error::invalid(format!("{server} is not a NATS server: it says {info:?}")))?;
        let max = info["max_payload"].as_u64().unwrap_or(1 << 20);
        connection.max_payload = usize::try_from(max).unwrap_or(usize::MAX);
        let hello = format!(
            "CONNECT {{\"verbose\":false,\"pedantic\":false,\"headers\":true,\"no_responders\":true,\"lang\":\"rust\",\
             \"version\":\"0\",\"protocol\":1,\"name\":\"tidegate\"}}\r\nSUB {}.* 1\r\nPING\r\n",
            connection.inbox
        );
        connection.send(hello.as_bytes()).map_err(failed)?;
        loop {
            let line = connection.line(until).map_err(into_error)?;
            if line == "PONG" {
                return Ok(connection);
            }
            if line.starts_with("-ERR") {
                return Err(Error::invalid(format!("the server {server} refuses the connection: {line}")));
            }
        }
    }

    /// Subscribes to a subject.
    pub(crate) fn subscribe(&mut self, subject: &str) -> std::io::Result<()> {
        self.send(format!("SUB {subject} 2\r\n").as_bytes())
    }

    /// Sends a request, and returns the subject of its answer.
    pub(crate) fn request(&mut self, subject: &str, payload: &[u8]) -> std::io::Result<String> {
        self.requests += 1;
        let reply = format!("{}.{}", self.inbox, self.requests);
        let mut bytes = format!("PUB {subject} {reply} {}\r\n", payload.len()).into_bytes();
        bytes.extend_from_slice(payload);
        bytes.extend_from_slice(b"\r\n");
        self.send(&bytes)?;
        Ok(reply)
    }

    fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.socket.write_all(bytes)
    }

    /// Waits for the next message.
    pub(crate) fn next(&mut self, until: Instant) -> Result<Message, Silence> {
        loop {
            let line = self.peek_line(until)?;
            let words: Vec<&str> = line.split_whitespace().collect();
            let (is_headed, counts) = match words[..] {
                ["MSG", ..] => (false, 1),
                ["HMSG", ..] => (true, 2),
                ["PING"] => {
                    self.take(line.len() + 2);
                    self.send(b"PONG\r\n").map_err(|_| lost("the connection was lost"))?;
                    continue;
                }
                ["-ERR", ..] => return Err(lost(&format!("the server ended the connection: {line}"))),
                _ => {
                    self.take(line.len() + 2);
                    continue;
                }
            };
            let number = |back: usize| words[words.len() - back].parse::<usize>().ok();
            let (Some(total), Some(head)) = (number(1), number(counts)) else {
                return Err(lost(&format!("the server sends {line:?}")));
            };
            let head = if is_headed { head } else { 0 };
            let (start, subject) = (line.len() + 2, words[1].to_owned());
            // Taken whole or not at all, so that a wait that ends in between loses nothing.
            self.fill(start + total + 2, until)?;
            let message = &self.buffer[start..start + total];
            let status = std::str::from_utf8(&message[..head]).ok();
            let status = status.and_then(|head| head.split_whitespace().nth(1)?.parse().ok());
            let payload = message[head..].to_vec();
            self.take(start + total + 2);
            return Ok(Message { subject, status, payload });
        }
    }

    fn line(&mut self, until: Instant) -> Result<String, Silence> {
        let line = self.peek_line(until)?;
        self.take(line.len() + 2);
        Ok(line.trim_end().to_owned())
    }

    /// Returns the next line without its end, and leaves it.
    fn peek_line(&mut self, until: Instant) -> Result<String, Silence> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|two| two == b"\r\n") {
                return Ok(String::from_utf8_lossy(&self.buffer[..end]).into_owned());
            }
            let wanted = self.buffer.len() + 1;
            self.fill(wanted, until)?;
        }
    }

    fn take(&mut self, count: usize) {
        self.buffer.drain(..count);
    }

    /// Reads until there are at least this many bytes.
    fn fill(&mut self, count: usize, until: Instant) -> Result<(), Silence> {
        let mut piece = [0; 8 << 10];
        while self.buffer.len() < count {
            let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            let is_set = self.socket.set_read_timeout(Some(left));
            is_set.map_err(|cause| Silence::Lost(unavailable("the connection was lost", cause)))?;
            match self.socket.read(&mut piece) {
                Ok(0) => return Err(lost("the server closed the connection")),
                Ok(read) => self.buffer.extend_from_slice(&piece[..read]),
                Err(cause) if matches!(cause.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    if Instant::now() >= until {
                        return Err(Silence::TimedOut);
                    }
                }
                Err(cause) if cause.kind() == ErrorKind::Interrupted => {}
                Err(cause) => return Err(Silence::Lost(unavailable("the connection was lost", cause))),
            }
        }
        Ok(())
    }
}

pub(crate) fn into_error(silence: Silence) -> Error {
    match silence {
        Silence::Lost(error) => error,
        Silence::TimedOut => {
            Error::new(tidegate_shared_log::ErrorKind::Unavailable, "the server does not answer in time")
        }
    }
}
