//! What is measured: one row of a table each.

/// Which of two figures is the better one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// The greater.
    More,
    /// The smaller.
    Less,
    /// It depends; nothing is compared.
    Neither,
}

/// How a figure is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A plain number.
    Plain,
    /// Seconds, as what fits best.
    Time,
    /// Bytes, as mebibytes.
    Memory,
}

/// One row.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// What names it in the results.
    pub key: &'static str,
    /// What names it to a reader.
    pub title: &'static str,
    /// How its figures are shown.
    pub unit: Unit,
    /// Which of them is better.
    pub better: Better,
    /// The row of ours that it is compared with, if not the same.
    pub against: Option<&'static str>,
}

/// One table.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// Its heading.
    pub title: &'static str,
    /// Its rows.
    pub rows: &'static [Row],
}

const fn rate(key: &'static str, title: &'static str) -> Row {
    Row { key, title, unit: Unit::Plain, better: Better::More, against: None }
}

const fn time(key: &'static str, title: &'static str) -> Row {
    Row { key, title, unit: Unit::Time, better: Better::Less, against: None }
}

const fn memory(key: &'static str, title: &'static str) -> Row {
    Row { key, title, unit: Unit::Memory, better: Better::Less, against: None }
}

/// All tables, in the order they are shown.
pub const TABLES: [Table; 6] = [
    Table {
        title: "Appends, events a second",
        rows: &[
            rate("append.one.synced", "1 caller, synced"),
            rate("append.many.synced", "64 callers, synced"),
            Row {
                against: Some("append.many.synced"),
                ..rate("append.many.grouped", "64 callers, synced, behind a commit thread of the caller's")
            },
            rate("append.hundred.synced", "batches of 100, synced"),
            rate("append.thousand.synced", "batches of 1,000, synced"),
            rate("append.one.relaxed", "1 caller, relaxed"),
            rate("append.hundred.relaxed", "batches of 100, relaxed"),
            rate("append.thousand.relaxed", "batches of 1,000, relaxed"),
        ],
    },
    Table {
        title: "Reads",
        rows: &[
            time("read.id.half", "one event by id, p50"),
            time("read.id.most", "one event by id, p99"),
            time("read.position.half", "one event by position, p50"),
            time("read.position.most", "one event by position, p99"),
            time("read.stream", "one stream of 100 events"),
            rate("read.scan", "full scan, events a second"),
            time("read.kind.100", "100 events of one kind"),
            time("read.kind.10000", "10,000 events of one kind"),
            time("read.tag.100", "100 events with a rare tag"),
            time("read.tag.10000", "10,000 events with a frequent tag"),
        ],
    },
    Table {
        title: "Opening, and filling",
        rows: &[
            time("open.closed", "open after closing"),
            time("open.killed", "open after a kill"),
            time("close", "close, after the kill"),
            rate("load", "filled, events a second"),
        ],
    },
    Table {
        title: "Memory and disk",
        rows: &[
            memory("memory.open", "most resident, after opening"),
            memory("memory.own", "held then and not pages of files"),
            memory("memory.read", "most resident, after all reads"),
            memory("memory.read.own", "held then and not pages of files"),
            Row { unit: Unit::Plain, ..memory("disk", "bytes on disk an event (payload 152)") },
        ],
    },
    Table {
        title: "Decisions over one tag, each appending one event, a second",
        rows: &[
            rate("decide.one", "1 caller"),
            rate("decide.many.own", "64 callers, each with tags of its own"),
            rate("decide.many.shared", "64 callers, over the same tags"),
            Row {
                better: Better::Neither,
                ..rate("decide.conflicts", "conflicts a decision, over the same tags")
            },
            rate("decide.hot.1", "over the same tags, 1 caller"),
            rate("decide.hot.4", "over the same tags, 4 callers"),
            rate("decide.hot.16", "over the same tags, 16 callers"),
            rate("decide.hot.64", "over the same tags, 64 callers"),
            rate("decide.hot.256", "over the same tags, 256 callers"),
        ],
    },
    Table {
        title: "A projection of one stream of 100,000 events",
        rows: &[
            rate("fold.first", "first read, events a second"),
            time("fold.same", "read again, nothing new"),
            time("fold.ten", "read again, ten more events"),
        ],
    },
];

/// Returns the row with a key.
pub fn row(key: &str) -> Option<&'static Row> {
    TABLES.iter().flat_map(|table| table.rows).find(|row| row.key == key)
}
