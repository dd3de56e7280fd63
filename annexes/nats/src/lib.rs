//! NATS `JetStream` as a shared log: one stream, a subject, slots that are the stream's sequences.
//!
//! ```no_run
//! use std::sync::Arc;
//! use tidegate::StoreOptions;
//! use tidegate::report::cluster::NodeOptions;
//! use tidegate_nats::{NatsLog, NatsOptions};
//!
//! let options = NatsOptions::new(["10.0.0.1:4222", "10.0.0.2:4222", "10.0.0.3:4222"], "orders")
//!     .monitors(["10.0.0.1:8222", "10.0.0.2:8222", "10.0.0.3:8222"]);
//! let log = Arc::new(NatsLog::new(options));
//! let node = StoreOptions::new().open_node("node-1", NodeOptions::new(log))?;
//! # Ok::<(), tidegate::Error>(())
//! ```
//!
//! * **Durability is checked, not believed.** A server syncs every two minutes unless its configuration says `sync_interval: always`, and no
//!   client can see that but on its monitoring page. So [`NatsOptions::monitors`] names those of all servers, and a node is refused
//!   ([`Refused`](tidegate_shared_log::ErrorKind::Refused)) if one of them does not say so, unless
//!   [`NatsOptions::trusting`] takes the responsibility.
//! * **The client is one of our own** over `std`, a few hundred lines: the crate `nats` is deprecated, and `async-nats` needs a runtime,
//!   which would live in a thread beside the log. It speaks plain TCP: no TLS, no credentials beyond what a URL's host says. It keeps two
//!   connections, so that a reader that waits holds up no append.
//! * **The end** of the log is found by appending an empty item: what a server says of a stream may be what it believes alone.
#![allow(
    clippy::disallowed_methods,
    reason = "an adapter stands outside the store: it has sockets and clocks of its own"
)]

mod connection;
mod options;
mod stream;

pub use options::NatsOptions;
pub use stream::NatsLog;
