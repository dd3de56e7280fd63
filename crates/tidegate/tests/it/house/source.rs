//! One Rust file as words, without its comments, literals and test items.
//!
//! This is no parser of Rust: it knows just enough to tell code from prose and product from test.

/// One word or sign of the code and the line it stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// One Rust file.
#[derive(Debug, Default)]
pub(crate) struct Source {
    /// All words of the code; comments, strings and characters are left out.
    pub(crate) words: Vec<Word>,
    /// The words outside items marked `#[cfg(test)]`.
    pub(crate) product: Vec<Word>,
    /// How many lines stand outside such items, comments included.
    pub(crate) product_lines: usize,
    /// Modules declared under `#[cfg(test)]` in files of their own.
    pub(crate) test_modules: Vec<String>,
    /// The comments, line by line.
    pub(crate) comments: Vec<(usize, String)>,
}

impl Source {
    pub(crate) fn read(text: &str) -> Self {
        let (words, comments) = Lexer::new(text).run();
        let mut source = Self { words, comments, ..Self::default() };
        let line_count = text.lines().count();
        let mut test_lines = 0;
        let mut at = 0;
        while at < source.words.len() {
            let rest = &source.words[at..];
            if starts_with(rest, &["#", "!", "[", "cfg", "(", "test", ")", "]"]) {
                test_lines += line_count + 1 - rest[0].line;
                break;
            }
            if !is_test_mark(rest) {
                source.product.push(rest[0].clone());
                at += 1;
                continue;
            }
            let item = item_length(rest);
            if let Some(name) = declared_module(&rest[..item]) {
                source.test_modules.push(name);
            }
            test_lines += rest[item - 1].line + 1 - rest[0].line;
            at += item;
        }
        source.product_lines = line_count.saturating_sub(test_lines);
        source
    }
}

/// Whether `words` begins with exactly these words.
pub(crate) fn starts_with(words: &[Word], wanted: &[&str]) -> bool {
    words.len() >= wanted.len() && words.iter().zip(wanted).all(|(word, wanted)| word.text == *wanted)
}

/// The lines on which `wanted` begins.
pub(crate) fn lines_of(words: &[Word], wanted: &[&str]) -> Vec<usize> {
    (0..words.len()).filter(|&at| starts_with(&words[at..], wanted)).map(|at| words[at].line).collect()
}

fn is_test_mark(words: &[Word]) -> bool {
    starts_with(words, &["#", "[", "cfg", "(", "test", ")", "]"])
        || starts_with(words, &["#", "[", "cfg", "(", "all", "(", "test", ","])
}

/// How many words the item at the head of `words` takes, its attributes included.
fn item_length(words: &[Word]) -> usize {
    const ITEMS: [&str; 15] = [
        "async",
        "const",
        "enum",
        "extern",
        "fn",
        "impl",
        "macro_rules",
        "mod",
        "pub",
        "static",
        "struct",
        "trait",
        "type",
        "unsafe",
        "use",
    ];
    let mut at = 0;
    while starts_with(&words[at..], &["#", "["]) {
        at += 1 + group_length(&words[at + 1..]);
    }
    let is_item = words.get(at).is_some_and(|word| ITEMS.contains(&word.text.as_str()));
    while at < words.len() {
        match words[at].text.as_str() {
            ";" => return at + 1,
            "," if !is_item => return at + 1,
            "}" | ")" | "]" => return at,
            "{" => return at + group_length(&words[at..]),
            "(" | "[" => at += group_length(&words[at..]),
            _ => at += 1,
        }
    }
    at
}

