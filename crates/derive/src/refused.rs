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
        ("struct A;", "the name is missing: say #[projection(name = \"order.totals\")]"),
        (r#"#[projection(name = "A")] struct A;"#, "the name \"A\" is not dotted lower-case words"),
        (r#"#[projection(name = "tidegate.a")] struct A;"#, "the name \"tidegate.a\" is reserved"),
        (r#"#[projection(name = "a")] struct A;"#, "the version is missing: say #[projection(version = 1)]"),
        (r#"#[projection(name = "a", version = 0)] struct A;"#, "versions are counted from 1"),
        (r#"#[projection(name = "a", version = 1)] struct A;"#, "the handler of an event is missing"),
        (r#"#[projection(name = "a", name = "b")] struct A;"#, "`name` is said twice"),
        (r#"#[projection(colour = "a")] struct A;"#, "unknown word; `projection` knows name, version, on"),
        (r#"#[projection(name = "a", version = 1, on(B => b, B => c))] struct A;"#, "has a handler already"),
        (r#"#[projection(name = "a", version = 1, on(B = b))] struct A;"#, "expected `=>`"),
        (
            r#"#[projection(name = "a", version = 1, on(B => b))] struct A<T>(T);"#,
            "is one type, and `A` with",
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
        r#"enum A { #[event(kind = "a")] A { #[serde(rename = "y", default)] x: u8 } }"#,
    ] {
        assert_eq!(refused(item), Vec::<String>::new(), "{item}");
    }
}

#[test]
fn mistakes_of_a_type_are_named() {
    for (item, words) in [
        ("struct A;", "the kind is missing: say #[event(kind = \"order.placed\")]"),
        ("#[event(version = 2)] struct A;", "the kind is missing"),
        (r#"#[event(kind = "")] struct A;"#, "the kind is empty"),
        (r#"#[event(kind = "Order.Placed")] struct A;"#, "\"Order.Placed\" is not dotted lower-case words"),
        (r#"#[event(kind = "order.*")] struct A;"#, "is not dotted lower-case words"),
        (r#"#[event(kind = "tidegate.denied")] struct A;"#, "\"tidegate.denied\" is reserved for the store"),
        ("#[event(kind = 5)] struct A;", "expected string literal"),
        (r#"#[event(kind = "a", kind = "b")] struct A;"#, "`kind` is said twice"),
        (r#"#[event(kind = "a", colour = "b")] struct A;"#, "unknown word; `event` knows kind, version"),
        (r#"#[event(kind = "a", version = 0)] struct A;"#, "versions are counted from 1"),
        (r#"#[event(kind = "a", version = 65536)] struct A;"#, "a version is a number from 1 to 65535"),
        (r#"#[event(kind = "a", since = 2)] struct A;"#, "the first version is 2, after the present one, 1"),
        (r#"#[event(kind = "a", content = "")] struct A(B);"#, "a content type is a text such as image/png"),
        (r#"#[event(kind = "a", content = "b")] struct A;"#, "what has no fields has no content"),
        (
            r#"#[event(kind = "a", content = "b")] struct A { x: u8 }"#,
            "a payload of bytes is one field without",
        ),
        (r#"#[event(kind = "a")] struct A(u8, u8);"#, "these fields have no names"),
        (r#"#[event(kind = "a")] struct A();"#, "no fields are written without parentheses"),
        (
            r#"#[event(kind = "a")] struct A<T>(T);"#,
            "a kind belongs to one type, and `A` with parameters is many",
        ),
        (r#"#[event(kind = "a")] struct A<'a> { x: &'a str }"#, "a kind belongs to one type"),
        (r#"#[event(kind = "a")] union A { x: u8 }"#, "a union cannot say what it holds"),
        (
            r#"#[event(kind = "a")] struct A { #[event(kind = "b")] x: u8 }"#,
            "a kind belongs to the type, not to a field",
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
            "no upcast from version 1; name the type it had: upcast(1 => Type); or say since = 2",
        ),
        (
            "version = 4",
            "no upcast from version 1, 2, 3; name the type it had: upcast(1 => Type); or say since = 4",
        ),
        ("version = 3, upcast(1 => B)", "no upcast from version 2; name the type it had: upcast(2 => Type)"),
        ("version = 3, upcast(2 => B)", "or say since = 2 if no earlier one was ever written"),
        ("version = 4, upcast(1 => B, 3 => C)", "no upcast from version 2;"),
        (
            "version = 4, since = 2, upcast(3 => C)",
            "no upcast from version 2; name the type it had: upcast(2 => Type); or say since = 3",
        ),
        ("version = 2, upcast(1 => B, 1 => C)", "version 1 is upcast twice"),
        ("version = 2, upcast(1 => B, 2 => C)", "version 2 is not before the present one, 2"),
        ("version = 3, since = 2, upcast(1 => B, 2 => C)", "version 1 is before the first one, 2"),
        ("version = 2, upcast(0 => B)", "versions are counted from 1"),
        ("version = 2, upcast(1 = B)", "expected `=>`"),
        ("upcast(1 => B), upcast()", "`upcast` is said twice"),
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
        ("enum A {}", "an enum without variants stands for no event"),
        (r#"#[event(kind = "a")] enum A { B }"#, "a kind belongs to a variant; say it there"),
        ("enum A { B }", "the kind is missing"),
        ("enum A { B { x: u8 } }", "the kind is missing"),
        (r#"enum A { #[event(kind = "b")] B(u8, u8) }"#, "these fields have no names"),
        (r#"enum A { #[event(kind = "b", crate = c)] B }"#, "`crate` is said of the whole enum"),
        (r#"enum A { #[event(kind = "b", content = "c")] B }"#, "what has no fields has no content"),
        ("enum A { B(C), D(C) }", "two variants hold the same event type"),
        (
            r#"enum A { #[event(kind = "b", version = 2, upcast(1 => C))] B { x: u8 } }"#,
            "what is upcast needs a type to become",
        ),
        (
            r#"enum A { #[event(kind = "b", version = 2, upcast(1 => C))] B }"#,
            "what is upcast needs a type to become",
        ),
        (
            r#"enum A { #[event(kind = "b")] B { #[serde(skip_serializing_if = "Option::is_none")] x: u8 } }"#,
            "`skip_serializing_if` is for a type of its own",
        ),
        (
            r#"enum A { #[event(kind = "b")] B { #[serde(with = "c")] x: u8 } }"#,
            "`with` is for a type of its own",
        ),
    ] {
        let found = refused(item);
        assert!(found.len() == 1 && found[0].contains(words), "{item}: {found:?}");
    }
    let three = r#"enum A { #[event(kind = "b")] B, #[event(kind = "b")] C, #[event(kind = "")] D, E }"#;
    let found = refused(three);
    assert_eq!(found.len(), 3, "{found:?}");
    assert_eq!(found[0], "two variants stand for the kind \"b\"");
}
