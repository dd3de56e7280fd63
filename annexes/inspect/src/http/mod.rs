//! HTTP: as much of it as a page on the same machine needs.

mod response;
mod request;
mod guard;

pub(crate) use guard::Guard;
pub(crate) use request::{Request, read_request};
pub(crate) use response::{Response, start_stream, write_all};
