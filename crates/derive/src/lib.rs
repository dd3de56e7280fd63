//! The derive macros of [Tidegate](https://docs.rs/tidegate): Rust types bound to kinds of events, and states
//! folded from them.
//!
//! They are used through `tidegate`, as `tidegate::Event` and `tidegate::project::Projection`. [`Event`](macro@Event) and
//! [`Projection`](macro@Projection) describe their attributes, each with an example. An error of a derive says what is
//! wrong and what to write.
//!
//! Reading order:
//!
//! * `kind`: the rules of kinds
//! * `number`: versions
//! * `binding`: the attributes of `#[event(..)]`, and their errors
//! * `shape`: the fields of a payload as text
//! * `arm`: the kinds of a type, and types that cannot be events
//! * `event`: the code for `#[derive(Event)]`
//! * `projection`: the code for `#[derive(Projection)]`
mod kind;
mod number;

mod binding;

mod shape;

mod arm;

mod event;

mod projection;

#[cfg(test)]
mod errors;

use proc_macro::TokenStream;

#[doc = include_str!("../EVENT.md")]
#[proc_macro_derive(Event, attributes(event, serde))]
pub fn derive_event(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    event::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

#[doc = include_str!("../PROJECTION.md")]
#[proc_macro_derive(Projection, attributes(projection))]
pub fn derive_projection(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    projection::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}
