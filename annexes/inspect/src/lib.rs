//! The inspector: a store, live, in a browser.
//!
//! A small HTTP server on the loopback interface that shows a store and changes nothing: events, what led to what, readers and
//! how far they lag, proofs, files, and all of it as of any earlier position. `tidegate inspect DIR` runs it beside a writer;
//! a program that has a store open can serve it from one of its own threads.
//!
//! ```
//! use std::net::TcpListener;
//! use tidegate::{Draft, Store};
//! use tidegate_inspect::Inspector;
//!
//! let store = Store::in_memory()?;
//! store.append(Draft::new(("shop", "order-7"), "order.placed"))?;
//!
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let inspector = Inspector::new(store.reader())?.name("shop");
//! println!("open {}", inspector.address(&listener)?);
//! std::thread::spawn(move || inspector.serve(&listener));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Other programs on the machine, other users of it and pages of other sites are kept out; docs/inspector.md says how.
//!
//! Reading order: `http` (requests, answers, who may ask), `page` (the files of the page), `answer` (what each address
//! answers), `live` (events as they come), `server` (connections).
#![allow(clippy::disallowed_methods, reason = "a program outside the store")]

mod http;
mod page;
mod answer;
mod live;
mod server;

pub use server::Inspector;