/// How many words the bracketed group at the head of `words` takes.
pub(crate) fn group_length(words: &[Word]) -> usize {
    let mut depth = 0_usize;
    for (at, word) in words.iter().enumerate() {
        match word.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    words.len()
}

/// The `x` of an item that is `mod x;`.
fn declared_module(item: &[Word]) -> Option<String> {
    let [.., key, name, end] = item else { return None };
    (key.text == "mod" && end.text == ";").then(|| name.text.clone())
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
    line: usize,
    words: Vec<Word>,
    comments: Vec<(usize, String)>,
}

impl Lexer {
    fn new(text: &str) -> Self {
        Self { chars: text.chars().collect(), at: 0, line: 1, words: Vec::new(), comments: Vec::new() }
    }

    fn run(mut self) -> (Vec<Word>, Vec<(usize, String)>) {
        while let Some(char) = self.peek(0) {
            match (char, self.peek(1)) {
                ('/', Some('/')) => self.line_comment(),
                ('/', Some('*')) => self.block_comment(),
                ('"', _) => self.string(),
                ('\'', _) => self.quote(),
                (':', Some(':')) => self.sign("::"),
                _ if is_word(char) => self.word(),
                _ if char.is_whitespace() => self.skip(1),
                _ => self.sign(&char.to_string()),
            }
        }
        (self.words, self.comments)
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn skip(&mut self, count: usize) {
        let end = self.chars.len().min(self.at + count);
        self.line += self.chars[self.at..end].iter().filter(|&&char| char == '\n').count();
        self.at = end;
    }

    fn sign(&mut self, text: &str) {
        self.words.push(Word { text: text.to_owned(), line: self.line });
        self.skip(text.chars().count());
    }

    fn line_comment(&mut self) {
        let text: String = self.chars[self.at..].iter().take_while(|&&char| char != '\n').collect();
        let length = text.chars().count();
        self.comments.push((self.line, text));
        self.skip(length);
    }

    fn block_comment(&mut self) {
        let (start, line) = (self.at, self.line);
        let mut depth = 0_usize;
        while self.at < self.chars.len() {
            match (self.peek(0), self.peek(1)) {
                (Some('/'), Some('*')) => (depth += 1, self.skip(2)).1,
                (Some('*'), Some('/')) => (depth -= 1, self.skip(2)).1,
                _ => self.skip(1),
            }
            if depth == 0 {
                break;
            }
        }
        let text: String = self.chars[start..self.at].iter().collect();
        self.comments.extend(text.lines().enumerate().map(|(index, part)| (line + index, part.to_owned())));
    }

    /// A string that knows escapes; `at` is on its opening quote.
    fn string(&mut self) {
        self.skip(1);
        while let Some(char) = self.peek(0) {
            match char {
                '\\' => self.skip(2),
                '"' => return self.skip(1),
                _ => self.skip(1),
            }
        }
    }

    /// A string between `"` and `"` with `hashes` signs on either side; `at` is on the first of them.
    fn raw_string(&mut self, hashes: usize) {
        self.skip(hashes + 1);
        while self.at < self.chars.len() {
            let closes = self.peek(0) == Some('"') && (1..=hashes).all(|ahead| self.peek(ahead) == Some('#'));
            if closes {
                return self.skip(hashes + 1);
            }
            self.skip(1);
        }
    }

    /// A character, or a lifetime, which is left out too.
    fn quote(&mut self) {
        if self.peek(1) == Some('\\') {
            self.skip(3);
            while self.peek(0).is_some_and(|char| char != '\'') {
                self.skip(1);
            }
            self.skip(1);
        } else if self.peek(2) == Some('\'') {
            self.skip(3);
        } else {
            self.skip(1);
            while self.peek(0).is_some_and(is_word) {
                self.skip(1);
            }
        }
    }

    fn word(&mut self) {
        let text: String = self.chars[self.at..].iter().take_while(|&&char| is_word(char)).collect();
        let length = text.chars().count();
        let hashes = self.chars[self.at + length..].iter().take_while(|&&char| char == '#').count();
        let quoted = self.peek(length + hashes) == Some('"');
        match text.as_str() {
            "r" | "br" | "cr" if quoted => {
                self.skip(length);
                self.raw_string(hashes);
            }
            "b" | "c" if quoted && hashes == 0 => {
                self.skip(length);
                self.string();
            }
            "b" if self.peek(1) == Some('\'') => {
                self.skip(length);
                self.quote();
            }
            "r" if hashes == 1 => self.skip(2),
            _ => {
                self.words.push(Word { text, line: self.line });
                self.skip(length);
            }
        }
    }
}

fn is_word(char: char) -> bool {
    char == '_' || char.is_alphanumeric()
}

fn texts(words: &[Word]) -> Vec<&str> {
    words.iter().map(|word| word.text.as_str()).collect()
}

#[test]
fn literals_and_comments_are_no_code() {
    let source = Source::read(concat!(
        "let a = \"unsafe \\\" fn\"; // unsafe\n",
        "let b = r#\"mod \" x\"#; /* unsafe /* nested */ still */\n",
        "let c = ('\\'', 'x', b'\\\\', b\"mod\", '\\u{41}');\n",
        "fn d<'mod_>(r#type: &'mod_ str) {}\n",
    ));
    assert_eq!(
        texts(&source.words).join(" "),
        "let a = ; let b = ; let c = ( , , , , ) ; fn d < > ( type : & str ) { }"
    );
    assert_eq!(source.words.last().map(|word| word.line), Some(4));
    assert_eq!(source.comments[0], (1, "// unsafe".to_owned()));
    assert_eq!(source.comments[1], (2, "/* unsafe /* nested */ still */".to_owned()));
}

#[test]
fn test_items_are_no_product() {
    let source = Source::read(concat!(
        "#[cfg(test)]\n#[expect(unused)]\nuse x::{a, b};\n",
        "struct S {\n    #[cfg(test)]\n    field: [u8; 2],\n    kept: u8,\n}\n",
        "#[cfg(all(test, unix))]\nmod proofs;\n",
        "fn product() {}\n",
        "#[cfg(test)]\nmod tests {\n    fn f<A, B>() { g(); }\n}\n",
        "fn below() {}\n",
    ));
    assert_eq!(
        texts(&source.product).join(" "),
        "; struct S { kept : u8 , } fn product ( ) { } fn below ( ) { }"
    );
    assert_eq!(source.test_modules, ["proofs"]);
    assert_eq!(source.product_lines, 5);
}

#[test]
fn a_file_may_be_test_from_its_head_on() {
    let source = Source::read("//! Tests.\n#![cfg(test)]\nfn f() {}\n");
    assert!(source.product.is_empty());
    assert_eq!(source.product_lines, 1);
}
