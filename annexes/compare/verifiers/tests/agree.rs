//! Notes, checkpoints, tiles, inclusion and consistency proofs of ours, under the eyes of `signed_note` and `tlog_tiles`.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use signed_note::{Note, StandardSigner, StandardVerifier, VerifierList};
use tidegate_proof::tree::{self, ConsistencyProof, InclusionProof, MemoryTree, Tile, TileSource};
use tidegate_proof::{Checkpoint, KeyAlgorithm, SignedNote, SigningKey};
use tlog_tiles::{HashReader, TileHashReader, TileReader};

/// Around the borders of tiles, of both kinds.
const SIZES: [u64; 9] = [1, 255, 256, 257, 1000, 65_535, 65_536, 65_537, 70_000];

fn key() -> SigningKey {
    SigningKey::new("example.com/log", KeyAlgorithm::Ed25519, [7; 32]).unwrap()
}

fn entry(index: u64) -> [u8; 8] {
    index.to_le_bytes()
}

fn tree() -> MemoryTree {
    (0..70_000).map(|index| tree::leaf_hash(&entry(index))).collect()
}

/// Hashes of ours as theirs.
macro_rules! theirs {
    ($proof:expr) => {
        $proof.hashes.iter().map(|hash| tlog_tiles::Hash(hash.0)).collect::<Vec<_>>()
    };
}

#[test]
fn a_note_of_ours_is_theirs() {
    let (key, tree) = (key(), tree());
    for size in SIZES {
        let root = tree::root(&tree, size).unwrap();
        let head = Checkpoint::new("example.com/log", size, root).unwrap();
        let signed = head.sign(&key).unwrap().to_string();
        let note = Note::from_bytes(signed.as_bytes()).unwrap();
        let verifier = StandardVerifier::new(&key.verifier().to_string()).unwrap();
        assert_eq!(note.verify(&VerifierList::new(vec![Box::new(verifier)])).unwrap().0.len(), 1);
        let read = tlog_tiles::Checkpoint::from_bytes(note.text()).unwrap();
        assert_eq!((read.origin(), read.size(), read.hash().0), ("example.com/log", size, root.0));
    }
}

#[test]
fn a_note_of_theirs_is_ours() {
    let key = key();
    let mut note = Note::new(b"a text\n\nof two parts\n", &[]).unwrap();
    note.add_sigs(&[&StandardSigner::new(&key.to_secret_text()).unwrap()]).unwrap();
    let text = String::from_utf8(note.to_bytes()).unwrap();
    let read: SignedNote = text.parse().unwrap();
    assert_eq!((read.text(), read.to_string()), ("a text\n\nof two parts\n", text));
    read.verify([key.verifier()]).unwrap();
}

/// Reads our tiles by their paths.
struct Folder<'a> {
    tree: &'a MemoryTree,
    size: u64,
}

impl TileReader for Folder<'_> {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[tlog_tiles::Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
        let read = |tile: &tlog_tiles::Tile| {
            let ours = Tile::at(tile.level(), tile.level_index(), self.size).unwrap();
            // Theirs begin with the height of tiles, which is 8 for all.
            assert_eq!(tile.path(), ours.to_string().replacen("tile/", "tile/8/", 1));
            ours.encode(&self.tree.tile(ours).unwrap()).unwrap()
        };
        Ok(tiles.iter().map(read).collect())
    }

    fn save_tiles(&self, _: &[tlog_tiles::Tile], _: &[Vec<u8>]) {}
}

#[test]
fn tiles_and_proofs_of_ours_are_theirs() {
    let tree = tree();
    for size in SIZES {
        let root = tlog_tiles::Hash(tree::root(&tree, size).unwrap().0);
        let folder = Folder { tree: &tree, size };
        let hashes = TileHashReader::new(size, root, &folder);
        for index in [0, 1, size / 3, size / 2, size - 1].into_iter().filter(|index| *index < size) {
            let leaf = tlog_tiles::record_hash(&entry(index));
            assert_eq!(hashes.read_hashes(&[tlog_tiles::stored_hash_index(0, index)]).unwrap(), [leaf]);
            let ours = theirs!(InclusionProof::make(&tree, index, size).unwrap());
            tlog_tiles::check_record(&ours, size, root, index, leaf).unwrap();
            assert_eq!(tlog_tiles::prove_record(size, index, &hashes).unwrap(), ours);
            let old = index + 1;
            // From a tree to itself they have no proof.
            if old < size {
                let ours = theirs!(ConsistencyProof::make(&tree, old, size).unwrap());
                let old_root = tlog_tiles::Hash(tree::root(&tree, old).unwrap().0);
                tlog_tiles::check_tree(&ours, size, root, old, old_root).unwrap();
                assert_eq!(tlog_tiles::prove_tree(size, old, &hashes).unwrap(), ours);
            }
        }
    }
}
