//! A kind looks the same in every picture, on light and on dark pages, and nothing says how it looks but the style sheet.

use tidegate_draw::{Colour, Style, Swatch, stylesheet};

use crate::story::{event, graph, history, picture};

#[test]
fn a_kind_has_one_swatch_whatever_else_is_drawn() {
    let placed = Swatch::of_kind("order.placed");
    let many = (0..30).map(|at| event(&format!("e{at}"), &format!("family{at}.made"), &[]));
    let mut stories = vec![vec![event("o", "order.placed", &[])]];
    stories.push(many.chain([event("o", "order.placed", &[])]).collect());
    stories.push(vec![event("p", "payment.taken", &[]), event("o", "order.placed", &[0])]);
    for story in stories {
        let picture = picture(&graph(&story), &Style::default());
        let node = picture.layout().nodes.last().unwrap();
        assert_eq!((node.kind.as_str(), node.swatch), ("order.placed", placed));
    }
    let entry = picture(&graph(&[event("o", "order.placed", &[])]), &Style::default());
    assert_eq!(entry.layout().legend[0].swatch, placed);
}

#[test]
fn folds_of_several_families_are_grey() {
    let chain = |families: u32| {
        let step = |at: u32| {
            let kind = format!("family{}.made", at % families);
            event("e", &kind, &if at == 0 { vec![] } else { vec![at - 1] })
        };
        let story: Vec<_> = (0..20).map(step).collect();
        let picture = picture(&graph(&story), &Style { fold_from: 0, ..Style::default() });
        picture.layout().nodes[1].swatch
    };
    assert_eq!(chain(1), Swatch::of_kind("family0.made"));
    assert_eq!((chain(3).colour, chain(3).mark), (12, 0));
}

#[test]
fn streams_have_their_own_colours() {
    let story = [event("a", "order.placed", &[]), event("b", "order.placed", &[])];
    let picture = picture(&graph(&story), &Style { colour: Colour::Stream, ..Style::default() });
    let [one, other] = &picture.layout().nodes[..] else { panic!("two events") };
    assert_eq!((one.swatch, other.swatch), (Swatch::of_name("shop/a"), Swatch::of_name("shop/b")));
}

#[test]
fn an_svg_says_how_it_looks_in_its_style_sheet_alone() {
    let svg = picture(&graph(&history(120, 25, 3)), &Style::default()).svg();
    let document = roxmltree::Document::parse(&svg).unwrap();
    let sheets: Vec<_> = document.descendants().filter(|part| part.has_tag_name("style")).collect();
    assert_eq!(sheets.len(), 1);
    assert_eq!(sheets[0].text(), Some(&*stylesheet()));
    assert!(stylesheet().contains("@media(prefers-color-scheme:dark)"));
    let looks = ["style", "fill", "stroke", "stroke-width", "font-family", "font-size", "opacity", "color"];
    for part in document.descendants() {
        let said = part.attributes().find(|one| looks.contains(&one.name()));
        assert!(said.is_none(), "{said:?}");
    }
    // A page may hold the picture: no rule reaches what is outside.
    let rules = stylesheet().replace("@media(prefers-color-scheme:dark){", "").replace("}}", "}");
    for rule in rules.split_terminator('}') {
        let names = rule.split('{').next().unwrap();
        assert!(names.split(',').all(|name| name.starts_with(".tg")), "{names}");
    }
    // Every class has a rule, but for those that a page finds the parts by.
    for part in document.descendants() {
        for class in part.attribute("class").unwrap_or_default().split(' ').filter(|class| !class.is_empty())
        {
            let is_group = ["axis", "edges", "nodes", "node", "keys", "tg"].contains(&class);
            assert!(is_group || stylesheet().contains(&format!(".{class}")), "{class}");
        }
    }
}
