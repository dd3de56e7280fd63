//! A folder of tiles and proofs that a real store made, under the eyes of `signed_note` and `tlog_tiles`.
//!
//! Nothing of it is believed: the root and every tile are computed once more from the entries. A reader that takes tiles as
//! they are accepts an entry that was forged together with its tile; the last test shows that this check does not.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::fs;
use std::path::{Path, PathBuf};

use signed_note::{Note, StandardVerifier, VerifierList};
use tidegate::proofs::{
    Checkpoint, DEFAULT_PREFIX, DisclosureForm, KeyFile, SignedCheckpoint, Signer, TilesOptions,
};
use tidegate::{AppendOptions, Batch, Draft, Position, Store};
use tlog_tiles::{Hash, HashReader, Tile};

/// Sizes of the log at which the folder is exported, the last one with a tile on level 2.
const SIZES: [u64; 4] = [300, 512, 30_000, 66_000];

/// Hashes that were computed from entries, as `tlog_tiles` stores them.
struct Computed(Vec<Hash>);

impl HashReader for Computed {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, tlog_tiles::Error> {
        Ok(indexes.iter().map(|index| self.0[usize::try_from(*index).unwrap()]).collect())
    }
}

fn checkpoint(note: &[u8], key: &str) -> Result<tlog_tiles::Checkpoint, String> {
    let note = Note::from_bytes(note).map_err(|error| error.to_string())?;
    let verifier = StandardVerifier::new(key).unwrap();
    note.verify(&VerifierList::new(vec![Box::new(verifier)])).map_err(|error| error.to_string())?;
    tlog_tiles::Checkpoint::from_bytes(note.text()).map_err(|error| error.to_string())
}

/// Reads all entries of a folder, bundle for bundle.
fn entries(folder: &Path, size: u64) -> Result<Vec<Vec<u8>>, String> {
    let mut entries = Vec::new();
    for tile in Tile::new_tiles(8, 0, size).into_iter().filter(|tile| tile.level() == 0) {
        let path = tile.path().replacen("tile/8/0/", "tile/entries/", 1);
        let bundle = fs::read(folder.join(&path)).map_err(|error| format!("{path}: {error}"))?;
        let (mut rest, before) = (&bundle[..], entries.len());
        while let Some((length, behind)) = rest.split_first_chunk::<2>() {
            let (entry, behind) =
                behind.split_at_checked(u16::from_be_bytes(*length).into()).ok_or("a bundle is cut")?;
            entries.push(entry.to_vec());
            rest = behind;
        }
        if !rest.is_empty() || entries.len() - before != tile.width() as usize {
            return Err(format!("{path} has another number of entries"));
        }
    }
    Ok(entries)
}

/// Checks a folder against the key of its log, and returns its size.
fn check(folder: &Path, key: &str) -> Result<(u64, Computed), String> {
    let note = fs::read(folder.join("checkpoint")).map_err(|error| error.to_string())?;
    let checkpoint = checkpoint(&note, key)?;
    let mut computed = Computed(Vec::new());
    for (n, entry) in (0..).zip(entries(folder, checkpoint.size())?) {
        let hashes = tlog_tiles::stored_hashes(n, &entry, &computed).unwrap();
        computed.0.extend(hashes);
    }
    if tlog_tiles::tree_hash(checkpoint.size(), &computed).unwrap() != *checkpoint.hash() {
        return Err("the entries do not lead to the root".to_owned());
    }
    for tile in Tile::new_tiles(8, 0, checkpoint.size()) {
        let path = tile.path().replacen("tile/8/", "tile/", 1);
        let found = fs::read(folder.join(&path)).map_err(|error| format!("{path}: {error}"))?;
        if found != tile.read_data(&computed).unwrap() {
            return Err(format!("{path} is not what the entries lead to"));
        }
    }
    Ok((checkpoint.size(), computed))
}

/// A store in a directory, with its key and the folder it is exported to.
struct Exporter {
    folder: tempfile::TempDir,
    store: Store,
    key: KeyFile,
}

impl Exporter {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("store")).unwrap();
        let origin = Checkpoint::origin_of(DEFAULT_PREFIX, store.id()).unwrap();
        let key = KeyFile::create(folder.path().join("keys/log.key"), &origin).unwrap();
        Self { folder, store, key }
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("public")
    }

    fn vkey(&self) -> String {
        self.key.key().to_string()
    }

    fn export(&self, size: u64) -> SignedCheckpoint {
        while self.store.frontier().visible.0 < size {
            let count = (size - self.store.frontier().visible.0).min(2000);
            let draft = |n: u64| {
                let draft = Draft::new(("shop", format!("order-{}", n % 97)), "order.paid");
                draft.bytes(vec![n as u8; (n % 5) as usize]).tag(format!("tag:{}", n % 3))
            };
            let batch: Batch = (0..count).map(draft).collect();
            self.store.append_with(batch, AppendOptions::new().buffered()).unwrap();
        }
        let signed = self.store.proofs().checkpoint(&self.key).unwrap();
        self.store.proofs().export_tiles(&signed, self.out(), TilesOptions::new().entries(true)).unwrap();
        signed
    }
}

