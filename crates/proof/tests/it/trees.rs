//! Trees against their definition, and against the cases of others.

use std::cell::RefCell;
use std::collections::HashMap;

use tidegate_format::{ErrorKind, Hash, hash};
use tidegate_proof::tree::{
    self, ConsistencyProof, Frontier, InclusionProof, MemoryTree, Tile, TileEdge, TileSource, leaf_hash,
    node_hash,
};

/// RFC 6962, section 2.1, word for word, over the leaves 0, 1, 2, ... Roots that were asked for are remembered.
#[derive(Default)]
struct Oracle(RefCell<HashMap<(u64, u64), Hash>>);

impl Oracle {
    fn leaf(index: u64) -> Hash {
        leaf_hash(&index.to_le_bytes())
    }

    fn root(&self, start: u64, end: u64) -> Hash {
        match end - start {
            0 => return hash::sha256(b""),
            1 => return Self::leaf(start),
            _ => {}
        }
        if let Some(known) = self.0.borrow().get(&(start, end)) {
            return *known;
        }
        let middle = start + Self::split(end - start);
        let root = node_hash(self.root(start, middle), self.root(middle, end));
        self.0.borrow_mut().insert((start, end), root);
        root
    }

    fn path(&self, index: u64, start: u64, end: u64) -> Vec<Hash> {
        if end - start == 1 {
            return Vec::new();
        }
        let middle = start + Self::split(end - start);
        let (mut path, sibling) = if index < middle {
            (self.path(index, start, middle), self.root(middle, end))
        } else {
            (self.path(index, middle, end), self.root(start, middle))
        };
        path.push(sibling);
        path
    }

    fn subproof(&self, old: u64, start: u64, end: u64, whole: bool) -> Vec<Hash> {
        if old == end {
            return if whole { Vec::new() } else { vec![self.root(start, end)] };
        }
        let middle = start + Self::split(end - start);
        let (mut proof, sibling) = if old <= middle {
            (self.subproof(old, start, middle, whole), self.root(middle, end))
        } else {
            (self.subproof(old, middle, end, false), self.root(start, middle))
        };
        proof.push(sibling);
        proof
    }

    fn split(size: u64) -> u64 {
        (0..64).map(|bit| 1 << bit).take_while(|power| *power < size).last().unwrap()
    }
}

fn grown(size: u64) -> MemoryTree {
    (0..size).map(Oracle::leaf).collect()
}

/// Every size to 600, and of the pairs of two sizes, or of a leaf and a size, one in 101, or as many as `TIDEGATE_PROOF_PAIRS`
/// says; 1 takes all of them, and some minutes.
#[test]
fn proofs_are_those_of_the_definition() {
    let step = std::env::var("TIDEGATE_PROOF_PAIRS").map_or(101, |step| step.parse().expect("a number"));
    let (oracle, tree) = (Oracle::default(), grown(600));
    let mut frontier = Frontier::new();
    let mut pairs = 0_u64;
    for size in 0..=600 {
        let root = oracle.root(0, size);
        assert_eq!(frontier.root(), root, "{size}");
        assert_eq!(tree::root(&tree, size).unwrap(), root, "{size}");
        assert_eq!(Frontier::read(&tree, size).unwrap(), frontier, "{size}");
        for old in 0..=size {
            pairs += 1;
            if !pairs.is_multiple_of(step) && size != old + 1 {
                continue;
            }
            let hashes = if old == 0 { Vec::new() } else { oracle.subproof(old, 0, size, true) };
            let consistency = ConsistencyProof { old, new: size, hashes };
            consistency.verify(oracle.root(0, old), root).unwrap();
            assert_eq!(ConsistencyProof::make(&tree, old, size).unwrap(), consistency);
            if old == size {
                continue;
            }
            let inclusion = InclusionProof { index: old, size, hashes: oracle.path(old, 0, size) };
            inclusion.verify(Oracle::leaf(old), root).unwrap();
            assert_eq!(InclusionProof::make(&tree, old, size).unwrap(), inclusion);
        }
        frontier.push(Oracle::leaf(size));
    }
}

