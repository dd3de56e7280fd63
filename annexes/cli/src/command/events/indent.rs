//! Indentation of JSON, as it was written: its numbers, its order and its repeated names stay.

/// Returns JSON in lines, or `None` if it is not JSON.
pub(super) fn indented(json: &str) -> Option<String> {
    serde_json::from_str::<serde::de::IgnoredAny>(json).ok()?;
    let mut out = String::with_capacity(json.len() * 2);
    let (mut depth, mut in_text, mut is_escaped) = (0_usize, false, false);
    let mut signs = json.chars().filter({
        // Space between values is made anew.
        let (mut in_text, mut is_escaped) = (false, false);
        move |c| {
            let is_space = !in_text && c.is_ascii_whitespace();
            (in_text, is_escaped) = follow(*c, in_text, is_escaped);
            !is_space
        }
    });
    let mut next = signs.next();
    while let Some(c) = next {
        next = signs.next();
        let was_in_text = in_text;
        (in_text, is_escaped) = follow(c, in_text, is_escaped);
        if was_in_text || in_text {
            out.push(c);
            continue;
        }
        match (c, next) {
            ('{' | '[', Some(end @ ('}' | ']'))) => {
                out.extend([c, end]);
                next = signs.next();
            }
            ('{' | '[', _) => {
                depth += 1;
                out.push(c);
                line(&mut out, depth);
            }
            ('}' | ']', _) => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(c);
            }
            (',', _) => {
                out.push(c);
                line(&mut out, depth);
            }
            (':', _) => out.push_str(": "),
            _ => out.push(c),
        }
    }
    Some(out)
}

/// Returns whether the next sign is in a text, and whether it is escaped there.
fn follow(c: char, in_text: bool, is_escaped: bool) -> (bool, bool) {
    match c {
        '"' if !is_escaped => (!in_text, false),
        '\\' if in_text && !is_escaped => (true, true),
        _ => (in_text, false),
    }
}

fn line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

#[test]
fn json_stays_what_it_is() {
    let json = r#" {"b":[1.0,-2e3, {} ,[ ]],"a":"x, \"{y}: \\","b":{"c":12345678901234567890123}} "#;
    let expected = r#"{
  "b": [
    1.0,
    -2e3,
    {},
    []
  ],
  "a": "x, \"{y}: \\",
  "b": {
    "c": 12345678901234567890123
  }
}"#;
    assert_eq!(indented(json).as_deref(), Some(expected));
    assert_eq!(indented("7").as_deref(), Some("7"));
    assert_eq!(indented("{"), None);
}
