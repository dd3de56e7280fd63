//! Stories put into a store, and what their pictures hold.

use std::sync::Arc;

use roxmltree::Node;
use tidegate::graph::{Graph, Selection};
use tidegate::{Batch, Cause, Draft, Query, Store, StoreOptions, StreamId};
use tidegate_disk::{Env, MemoryDisk, SeededRandom, SimulatedClock};
use tidegate_draw::{Picture, Style};

/// A store in a world that is the same each time.
pub(crate) fn store() -> (Store, SimulatedClock) {
    let clock = SimulatedClock::new(1_772_442_000_000_000);
    let world = Env {
        disk: Arc::new(MemoryDisk::new()),
        clock: Arc::new(clock.clone()),
        random: Arc::new(SeededRandom::new(1)),
    };
    (StoreOptions::new().open_in(world).unwrap(), clock)
}

/// An event by where it belongs, its kind, and the numbers of its causes, counted from 0.
pub(crate) type EventSpec = (StreamId, String, Vec<u32>);

pub(crate) fn event(entity: &str, kind: &str, causes: &[u32]) -> EventSpec {
    (StreamId::new("shop", entity.to_owned()), kind.to_owned(), causes.to_vec())
}

/// The graph of a store that holds just these events, in one batch, from position 1 on.
pub(crate) fn graph(events: &[EventSpec]) -> Graph {
    let (store, _) = store();
    let draft = |(stream, kind, causes): &EventSpec| {
        let draft = Draft::new(stream.clone(), kind.clone());
        causes.iter().fold(draft, |draft, cause| draft.cause(Cause::Draft(*cause)))
    };
    let batch = events.iter().map(draft).fold(Batch::new(), Batch::and);
    store.append(batch).unwrap();
    store.view().unwrap().graph()
}

/// A history like that of software: mostly one cause, sometimes more, among the events just before.
pub(crate) fn history(count: u32, merges: u64, seed: u64) -> Vec<EventSpec> {
    let mut dice = Dice(seed);
    let mut events = vec![event("e0", "commit.root", &[])];
    for at in 1..count {
        let mut causes = vec![at - 1 - dice.below(u64::from(at).min(4)) as u32];
        while dice.below(100) < merges && causes.len() < 4 {
            causes.push(at - 1 - dice.below(u64::from(at).min(20)) as u32);
        }
        if dice.below(40) == 0 {
            causes.clear();
        }
        let kind = if causes.len() > 1 { "commit.merged" } else { "commit.authored" };
        events.push(event(&format!("e{}", dice.below(5)), kind, &causes));
    }
    events
}

pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// A style in which every event is a node, as far as there is room.
pub(crate) fn unfolded() -> Style {
    Style { fold_from: usize::MAX, fan_from: usize::MAX, ..Style::default() }
}

/// The picture of everything.
pub(crate) fn picture(graph: &Graph, style: &Style) -> Picture {
    Picture::of(graph, &Selection::from(Query::ALL), style).unwrap()
}

/// A node of an SVG.
#[derive(Clone, Debug)]
pub(crate) struct ParsedPicture {
    /// Left, top, right, bottom.
    pub(crate) bounds: [f64; 4],
    /// The lines of all that is known of it.
    pub(crate) whole: Vec<String>,
    /// What it shows.
    pub(crate) texts: Vec<String>,
    pub(crate) is_fold: bool,
}

impl ParsedPicture {
    /// How many events it stands for.
    pub(crate) fn events(&self) -> u64 {
        if !self.is_fold {
            return 1;
        }
        let count = self.whole[0].split(' ').next().unwrap();
        count.replace(',', "").parse().unwrap()
    }

    /// The position in the log of the one event it stands for.
    pub(crate) fn position(&self) -> Option<u64> {
        let place = self.whole.iter().find_map(|line| line.strip_prefix("position "))?;
        place.split(',').next().unwrap().parse().ok()
    }
}

/// The nodes of an SVG.
pub(crate) fn nodes(svg: &str) -> Vec<ParsedPicture> {
    let document = roxmltree::Document::parse(svg).unwrap();
    let boxes = document.descendants().filter(|group| {
        let mut parts = group.children().filter(Node::is_element);
        group.has_tag_name("g") && parts.next().is_some_and(|first| first.has_tag_name("title"))
    });
    boxes.map(drawn).collect()
}

fn drawn(group: Node<'_, '_>) -> ParsedPicture {
    let named = |name: &'static str| group.children().filter(move |part| part.has_tag_name(name));
    let number = |part: Node<'_, '_>, name| part.attribute(name).unwrap().parse::<f64>().unwrap();
    let frame = named("rect").next_back().unwrap();
    let (left, top) = (number(frame, "x"), number(frame, "y"));
    let bounds = [left, top, left + number(frame, "width"), top + number(frame, "height")];
    let text = |part: Node<'_, '_>| part.text().unwrap_or_default().to_owned();
    ParsedPicture {
        bounds,
        whole: named("title")
            .map(text)
            .flat_map(|all| all.lines().map(str::to_owned).collect::<Vec<_>>())
            .collect(),
        texts: named("text").map(text).collect(),
        is_fold: named("rect").count() > 1,
    }
}

/// A line of an SVG: whether it says what led to what, and the corners of the steps it takes.
pub(crate) struct ParsedLine {
    pub(crate) is_cause: bool,
    pub(crate) points: Vec<(f64, f64)>,
}

/// The lines between nodes of an SVG.
pub(crate) fn ways(svg: &str) -> Vec<ParsedLine> {
    let document = roxmltree::Document::parse(svg).unwrap();
    let is_edges = |part: &Node<'_, '_>| part.attribute("class") == Some("edges");
    let edges = document.root_element().children().find(is_edges).unwrap();
    let lines = edges.children().filter(|part| part.has_tag_name("path"));
    lines
        .map(|line| ParsedLine {
            is_cause: line.attribute("class") == Some("cause"),
            points: points(line.attribute("d").unwrap()),
        })
        .collect()
}

/// Many points of a path made of `M`, `V` and `C`.
fn points(path: &str) -> Vec<(f64, f64)> {
    let mut points: Vec<(f64, f64)> = Vec::new();
    for part in path.split_inclusive(|c: char| c.is_ascii_alphabetic()).collect::<Vec<_>>().windows(2) {
        let sign = part[0].chars().last().unwrap();
        let numbers: Vec<f64> = part[1]
            .trim_end_matches(|c: char| c.is_ascii_alphabetic())
            .split([',', ' '])
            .map(|number| number.parse().unwrap())
            .collect();
        match (sign, &numbers[..], points.last().copied()) {
            ('M', [x, y], None) => points.push((*x, *y)),
            ('V', [y], Some((x, before))) => {
                points.extend((1..=8).map(|n| (x, before + (y - before) * f64::from(n) / 8.0)));
            }
            ('C', [x1, y1, x2, y2, x, y], Some((x0, y0))) => {
                points.extend((1..=24).map(|n| {
                    let t = f64::from(n) / 24.0;
                    let mix = |a: f64, b: f64, c: f64, d: f64| {
                        let u = 1.0 - t;
                        u * u * u * a + 3.0 * u * u * t * b + 3.0 * u * t * t * c + t * t * t * d
                    };
                    (mix(x0, *x1, *x2, *x), mix(y0, *y1, *y2, *y))
                }));
            }
            other => panic!("{other:?} in {path}"),
        }
    }
    points
}
