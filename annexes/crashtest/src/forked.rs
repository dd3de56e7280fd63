//! The process that forks while it has a store open, and what its child finds of it.
//!
//! The parent leaves a batch in the queue, forks, and appends synced batches. Then the child makes one call with the
//! handles in its memory. It must be refused, or change nothing; the parent must find everything it acknowledged.

use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use fork::{Fork, fork, waitpid_nohang};
use tidegate::decide::{Decision, GateSet};
use tidegate::project::Projector;
use tidegate::subscription::Subscription;
use tidegate::subscription::cursor::{Change, Cursor, Delivery};
use tidegate::{
    AppendOptions, Draft, Error, ErrorKind, Position, Query, Receipt, RecordedEvent, Result, Store,
    StoreOptions, Ticket, View,
};

use crate::failure::{Failure, Outcome, ensure};
use crate::story::{self, Tally};
use crate::worker::{DONE, SAW_WRONG};

/// After this time the child counts as hanging.
const HANGS_AFTER: Duration = Duration::from_secs(20);
/// How long calls wait that can wait.
const SHORT: Duration = Duration::from_millis(50);
/// Batches that the parent appends after the fork.
const BATCHES: usize = 3;

/// What a process finds in its memory after it was forked.
struct Handles {
    store: &'static Store,
    before: View,
    receipt: Receipt,
    ticket: Option<Ticket>,
    subscription: Subscription,
    cursor: Cursor,
    delivery: Option<Delivery>,
    projector: Projector<Tally>,
}

/// What must come of a call in the child.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// It is refused as one of a forked process.
    Refused,
    /// It answers, and changes nothing.
    Harmless,
}

type Call = fn(&mut Handles) -> Result<()>;

/// Every public call that writes, waits or looks at the log, by name.
const CALLS: &[(&str, Expected, Call)] = &[
    ("append", Expected::Refused, |h| h.store.append(draft("child")).map(drop)),
    ("append buffered", Expected::Refused, |h| {
        h.store.append_with(draft("child"), AppendOptions::new().buffered()).map(drop)
    }),
    ("submit", Expected::Refused, |h| h.store.submit(draft("child")).map(drop)),
    ("decide", Expected::Refused, |h| {
        h.store.decide(|_| -> tidegate::Result<Decision> { Ok(draft("child").into()) }).map(drop)
    }),
    ("decide and deny", Expected::Refused, |h| {
        h.store.decide(|_| -> tidegate::Result<Decision> { Ok(Decision::deny("NO", "no")) }).map(drop)
    }),
    ("propose", Expected::Refused, |h| h.store.propose(&(), draft("child"), &GateSet::new()).map(drop)),
    ("guard", Expected::Refused, |h| h.store.guard(Query::ALL, GateSet::new())),
    ("wait for a ticket", Expected::Refused, |h| wait_all(h.ticket.take()).map(drop)),
    ("wait a while for a ticket", Expected::Refused, |h| match &mut h.ticket {
        Some(ticket) => ticket.wait_for(SHORT).map(drop),
        None => Ok(()),
    }),
    ("await a ticket", Expected::Refused, |h| match &mut h.ticket {
        Some(ticket) => match Pin::new(ticket).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(answer) => answer.map(drop),
            Poll::Pending => Err(Error::invalid("it is pending for ever")),
        },
        None => Ok(()),
    }),
    ("drop a ticket", Expected::Harmless, |h| {
        h.ticket = None;
        Ok(())
    }),
    ("view", Expected::Refused, |h| h.store.view().map(drop)),
    ("read", Expected::Refused, |h| h.store.read(&Query::ALL).map(drop)),
    ("read a view from before", Expected::Harmless, |h| {
        let head = h.before.head().0;
        let events = h.before.read(&Query::ALL).collect::<Result<Vec<_>>>()?;
        if events.len() as u64 == head { Ok(()) } else { Err(Error::invalid("events are missing")) }
    }),
    ("verify", Expected::Refused, |h| h.store.verify(|_| ()).map(drop)),
    ("check a receipt", Expected::Refused, |h| h.store.check_receipt(&h.receipt).map(drop)),
    ("wait until visible", Expected::Refused, |h| h.store.wait_visible(Position(99), SHORT).map(drop)),
    ("wait until durable", Expected::Refused, |h| h.store.wait_durable(Position(99), SHORT).map(drop)),
    ("step", Expected::Refused, |h| h.store.upkeep().step()),
    ("reindex", Expected::Refused, |h| h.store.upkeep().reindex().map(drop)),
    ("subscribe", Expected::Refused, |h| {
        h.store.subscribe(Query::ALL, Position::START).next_within(SHORT).map(drop)
    }),
    ("read on", Expected::Refused, |h| h.subscription.next_within(SHORT).map(drop)),
    ("open a cursor", Expected::Refused, |h| h.store.cursor("another", Query::ALL).map(drop)),
    ("take a delivery", Expected::Refused, |h| h.cursor.next_now().map(drop)),
    ("wait for a delivery", Expected::Refused, |h| h.cursor.next_within(SHORT).map(drop)),
    ("acknowledge a delivery", Expected::Refused, |h| {
        h.delivery.take().map_or(Ok(()), Delivery::ack)?;
        h.cursor.commit()
    }),
    ("drop a delivery", Expected::Harmless, |h| {
        h.delivery = None;
        Ok(())
    }),
    ("rewind a cursor", Expected::Refused, |h| h.cursor.change(Change::Rewind(Position::START)).map(drop)),
    ("run a reactor", Expected::Refused, |h| {
        let answer = |_: &_, _: &RecordedEvent| Ok(Some(draft("child").into()));
        h.store.reactor("another", Query::ALL, answer)?.step().map(drop)
    }),
    ("read a projection", Expected::Refused, |h| h.projector.read().map(drop)),
    ("save a projection", Expected::Refused, |h| h.projector.save()),
    ("close", Expected::Harmless, |h| h.store.close()),
];