#[test]
fn what_is_changed_in_a_proof_is_refused() {
    let tree = grown(34);
    let root = |size| tree::root(&tree, size).unwrap();
    for (old, new) in (1..=34).flat_map(|new| (1..=new).map(move |old| (old, new))) {
        let consistency = ConsistencyProof::make(&tree, old, new).unwrap();
        let inclusion = InclusionProof::make(&tree, old - 1, new).unwrap();
        let leaf = Oracle::leaf(old - 1);
        let refused = |error: tidegate_format::Error| assert_eq!(error.kind(), ErrorKind::Disproved);
        for at in 0..inclusion.hashes.len() {
            let mut changed = inclusion.clone();
            changed.hashes[at].0[5] ^= 1;
            refused(changed.verify(leaf, root(new)).unwrap_err());
            changed.hashes.remove(at);
            refused(changed.verify(leaf, root(new)).unwrap_err());
            changed = inclusion.clone();
            changed.hashes.insert(at, root(new));
            refused(changed.verify(leaf, root(new)).unwrap_err());
        }
        for at in 0..consistency.hashes.len() {
            let mut changed = consistency.clone();
            changed.hashes[at].0[5] ^= 1;
            refused(changed.verify(root(old), root(new)).unwrap_err());
            changed.hashes.remove(at);
            refused(changed.verify(root(old), root(new)).unwrap_err());
            changed = consistency.clone();
            changed.hashes.push(root(new));
            refused(changed.verify(root(old), root(new)).unwrap_err());
        }
        if new > 1 {
            refused(inclusion.verify(root(new), leaf).unwrap_err());
        }
        for index in (0..new).filter(|index| *index != inclusion.index) {
            refused(InclusionProof { index, ..inclusion.clone() }.verify(leaf, root(new)).unwrap_err());
        }
        if old != new {
            refused(consistency.verify(root(new), root(old)).unwrap_err());
            refused(consistency.verify(root(old - 1), root(new)).unwrap_err());
            refused(
                ConsistencyProof { old: new, new: old, ..consistency }
                    .verify(root(new), root(old))
                    .unwrap_err(),
            );
        }
    }
}

/// A tree of which every leaf is the same, so that one hash stands for all of a level.
struct Uniform;

impl TileSource for Uniform {
    fn tile(&self, tile: Tile) -> tidegate_format::Result<Vec<Hash>> {
        Ok(vec![Self::at(u32::from(tile.level()) * 8); usize::from(tile.width())])
    }
}

impl Uniform {
    fn at(height: u32) -> Hash {
        (0..height).fold(leaf_hash(b""), |hash, _| node_hash(hash, hash))
    }
}

#[test]
fn the_largest_trees_have_proofs() {
    let sizes =
        [255, 256, 257, 65_535, 65_536, 65_537, 70_000, 16_777_215, 16_777_217, 1 << 62, tree::SIZE_MAX];
    for size in sizes {
        let root = tree::root(&Uniform, size).unwrap();
        assert_eq!(Frontier::read(&Uniform, size).unwrap().root(), root);
        for at in [0, 1, 253, 254, size / 3, size / 2, size - 2, size - 1] {
            let inclusion = InclusionProof::make(&Uniform, at, size).unwrap();
            inclusion.verify(leaf_hash(b""), root).unwrap();
            let consistency = ConsistencyProof::make(&Uniform, at, size).unwrap();
            consistency.verify(tree::root(&Uniform, at).unwrap(), root).unwrap();
        }
    }
    let too_large = InclusionProof::make(&Uniform, 0, tree::SIZE_MAX + 1).unwrap_err();
    assert_eq!(too_large.kind(), ErrorKind::Invalid);
    assert_eq!(InclusionProof::make(&Uniform, 7, 7).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(ConsistencyProof::make(&Uniform, 8, 7).unwrap_err().kind(), ErrorKind::Invalid);
}

/// A tree whose leaves before the last tile are gone, but for the nodes that were kept.
struct Floored<'a>(&'a MemoryTree, HashMap<(u32, u64), Hash>);

