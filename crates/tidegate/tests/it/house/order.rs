//! Whether the modules of one crate use only modules declared above themselves.
//!
//! Every path that begins with `crate`, `self` or `super` is followed to the module it names, through
//! re-exports if needed. If its way parts from the user's own, both ways go through children of one
//! module; the one that is used must be declared above the one that uses.

use std::collections::BTreeMap;

use super::source::{Source, Word, starts_with};

type Path = Vec<String>;

/// The modules of one crate, by path from the crate's root.
#[derive(Default)]
struct Tree {
    nodes: BTreeMap<Path, Node>,
    uses: Vec<Use>,
}

/// What one module declares.
#[derive(Default)]
struct Node {
    children: Vec<String>,
    /// Names brought in by `use`, and what they stand for.
    aliases: BTreeMap<String, Path>,
}

/// One path written in the code.
struct Use {
    place: String,
    line: usize,
    from: Path,
    target: Path,
}

/// Uses that break the order, as lines to show. `files` are the crate's sources by their path inside `src`;
/// `root` is `lib.rs` or `main.rs`.
pub(crate) fn complaints(folder: &str, root: &str, files: &BTreeMap<&str, &Source>) -> Vec<String> {
    let mut tree = Tree::default();
    tree.collect(folder, root, &Path::new(), files);
    let mut found: Vec<String> = tree.uses.iter().filter_map(|one| tree.complaint(one)).collect();
    found.dedup();
    found
}

/// Uses of other modules by `lower`, which are modules of the crate's root and use each other alone.
pub(crate) fn upward(
    folder: &str,
    root: &str,
    files: &BTreeMap<&str, &Source>,
    lower: &[&str],
) -> Vec<String> {
    let mut tree = Tree::default();
    tree.collect(folder, root, &Path::new(), files);
    let declared = tree.nodes.get(&Path::new()).map(|node| node.children.clone()).unwrap_or_default();
    let missing = lower.iter().filter(|name| !declared.iter().any(|child| child == **name));
    let mut found: Vec<String> =
        missing.map(|name| format!("{folder}/{root}: no module is named `{name}`")).collect();
    let is_lower = |name: &String| lower.contains(&name.as_str());
    for Use { place, line, from, target } in &tree.uses {
        let Some(own) = from.first().filter(|own| is_lower(own)) else { continue };
        let Some(theirs) = tree.module_of(target).filter(|theirs| !is_lower(theirs)) else { continue };
        found.push(format!("{place}:{line}: `{own}` uses `{theirs}`, which stands above it"));
    }
    found.dedup();
    found
}

impl Tree {
    /// Returns the module of the crate's root that a path leads into, through re-exports of the root.
    fn module_of(&self, target: &Path) -> Option<String> {
        let root = self.nodes.get(&Path::new())?;
        let mut first = target.first()?;
        for _ in 0..8 {
            if root.children.contains(first) {
                return Some(first.clone());
            }
            first = root.aliases.get(first)?.first()?;
        }
        None
    }

    /// Reads the module at `path` from `file`, then its children in files of their own.
    fn collect(&mut self, folder: &str, file: &str, path: &Path, files: &BTreeMap<&str, &Source>) {
        let Some(&source) = files.get(file) else { return };
        let mut reader = Reader {
            tree: self,
            place: format!("{folder}/{file}"),
            own: path.clone(),
            words: &source.product,
            at: 0,
        };
        let outside = reader.read();
        for child in outside {
            let base = child.join("/");
            for name in [format!("{base}.rs"), format!("{base}/mod.rs")] {
                self.collect(folder, &name, &child, files);
            }
        }
    }

    fn complaint(&self, one: &Use) -> Option<String> {
        let Use { place, line, from, .. } = one;
        let mut target = one.target.clone();
        // A re-export may lead to another one; a ring of them ends here.
        for _ in 0..8 {
            let shared = from.iter().zip(&target).take_while(|(left, right)| left == right).count();
            if shared == from.len() || shared == target.len() {
                return None;
            }
            let (own, name) = (&from[shared], &target[shared]);
            let node = self.nodes.get(&target[..shared])?;
            let parent = target[..shared].iter().fold("crate".to_owned(), |path, part| path + "::" + part);
            if name == "*" {
                let text = format!("{place}:{line}: `{parent}::*` hides what `{own}` uses; name it");
                return (node.children.len() > 1).then_some(text);
            }
            let rank = |name: &String| node.children.iter().position(|child| child == name);
            if let Some(theirs) = rank(name) {
                let text = format!("{place}:{line}: `{own}` uses `{name}`, which {parent} declares below it");
                return (rank(own)? < theirs).then_some(text);
            }
            let meant = node.aliases.get(name)?;
            target = [meant, &target[shared + 1..]].concat();
        }
        None
    }
}

struct Reader<'a> {
    tree: &'a mut Tree,
    place: String,
    /// The module being read; grows inside `mod x { .. }`.
    own: Path,
    words: &'a [Word],
    at: usize,
}