/// Returns the names of the calls that a child can make, and of dropping all it finds.
pub fn names() -> impl Iterator<Item = &'static str> {
    CALLS.iter().map(|(name, ..)| *name).chain([DROP])
}

/// Dropping every handle.
const DROP: &str = "drop everything";

fn draft(entity: &str) -> Draft {
    Draft::new(("fork", entity.to_owned()), story::NOTE).bytes(vec![b'x'; 100])
}

fn wait_all(ticket: Option<Ticket>) -> Result<Option<Receipt>> {
    ticket.map(Ticket::wait).transpose()
}

/// Opens a store, forks, makes a call in the child, and looks at what became of the store.
pub fn forked(directory: &Path, thread: bool, name: &str) -> u8 {
    match fork_and_look(directory, thread, name) {
        Ok(()) => DONE,
        Err(failure) => {
            println!("wrong {failure}");
            SAW_WRONG
        }
    }
}

fn fork_and_look(directory: &Path, thread: bool, name: &str) -> Outcome {
    let options = StoreOptions::new().thread(thread);
    // It lives to the end of the process, like a store in a static.
    let store: &'static Store = Box::leak(Box::new(options.open(directory)?));
    let mut receipts = vec![store.append(draft("parent"))?];
    store.append(draft("parent"))?;
    let mut handles = handles(store, receipts[0].clone(), thread)?;
    let go = directory.with_extension("go");
    match fork()? {
        Fork::Child => {
            let end = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| be_child(handles, &go, name)));
            std::process::exit(i32::from(end.unwrap_or(SAW_WRONG)));
        }
        Fork::Parent(child) => {
            for _ in 0..BATCHES {
                receipts.push(store.append(draft("parent"))?);
            }
            std::fs::write(&go, "go")?;
            wait_for(child)?;
            receipts.extend(wait_all(handles.ticket.take())?);
            receipts.push(store.append(draft("parent"))?);
            drop(handles);
            store.close()?;
        }
    }
    look(directory, &receipts)
}

/// Handles of each sort, in use.
fn handles(store: &'static Store, receipt: Receipt, thread: bool) -> Result<Handles> {
    let cursor = store.cursor("reader", Query::ALL)?;
    let delivery = cursor.next_now()?;
    let mut subscription = store.subscribe(Query::ALL, Position::START);
    while subscription.next_now()?.is_some() {}
    let projector = store.projector()?;
    projector.read()?;
    let before = store.view()?;
    // With a thread it would be committed by the time of the fork, and there was nothing to lead.
    let ticket = if thread { None } else { Some(store.submit(draft("parent"))?) };
    Ok(Handles { store, before, receipt, ticket, subscription, cursor, delivery, projector })
}

/// Makes the call once the parent has appended. Returns what the process ends with.
fn be_child(mut handles: Handles, go: &Path, name: &str) -> u8 {
    let start = Instant::now();
    while !go.exists() {
        if start.elapsed() > HANGS_AFTER {
            return SAW_WRONG;
        }
        std::thread::yield_now();
    }
    let Some((_, expected, call)) = CALLS.iter().find(|(known, ..)| *known == name) else {
        drop(handles);
        return if name == DROP { DONE } else { SAW_WRONG };
    };
    let without_ticket = handles.ticket.is_none() && name.contains("a ticket");
    let fits = match call(&mut handles) {
        Err(error) => {
            let refused = error.kind() == ErrorKind::Locked && error.to_string().contains("forked");
            *expected == Expected::Refused && refused
        }
        Ok(()) => *expected == Expected::Harmless || without_ticket,
    };
    if fits { DONE } else { SAW_WRONG }
}

fn wait_for(child: i32) -> Outcome {
    let start = Instant::now();
    loop {
        if let Some(status) = waitpid_nohang(child)? {
            return ensure(status == 0, || format!("the child ended with status {status:#x}"));
        }
        ensure(start.elapsed() < HANGS_AFTER, || "the child hangs".into())?;
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Everything acknowledged is there, and nothing of the child's.
fn look(directory: &Path, receipts: &[Receipt]) -> Outcome {
    let store = Store::open(directory)?;
    store.verify(|_| ())?;
    for receipt in receipts {
        let agrees = store.check_receipt(receipt)?;
        ensure(agrees == tidegate::batch::ReceiptStatus::Agrees, || {
            format!("the receipt of {} is answered by {agrees:?}", receipt.first())
        })?;
    }
    for event in store.read(&Query::ALL)? {
        let event = event?;
        ensure(event.entity() == "parent", || format!("the child wrote event {}", event.position()))?;
    }
    store.close().map_err(Failure::from)
}