impl TileSource for Floored<'_> {
    fn tile(&self, tile: Tile) -> tidegate_format::Result<Vec<Hash>> {
        let is_gone = tile.level() == 0 && tile.is_full();
        assert!(!is_gone, "{tile} is gone");
        self.0.tile(tile)
    }

    fn subtree(&self, height: u32, index: u64) -> tidegate_format::Result<Option<Hash>> {
        Ok(self.1.get(&(height, index)).copied())
    }
}

/// Once the leaves of full tiles are gone, proofs from every older tree can be made still, from nine nodes for each.
#[test]
fn leaves_may_go_and_consistency_stays() {
    let (tree, oracle) = (grown(700), Oracle::default());
    for old in (0..=512).filter(|old| old % 7 == 0 || old % 64 == 0) {
        let kept = ConsistencyProof::nodes_in_tile(old);
        assert!(kept.len() <= 9);
        let root = |(height, index): (u32, u64)| oracle.root(index << height, (index + 1) << height);
        let source = Floored(&tree, kept.into_iter().map(|node| (node, root(node))).collect());
        for new in [512, 513, 600, 700] {
            let proof = ConsistencyProof::make(&source, old, new).unwrap();
            assert_eq!(proof, ConsistencyProof::make(&tree, old, new).unwrap());
            proof.verify(oracle.root(0, old), oracle.root(0, new)).unwrap();
        }
    }
}

/// Claims of any size are refused and do not count beyond the numbers there are.
#[test]
fn impossible_claims_are_refused() {
    for (index, size) in [(u64::MAX, u64::MAX), (0, u64::MAX), (u64::MAX - 1, u64::MAX), (1, 1), (0, 0)] {
        for count in [0, 1, 63, 64, 70] {
            let proof = InclusionProof { index, size, hashes: vec![Hash::ZERO; count] };
            assert_eq!(proof.verify(Hash::ZERO, Hash::ZERO).unwrap_err().kind(), ErrorKind::Disproved);
            let proof = ConsistencyProof { old: index, new: size, hashes: vec![Hash::ZERO; count] };
            let found = proof.verify(Hash::ZERO, Hash::ZERO);
            let is_same = index == size && size != 0 && count == 0;
            assert_eq!(found.is_ok(), is_same, "{index} {size} {count}");
        }
    }
}

#[test]
fn roots_are_those_of_certificate_transparency() {
    let leaves =
        ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
    let roots = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let bytes = |text: &str| {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    };
    let mut frontier = Frontier::new();
    for (size, root) in roots.iter().enumerate() {
        assert_eq!(frontier.root().to_string(), *root, "{size}");
        if let Some(leaf) = leaves.get(size) {
            let entry: Vec<u8> = bytes(leaf);
            frontier.push(leaf_hash(&entry));
        }
    }
}

/// A value of the fixture, if it is a hash.
fn value(text: &str) -> Option<Hash> {
    let encoded = |hash: &Hash| {
        let checkpoint = tidegate_proof::Checkpoint::new("x", 1, *hash).unwrap().to_string();
        checkpoint.lines().nth(2).unwrap().to_owned()
    };
    let read = format!("x\n1\n{text}\n").parse::<tidegate_proof::Checkpoint>().ok().map(|found| found.root());
    assert!(read.is_none_or(|hash| encoded(&hash) == text));
    read
}

/// A root of the fixture; one that is not a hash stands for a hash that is in no tree.
fn root_value(text: &str) -> Hash {
    value(text).unwrap_or_else(|| hash::sha256(format!("no hash: {text}").as_bytes()))
}

fn numbers(word: &str) -> u64 {
    word.parse().unwrap()
}

