//! Names come from anyone. A picture stays well formed and shows them as text, for any name.

use tidegate::{Draft, StreamId};
use tidegate_draw::{Colour, Style};

use crate::story::{EventSpec, graph, nodes, picture};

const NAMES: [&str; 14] = [
    "</title><script>alert(1)</script>",
    "\"><rect onload='x'/>&amp;<![CDATA[x]]>",
    "\\\"]; evil [label=\\\"x\\N\\G\\l",
    "&lt;b&gt; &#10; &quot;",
    "`code` **bold** #quot; #35; %%{init: {}}%%",
    "a\"] --> b[\"x; click a href",
    "end subgraph class style :::c0 ---",
    "שלום עולם \u{202e}txt.exe\u{202c}",
    "مرحبا\u{2066}x\u{2069}\u{200f}",
    "a\u{2028}b\u{2029}c\u{feff}\u{ad}",
    "\u{ffff}\u{fffe}\u{fdd0}\u{1fffe}\u{e0041}",
    "Z\u{335}\u{321}\u{322}a\u{315}\u{31b}l\u{340}g\u{341}o",
    "👩\u{200d}👩\u{200d}👧 漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字",
    "𝕏\\",
];

fn hostile() -> Vec<EventSpec> {
    let events = NAMES.iter().enumerate();
    let story = events.map(|(at, name)| {
        let stream = StreamId::new((*name).to_owned(), (*name).to_owned()).lane(at as u32 % 2);
        Draft::new(stream.clone(), "name.taken").check().expect("the store takes such names");
        (stream, "name.taken".to_owned(), if at == 0 { vec![] } else { vec![at as u32 - 1] })
    });
    story.collect()
}

#[test]
fn svg_is_well_formed_and_shows_names_as_text() {
    for colour in [Colour::Kind, Colour::Stream] {
        let svg = picture(&graph(&hostile()), &Style { colour, ..Style::default() }).svg();
        let nodes = nodes(&svg);
        assert_eq!(nodes.len(), NAMES.len());
        for (node, name) in nodes.iter().zip(NAMES).take(7) {
            assert_eq!(
                node.whole[1].split(", version").next().unwrap().trim_end_matches("/1"),
                format!("{name}/{name}")
            );
        }
        let document = roxmltree::Document::parse(&svg).unwrap();
        let known = ["svg", "title", "style", "defs", "marker", "path", "rect", "text", "g", "circle"];
        assert!(document.descendants().filter(roxmltree::Node::is_element).all(|part| {
            known.contains(&part.tag_name().name())
                && part.attributes().all(|one| !one.name().starts_with("on"))
        }));
        is_visible(&svg);
    }
}

/// Names that differ only in what is hidden do not look alike, in any format.
#[test]
fn names_that_differ_look_different() {
    for name in ["order\u{202e}7", "order\u{200b}7"] {
        let story = [(StreamId::new("s", name), "name.taken".to_owned(), vec![])];
        let picture = picture(&graph(&story), &Style::default());
        let code = format!("{:x}", u32::from(name.chars().find(|c| !c.is_ascii()).unwrap()));
        for text in [picture.svg(), picture.dot(), picture.mermaid()] {
            assert!(text.contains(&code), "{code} is not in {text}");
        }
    }
}

#[test]
fn dot_strings_end_where_they_should() {
    let dot = picture(&graph(&hostile()), &Style::default()).dot();
    is_visible(&dot);
    for line in dot.lines() {
        let (mut inside, mut escaped, mut outside) = (false, false, String::new());
        for c in line.chars() {
            match c {
                '"' if !escaped => inside = !inside,
                _ if !inside => outside.push(c),
                _ => {}
            }
            assert!(!escaped || matches!(c, '"' | '\\' | 'n'), "{line}");
            escaped = inside && c == '\\' && !escaped;
        }
        assert!(!inside && !outside.contains("evil") && !outside.contains('<'), "{line}");
    }
}

#[test]
fn mermaid_labels_end_where_they_should() {
    let mermaid = picture(&graph(&hostile()), &Style::default()).mermaid();
    is_visible(&mermaid);
    let nodes: Vec<_> = mermaid.lines().filter(|line| line.contains(":::")).collect();
    assert_eq!(nodes.len(), NAMES.len());
    for node in nodes {
        assert_eq!(node.matches('"').count(), 2, "{node}");
        let label = node.split('"').nth(1).unwrap().replace("<br/>", "");
        assert!(!label.contains(['<', '>', '`', '*', '[', ']', '{', '}', '%', '\\']), "{label}");
        for part in label.split('#').skip(1) {
            let code = part.split(';').next().unwrap();
            assert!(code.parse::<u8>().is_ok(), "{label}");
        }
    }
}

/// No character that hides, ends or turns around text.
fn is_visible(text: &str) {
    let hidden = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    assert_eq!(text.chars().find(|c| hidden(*c)), None);
}
