//! The shape of a payload: its fields as the source has them, as text that stays the same from compiler to compiler.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{Attribute, Fields};

/// Returns the shape of these fields: names, types and `serde` attributes, with those of the whole type before them.
pub(crate) fn shape(attributes: &[Attribute], fields: &Fields) -> String {
    let serde = |attributes: &[Attribute]| -> TokenStream {
        let of_serde = |attribute: &&Attribute| attribute.path().is_ident("serde");
        attributes.iter().filter(of_serde).map(ToTokens::to_token_stream).collect()
    };
    let each = fields.iter().map(|field| {
        let (serde, name, ty) = (serde(&field.attrs), &field.ident, &field.ty);
        if name.is_some() { quote!(#serde #name: #ty) } else { quote!(#serde #ty) }
    });
    let whole = serde(attributes);
    text(match fields {
        Fields::Unnamed(_) => quote!(#whole (#(#each),*)),
        _ => quote!(#whole {#(#each),*}),
    })
}

/// Returns tokens as text, with a space only between two words: what the compiler puts between tokens may change.
fn text(tokens: TokenStream) -> String {
    let mut text = String::new();
    for token in tokens {
        let next = match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                format!("{open}{}{close}", self::text(group.stream()))
            }
            other => other.to_string(),
        };
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        if text.ends_with(is_word) && next.starts_with(is_word) {
            text.push(' ');
        }
        text.push_str(&next);
    }
    text
}

#[cfg(test)]
mod tests {
    use syn::DeriveInput;

    use super::*;

    #[test]
    fn names_types_and_serde_attributes_are_the_shape() {
        for (item, expected) in [
            ("struct A;", "{}"),
            ("struct A {}", "{}"),
            ("struct A(Vec<u8>);", "(Vec<u8>)"),
            (
                "/// Words. \n struct A { /// More. \n pub a: u8, #[serde(default)] b: Box<dyn B>, c: &'static str }",
                "{a:u8,#[serde(default)]b:Box<dyn B>,c:&'static str}",
            ),
            (
                r#"#[serde(rename_all = "camelCase")] struct A { a: [u8; 4] }"#,
                r#"#[serde(rename_all="camelCase")]{a:[u8;4]}"#,
            ),
        ] {
            let input: DeriveInput = syn::parse_str(item).expect("the sample is Rust");
            let syn::Data::Struct(data) = &input.data else { panic!("the sample is a struct") };
            assert_eq!(shape(&input.attrs, &data.fields), expected, "{item}");
        }
    }
}
