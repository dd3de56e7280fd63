//! The server: a thread for each connection, a few at a time.

use std::io::{self, Read};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tidegate::{Error, ErrorKind, Result, StoreReader};

use crate::answer::{self, Subject};
use crate::http::{Guard, Request, Response, read_request, write_all};
use crate::{live, page};

/// Connections that are answered at the same time.
const CONNECTIONS_MAX: usize = 32;
/// Connections that follow the log at the same time; the others stay free for pages.
const LIVE_MAX: usize = 16;

/// Shows a store to a browser on the same machine. It reads only.
#[derive(Debug)]
pub struct Inspector {
    subject: Subject,
    guard: Guard,
    time: Duration,
}

/// What is going on.
#[derive(Debug, Default)]
struct Load {
    connections: AtomicUsize,
    live: AtomicUsize,
}

/// A place among those of a count, given back when it is dropped.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(count: &'a AtomicUsize, most: usize) -> Option<Self> {
        let taken = count
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| (count < most).then_some(count + 1));
        taken.ok().map(|_| Self(count))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Inspector {
    /// Returns an inspector of a store, with a new token that its address holds.
    ///
    /// # Errors
    ///
    /// [`Io`](ErrorKind::Io) if the system gives no random numbers.
    pub fn new(store: StoreReader) -> Result<Self> {
        let guard = Guard::new().map_err(|cause| {
            Error::new(ErrorKind::Io, "the system gives no random numbers").because(cause)
        })?;
        let subject = Subject { store, name: "store".to_owned(), directory: None };
        Ok(Self { subject, guard, time: Duration::from_secs(10) })
    }

    /// Sets the name that the page shows. The default is `store`.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.subject.name = name.into();
        self
    }

    /// Sets the store's directory, so that the page can show its files. By default it shows none.
    #[must_use]
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.subject.directory = Some(directory.into());
        self
    }

    /// Sets how long a client may take for its request, and again for the answer. The default is ten seconds.
    #[must_use]
    pub fn client_time(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }

    /// Returns the address to open. It holds the token, so it is for the eyes of one person.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) if others than this machine could connect, [`Io`](ErrorKind::Io) if the system refuses.
    pub fn address(&self, listener: &TcpListener) -> Result<String> {
        Ok(format!("http://{}/#{}", local(listener)?, self.guard.token()))
    }

    /// Answers requests until the listener fails. Each connection has a thread, at most 32 at a time; further ones are told
    /// to come again.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) if others than this machine could connect, [`Io`](ErrorKind::Io) if the listener fails.
    pub fn serve(self, listener: &TcpListener) -> Result<()> {
        let local = local(listener)?;
        let (server, load) = (Arc::new(self), Arc::new(Load::default()));
        loop {
            let stream = match listener.accept() {
                Ok((stream, _)) => stream,
                // A client that went before it was accepted, or too many open files: the next one may be well.
                Err(error) if is_passing(&error) => {
                    thread::sleep(Duration::from_millis(1));
                    continue;
                }
                Err(cause) => return Err(Error::new(ErrorKind::Io, "the listener failed").because(cause)),
            };
            let (server, load) = (Arc::clone(&server), Arc::clone(&load));
            if load.connections.load(Ordering::Relaxed) >= CONNECTIONS_MAX {
                refuse(stream);
                continue;
            }
            // Only this thread takes places, so there is one.
            load.connections.fetch_add(1, Ordering::Relaxed);
            let back = Arc::clone(&load);
            let handler = thread::Builder::new().name("inspector".to_owned());
            let spawned = handler.spawn(move || {
                let _place = Place(&load.connections);
                server.answer(stream, local, &load);
            });
            if spawned.is_err() {
                back.connections.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }

    /// Answers one request. If the client is gone there is no one to tell of an error.
    fn answer(&self, mut stream: TcpStream, local: SocketAddr, load: &Load) {
        let _ = stream.set_nodelay(true);
        let request = read_request(&mut stream, Instant::now() + self.time);
        let request = request.and_then(|request| self.guard.check(&request, local).map(|()| request));
        let response = match request {
            Ok(request) if request.path == "/api/live" => match Place::take(&load.live, LIVE_MAX) {
                Some(_place) => match live::follow(&mut stream, &self.subject, &request, self.time) {
                    Ok(()) => return,
                    Err(response) => response,
                },
                None => Response::refusal(503, "too many pages follow the log; close one"),
            },
            Ok(request) => self.respond(&request),
            Err(response) => response,
        };
        let _ = write_all(&mut stream, &response.to_bytes(), self.time);
        end(&mut stream);
    }

    fn respond(&self, request: &Request) -> Response {
        if request.path == "/picture.css" {
            return Response::style(tidegate_draw::stylesheet());
        }
        if let Some(file) = page::file(&request.path) {
            return file;
        }
        answer::respond(&self.subject, request)
    }
}

/// Returns the address of a listener that only this machine can connect to.
fn local(listener: &TcpListener) -> Result<SocketAddr> {
    let refused = |cause| Error::new(ErrorKind::Io, "the listener has no address").because(cause);
    let address = listener.local_addr().map_err(refused)?;
    if address.ip().is_loopback() {
        return Ok(address);
    }
    let message = format!("{address} can be reached from other machines: bind the listener to 127.0.0.1");
    Err(Error::new(ErrorKind::Invalid, message))
}

fn is_passing(error: &io::Error) -> bool {
    let no_descriptors = matches!(error.raw_os_error(), Some(23 | 24));
    let kinds =
        [io::ErrorKind::ConnectionAborted, io::ErrorKind::ConnectionReset, io::ErrorKind::Interrupted];
    no_descriptors || kinds.contains(&error.kind())
}

/// Tells a client to come again, without waiting for it.
fn refuse(mut stream: TcpStream) {
    let response = Response::refusal(503, "too many connections; come again");
    if stream.set_nonblocking(true).is_ok() {
        let _ = io::Write::write(&mut stream, &response.to_bytes());
        drain(&mut stream);
        let _ = stream.shutdown(Shutdown::Write);
    }
}

/// Ends a connection so that the client gets all of the answer: with bytes unread, the system would cut it off.
fn end(stream: &mut TcpStream) {
    let _ = stream.shutdown(Shutdown::Write);
    let _ = stream.set_nonblocking(true);
    drain(stream);
}

/// Reads what has come, up to a limit.
fn drain(stream: &mut TcpStream) {
    let mut piece = [0; 4096];
    for _ in 0..16 {
        match stream.read(&mut piece) {
            Ok(count) if count > 0 => {}
            _ => return,
        }
    }
}
