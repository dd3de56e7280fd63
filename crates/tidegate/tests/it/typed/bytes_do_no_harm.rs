//! Whatever bytes a payload has, reading it is an answer: a value or an error with a position.

use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use tidegate::{Draft, ErrorKind, ErrorPlace, Event, Position};

use super::{again, appended};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Tree {
    Leaf,
    Not(Box<Tree>),
    Both(Box<Tree>, Box<Tree>),
    Many(Vec<Tree>),
    Named { inner: Box<Tree> },
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Event)]
#[event(kind = "harm.grown")]
struct Grown {
    tree: Tree,
    list: Vec<u64>,
    text: String,
    maybe: Option<Box<Grown>>,
}

impl Grown {
    fn new(tree: Tree) -> Self {
        Self { tree, list: vec![1, 2], text: "t".to_owned(), maybe: None }
    }
}

fn tree(levels: usize) -> Tree {
    (0..levels).fold(Tree::Leaf, |tree, _| Tree::Not(Box::new(tree)))
}

fn read(payload: Vec<u8>) -> tidegate::Result<Grown> {
    Grown::of(&appended(Draft::new(("s", "e"), "harm.grown").message_pack(payload)))
}

/// Runs on a stack of which a decoder that counts no levels has far too little.
fn on_a_small_stack(run: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(512 << 10).spawn(run).unwrap().join().unwrap();
}

fn assert_told(error: &tidegate::Error) {
    assert_eq!(
        (error.kind(), error.place()),
        (ErrorKind::Invalid, Some(&ErrorPlace::Event(Position(1)))),
        "{error}"
    );
    assert!(error.message().contains("kind harm.grown in version 1: the payload is no "), "{error}");
}

#[test]
fn deep_values_are_refused_when_written_and_when_read() {
    on_a_small_stack(|| {
        // The struct itself is one level.
        assert_eq!(again(&Grown::new(tree(63))), Grown::new(tree(63)));
        let error = Grown::new(tree(64)).draft(("s", "e")).unwrap_err();
        assert!(error.to_string().contains("more than 64 levels"), "{error}");
        for (step, count) in [(&b"\x81\xa3Not"[..], 100_000), (b"\x91", 1 << 20), (b"\x81\xa5maybe", 100_000)]
        {
            let payload = [b"\x84\xa4tree", step.repeat(count).as_slice()].concat();
            assert_told(&read(payload).unwrap_err());
        }
        let json = format!(r#"{{"tree":{}"#, r#"{"Not":"#.repeat(100_000));
        let draft = Draft::new(("s", "e"), "harm.grown").json_text(json);
        assert_told(&Grown::of(&appended(draft)).unwrap_err());
    });
}

#[test]
fn lengths_that_lie_take_no_memory() {
    for lie in [
        &b"\x81\xa4list\xdd\xff\xff\xff\xff"[..],
        b"\x81\xa4text\xdb\xff\xff\xff\xff",
        b"\x81\xa4text\xc6\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\xc9\xff\xff\xff\xff\x01",
    ] {
        let error = read(lie.to_vec()).unwrap_err();
        assert_told(&error);
        assert!(error.to_string().contains("it ends within a value"), "{error}");
    }
}

#[test]
fn what_follows_a_value_is_an_error() {
    let mut payload = Grown::new(Tree::Leaf).draft(("s", "e")).unwrap().payload.into_owned();
    assert!(read(payload.clone()).is_ok());
    payload.push(0xc0);
    assert_told(&read(payload).unwrap_err());
    assert_told(&Grown::of(&appended(Draft::new(("s", "e"), "harm.grown"))).unwrap_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_answered(payload in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Err(error) = read(payload) {
            assert_told(&error);
        }
    }

    #[test]
    fn any_change_is_answered(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let both = Tree::Both(Box::new(tree(2)), Box::new(Tree::Named { inner: Box::new(Tree::Many(vec![])) }));
        let mut payload = Grown::new(both).draft(("s", "e")).unwrap().payload.into_owned();
        for (at, byte) in changes {
            let at = at.index(payload.len());
            payload[at] = byte;
        }
        if let Err(error) = read(payload) {
            assert_told(&error);
        }
    }
}
