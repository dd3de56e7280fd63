//! Folders of tiles: whole at every moment, and never other than the log.

use std::collections::BTreeMap;

use tidegate::proofs::{Checkpoint, DEFAULT_PREFIX, SignedCheckpoint, TilesOptions, TilesReport};
use tidegate::testing::{Disk, Env, FaultPlan, FaultyDisk, Mode, Model, SeededRandom, SimulatedClock};
use tidegate::{AppendOptions, Batch, Draft, ErrorKind, Result, Store, StoreOptions};
use tidegate_proof::tree::{self, MemoryTree, Tile, TileSource, leaf_hash, unbundle};
use tidegate_proof::{Entry, KeyAlgorithm, MemorySigner, SigningKey};

use super::naive;

/// A store with a signer of its log, and a disk for the folder.
struct Exporter {
    store: Store,
    signer: MemorySigner,
    out: FaultyDisk,
}

impl Exporter {
    fn new(seed: u64) -> Self {
        let env = Env { random: std::sync::Arc::new(SeededRandom::new(seed)), ..Env::memory() };
        let store = StoreOptions::new().thread(false).segment_bytes(60_000).open_in(env).unwrap();
        let origin = Checkpoint::origin_of(DEFAULT_PREFIX, store.id()).unwrap();
        let key = SigningKey::new(&origin, KeyAlgorithm::Ed25519, [seed as u8; 32]).unwrap();
        let signer = MemorySigner::new(key).unwrap();
        Self { store, signer, out: FaultyDisk::new(seed, Model::default()) }
    }

    /// Appends until the log has this many events, and signs it.
    fn at(&self, size: u64) -> SignedCheckpoint {
        let missing = size - self.store.frontier().visible.0;
        if missing > 0 {
            let drafts =
                (0..missing).map(|n| Draft::new(("s", format!("e-{}", n % 7)), "k").bytes(vec![n as u8; 3]));
            self.store.append_with(drafts.collect::<Batch>(), AppendOptions::new().synced()).unwrap();
        }
        self.store.proofs().checkpoint(&self.signer).unwrap()
    }

    fn export(&self, checkpoint: &SignedCheckpoint, entries: bool) -> Result<TilesReport> {
        self.store.proofs().export_tiles_in(checkpoint, &env(&self.out), TilesOptions::new().entries(entries))
    }

    /// Checks all that a reader of the folder can ask for under its checkpoint, and returns its size.
    fn check(&self, entries: bool) -> u64 {
        let tree = naive(&self.store);
        check_folder(&self.out, &tree, entries)
    }

    fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let at_rest = self.out.at_rest();
        at_rest.names().into_iter().map(|name| (name.clone(), at_rest.read(&name).unwrap())).collect()
    }
}

fn env(disk: &FaultyDisk) -> Env {
    Env::simulated(disk, &SimulatedClock::new(1), &SeededRandom::new(1))
}

fn read(disk: &FaultyDisk, name: &str) -> Option<Vec<u8>> {
    let file = disk.open(name, Mode::Read).ok()?;
    let mut bytes = vec![0; file.length().unwrap() as usize];
    file.read_full_at(&mut bytes, 0).unwrap();
    Some(bytes)
}

fn check_folder(disk: &FaultyDisk, tree: &MemoryTree, entries: bool) -> u64 {
    let Some(checkpoint) = read(disk, "checkpoint") else { return 0 };
    let signed: SignedCheckpoint = String::from_utf8(checkpoint).unwrap().parse().unwrap();
    let (size, root) = (signed.checkpoint().size(), signed.checkpoint().root());
    assert_eq!(root, tree::root(tree, size).unwrap());
    for tile in Tile::added(0, size) {
        // A reader asks for the partial form, and takes the full one if that has gone.
        let full = |path: &str| path.split(".p/").next().unwrap().to_owned();
        let path = tile.to_string();
        let bytes = read(disk, &path).or_else(|| read(disk, &full(&path)));
        let hashes = tile.decode(&bytes.unwrap_or_else(|| panic!("{tile} of {size} is missing"))).unwrap();
        assert_eq!(hashes, tree.tile(tile).unwrap(), "{tile}");
        if tile.level() == 0 && entries {
            let path = tile.entries_path();
            let bundle = read(disk, &path).or_else(|| read(disk, &full(&path))).unwrap();
            let shown = unbundle(&bundle).unwrap();
            assert!(shown.iter().map(|entry| leaf_hash(entry)).take(hashes.len()).eq(hashes), "{path}");
            assert_eq!(Entry::new(shown[0]).unwrap().position().0, tile.index() * 256 + 1);
        }
    }
    size
}

