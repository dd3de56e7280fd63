//! A copy holds everything that its source holds: exporting the copy gives the same lines.

use std::path::Path;

use tidegate::batch::Bypass;
use tidegate::decide::{Decision, GateSet, Verdict, gate};
use tidegate::{
    AppendOptions, Batch, Cause, Draft, EventId, Position, Query, RecordedEvent, StoreId, StoreOptions,
    StoreReader, StreamId,
};
use tidegate_format::PayloadType;

use super::copies_keep_what_a_store_says::{copy, exported, open};
use crate::program::{TempFolder, run};

const SEEDS: u64 = 12;
const BATCHES: u64 = 60;

struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    fn bytes(&mut self) -> Vec<u8> {
        (0..self.below(40)).map(|_| self.below(256) as u8).collect()
    }

    fn text(&mut self) -> String {
        const PIECES: [&str; 10] = ["a", "ß", "\u{202e}", "名", "/", "\"", "\\", " ", "🌊", "\u{200b}"];
        (0..=self.below(4)).map(|_| PIECES[self.below(10) as usize]).collect()
    }

    fn payload(&mut self, draft: Draft) -> Draft {
        match self.below(6) {
            0 => draft,
            1 => draft.bytes(self.bytes()),
            2 => draft.message_pack(self.bytes()),
            3 => draft.json_text(String::from_utf8_lossy(&self.bytes()).into_owned()),
            4 => draft.json_text(format!(
                "{{\"a\" :\t{},\n\"b\":\"{}\u{9b}\u{202e}\"}}",
                self.below(9),
                self.below(9)
            )),
            _ => draft.message_pack(&b"\x82\xa1a\x01\xa1b\xc4\x01\xff"[..]),
        }
    }

    /// A draft as the one at `index` of its batch.
    fn draft(&mut self, index: u64, head: Position) -> Draft {
        let stream = StreamId::new(self.text(), format!("e{}", self.below(4))).lane(self.below(2) as u32);
        let mut draft = Draft::new(stream, ["k.a", "k.b", "other"][self.below(3) as usize]);
        draft = self.payload(draft).schema(1 + self.below(3) as u16);
        for _ in 0..self.below(3) {
            draft = draft.tag(self.text());
        }
        for _ in 0..self.below(4) {
            draft = match self.below(3) {
                0 if head > Position::START => draft.cause(Position(1 + self.below(head.0))),
                1 if index > 0 => draft.cause(Cause::Draft(self.below(index) as u32)),
                2 => draft.cause(Cause::Foreign(StoreId([self.below(9) as u8; 16]), EventId([7; 16]))),
                _ => draft,
            };
        }
        if self.one_in(4) {
            draft = draft.correlation(EventId([self.below(9) as u8; 16]));
        }
        for _ in 0..self.below(3) {
            draft = draft
                .meta(["m", "import.key", "import.time", "n\u{feff}"][self.below(4) as usize], self.text());
        }
        draft
    }
}

fn history(path: &str, seed: u64) {
    let mut dice = Dice(seed);
    let options = StoreOptions::new().segment_bytes(4096);
    let mut store = options.open(path).unwrap();
    for number in 0..BATCHES {
        let head = store.view().unwrap().head();
        let drafts = (0..=dice.below(4)).map(|index| dice.draft(index, head));
        let mut batch: Batch = drafts.collect::<Vec<_>>().into();
        if dice.one_in(3) {
            batch = batch.key(format!("{} {number}", dice.text()));
        }
        if dice.one_in(9) {
            let bypass = Bypass { reason: "r".into(), justification: dice.text() + "j", approver: None };
            batch = batch.bypassing(bypass);
        }
        let append = AppendOptions::new().buffered().keep_footprint(dice.one_in(2));
        if dice.one_in(4) {
            let gates =
                GateSet::new().and(gate("any", |_: &tidegate::decide::Proposal<'_>, _| Ok(Verdict::Allow)));
            assert!(store.propose_with(&(), batch, &gates, append).unwrap().receipt().is_some());
        } else {
            let decided = store.decide_with(append, |view| -> tidegate::Result<Decision> {
                view.count(&Query::ALL)?;
                Ok(Decision::Append(batch.clone()))
            });
            assert!(decided.unwrap().receipt().is_some());
        }
        if dice.one_in(20) {
            store.close().unwrap();
            store = options.open(path).unwrap();
        }
    }
    store.close().unwrap();
}

/// What a copy keeps of an event; its leaf is the same if the store noted nothing in the stream.
fn kept(event: &RecordedEvent) -> impl PartialEq + std::fmt::Debug + use<> {
    let place = (event.position(), event.version(), event.id(), event.time(), event.stream());
    let payload: (PayloadType, Vec<u8>) = (event.payload_type(), event.payload().unwrap().to_vec());
    let names: Vec<String> = event.tags().map(str::to_owned).collect();
    let key = event.record().key().map(|(key, content)| (key.to_owned(), content));
    let links = (event.causes().collect::<Vec<_>>(), event.correlation(), key, event.record().ends_batch());
    (place, event.kind().to_owned(), event.schema(), payload, names, links)
}

#[track_caller]
fn is_copied(place: &TempFolder, path: &str, what: &str) {
    let copied = copy(place, path, &format!("copy of {what}"));
    assert_eq!(exported(&copied), exported(path), "{what}");
    let events = |path: &str| {
        let store = StoreReader::open(path).unwrap();
        store.read(&Query::ALL).unwrap().map(|event| kept(&event.unwrap())).collect::<Vec<_>>()
    };
    let (new, old) = (events(&copied), events(path));
    assert!(new == old, "{what}: {:?}", new.iter().zip(&old).find(|(new, old)| new != old));
    run(&["verify", &copied]).ok();
    assert_ne!(open(&copied).id(), open(path).id());
}

#[test]
fn a_random_history_is_copied_whole() {
    let place = TempFolder::new();
    for seed in 0..SEEDS {
        let path = place.path(&format!("store {seed}"));
        history(&path, seed);
        is_copied(&place, &path, &format!("seed {seed}"));
    }
}

#[test]
fn the_git_history_is_copied_whole() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/git-history.jsonl.gz");
    if !file.is_file() {
        return;
    }
    let place = TempFolder::new();
    let path = place.path("store");
    run(&["import", &path, file.to_str().unwrap()]).ok();
    is_copied(&place, &path, "git");
}
