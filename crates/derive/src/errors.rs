//! Every mistake has words of its own.

use proc_macro2::TokenStream;

use crate::{event, projection};

fn refused(item: &str) -> Vec<String> {
    words_of(event::expand(&syn::parse_str(item).expect("the sample is Rust")))
}

fn words_of(expanded: syn::Result<TokenStream>) -> Vec<String> {
    match expanded {
        Ok(_) => Vec::new(),
        Err(errors) => errors.into_iter().map(|error| error.to_string()).collect(),
    }
}

#[test]
fn mistakes_of_a_projection_are_named() {
    let refused =
        |item: &str| words_of(projection::expand(&syn::parse_str(item).expect("the sample is Rust")));
    for item in [
        r#"#[projection(name = "a.b", version = 2, on(C => c, d::D => d,))] struct A;"#,
        r#"#[projection(name = "a", version = 1)] #[projection(on(C => c), crate = x::y)] enum A { #[default] B }"#,
    ] {
        assert_eq!(refused(item), Vec::<String>::new(), "{item}");
    }
    for (item, words) in [
        ("struct A;", "missing `name`: write #[projection(name = \"order.totals\")]"),
        (r#"#[projection(name = "A")] struct A;"#, "invalid name \"A\": use dotted lower-case words"),
        (r#"#[projection(name = "tidegate.a")] struct A;"#, "reserved name \"tidegate.a\""),
        (r#"#[projection(name = "a")] struct A;"#, "missing `version`: write #[projection(version = 1)]"),
        (r#"#[projection(name = "a", version = 0)] struct A;"#, "versions start at 1"),
        (r#"#[projection(name = "a", version = 1)] struct A;"#, "missing handler: write #[projection(on("),
        (r#"#[projection(name = "a", name = "b")] struct A;"#, "duplicate `name`"),
        (
            r#"#[projection(colour = "a")] struct A;"#,
            "unknown attribute: `projection` accepts name, version, on",
        ),
        (r#"#[projection(name = "a", version = 1, on(B => b, B => c))] struct A;"#, "duplicate handler"),
        (r#"#[projection(name = "a", version = 1, on(B = b))] struct A;"#, "expected `=>`"),
        (
            r#"#[projection(name = "a", version = 1, on(B => b))] struct A<T>(T);"#,
            "`A` has generic parameters",
        ),
    ] {
        let found = refused(item);
        assert!(found.len() == 1 && found[0].contains(words), "{item}: {found:?}");
    }
}

#[test]
fn what_says_enough_is_taken() {
    for item in [
        r#"#[event(kind = "a.b")] struct A;"#,
        r#"#[event(kind = "a.b")] struct A { x: u8 }"#,
        r#"#[event(kind = "a.b")] struct A(B);"#,
        r#"#[event(kind = "a.b", content = "image/png")] struct A(Vec<u8>);"#,
        r#"#[event(kind = "a.b", version = 3, upcast(2 => B, 1 => c::D<u8>))] struct A {}"#,
        r#"#[event(kind = "a.b", version = 3, since = 2, upcast(2 => B,))] struct A {}"#,
        r#"#[event(kind = "a.b")] #[event(version = 7, since = 7)] #[other] struct A {}"#,
        r#"#[event(crate = tidegate::again)] enum A { B(C), #[event(kind = "d")] D, #[event(kind = "e")] E { x: u8 } }"#,
        r#"enum A { #[event(kind = "a")] A(B), #[event(kind = "c")] C(B), D(B) }"#,
        r#"#[event(kind = "a.b", version = 3, upcast(1 => B), split(2 => C))] struct A {}"#,
        r#"enum A { #[event(kind = "a", version = 3, upcast(1 => B), split(2 => C))] A { x: u8 } }"#,
        r#"enum A { #[event(kind = "a")] A { #[serde(rename = "y", default)] x: u8 } }"#,
    ] {
        assert_eq!(refused(item), Vec::<String>::new(), "{item}");
    }
}

#[test]
fn mistakes_of_a_type_are_named() {
    for (item, words) in [
        ("struct A;", "missing `kind`: write #[event(kind = \"order.placed\")]"),
        ("#[event(version = 2)] struct A;", "missing `kind`"),
        (r#"#[event(kind = "")] struct A;"#, "empty kind: use dotted lower-case words such as order.placed"),
        (
            r#"#[event(kind = "Order.Placed")] struct A;"#,
            "invalid kind \"Order.Placed\": use dotted lower-case words",
        ),
        (r#"#[event(kind = "order.*")] struct A;"#, "use dotted lower-case words"),
        (r#"#[event(kind = "tidegate.denied")] struct A;"#, "reserved kind \"tidegate.denied\""),
        ("#[event(kind = 5)] struct A;", "expected string literal"),
        (r#"#[event(kind = "a", kind = "b")] struct A;"#, "duplicate `kind`"),
        (
            r#"#[event(kind = "a", colour = "b")] struct A;"#,
            "unknown attribute: `event` accepts kind, version",
        ),
        (r#"#[event(kind = "a", version = 0)] struct A;"#, "versions start at 1"),
        (
            r#"#[event(kind = "a", version = 65536)] struct A;"#,
            "invalid version: use a number from 1 to 65535",
        ),
        (r#"#[event(kind = "a", since = 2)] struct A;"#, "`since` is 2, but the current version is 1"),
        (
            r#"#[event(kind = "a", content = "")] struct A(B);"#,
            "invalid content type: use a text such as image/png",
        ),
        (
            r#"#[event(kind = "a", content = "b")] struct A;"#,
            "`content` needs a field: a type without fields has no payload",
        ),
        (
            r#"#[event(kind = "a", content = "b")] struct A { x: u8 }"#,
            "`content` needs exactly one unnamed field",
        ),
        (r#"#[event(kind = "a")] struct A(u8, u8);"#, "unnamed fields"),
        (r#"#[event(kind = "a")] struct A();"#, "empty parentheses"),
        (
            r#"#[event(kind = "a")] struct A<T>(T);"#,
            "`A` has generic parameters: an event is one concrete type",
        ),
        (r#"#[event(kind = "a")] struct A<'a> { x: &'a str }"#, "has generic parameters"),
        (r#"#[event(kind = "a")] union A { x: u8 }"#, "unions are not supported"),
        (
            r#"#[event(kind = "a")] struct A { #[event(kind = "b")] x: u8 }"#,
            "`event` applies to a type or a variant, not to a field",
        ),
    ] {
        let found = refused(item);
        assert!(found.len() == 1 && found[0].contains(words), "{item}: {found:?}");
    }
}

#[test]
fn gaps_between_versions_are_named() {
    let item = |words: &str| format!("#[event(kind = \"a\", {words})] struct A {{}}");
    for (words, expected) in [
        (
            "version = 2",
            "missing upcast from version 1: name the type it had, upcast(1 => Type), or write since = 2",
        ),
        (
            "version = 4",
            "missing upcast from version 1, 2, 3: name the type it had, upcast(1 => Type), or write since = 4",
        ),
        (
            "version = 3, upcast(1 => B)",
            "missing upcast from version 2: name the type it had, upcast(2 => Type)",
        ),
        ("version = 3, upcast(2 => B)", "or write since = 2 if no earlier one was ever written"),
        ("version = 4, upcast(1 => B, 3 => C)", "missing upcast from version 2:"),
        (
            "version = 4, since = 2, upcast(3 => C)",
            "missing upcast from version 2: name the type it had, upcast(2 => Type), or write since = 3",
        ),
        ("version = 2, upcast(1 => B, 1 => C)", "duplicate upcast from version 1"),
        ("version = 2, upcast(1 => B, 2 => C)", "upcast from version 2: the current version is 2"),
        ("version = 3, since = 2, upcast(1 => B, 2 => C)", "upcast from version 1: `since` is 2"),
        ("version = 2, upcast(0 => B)", "versions start at 1"),
        ("version = 2, upcast(1 = B)", "expected `=>`"),
        ("upcast(1 => B), upcast()", "duplicate `upcast`"),
        ("split(1 => B), split()", "duplicate `split`"),
        ("version = 2, upcast(1 => B), split(1 => C)", "duplicate upcast from version 1"),
        ("version = 3, split(1 => B)", "missing upcast from version 2"),
    ] {
        let found = refused(&item(words));
        assert!(found.len() == 1 && found[0].contains(expected), "{words}: {found:?}");
    }
    let far = refused(&item("version = 65535"));
    assert!(far[0].len() < 200, "a long list is cut: {far:?}");
}

#[test]
fn mistakes_of_variants_are_named_all_at_once() {
    for (item, words) in [
        ("enum A {}", "no variants: an event enum needs at least one"),
        (
            r#"#[event(kind = "a")] enum A { B }"#,
            "an enum has a kind for each variant: put #[event(kind = \"..\")] on the variants",
        ),
        ("enum A { B }", "missing `kind`"),
        ("enum A { B { x: u8 } }", "missing `kind`"),
        (r#"enum A { #[event(kind = "b")] B(u8, u8) }"#, "unnamed fields"),
        (
            r#"enum A { #[event(kind = "b", crate = c)] B }"#,
            "`crate` applies to the whole enum: put it on the enum",
        ),
        (
            r#"enum A { #[event(kind = "b", content = "c")] B }"#,
            "`content` needs a field: a type without fields has no payload",
        ),
        ("enum A { B(C), D(C) }", "two variants hold the same event type: remove one"),
        (
            r#"enum A { #[event(kind = "b", version = 2, upcast(1 => C))] B { x: u8 } }"#,
            "`upcast` needs a type of its own",
        ),
        (
            r#"enum A { #[event(kind = "b", version = 2, upcast(1 => C))] B }"#,
            "`upcast` needs a type of its own",
        ),
        (
            r#"enum A { #[event(kind = "b")] B { #[serde(skip_serializing_if = "Option::is_none")] x: u8 } }"#,
            "`skip_serializing_if` is not supported on fields of a variant",
        ),
        (
            r#"enum A { #[event(kind = "b")] B { #[serde(with = "c")] x: u8 } }"#,
            "`with` is not supported on fields of a variant",
        ),
    ] {
        let found = refused(item);
        assert!(found.len() == 1 && found[0].contains(words), "{item}: {found:?}");
    }
    let three = r#"enum A { #[event(kind = "b")] B, #[event(kind = "b")] C, #[event(kind = "")] D, E }"#;
    let found = refused(three);
    assert_eq!(found.len(), 3, "{found:?}");
    assert_eq!(found[0], "two variants have the kind \"b\": use one variant for a kind");
}
