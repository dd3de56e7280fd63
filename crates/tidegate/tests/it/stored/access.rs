//! Opening one store in different ways, to ask it the same. Handles are cheap to clone, are shared between threads, and
//! one that only reads is what a writing one derefs to.

use std::ops::Deref;

use tidegate::project::Projector;
use tidegate::subscription::cursor::{Cursor, Delivery};
use tidegate::subscription::reactor::{Reactor, Step};
use tidegate::subscription::{Subscription, Tap};
use tidegate::testing::Env;
use tidegate::{
    Draft, ErrorKind, Events, Query, Receipt, RecordedEvent, Result, Store, StoreOptions, StoreReader,
    Ticket, View,
};

/// A way to open a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// For writing, and it is created if there is none.
    Create,
    /// For writing.
    Write,
    /// For reading only.
    Read,
}

/// A store that was opened in one of these ways.
#[derive(Clone, Debug)]
pub(crate) enum Opened {
    Writer(Store),
    Reader(StoreReader),
}

impl Access {
    pub(crate) fn open(self, env: Env, options: StoreOptions) -> Result<Opened> {
        match self {
            Self::Read => options.open_reader_in(env).map(Opened::Reader),
            _ => options.create(self == Self::Create).open_in(env).map(Opened::Writer),
        }
    }
}

impl Opened {
    pub(crate) fn writer(&self) -> &Store {
        match self {
            Self::Writer(store) => store,
            Self::Reader(_) => panic!("it was opened for reading only"),
        }
    }

    /// Closes what writes; a reader has nothing to close.
    pub(crate) fn close(&self) -> Result<()> {
        match self {
            Self::Writer(store) => store.close(),
            Self::Reader(_) => Ok(()),
        }
    }
}

impl Deref for Opened {
    type Target = StoreReader;

    fn deref(&self) -> &StoreReader {
        match self {
            Self::Writer(store) => store,
            Self::Reader(reader) => reader,
        }
    }
}

/// What every thread may share. It is checked when this compiles.
const _: () = {
    const fn shared<T: Send + Sync>() {}
    const fn cloned<T: Clone>() {}
    cloned::<Store>();
    cloned::<StoreReader>();
    cloned::<View>();
    cloned::<Cursor>();
    shared::<Store>();
    shared::<StoreReader>();
    shared::<View>();
    shared::<Cursor>();
    shared::<Delivery>();
    shared::<Reactor<fn()>>();
    shared::<Projector<u64>>();
    shared::<Subscription>();
    shared::<Tap>();
    shared::<Events>();
    shared::<Ticket>();
    shared::<Receipt>();
    shared::<RecordedEvent>();
    shared::<tidegate::Error>();
};

fn count(reader: &StoreReader) -> Result<u64> {
    reader.count(&Query::ALL)
}

fn one() -> Draft {
    Draft::new(("shop", "order-7"), "order.placed")
}

#[test]
fn the_last_one_closes_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let first = Store::open(folder.path()).unwrap();
    let second = first.clone();
    drop(first);
    second.append(one()).unwrap();
    assert_eq!(Store::open(folder.path()).unwrap_err().kind(), ErrorKind::Locked);
    drop(second);
    assert_eq!(count(&Store::open(folder.path()).unwrap()).unwrap(), 1);
}

/// A handle that only reads does not keep the writer open, and reads on when it has ended.
#[test]
fn one_that_reads_keeps_no_writer_open() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let reader = store.reader();
    store.append(one()).unwrap();
    assert_eq!((count(&reader).unwrap(), count(&store).unwrap()), (1, 1));
    drop(store);
    let next = Store::open(folder.path()).unwrap();
    next.append(one()).unwrap();
    assert_eq!(
        (count(&reader).unwrap(), count(&next).unwrap()),
        (1, 2),
        "it shows what its own writer wrote"
    );
}

#[test]
fn a_reactor_keeps_the_store_it_appends_to() {
    let store = Store::in_memory().unwrap();
    store.append(one()).unwrap();
    let reader = store.reader();
    let reactor = {
        let store = store;
        store.reactor("bills", Query::ALL, |_, _| Ok(Some(one().into()))).unwrap()
    };
    assert!(matches!(reactor.step().unwrap(), Step::Reacted(_)));
    assert_eq!(count(&reader).unwrap(), 2);
}

/// A reader process sees what is durable, so it waits for nothing else.
#[test]
fn a_reader_waits_for_what_is_durable() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let reader = StoreReader::open(folder.path()).unwrap();
    let last = store.append(one()).unwrap().last();
    let long = std::time::Duration::from_secs(60);
    assert_eq!(reader.wait_durable(last, long).unwrap(), last);
    let error = reader.wait_durable(last.next(), std::time::Duration::ZERO).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}
