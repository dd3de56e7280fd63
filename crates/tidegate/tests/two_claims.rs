//! Two linked types with one kind: no store opens. A program of its own, because all its stores are refused.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
#![allow(clippy::disallowed_methods, reason = "tests stand outside the store and look at real files")]

use tidegate::{ErrorKind, Event, Store, StoreOptions, StoreReader};

mod shop {
    #[derive(super::Event)]
    #[event(kind = "claims.placed")]
    pub(super) struct Placed;
}

mod audit {
    #[derive(super::Event)]
    pub(super) enum Entry {
        #[event(kind = "claims.placed")]
        Placed,
        #[event(kind = "claims.audited")]
        Audited,
    }

    /// Holding an event type claims nothing.
    #[derive(super::Event)]
    pub(super) enum Both {
        Shop(super::shop::Placed),
        Entry(Entry),
    }
}

#[test]
fn no_store_opens() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    for error in [
        Store::open(&path).unwrap_err(),
        StoreOptions::new().create(false).open(&path).unwrap_err(),
        StoreReader::open(&path).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Invalid);
        let message = error.message();
        assert!(message.starts_with("two types claim the kind \"claims.placed\": "), "{message}");
        assert!(
            message.contains("two_claims::audit::Entry (crates/tidegate/tests/two_claims.rs:"),
            "{message}"
        );
        assert!(
            message.contains("two_claims::shop::Placed (crates/tidegate/tests/two_claims.rs:"),
            "{message}"
        );
        assert_eq!(message.matches("two types").count(), 1, "{message}");
    }
    assert!(!folder.path().join("store").exists(), "nothing is created");
    let held = [audit::Both::Shop(shop::Placed), audit::Both::Entry(audit::Entry::Audited)];
    assert_eq!((held.len(), matches!(held[1], audit::Both::Entry(audit::Entry::Placed))), (2, false));
}