impl Reader<'_> {
    /// Reads the whole file and returns the modules it declares in files of their own.
    fn read(&mut self) -> Vec<Path> {
        let mut outside = Vec::new();
        let mut pending = Vec::new();
        // For each open `{`, whether it opened a module.
        let mut open = Vec::new();
        self.tree.nodes.entry(self.own.clone()).or_default();
        while self.at < self.words.len() {
            let rest = &self.words[self.at..];
            match rest[0].text.as_str() {
                "mod" if rest.len() > 2 && matches!(rest[2].text.as_str(), ";" | "{") => {
                    let child = self.declare(&rest[1].text);
                    if rest[2].text == "{" {
                        self.own = child;
                        open.push(true);
                    } else {
                        outside.push(child);
                    }
                    self.at += 3;
                    continue;
                }
                "use" => {
                    self.at += 1;
                    self.tree_of_use(&Path::new(), &mut pending);
                    continue;
                }
                "crate" | "self" | "super" if starts_with(&rest[1..], &["::"]) => {
                    self.path(&mut pending);
                    continue;
                }
                "{" => open.push(false),
                "}" if open.pop() == Some(true) => drop(self.own.pop()),
                _ => {}
            }
            self.at += 1;
        }
        for (from, line, written, alias) in pending {
            self.settle(from, line, &written, alias);
        }
        outside
    }

    fn declare(&mut self, name: &str) -> Path {
        let child = [&self.own[..], &[name.to_owned()]].concat();
        self.tree.nodes.entry(self.own.clone()).or_default().children.push(name.to_owned());
        self.tree.nodes.entry(child.clone()).or_default();
        child
    }

    /// A path inside an expression or a type.
    fn path(&mut self, pending: &mut Vec<Pending>) {
        let line = self.words[self.at].line;
        let mut written = vec![self.take()];
        while self.peek() == "::" && self.words.get(self.at + 1).is_some_and(|word| is_name(&word.text)) {
            self.at += 1;
            written.push(self.take());
        }
        pending.push((self.own.clone(), line, written, None));
    }

    /// One branch of what stands behind `use`, with all its twigs; `at` ends behind it.
    fn tree_of_use(&mut self, stem: &Path, pending: &mut Vec<Pending>) {
        let mut written = stem.clone();
        let mut line = self.words.get(self.at).map_or(0, |word| word.line);
        while self.at < self.words.len() {
            match self.peek() {
                "::" => self.at += 1,
                "{" => {
                    self.at += 1;
                    while !matches!(self.peek(), "}" | "") {
                        self.tree_of_use(&written, pending);
                        if self.peek() == "," {
                            self.at += 1;
                        }
                    }
                    self.at += 1;
                    return;
                }
                "as" => {
                    self.at += 1;
                    let alias = self.take();
                    pending.push((self.own.clone(), line, written, Some(alias)));
                    return;
                }
                "*" => written.push(self.take()),
                text if is_name(text) => {
                    line = self.words[self.at].line;
                    written.push(self.take());
                }
                _ => break,
            }
        }
        if written.len() > 1 && written.last().is_some_and(|last| last == "self") {
            written.pop();
        }
        let alias = written.last().cloned();
        pending.push((self.own.clone(), line, written, alias));
    }

    /// Finds out where a written path leads and notes it.
    fn settle(&mut self, from: Path, line: usize, written: &[String], alias: Option<String>) {
        let Some(first) = written.first() else { return };
        let mut target = from.clone();
        let mut rest = written;
        if !matches!(first.as_str(), "crate" | "self" | "super") {
            // Either a child of this module or a crate outside, which is none of our business.
            let is_child = self.tree.nodes.get(&from).is_some_and(|node| node.children.contains(first));
            if !is_child {
                return;
            }
        }
        while let Some((head, tail)) = rest.split_first() {
            match head.as_str() {
                "crate" => target.clear(),
                "super" => drop(target.pop()),
                "self" => {}
                _ => break,
            }
            rest = tail;
        }
        target.extend_from_slice(rest);
        if let Some(alias) = alias
            && alias != "_"
            && alias != "*"
        {
            self.tree.nodes.entry(from.clone()).or_default().aliases.insert(alias, target.clone());
        }
        self.tree.uses.push(Use { place: self.place.clone(), line, from, target });
    }

    fn peek(&self) -> &str {
        self.words.get(self.at).map_or("", |word| &word.text)
    }

    fn take(&mut self) -> String {
        let text = self.peek().to_owned();
        self.at += 1;
        text
    }
}

/// Who wrote it, on which line, what, and the name it goes by there.
type Pending = (Path, usize, Path, Option<String>);

fn is_name(text: &str) -> bool {
    text.starts_with(|char: char| char == '_' || char.is_alphabetic())
}

fn check(files: &[(&str, &str)]) -> Vec<String> {
    let sources: Vec<Source> = files.iter().map(|(_, text)| Source::read(text)).collect();
    let files = files.iter().zip(&sources).map(|((name, _), source)| (*name, source)).collect();
    complaints("src", "lib.rs", &files)
}

