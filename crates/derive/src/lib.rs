//! The derive macros of [Tidegate](https://docs.rs/tidegate): Rust types bound to kinds of events, and states
//! folded from them.
//!
//! They are used through `tidegate`, whose modules `typed` and `project` document them with examples. What a derive
//! refuses, it refuses with words about the mistake.
//!
//! Reading order:
//!
//! * `kind`: the rules of kinds, as the store has them
//! * `number`: versions
//! * `binding`: what `#[event(..)]` says, and what it may not say
//! * `arm`: what a type stands for, and what it cannot
//! * `event`: the code for `#[derive(Event)]`
//! * `projection`: the code for `#[derive(Projection)]`
mod kind;
mod number;

mod binding;

mod arm;

mod event;

mod projection;

#[cfg(test)]
mod errors;

use proc_macro::TokenStream;

/// Binds a struct, or each variant of an enum, to a kind of event and the version of its schema.
#[proc_macro_derive(Event, attributes(event, serde))]
pub fn derive_event(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    event::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes a type the state of a projection, with a handler for each type of event.
#[proc_macro_derive(Projection, attributes(projection))]
pub fn derive_projection(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    projection::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}
