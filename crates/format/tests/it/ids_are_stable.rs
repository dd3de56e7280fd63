//! Ids from keys and times mean the same in every version, on every machine.

use proptest::prelude::*;
use tidegate_format::{ErrorKind, EventId, StoreId, hash};

#[test]
fn golden_ids() {
    let id = EventId::from_key("shop", "invoice 7");
    assert_eq!(id.to_string(), "c63ad48d-5e17-8a60-bfbe-2cc31372b284");
    let id = EventId::from_time(1_795_000_000_123_456, &[0xff; 10]);
    assert_eq!(id.to_string(), "01a1ee56-5e7b-7fff-bfff-ffffffffffff");
    assert_eq!(StoreId::from_time(1_795_000_000_123_456, &[0xff; 10]).0, id.0);
}

#[test]
fn texts_that_are_no_ids() {
    for text in ["", "7", "0195fdd6-0000-7000-8000-00000000000", "0195fdd6-0000-7000-8000-00000000000g"] {
        assert_eq!(text.parse::<EventId>().unwrap_err().kind(), ErrorKind::Invalid);
    }
}

proptest! {
    /// However a text is split into scope and key, each split is another id.
    #[test]
    fn keys_do_not_run_into_scopes(text in "[a-b\u{0}é]{1,12}") {
        let splits = text.char_indices().map(|(at, _)| text.split_at(at));
        let mut ids: Vec<_> = splits.map(|(scope, key)| EventId::from_key(scope, key)).collect();
        ids.push(EventId::from_key(&text, ""));
        let count = ids.len();
        ids.sort();
        ids.dedup();
        prop_assert_eq!(ids.len(), count);
        prop_assert!(ids.iter().all(|id| id.0[6] >> 4 == 8 && id.0[8] >> 6 == 2));
    }

    #[test]
    fn ids_sort_by_time(early in 0..1_u64 << 50, later in 1_000..1_u64 << 50, random: [[u8; 10]; 2]) {
        let (one, two) = (EventId::from_time(early, &random[0]), EventId::from_time(early + later, &random[1]));
        prop_assert!(one < two);
        prop_assert!([one, two].iter().all(|id| id.0[6] >> 4 == 7 && id.0[8] >> 6 == 2));
    }

    #[test]
    fn ids_are_read_back(bytes: [u8; 16]) {
        prop_assert_eq!(EventId(bytes).to_string().parse::<EventId>().unwrap(), EventId(bytes));
        prop_assert_eq!(StoreId(bytes).to_string().parse::<StoreId>().unwrap(), StoreId(bytes));
    }

    /// Parts are hashed with their lengths, so moving a byte or a border changes the hash.
    #[test]
    fn parts_do_not_run_together(parts in prop::collection::vec("[ab]{0,3}", 0..4), others in prop::collection::vec("[ab]{0,3}", 0..4)) {
        let hash = |parts: &[String]| {
            let parts: Vec<&[u8]> = parts.iter().map(String::as_bytes).collect();
            hash::parts(b"test", &parts)
        };
        prop_assert_eq!(hash(&parts) == hash(&others), parts == others);
    }
}