const SIZES: [u64; 9] = [0, 1, 2, 255, 256, 257, 600, 768, 1300];

#[test]
fn a_folder_grows_with_the_log() {
    let exporter = Exporter::new(1);
    let mut old = 0;
    for size in SIZES {
        let checkpoint = exporter.at(size);
        let report = exporter.export(&checkpoint, true).unwrap();
        assert_eq!((report.old, report.new, report.mended), (old, size, false));
        assert_eq!(exporter.check(true), size);
        // What is there already is written again only below the last full tile.
        let added = Tile::added(old / 256 * 256, size).count() as u64;
        assert!(report.files <= 2 * added + 2, "{size}: {report:?}");
        let again = exporter.export(&checkpoint, true).unwrap();
        assert_eq!((again.old, again.new, again.mended), (size, size, false));
        old = size;
    }
    // Partial forms go once the full tile is there, and nothing else is left behind.
    let names: Vec<String> = exporter.files().into_keys().collect();
    let expected = [
        ".lock",
        "checkpoint",
        "tile/0/000",
        "tile/0/001",
        "tile/0/002",
        "tile/0/003",
        "tile/0/004",
        "tile/0/005.p/20",
        "tile/1/000.p/1",
        "tile/1/000.p/2",
        "tile/1/000.p/3",
        "tile/1/000.p/5",
        "tile/entries/000",
        "tile/entries/001",
        "tile/entries/002",
        "tile/entries/003",
        "tile/entries/004",
        "tile/entries/005.p/20",
    ];
    assert_eq!(names, expected);
    // In one step it is the same.
    let fresh = Exporter { out: FaultyDisk::new(9, Model::default()), ..exporter };
    assert_eq!(fresh.export(&fresh.at(1300), false).unwrap().files, 5 + 1 + 1);
    assert_eq!(fresh.check(false), 1300);
    assert!(!fresh.files().keys().any(|name| name.contains("entries")));
}

/// The process dies at each call, and then the power goes: readers find the old whole state or the new one, and the next
/// export goes on.
#[test]
fn an_interrupted_export_leaves_a_whole_state() {
    let exporter = Exporter::new(2);
    let first = exporter.at(200);
    exporter.export(&first, true).unwrap();
    let second = exporter.at(600);
    let tree = naive(&exporter.store);
    let (whole, entries) = (exporter.out.fork().reopen(), TilesOptions::new().entries(true));
    exporter.store.proofs().export_tiles_in(&second, &env(&whole), entries).unwrap();
    let calls = whole.calls();
    assert!(calls > 20);
    let mut sizes = Vec::new();
    for nth in 1..=calls {
        let killed = exporter.out.fork().reopen();
        killed.set_plan(FaultPlan::default().crash_at(nth));
        let exported = exporter.store.proofs().export_tiles_in(&second, &env(&killed), entries);
        assert!(exported.is_err() && killed.ended(), "{nth}");
        // Towards the end names are made durable and removed, and the order of that is told by many power cuts.
        let cuts = if nth + 16 > calls { 12 } else { 2 };
        for seed in [None, Some(0)].into_iter().chain((1..=cuts).map(|cut| Some(nth + 1000 * cut))) {
            let left = killed.fork();
            if let Some(seed) = seed {
                if seed == 0 { left.lose_unsynced() } else { left.power_cut(seed) }
            }
            let left = left.reopen();
            let size = check_folder(&left, &tree, true);
            assert!(size == 200 || size == 600, "{nth}: {size}");
            sizes.push(size);
            exporter.store.proofs().export_tiles_in(&second, &env(&left), entries).unwrap();
            assert_eq!(check_folder(&left, &tree, true), 600);
        }
    }
    assert!(sizes.contains(&200) && sizes.contains(&600));
}

/// Each file that an export goes on from is missing, cut or has a flipped bit: all tiles are written anew.
#[test]
fn what_the_folder_says_is_not_believed() {
    for (size, broken) in [(600, "tile/1/000.p/2"), (768, "tile/1/000.p/3")] {
        let exporter = Exporter::new(3);
        exporter.export(&exporter.at(size), false).unwrap();
        let next = exporter.at(1100);
        let damages: [&dyn Fn(&FaultyDisk); 4] = [
            &|disk| disk.at_rest().flip_bit(broken, 77).unwrap(),
            &|disk| disk.at_rest().flip_bit(broken, 300).unwrap(),
            &|disk| disk.at_rest().truncate(broken, 32).unwrap(),
            &|disk| disk.at_rest().remove(broken).unwrap(),
        ];
        for damage in damages {
            let disk = exporter.out.fork().reopen();
            damage(&disk);
            let report =
                exporter.store.proofs().export_tiles_in(&next, &env(&disk), TilesOptions::new()).unwrap();
            assert!(report.mended);
            assert_eq!(check_folder(&disk, &naive(&exporter.store), false), 1100);
        }
    }
}