#[test]
fn a_store_is_accepted_by_verifiers_of_others() {
    let exporter = Exporter::new();
    let mut heads: Vec<tlog_tiles::Checkpoint> = Vec::new();
    for size in SIZES {
        let signed = exporter.export(size);
        let (checked, computed) = check(&exporter.out(), &exporter.vkey()).unwrap();
        assert_eq!(checked, size);
        let head = checkpoint(signed.to_string().as_bytes(), &exporter.vkey()).unwrap();
        for position in [1, 2, size / 3, size / 2, size] {
            let proof =
                exporter.store.proofs().prove(Position(position), &signed, DisclosureForm::Entry).unwrap();
            check_proof(&proof.to_string(), &exporter.vkey(), position);
        }
        for old in &heads {
            let proof = exporter.store.proofs().consistency(old.size(), size).unwrap();
            let hashes = proof.hashes.iter().map(|hash| Hash(hash.0)).collect::<Vec<_>>();
            tlog_tiles::check_tree(&hashes, size, *head.hash(), old.size(), *old.hash()).unwrap();
            assert_eq!(tlog_tiles::prove_tree(size, old.size(), &computed).unwrap(), hashes);
        }
        heads.push(head);
    }
    let other = StandardVerifier::new(&Exporter::new().vkey()).unwrap();
    let note = fs::read(exporter.out().join("checkpoint")).unwrap();
    assert!(Note::from_bytes(&note).unwrap().verify(&VerifierList::new(vec![Box::new(other)])).is_err());
}

/// Reads a `.tlog-proof` by its specification alone.
fn check_proof(text: &str, key: &str, position: u64) {
    let (head, note) = text.split_once("\n\n").unwrap();
    let mut lines = head.lines();
    assert_eq!(lines.next(), Some("c2sp.org/tlog-proof@v1"));
    let extra = lines.next().and_then(|line| line.strip_prefix("extra ")).unwrap();
    let index: u64 = lines.next().and_then(|line| line.strip_prefix("index ")).unwrap().parse().unwrap();
    let hashes: Vec<Hash> = lines.map(|line| Hash::parse_hash(line).unwrap()).collect();
    let shown = <base64ct::Base64 as base64ct::Encoding>::decode_vec(extra).unwrap();
    let (form, entry) = shown.split_first().unwrap();
    assert_eq!((*form, entry.len(), index), (0, 136, position - 1));
    assert_eq!(entry[..8], position.to_le_bytes());
    let head = checkpoint(note.as_bytes(), key).unwrap();
    let leaf = tlog_tiles::record_hash(entry);
    tlog_tiles::check_record(&hashes, head.size(), *head.hash(), index, leaf).unwrap();
}

/// An entry alone, an entry together with its tile, and any tile.
#[test]
fn a_forged_folder_is_not_accepted() {
    let exporter = Exporter::new();
    exporter.export(700);
    let (out, key) = (exporter.out(), exporter.vkey());
    let flip = |path: &str, at: usize| {
        let mut bytes = fs::read(out.join(path)).unwrap();
        bytes[at] ^= 1;
        fs::write(out.join(path), bytes).unwrap();
    };
    assert!(check(&out, &key).is_ok());
    for path in
        ["tile/0/000", "tile/0/002.p/188", "tile/1/000.p/2", "tile/entries/001", "tile/entries/002.p/188"]
    {
        for at in [2, 40, 130] {
            flip(path, at % fs::metadata(out.join(path)).unwrap().len() as usize);
            assert!(check(&out, &key).is_err(), "{path} {at}");
            flip(path, at % fs::metadata(out.join(path)).unwrap().len() as usize);
        }
    }
    flip("tile/entries/000", 2 + 90);
    let entry = fs::read(out.join("tile/entries/000")).unwrap()[2..138].to_vec();
    let mut tile = fs::read(out.join("tile/0/000")).unwrap();
    tile[..32].copy_from_slice(&tlog_tiles::record_hash(&entry).0);
    fs::write(out.join("tile/0/000"), tile).unwrap();
    assert!(check(&out, &key).is_err_and(|error| error.contains("root")));
}
