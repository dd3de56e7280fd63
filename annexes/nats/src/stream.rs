//! The stream as a shared log.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tidegate_shared_log::{AppendError, Error, ErrorKind, LogDescription, Result, SharedLog, Slot};

use crate::connection::{Connection, Message, Silence, into_error, unavailable};
use crate::options::NatsOptions;

/// Items that are asked for at once.
const ITEMS_AT_ONCE: u64 = 32;
/// How long a reader waits for a hint before it asks again.
const ASK_EVERY: Duration = Duration::from_millis(50);
/// How long one try to read takes at most.
const TRY: Duration = Duration::from_secs(1);
/// How long a call waits between two tries.
const PAUSE: Duration = Duration::from_millis(50);

/// A shared log over NATS `JetStream`; [`new`](Self::new) makes it of its options.
pub struct NatsLog {
    options: NatsOptions,
    subject: String,
    /// For appends and questions.
    writing: Mutex<Link>,
    /// For reads, which wait.
    reading: Mutex<Link>,
}

#[derive(Default)]
struct Link {
    connection: Option<Connection>,
    /// Which server is tried next.
    next: usize,
    is_reader: bool,
}

impl fmt::Debug for NatsLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsLog").field("options", &self.options).finish_non_exhaustive()
    }
}

/// Returns a name under which no other connection gets its answers.
fn inbox() -> String {
    let [one, other] = [1, 2].map(|number| RandomState::new().hash_one((std::process::id(), number)));
    format!("_INBOX.{one:016x}{other:016x}")
}

fn parse(message: &Message) -> Value {
    serde_json::from_slice(&message.payload).unwrap_or_default()
}

fn refused(answer: &Value) -> Option<Error> {
    let error = answer.get("error")?;
    let text = format!("the stream says: {}", error["description"].as_str().unwrap_or("an error"));
    Some(Error::new(ErrorKind::Unavailable, text))
}

fn not_answered() -> Error {
    Error::new(ErrorKind::Unavailable, "no server answers for the stream")
}

impl NatsLog {
    /// Returns the log. It connects at its first call.
    pub fn new(options: NatsOptions) -> Self {
        let subject = format!("tidegate.{}", options.stream);
        let reading = Link { is_reader: true, ..Link::default() };
        Self { options, subject, writing: Mutex::default(), reading: Mutex::new(reading) }
    }

    fn api(&self, verb: &str) -> String {
        format!("$JS.API.STREAM.{verb}.{}", self.options.stream)
    }

