//! The code for `#[derive(Event)]`.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{Attribute, DeriveInput, Field, Ident, Result};

use crate::arm::{Arm, Shape, Subject, arms};
use crate::binding::Binding;

/// The arms of the generated matches, and what they are made of.
#[derive(Default)]
struct Arms {
    kinds: Vec<TokenStream>,
    names: Vec<String>,
    nested: Vec<TokenStream>,
    drafts: Vec<TokenStream>,
    reads: Vec<TokenStream>,
    splits: Vec<TokenStream>,
}

impl Arms {
    fn of(arms: &[Arm], code: &Code) -> Self {
        let (typed, derived) = (&code.typed, &code.derived);
        let mut made = Self::default();
        for arm in arms {
            match &arm.subject {
                Subject::Kind(binding, shape) => {
                    let part = Part { arm, binding, shape, slot: made.kinds.len() };
                    made.drafts.push(code.draft(&part));
                    made.reads.push(code.read(&part));
                    made.kinds.push(code.kind(binding, &arm.layout));
                    made.splits.extend(code.split_arm(&part));
                    made.names.push(binding.kind.value());
                }
                Subject::Nested(inner) => {
                    let inner = quote_spanned!(arm.at=> <#inner as #typed::Event>);
                    let variant = &arm.variant;
                    made.drafts
                        .push(quote!(Self::#variant(__value) => #inner::draft(__value, __coordinate),));
                    made.reads.push(quote! {
                        __kind if #inner::knows(__kind) => {
                            ::core::result::Result::Ok(Self::#variant(#inner::of(__event)?))
                        }
                    });
                    made.splits.push(quote! {
                        __kind if #inner::knows(__kind) => {
                            ::core::result::Result::Ok(#derived::nested(#inner::all_of(__event)?, Self::#variant))
                        }
                    });
                    made.nested.push(inner);
                }
            }
        }
        made
    }
}

/// Returns the implementation for a type, or its mistakes.
pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let (arms, root) = arms(input)?;
    let name = &input.ident;
    let typed = quote!(#root::typed);
    let code = Code { derived: quote!(#typed::derived), typed: typed.clone() };
    let derived = &code.derived;
    let Arms { kinds, names, nested, drafts, reads, splits } = Arms::of(&arms, &code);
    let knows = names.iter().map(|name| quote!(__kind == #name));
    let knows = knows.chain(nested.iter().map(|inner| quote!(#inner::knows(__kind))));
    let all_of = (!splits.is_empty()).then(|| {
        quote! {
            fn all_of(__event: &#derived::RecordedEvent) -> #derived::Result<#derived::Values<Self>> {
                match __event.kind() {
                    #(#splits)*
                    _ => Self::of(__event).map(#derived::Values::one),
                }
            }
        }
    });
    let own_kinds = quote!(#derived::Cow::Borrowed(__KINDS));
    let all_kinds = if nested.is_empty() {
        own_kinds.clone()
    } else {
        quote! {
            let mut __kinds = #own_kinds;
            #(__kinds.to_mut().extend_from_slice(&#nested::kinds());)*
            __kinds
        }
    };
    let claim = (!kinds.is_empty()).then(|| quote!(#typed::claim! { #name => || #own_kinds }));
    Ok(quote! {
        const _: () = {
            const __KINDS: &[#typed::Kind] = &[#(#kinds),*];

            #[automatically_derived]
            impl #typed::Event for #name {
                fn kinds() -> #derived::Cow<'static, [#typed::Kind]> {
                    #all_kinds
                }

                fn knows(__kind: &::core::primitive::str) -> ::core::primitive::bool {
                    #(#knows)||*
                }

                fn draft(
                    &self,
                    __coordinate: impl ::core::convert::Into<#derived::StreamId>,
                ) -> #derived::Result<#derived::Draft> {
                    match self { #(#drafts)* }
                }

                fn of(__event: &#derived::RecordedEvent) -> #derived::Result<Self> {
                    match __event.kind() {
                        #(#reads)*
                        _ => ::core::result::Result::Err(#derived::unknown::<Self>(__event)),
                    }
                }

                #all_of
            }

            #claim
        };
    })
}

/// The paths of the modules that the code calls.
struct Code {
    typed: TokenStream,
    derived: TokenStream,
}

/// An arm that stands for a kind.
struct Part<'a> {
    arm: &'a Arm,
    binding: &'a Binding,
    shape: &'a Shape,
    /// The place of its kind among those of the type.
    slot: usize,
}

impl Part<'_> {
    fn path(&self) -> TokenStream {
        self.arm.variant.as_ref().map_or_else(|| quote!(Self), |variant| quote!(Self::#variant))
    }
}

impl Code {
    /// Returns the code of a `Kind`.
    fn kind(&self, binding: &Binding, layout: &str) -> TokenStream {
        let Binding { kind, version, since, upcasts, .. } = binding;
        let (typed, sources) = (&self.typed, (*since..).take(upcasts.len()));
        quote!(#typed::Kind::new(#kind, #version, #since, &[#(#sources),*], #layout))
    }

    /// Returns the code that makes a draft of an arm.
    fn draft(&self, part: &Part<'_>) -> TokenStream {
        let (derived, path, slot) = (&self.derived, part.path(), part.slot);
        let write = |value: TokenStream| match &part.binding.content {
            None => quote!(#derived::draft(&__KINDS[#slot], __coordinate, #value)),
            Some(content) => quote!(#derived::draft_bytes(&__KINDS[#slot], __coordinate, #content, #value)),
        };
        match part.shape {
            Shape::Unit => quote!(#path { .. } => #derived::draft_empty(&__KINDS[#slot], __coordinate),),
            Shape::Whole => {
                let written = write(quote!(self));
                quote!(_ => #written,)
            }
            Shape::One(_) => {
                let written = write(quote!(__value));
                quote!(#path(__value) => #written,)
            }
            Shape::Named(fields, attributes) => {
                let shadow = self.shadow(part.arm, fields, attributes, true);
                let (names, name) = (names_of(fields), shadow_name(part.arm));
                let written = write(quote!(&#name { #(#names),* }));
                quote!(#path { #(#names),* } => { #shadow #written })
            }
        }
    }

    /// Returns the code that reads an event as an arm.
    fn read(&self, part: &Part<'_>) -> TokenStream {
        let (derived, path, slot) = (&self.derived, part.path(), part.slot);
        let kind = &part.binding.kind;
        let (shape, present) = match part.shape {
            Shape::Unit => (None, quote!(#path {})),
            Shape::Whole => (Some(quote!(Self)), quote!(__value)),
            Shape::One(one) => (Some(quote!(#one)), quote!(#path(__value))),
            Shape::Named(fields, _) => {
                let (names, name) = (names_of(fields), shadow_name(part.arm));
                let value = quote!({
                    let #name { #(#names),* } = __value;
                    #path { #(#names),* }
                });
                (Some(quote!(#name)), value)
            }
        };
        let shadow = match part.shape {
            Shape::Named(fields, attributes) => Some(self.shadow(part.arm, fields, attributes, false)),
            _ => None,
        };
        let last = match &shape {
            None => present.clone(),
            Some(shape) => {
                let value = self.value(part.binding, shape);
                quote!({ let __value: #shape = #value?; #present })
            }
        };
        let becomes = shape.unwrap_or_else(|| quote!(Self));
        let upcasts = part.binding.upcasts.iter().enumerate().map(|(index, first)| {
            // There is an upcast for each version, and versions fit `u16`.
            let version = part.binding.since + index as u16;
            if let Some(split) = self.split(part.binding, index) {
                return quote!(#version => return #derived::one(__event, #split),);
            }
            let first = &first.from;
            let value = self.value(part.binding, &quote!(#first));
            let later = part.binding.upcasts[index + 1..].iter().map(|upcast| upcast.from.to_token_stream());
            let later = later.chain([becomes.clone()]);
            let present = if matches!(part.shape, Shape::Unit) { quote!(__value) } else { present.clone() };
            quote! {
                #version => {
                    let __value: #first = #value?;
                    #(let __value: #later = #derived::upcast(__event, __value)?;)*
                    #present
                }
            }
        });
        quote! {
            #kind => {
                #shadow
                ::core::result::Result::Ok(match #derived::schema(__event, &__KINDS[#slot])? {
                    #(#upcasts)*
                    _ => #last,
                })
            }
        }
    }

    /// Returns the code of the values that an event of the version at `index` is split into, or `None` if it becomes one value.
    fn split(&self, binding: &Binding, index: usize) -> Option<TokenStream> {
        let last = binding.split_after(index)?;
        let derived = &self.derived;
        let from = |index: usize| &binding.upcasts[index].from;
        let (first, value) = (from(index), self.value(binding, &from(index).to_token_stream()));
        let (later, last) = ((index + 1..=last).map(from), from(last));
        Some(quote!({
            let __value: #first = #value?;
            #(let __value: #later = #derived::upcast(__event, __value)?;)*
            #derived::split::<#last, Self>(__event, __value)?
        }))
    }

    /// Returns the arm of `all_of` for a kind with versions that are split.
    fn split_arm(&self, part: &Part<'_>) -> Option<TokenStream> {
        let (derived, binding, slot) = (&self.derived, part.binding, part.slot);
        let splits = (binding.since..).zip(0..binding.upcasts.len()).filter_map(|(version, index)| {
            let split = self.split(binding, index)?;
            Some(quote!(#version => ::core::result::Result::Ok(#split),))
        });
        let splits: Vec<_> = splits.collect();
        let kind = &binding.kind;
        (!splits.is_empty()).then(|| {
            quote! {
                #kind => match #derived::schema(__event, &__KINDS[#slot])? {
                    #(#splits)*
                    _ => Self::of(__event).map(#derived::Values::one),
                },
            }
        })
    }

    /// Returns the code that reads the payload as this type.
    fn value(&self, binding: &Binding, shape: &TokenStream) -> TokenStream {
        let derived = &self.derived;
        match &binding.content {
            None => quote!(#derived::decode::<#shape>(__event)),
            Some(content) => quote!(#derived::decode_bytes::<#shape>(__event, #content)),
        }
    }

    /// Returns a struct with the fields of a variant, to be written or to be read.
    fn shadow(&self, arm: &Arm, fields: &[Field], attributes: &[Attribute], write: bool) -> TokenStream {
        let (derived, name, names) = (&self.derived, shadow_name(arm), names_of(fields));
        let types = fields.iter().map(|field| &field.ty);
        let serde: Vec<Vec<&Attribute>> = fields
            .iter()
            .map(|field| field.attrs.iter().filter(|attribute| attribute.path().is_ident("serde")).collect())
            .collect();
        let from = format!("{derived}::serde").replace(' ', "");
        if write {
            quote! {
                #[derive(#derived::serde::Serialize)]
                #[serde(crate = #from)]
                #(#attributes)*
                struct #name<'__a> { #(#(#serde)* #names: &'__a #types),* }
            }
        } else {
            quote! {
                #[derive(#derived::serde::Deserialize)]
                #[serde(crate = #from)]
                #(#attributes)*
                struct #name { #(#(#serde)* #names: #types),* }
            }
        }
    }
}

fn shadow_name(arm: &Arm) -> Ident {
    format_ident!("__{}", arm.variant.as_ref().map_or_else(String::new, Ident::to_string))
}

fn names_of(fields: &[Field]) -> Vec<&Option<Ident>> {
    fields.iter().map(|field| &field.ident).collect()
}
