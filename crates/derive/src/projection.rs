//! The code for `#[derive(Projection)]`.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{DeriveInput, Error, Ident, LitStr, Path, Result, Token, Type};

use crate::kind;
use crate::number::schema;

/// What `#[projection(..)]` says.
#[derive(Default)]
struct ProjectionAttributes {
    name: Option<LitStr>,
    version: Option<(u16, Span)>,
    root: Option<Path>,
    handlers: Vec<(Type, Ident)>,
}

impl ProjectionAttributes {
    fn word(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let word = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
        let twice = match word.as_str() {
            "name" => self.name.replace(meta.value()?.parse()?).is_some(),
            "version" => self.version.replace(schema(&meta.value()?.parse()?)?).is_some(),
            "crate" => self.root.replace(meta.value()?.call(Path::parse_mod_style)?).is_some(),
            "on" => {
                self.handlers(meta)?;
                false
            }
            _ => {
                return Err(meta.error("unknown attribute: `projection` accepts name, version, on and crate"));
            }
        };
        if twice { Err(meta.error(format!("duplicate `{word}`"))) } else { Ok(()) }
    }

    fn handlers(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let inside;
        syn::parenthesized!(inside in meta.input);
        while !inside.is_empty() {
            let event: Type = inside.parse()?;
            inside.parse::<Token![=>]>()?;
            let same = |other: &Type| quote!(#other).to_string() == quote!(#event).to_string();
            if self.handlers.iter().any(|(other, _)| same(other)) {
                return Err(Error::new_spanned(&event, "duplicate handler for this event type"));
            }
            self.handlers.push((event, inside.parse()?));
            if !inside.is_empty() {
                inside.parse::<Token![,]>()?;
            }
        }
        Ok(())
    }
}

/// Returns the implementation for a type, or what is wrong with it.
pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let ident = &input.ident;
    if !input.generics.params.is_empty() {
        let message = format!("`{ident}` has generic parameters: a projection is one concrete type");
        return Err(Error::new_spanned(&input.generics, message));
    }
    let (mut attributes, mut at) = (ProjectionAttributes::default(), ident.span());
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("projection")) {
        at = attribute.span();
        attribute.parse_nested_meta(|meta| attributes.word(&meta))?;
    }
    let missing =
        |what: &str, example: &str| Error::new(at, format!("missing {what}: write #[projection({example})]"));
    let name = attributes.name.ok_or_else(|| missing("`name`", "name = \"order.totals\""))?;
    if let Some(complaint) = kind::complaint(&name.value()) {
        return Err(Error::new(name.span(), complaint.replacen("kind", "name", 1)));
    }
    let (version, _) = attributes.version.ok_or_else(|| missing("`version`", "version = 1"))?;
    if attributes.handlers.is_empty() {
        return Err(missing("handler", "on(OrderPlaced => placed)"));
    }
    let root = attributes.root.unwrap_or_else(|| syn::parse_quote!(::tidegate));
    let derived = quote!(#root::project::derived);
    let typed = |event: &Type| quote_spanned!(event.span()=> <#event as #root::typed::Event>);
    let kinds = attributes.handlers.iter().map(|(event, _)| {
        let event = typed(event);
        quote!(#event::kinds())
    });
    let calls = attributes.handlers.iter().map(|(event, method)| {
        let (event, handler) = (typed(event), quote_spanned!(method.span()=> Self::#method));
        quote! {
            if #event::knows(__event.kind()) {
                #derived::handle(#handler, self, #event::all_of(__event)?, __event)?;
            }
        }
    });
    Ok(quote! {
        #[automatically_derived]
        impl #root::project::Projection for #ident {
            const NAME: &'static ::core::primitive::str = #name;
            const VERSION: ::core::primitive::u16 = #version;

            fn query() -> #derived::Query {
                #derived::query(&[#(#kinds),*])
            }

            fn apply(&mut self, __event: &#derived::RecordedEvent) -> #derived::Result<()> {
                #(#calls)*
                ::core::result::Result::Ok(())
            }
        }
    })
}
