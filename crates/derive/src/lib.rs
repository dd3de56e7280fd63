//! The derive macros of [Tidegate](https://docs.rs/tidegate): Rust types bound to kinds of events.
//!
//! They are used through `tidegate`, whose module `typed` documents them with examples. What a derive
//! refuses, it refuses with words about the mistake.
//!
//! Reading order:
//!
//! * `kind`: the rules of kinds, as the store has them
//! * `binding`: what `#[event(..)]` says, and what it may not say
//! * `arm`: what a type stands for, and what it cannot
//! * `event`: the code for `#[derive(Event)]`
mod kind;

mod binding;

mod arm;

mod event;

#[cfg(test)]
mod refused;

use proc_macro::TokenStream;

/// Binds a struct, or each variant of an enum, to a kind of event and the version of its schema.
#[proc_macro_derive(Event, attributes(event, serde))]
pub fn derive_event(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    event::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}