/// The cases of transparency-dev/merkle. A value there that is not a hash cannot be said here, so a proof with one is refused.
#[test]
fn inclusion_cases_of_others_agree() {
    let cases = include_str!("../fixtures/inclusion.txt").lines().filter(|line| !line.starts_with('#'));
    let mut count = 0;
    for case in cases {
        let words: Vec<&str> = case.split(' ').collect();
        let values: Option<Vec<Hash>> = words[4..].iter().map(|word| value(word)).collect();
        let verify = |values: Vec<Hash>| {
            let (root, leaf, hashes) = (values[0], values[1], values[2..].to_vec());
            let proof = InclusionProof { index: numbers(words[2]), size: numbers(words[3]), hashes };
            proof.verify(leaf, root).is_ok()
        };
        assert_eq!(values.is_some_and(verify), words[0] == "good", "{}", words[1]);
        count += 1;
    }
    assert_eq!(count, 98);
}

/// All agree but one: from the tree without leaves there is nothing to show here, as witnesses have it, and it is an error there.
#[test]
fn consistency_cases_of_others_agree() {
    const ELSEWHERE: &str = "additional/size1-is-zero-and-size2-is-not-zero";
    let cases = include_str!("../fixtures/consistency.txt").lines().filter(|line| !line.starts_with('#'));
    let mut count = 0;
    for case in cases {
        let words: Vec<&str> = case.split(' ').collect();
        let hashes: Option<Vec<Hash>> = words[6..].iter().map(|word| value(word)).collect();
        let verify = |hashes| {
            let proof = ConsistencyProof { old: numbers(words[2]), new: numbers(words[3]), hashes };
            proof.verify(root_value(words[4]), root_value(words[5])).is_ok()
        };
        let expected = words[0] == "good" || words[1] == ELSEWHERE;
        assert_eq!(hashes.is_some_and(verify), expected, "{}", words[1]);
        count += 1;
    }
    assert_eq!(count, 98);
}

#[test]
fn tiles_have_the_paths_and_widths_of_the_format() {
    let paths = |size| Tile::added(0, size).map(|tile| tile.to_string()).collect::<Vec<_>>();
    assert_eq!(paths(0), Vec::<String>::new());
    assert_eq!(paths(1), ["tile/0/000.p/1"]);
    assert_eq!(paths(256), ["tile/0/000", "tile/1/000.p/1"]);
    let all = paths(70_000);
    assert_eq!(all.len(), 273 + 1 + 1 + 1 + 1);
    assert_eq!(
        all[272..],
        ["tile/0/272", "tile/0/273.p/112", "tile/1/000", "tile/1/001.p/17", "tile/2/000.p/1"]
    );
    let partial: Vec<String> = Tile::partial(70_000).map(|tile| tile.to_string()).collect();
    assert_eq!(partial, ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]);
    for wrong in [
        "",
        "tile",
        "tile/0",
        "tile/0/",
        "tile/0/1",
        "tile/0/0000",
        "tile/00/000",
        "tile/64/000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/x000/000",
        "tile/0/001/000",
        "tile/0/x001/x000",
        "/tile/0/000",
        "tile/0/x1/000",
        "tile/0/000 ",
        "tile/-1/000",
        "tile/0/x018/x446/x744/x073/x709/x551/616",
    ] {
        assert!(wrong.parse::<Tile>().is_err(), "{wrong}");
    }
    let last = "tile/63/x018/x446/x744/x073/x709/x551/615".parse::<Tile>().unwrap();
    assert_eq!((last.level(), last.index(), last.is_full()), (63, u64::MAX, true));
}