    /// Returns the connection of a link, which is made if there is none; tried until the time is over.
    fn connected<'a>(&self, link: &'a mut Link, until: Instant) -> Result<&'a mut Connection> {
        while link.connection.is_none() {
            let servers = &self.options.servers;
            let Some(server) = servers.get(link.next % servers.len().max(1)) else {
                return Err(Error::invalid("a NATS log needs at least one server"));
            };
            let opened = Connection::open(server, inbox()).and_then(|mut connection| {
                if link.is_reader {
                    let hints = connection.subscribe(&self.subject);
                    hints.map_err(|cause| unavailable("the connection was lost", cause))?;
                }
                Ok(connection)
            });
            match opened {
                Ok(connection) => link.connection = Some(connection),
                Err(error) if error.kind() != ErrorKind::Unavailable => return Err(error),
                Err(error) => {
                    link.next += 1;
                    if Instant::now() + PAUSE >= until {
                        return Err(error);
                    }
                    std::thread::sleep(PAUSE);
                }
            }
        }
        link.connection.as_mut().ok_or_else(not_answered)
    }

    /// Asks and waits for the answer. It is asked again while no server leads the stream.
    fn ask(&self, subject: &str, payload: &Value, until: Instant) -> Result<Value> {
        let mut link = self.writing.lock();
        loop {
            let answer = self.exchange(&mut link, subject, payload.to_string().as_bytes(), until);
            let error = match answer {
                Ok(message) if message.status.is_none() => return Ok(parse(&message)),
                Ok(_) => not_answered(),
                Err((error, _)) => error,
            };
            if error.kind() != ErrorKind::Unavailable || Instant::now() + PAUSE >= until {
                return Err(error);
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Sends a request and waits for its answer. The error says whether it may have been heard.
    fn exchange(
        &self,
        link: &mut Link,
        subject: &str,
        payload: &[u8],
        until: Instant,
    ) -> Result<Message, (Error, bool)> {
        let connection = self.connected(link, until).map_err(|error| (error, false))?;
        let reply = match connection.request(subject, payload) {
            Ok(reply) => reply,
            Err(cause) => {
                link.connection = None;
                return Err((unavailable("the connection was lost", cause), true));
            }
        };
        loop {
            match connection.next(until) {
                Ok(message) if message.subject == reply => return Ok(message),
                // The answer to a request that was given up on.
                Ok(_) => {}
                Err(silence) => {
                    // Whether the server is there is unknown: another one may be.
                    link.connection = None;
                    link.next += 1;
                    return Err((into_error(silence), true));
                }
            }
        }
    }

    /// Creates the stream, unless it is there; returns what it is.
    fn stream(&self, until: Instant) -> Result<Value> {
        loop {
            let info = self.ask(&self.api("INFO"), &json!({}), until)?;
            if info.get("error").is_none() {
                return Ok(info);
            }
            let config = json!({
                "name": self.options.stream, "subjects": [self.subject], "num_replicas": self.options.replicas,
                "storage": "file", "retention": "limits", "discard": "new", "deny_delete": true,
                "max_msgs": -1, "max_bytes": -1, "max_age": 0, "max_msg_size": -1, "max_consumers": -1,
            });
            let created = self.ask(&self.api("CREATE"), &config, until)?;
            let Some(error) = refused(&created) else { return Ok(created) };
            // Until the servers have a leader.
            if Instant::now() + PAUSE >= until {
                return Err(error);
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Returns the first slot that is left.
    fn first_slot(&self, until: Instant) -> Result<Slot> {
        let info = self.ask(&self.api("INFO"), &json!({}), until)?;
        if let Some(error) = refused(&info) {
            return Err(error);
        }
        Ok(Slot(info["state"]["first_seq"].as_u64().unwrap_or(1).max(1)))
    }

    /// Asks for items from a slot on, all at once, and returns those that are there.
    fn fetch(&self, link: &mut Link, from: Slot, until: Instant) -> Result<Vec<(Slot, Vec<u8>)>> {
        let connection = self.connected(link, until)?;
        let mut asked = HashMap::new();
        let lost = |cause| unavailable("the connection was lost", cause);
        for slot in from.0..from.0 + ITEMS_AT_ONCE {
            let question = json!({ "seq": slot }).to_string();
            asked.insert(connection.request(&self.api("MSG.GET"), question.as_bytes()).map_err(lost)?, slot);
        }
        let mut found = HashMap::new();
        while !asked.is_empty() {
            let message = connection.next(until).map_err(into_error)?;
            let Some(slot) = asked.remove(&message.subject) else { continue };
            if message.status.is_some() {
                return Err(not_answered());
            }
            let answer = parse(&message);
            match answer["error"]["code"].as_u64() {
                Some(404) => {}
                Some(_) => return Err(refused(&answer).unwrap_or_else(not_answered)),
                None => {
                    let data = answer["message"]["data"].as_str().unwrap_or_default();
                    let item = STANDARD.decode(data).map_err(|cause| {
                        Error::damaged("a message of the stream cannot be read", "base64", cause)
                    })?;
                    found.insert(slot, item);
                }
            }
        }
        let slots = from.0..;
        Ok(slots.map_while(|slot| Some((Slot(slot), found.remove(&slot)?))).collect())
    }

    /// Waits until something is published, which is no more than a hint.
    fn wait_for_hint(&self, link: &mut Link, until: Instant) -> Result<()> {
        let connection = self.connected(link, until)?;
        loop {
            match connection.next(until.min(Instant::now() + ASK_EVERY)) {
                Ok(message) if message.subject != self.subject => {}
                Ok(_) | Err(Silence::TimedOut) => return Ok(()),
                Err(Silence::Lost(error)) => {
                    link.connection = None;
                    return Err(error);
                }
            }
        }
    }

    /// Returns what an acknowledgement survives, as the monitoring pages tell.
    fn durability(&self, info: &Value, wait: Duration) -> Result<String> {
        let replicas = info["config"]["num_replicas"].as_u64().unwrap_or(1);
        for monitor in &self.options.monitors {
            let page = monitoring_page(monitor, wait)?;
            if page["jetstream"]["config"]["sync_always"] != json!(true) && !self.options.trusts {
                let message = format!(
                    "the server of {monitor} does not sync what it acknowledges: a power cut can lose it. Set `sync_interval: always` in \
                     its `jetstream` section"
                );
                return Err(Error::new(ErrorKind::Refused, message));
            }
        }
        if self.options.monitors.is_empty() && !self.options.trusts {
            let message = "whether the servers sync what they acknowledge is unknown; name their monitoring pages, or trust them by name";
            return Err(Error::new(ErrorKind::Refused, message));
        }
        let checked = if self.options.trusts { "believed" } else { "checked" };
        Ok(format!("{replicas} replicas, sync_interval: always ({checked})"))
    }
}

/// Reads what a server says of itself.
fn monitoring_page(monitor: &str, wait: Duration) -> Result<Value> {
    let failed = |cause| unavailable(&format!("the monitoring page of {monitor} cannot be read"), cause);
    let mut socket = TcpStream::connect(monitor).map_err(failed)?;
    socket.set_read_timeout(Some(wait.max(Duration::from_millis(100)))).map_err(failed)?;
    socket.write_all(b"GET /varz HTTP/1.0\r\n\r\n").map_err(failed)?;
    let mut page = Vec::new();
    socket.read_to_end(&mut page).map_err(failed)?;
    let start = page.windows(4).position(|four| four == b"\r\n\r\n").map_or(page.len(), |at| at + 4);
    Ok(serde_json::from_slice(&page[start..]).unwrap_or_default())
}

impl SharedLog for NatsLog {
    fn describe(&self, wait: Duration) -> Result<LogDescription> {
        let until = Instant::now() + wait;
        let info = self.stream(until)?;
        let durability = self.durability(&info, wait)?;
        let max = self.connected(&mut self.writing.lock(), until)?.max_payload;
        Ok(LogDescription::new(format!("nats:{}", self.options.stream), max, durability))
    }

    fn append(&self, item: &[u8], wait: Duration) -> Result<Slot, AppendError> {
        let until = Instant::now() + wait;
        let mut link = self.writing.lock();
        let max = self.connected(&mut link, until).map_err(AppendError::Unavailable)?.max_payload;
        if item.len() > max {
            // The server would end the connection.
            return Err(AppendError::TooLarge { max });
        }
        loop {
            match self.exchange(&mut link, &self.subject, item, until) {
                // No server took it, so it may be handed over once more.
                Ok(message) if message.status.is_some() && Instant::now() + PAUSE < until => {
                    std::thread::sleep(PAUSE);
                }
                Ok(message) if message.status.is_some() => {
                    return Err(AppendError::Unavailable(not_answered()));
                }
                Ok(message) => {
                    let answer = parse(&message);
                    let slot = answer["seq"].as_u64().filter(|_| answer.get("error").is_none());
                    let why = || AppendError::Unknown(refused(&answer).unwrap_or_else(not_answered));
                    return slot.map(Slot).ok_or_else(why);
                }
                Err((error, true)) => return Err(AppendError::Unknown(error)),
                Err((error, false)) => return Err(AppendError::Unavailable(error)),
            }
        }
    }

    fn read(&self, from: Slot, wait: Duration) -> Result<Vec<(Slot, Vec<u8>)>> {
        // What is there now takes a moment, too.
        let until = Instant::now() + wait.max(Duration::from_secs(2));
        let (mut link, ends) = (self.reading.lock(), Instant::now() + wait);
        let mut is_first = true;
        loop {
            let items = match self.fetch(&mut link, from, until.min(Instant::now() + TRY)) {
                Ok(items) => items,
                Err(error) => {
                    // Answers may be on their way to questions that were given up on.
                    link.connection = None;
                    link.next += 1;
                    if error.kind() != ErrorKind::Unavailable || Instant::now() + PAUSE >= until {
                        return Err(error);
                    }
                    std::thread::sleep(PAUSE);
                    continue;
                }
            };
            if !items.is_empty() {
                return Ok(items);
            }
            if std::mem::take(&mut is_first) {
                let first = self.first_slot(until)?;
                if from < first {
                    let message = format!("slot {from} was trimmed; the first one is {first}");
                    return Err(Error::new(ErrorKind::Retired, message));
                }
            }
            if Instant::now() >= ends {
                return Ok(Vec::new());
            }
            self.wait_for_hint(&mut link, ends)?;
        }
    }

    fn end(&self, wait: Duration) -> Result<Slot> {
        self.append(&[], wait).map_err(|error| match error {
            AppendError::Unknown(error) | AppendError::Unavailable(error) => error,
            other => other.into(),
        })
    }

    fn first(&self, wait: Duration) -> Result<Slot> {
        self.first_slot(Instant::now() + wait)
    }

    fn trim(&self, before: Slot, wait: Duration) -> Result<()> {
        let until = Instant::now() + wait;
        let answer = self.ask(&self.api("PURGE"), &json!({ "seq": before.0 }), until)?;
        refused(&answer).map_or(Ok(()), Err)
    }
}