#[test]
fn looking_up_is_fine() {
    let found = check(&[
        (
            "lib.rs",
            "mod ground;\npub mod reads;\nmod store;\npub use reads::{Plan, scan::Scan};\nuse store as shop;\n",
        ),
        ("ground.rs", "pub struct Ground;\nimpl Ground { fn a(self) { self::b() } }\nfn b() {}\n"),
        ("reads/mod.rs", "mod plan;\npub mod scan;\npub use plan::Plan;\npub(super) struct Own;\n"),
        (
            "reads/plan.rs",
            "use crate::ground::{self, Ground};\nuse super::Own;\npub(in crate::reads) struct Plan;\n",
        ),
        (
            "reads/scan.rs",
            "use super::{Plan, plan};\nuse ::std::fmt;\nmod sealed { use super::super::plan::X; }\n",
        ),
        ("store.rs", "mod inner;\nuse crate::Plan;\nfn f() { crate::reads::scan::g::<u8>(inner::h()) }\n"),
        ("store/inner.rs", "use crate::reads::*;\nuse super::super::Scan;\nuse crate::store::inner::Deep;\n"),
    ]);
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn looking_down_is_reported() {
    let found = check(&[
        ("lib.rs", "mod low;\nmod high;\n"),
        ("low.rs", "use std::fmt;\nuse crate::{\n    low::Own,\n    high::{Thing as Other, Second},\n};\n"),
        ("high.rs", "use crate::low::X;\n"),
    ]);
    assert_eq!(found, ["src/low.rs:4: `low` uses `high`, which crate declares below it"]);
    for code in ["fn f() { crate::high::g() }", "use super::high;", "type T = Vec<super::high::T>;"] {
        let found = check(&[("lib.rs", "mod low;\nmod high;\n"), ("low.rs", code), ("high.rs", "")]);
        assert_eq!(found, ["src/low.rs:1: `low` uses `high`, which crate declares below it"], "{code}");
    }
}

#[test]
fn lower_modules_use_each_other_alone() {
    let files = [
        ("lib.rs", "mod sync;\nmod low;\nmod high;\npub use high::Thing;\n"),
        ("sync.rs", ""),
        ("low/mod.rs", "mod deep;\nuse crate::sync::X;\n"),
        ("low/deep.rs", "use super::Y;\nfn f() { crate::Thing::g() }\n"),
        ("high.rs", "use crate::low::Z;\n"),
    ];
    let sources: Vec<Source> = files.iter().map(|(_, text)| Source::read(text)).collect();
    let files = files.iter().zip(&sources).map(|((name, _), source)| (*name, source)).collect();
    let found = |lower: &[&str]| upward("src", "lib.rs", &files, lower);
    assert_eq!(found(&["sync", "low"]), ["src/low/deep.rs:2: `low` uses `high`, which stands above it"]);
    assert_eq!(found(&["sync", "low", "high"]), Vec::<String>::new());
    assert_eq!(found(&["sync", "gone"]), ["src/lib.rs: no module is named `gone`"]);
}

#[test]
fn siblings_in_a_folder_keep_the_order_too() {
    let lib = ("lib.rs", "mod reads;\n");
    for (folder, code) in [
        ("reads.rs", "use super::scan::Scan;"),
        ("reads/mod.rs", "use crate::reads::scan;"),
        ("reads.rs", "mod sealed { use super::super::scan; }"),
    ] {
        let found =
            check(&[lib, (folder, "mod plan;\nmod scan;\n"), ("reads/plan.rs", code), ("reads/scan.rs", "")]);
        assert_eq!(found, ["src/reads/plan.rs:1: `plan` uses `scan`, which crate::reads declares below it"]);
    }
}

#[test]
fn a_reexport_does_not_hide_the_way_down() {
    let lib = ("lib.rs", "mod low;\nmod high;\npub use crate::high::Thing as Shown;\npub use high::Plain;\n");
    for code in ["use crate::Shown;", "fn f(_: super::Plain) {}", "use crate::{Plain, Shown};"] {
        let found = check(&[lib, ("low.rs", code), ("high.rs", "pub struct Thing;")]);
        assert_eq!(found, ["src/low.rs:1: `low` uses `high`, which crate declares below it"], "{code}");
    }
    let found = check(&[lib, ("low.rs", "use super::*;"), ("high.rs", "")]);
    assert_eq!(found, ["src/low.rs:1: `crate::*` hides what `low` uses; name it"]);
}

#[test]
fn tests_may_look_anywhere() {
    let found = check(&[
        ("lib.rs", "mod low;\nmod high;\n#[cfg(test)]\nmod proofs;\n"),
        ("low.rs", "#[cfg(test)]\nmod tests {\n    use crate::high::X;\n}\n"),
        ("high.rs", "// use crate::proofs\n"),
        ("proofs.rs", "use crate::low;\n"),
    ]);
    assert_eq!(found, Vec::<String>::new());
}