#[test]
fn a_folder_of_tiles_grows_by_what_is_added() {
    let tree = grown(1000);
    let mut folder: HashMap<String, Vec<u8>> = HashMap::new();
    let mut old = 0;
    for size in [1, 2, 255, 256, 257, 511, 600, 768, 1000] {
        for tile in Tile::added(old, size) {
            folder.insert(tile.to_string(), tile.encode(&tree.tile(tile).unwrap()).unwrap());
        }
        for tile in Tile::added(0, size) {
            let bytes =
                folder.get(&tile.to_string()).unwrap_or_else(|| panic!("{tile} of {size} is missing"));
            assert_eq!(tile.decode(bytes).unwrap(), tree.tile(tile).unwrap());
        }
        old = size;
    }
    let partial = Tile::at(0, 0, 200).unwrap();
    assert_eq!(partial.decode(&folder["tile/0/000"]).unwrap(), tree.tile(partial).unwrap());
    for length in [0, 31, 32 * 199, 32 * 200 - 1, 32 * 200 + 1, 32 * 257] {
        assert!(partial.decode(&vec![0; length]).is_err(), "{length}");
    }
    assert!(partial.encode(&[Hash::ZERO; 199]).is_err());
}

/// Leaf by leaf an edge gives out each tile that the tree has, and it goes on from the tiles of any size.
#[test]
fn an_edge_gives_out_the_tiles_of_the_tree() {
    let sizes = [0, 1, 2, 255, 256, 257, 511, 512, 700, 65_535, 65_536, 65_537, 66_000];
    let (tree, end) = (grown(66_000), 66_000);
    let mut whole = TileEdge::new();
    for old in sizes {
        let mut edge = TileEdge::read(&tree, old).unwrap();
        while whole.size() < old {
            whole.push(tree.leaf(whole.size()).unwrap(), |_, _| Ok(())).unwrap();
        }
        assert_eq!((edge.size(), edge.root()), (old, tree::root(&tree, old).unwrap()));
        assert!(edge.partial().eq(whole.partial()), "{old}");
        assert!(edge.partial().map(|(tile, _)| tile).eq(Tile::partial(old)), "{old}");
        let mut given = Vec::new();
        for index in old..end {
            let full = |tile: Tile, hashes: &[Hash]| {
                assert_eq!(hashes, tree.tile(tile).unwrap(), "{old}: {tile}");
                given.push(tile);
                Ok(())
            };
            edge.push(tree.leaf(index).unwrap(), full).unwrap();
        }
        for (tile, hashes) in edge.partial() {
            assert_eq!(hashes, tree.tile(tile).unwrap(), "{old}: {tile}");
            given.push(tile);
        }
        given.retain(|tile| Tile::at(tile.level(), tile.index(), old) != Some(*tile));
        given.sort_unstable();
        assert!(Tile::added(old, end).eq(given.iter().copied()), "{old}");
        assert_eq!(edge.root(), tree.root());
    }
}

#[test]
fn bundles_hold_entries_alone() {
    let entries: Vec<[u8; 136]> = (0..=255).map(|at| [at; 136]).collect();
    let bundle = tree::bundle(&entries);
    assert_eq!((bundle.len(), &bundle[..3]), (256 * 138, &[0, 136, 0][..]));
    assert_eq!(tree::unbundle(&bundle).unwrap(), entries);
    for wrong in [
        &bundle[..0],
        &bundle[..137],
        &bundle[..139],
        &[&bundle[..], &bundle[..138]].concat(),
        &bundle[1..139],
    ] {
        assert_eq!(tree::unbundle(wrong).unwrap_err().kind(), ErrorKind::Invalid);
    }
}

#[test]
fn subtrees_are_pushed_where_they_can_begin() {
    let tree = grown(600);
    let mut frontier = Frontier::new();
    for tile in 0..2 {
        frontier.push_subtree(8, tree.tile(Tile::at(1, 0, 600).unwrap()).unwrap()[tile]).unwrap();
    }
    (512..600).for_each(|index| frontier.push(Oracle::leaf(index)));
    assert_eq!(frontier, Frontier::read(&tree, 600).unwrap());
    for height in [4, 8, 63, 64, u32::MAX] {
        assert_eq!(
            frontier.push_subtree(height, Hash::ZERO).unwrap_err().kind(),
            ErrorKind::Invalid,
            "{height}"
        );
    }
    assert_eq!(Frontier::from_hashes(3, vec![Hash::ZERO]).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(Frontier::new().push_subtree(63, Hash::ZERO).unwrap_err().kind(), ErrorKind::Invalid);
}