/// A full tile left of the edge, or a bundle of entries, is computed again if that is asked for, and the wrong one alone is
/// written.
#[test]
fn what_an_earlier_export_wrote_is_verified_if_asked_for() {
    let exporter = Exporter::new(7);
    exporter.export(&exporter.at(1100), true).unwrap();
    let verify = TilesOptions::new().entries(true).verify(true);
    for (size, wrong) in
        [(1100, "tile/0/001"), (1100, "tile/entries/002"), (1100, "tile/0/004.p/76"), (1300, "tile/0/001")]
    {
        let next = exporter.at(size);
        for damage in [
            &(|disk: &FaultyDisk| disk.at_rest().flip_bit(wrong, 77).unwrap()) as &dyn Fn(&FaultyDisk),
            &|disk| disk.at_rest().remove(wrong).unwrap(),
        ] {
            let disk = exporter.out.fork().reopen();
            damage(&disk);
            let intact = exporter.out.fork().reopen();
            let proofs = exporter.store.proofs();
            if !wrong.contains(".p/") {
                let believed = proofs.export_tiles_in(
                    &next,
                    &env(&disk.fork().reopen()),
                    TilesOptions::new().entries(true),
                );
                assert!(!believed.unwrap().mended, "{wrong} is not looked at");
            }
            let mended = proofs.export_tiles_in(&next, &env(&disk), verify).unwrap();
            let unbroken = proofs.export_tiles_in(&next, &env(&intact), verify).unwrap();
            assert_eq!((mended.mended, mended.files), (true, unbroken.files + 1), "{wrong}");
            assert!(!unbroken.mended);
            assert_eq!(check_folder(&disk, &naive(&exporter.store), true), size);
        }
    }
}

#[test]
fn entries_are_given_away_only_if_asked_for() {
    let exporter = Exporter::new(4);
    exporter.export(&exporter.at(300), false).unwrap();
    let report = exporter.export(&exporter.at(300), true).unwrap();
    assert!(report.mended);
    assert_eq!(exporter.check(true), 300);
    let before = exporter.files();
    let refused = exporter.export(&exporter.at(400), false).unwrap_err();
    assert_eq!((refused.kind(), exporter.files()), (ErrorKind::Invalid, before));
}

/// Nothing in the folder changes if it cannot be continued.
#[test]
fn another_history_is_refused() {
    let (one, other) = (Exporter::new(5), Exporter::new(6));
    let (older, newer) = (one.at(300), one.at(700));
    one.export(&newer, true).unwrap();
    let before = one.files();
    let refused = |exporter: &Exporter, checkpoint: &SignedCheckpoint| {
        let to = env(&one.out);
        let error = exporter
            .store
            .proofs()
            .export_tiles_in(checkpoint, &to, TilesOptions::new().entries(true))
            .unwrap_err();
        assert_eq!(one.files(), before, "{error}");
        error.kind()
    };
    assert_eq!(refused(&one, &older), ErrorKind::Older);
    assert_eq!(refused(&other, &other.at(800)), ErrorKind::Invalid, "another origin");
    assert_eq!(refused(&other, &newer), ErrorKind::Invalid, "the checkpoint is not of the store");
    // A signed head that the log never had, of the same store.
    let origin = newer.checkpoint().origin();
    let key = SigningKey::new(origin, KeyAlgorithm::Ed25519, [5; 32]).unwrap();
    let forged = Checkpoint::new(origin, 900, tree::root(&naive(&one.store), 3).unwrap()).unwrap();
    one.at(1000);
    assert_eq!(refused(&one, &forged.sign(&key).unwrap()), ErrorKind::Diverged);
    let late = Checkpoint::new(origin, 2000, forged.root()).unwrap();
    assert_eq!(refused(&one, &late.sign(&key).unwrap()), ErrorKind::Older);
    // The folder is of another history under the same name.
    let wrong = Checkpoint::new(origin, 700, forged.root()).unwrap().sign(&key).unwrap();
    one.out.at_rest().write("checkpoint", wrong.to_string().as_bytes()).unwrap();
    let before = one.files();
    let error = one.export(&one.at(1000), true).unwrap_err();
    assert_eq!((error.kind(), one.files()), (ErrorKind::Diverged, before));
    one.out.at_rest().write("checkpoint", b"hello\n").unwrap();
    assert_eq!(one.export(&one.at(1000), true).unwrap_err().kind(), ErrorKind::Invalid);
}
