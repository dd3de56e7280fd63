//! What a type with `#[derive(Event)]` stands for.
//!
//! A struct stands for one kind. A variant of an enum stands for a kind of its own, or for all kinds of the
//! event type it holds.

use proc_macro2::Span;
use quote::quote;
use syn::spanned::Spanned;
use syn::{Attribute, Data, DataEnum, DeriveInput, Error, Field, Fields, Ident, Path, Result, Type, Variant};

use crate::binding::{Binding, EventAttributes};
use crate::shape;

/// Returns the arms of a type and the path to `tidegate`, or what is wrong with the type.
pub(crate) fn arms(input: &DeriveInput) -> Result<(Vec<Arm>, Path)> {
    let name = &input.ident;
    if !input.generics.params.is_empty() {
        let message = format!("`{name}` has generic parameters: an event is one concrete type");
        return Err(Error::new_spanned(&input.generics, message));
    }
    let attributes = EventAttributes::read(&input.attrs)?;
    let root = attributes.root();
    let arms = match &input.data {
        Data::Union(data) => {
            let message = "unions are not supported: use a struct or an enum";
            return Err(Error::new(data.union_token.span, message));
        }
        Data::Struct(data) => {
            refuse_on_fields(&data.fields)?;
            let binding = attributes.binding(name.span())?;
            vec![Arm::of_struct(binding, input, &data.fields)?]
        }
        Data::Enum(data) => {
            if attributes.binds() {
                let message =
                    "an enum has a kind for each variant: put #[event(kind = \"..\")] on the variants";
                return Err(Error::new(attributes.at.unwrap_or(name.span()), message));
            }
            of_enum(data, name)?
        }
    };
    Ok((arms, root))
}

/// Returns the arms of an enum. All mistakes are shown at once.
fn of_enum(data: &DataEnum, name: &Ident) -> Result<Vec<Arm>> {
    let mut arms = Vec::new();
    let mut wrong: Option<Error> = None;
    let mut report = |error: Error| match &mut wrong {
        Some(wrong) => wrong.combine(error),
        None => wrong = Some(error),
    };
    for variant in &data.variants {
        match Arm::of_variant(variant) {
            Ok(arm) => match arms.iter().find_map(|other| arm.clash(other)) {
                Some(error) => report(error),
                None => arms.push(arm),
            },
            Err(error) => report(error),
        }
    }
    match wrong {
        Some(wrong) => Err(wrong),
        None if arms.is_empty() => {
            Err(Error::new(name.span(), "no variants: an event enum needs at least one"))
        }
        None => Ok(arms),
    }
}

fn refuse_on_fields(fields: &Fields) -> Result<()> {
    match fields.iter().flat_map(|field| &field.attrs).find(|attribute| attribute.path().is_ident("event")) {
        Some(attribute) => {
            Err(Error::new_spanned(attribute, "`event` applies to a type or a variant, not to a field"))
        }
        None => Ok(()),
    }
}

/// A struct, or one variant.
pub(crate) struct Arm {
    pub(crate) at: Span,
    /// The variant; nothing for a struct.
    pub(crate) variant: Option<Ident>,
    pub(crate) subject: Subject,
    /// The fields as the source has them.
    pub(crate) layout: String,
}

/// What an arm stands for.
pub(crate) enum Subject {
    /// One kind.
    Kind(Binding, Shape),
    /// All kinds of the event type it holds.
    Nested(Box<Type>),
}

/// How the value of an arm is laid out.
pub(crate) enum Shape {
    /// Without fields.
    Unit,
    /// A struct, written as it is.
    Whole,
    /// One value without a name.
    One(Box<Type>),
    /// The fields of a variant.
    Named(Vec<Field>, Vec<Attribute>),
}

impl Arm {
    fn of_struct(binding: Binding, input: &DeriveInput, fields: &Fields) -> Result<Self> {
        let shape = match fields {
            Fields::Unit => Shape::Unit,
            Fields::Named(_) if binding.content.is_none() => Shape::Whole,
            Fields::Unnamed(fields) if fields.unnamed.len() == 1 && binding.content.is_none() => Shape::Whole,
            Fields::Unnamed(fields) if fields.unnamed.len() == 1 => {
                Shape::One(Box::new(fields.unnamed[0].ty.clone()))
            }
            Fields::Unnamed(_) if binding.content.is_none() => return Err(nameless(fields)),
            _ => return Err(no_bytes(&binding)),
        };
        let (at, layout) = (input.ident.span(), shape::shape(&input.attrs, fields));
        Self { at, variant: None, subject: Subject::Kind(binding, shape), layout }.checked()
    }

    fn of_variant(variant: &Variant) -> Result<Self> {
        refuse_on_fields(&variant.fields)?;
        let at = variant.ident.span();
        let attributes = EventAttributes::read(&variant.attrs)?.of_variant()?;
        let nested = match &variant.fields {
            Fields::Unnamed(fields) if fields.unnamed.len() == 1 => Some(fields.unnamed[0].ty.clone()),
            _ => None,
        };
        let name = Some(variant.ident.clone());
        if let (Some(nested), false) = (&nested, attributes.binds()) {
            let subject = Subject::Nested(Box::new(nested.clone()));
            return Ok(Self { at, variant: name, subject, layout: String::new() });
        }
        let binding = attributes.binding(at)?;
        let shape = match (&variant.fields, nested) {
            (_, Some(nested)) => Shape::One(Box::new(nested)),
            (Fields::Unit, _) => Shape::Unit,
            (Fields::Named(fields), _) if fields.named.is_empty() => Shape::Unit,
            (Fields::Unnamed(_), _) if binding.content.is_none() => return Err(nameless(&variant.fields)),
            (Fields::Named(fields), _) if binding.content.is_none() => {
                let fields = fields.named.iter().cloned().collect();
                let of_serde = |attribute: &&Attribute| attribute.path().is_ident("serde");
                Shape::Named(fields, variant.attrs.iter().filter(of_serde).cloned().collect())
            }
            _ => return Err(no_bytes(&binding)),
        };
        let layout = shape::shape(&variant.attrs, &variant.fields);
        Self { at, variant: name, subject: Subject::Kind(binding, shape), layout }.checked()
    }

    /// Refuses what cannot be written or read.
    fn checked(self) -> Result<Self> {
        let Subject::Kind(binding, shape) = &self.subject else { return Ok(self) };
        if let (Shape::Unit, Some(content)) = (shape, &binding.content) {
            return Err(Error::new(
                content.span(),
                "`content` needs a field: a type without fields has no payload",
            ));
        }
        if let (Shape::Named(..) | Shape::Unit, Some(last), Some(_)) =
            (shape, binding.upcasts.last(), &self.variant)
            && !last.splits
        {
            let message =
                "`upcast` needs a type of its own: hold one in the variant, as in Placed(OrderPlaced)";
            return Err(Error::new_spanned(&last.from, message));
        }
        if let Shape::Named(fields, _) = shape {
            fields.iter().try_for_each(refuse_functions)?;
        }
        Ok(self)
    }

    /// Returns the error for two arms that stand for one kind.
    fn clash(&self, other: &Self) -> Option<Error> {
        match (&self.subject, &other.subject) {
            (Subject::Kind(one, _), Subject::Kind(two, _)) if one.kind.value() == two.kind.value() => {
                let message =
                    format!("two variants have the kind {:?}: use one variant for a kind", one.kind.value());
                Some(Error::new(one.kind.span(), message))
            }
            (Subject::Nested(one), Subject::Nested(two))
                if quote!(#one).to_string() == quote!(#two).to_string() =>
            {
                Some(Error::new(one.span(), "two variants hold the same event type: remove one"))
            }
            _ => None,
        }
    }
}

fn nameless(fields: &Fields) -> Error {
    let message = if fields.is_empty() {
        "empty parentheses: remove them"
    } else {
        "unnamed fields: payloads are read by field name, so name the fields"
    };
    Error::new_spanned(fields, message)
}

fn no_bytes(binding: &Binding) -> Error {
    let at = binding.content.as_ref().map_or_else(|| binding.kind.span(), syn::LitStr::span);
    Error::new(at, "`content` needs exactly one unnamed field, as in Photo(Vec<u8>)")
}

/// Refuses attributes that do not fit the fields of a variant, which are written through references.
fn refuse_functions(field: &Field) -> Result<()> {
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        let text = attribute.meta.require_list()?.tokens.to_string();
        let words_of = || text.split(|c: char| c != '_' && !c.is_alphanumeric());
        let words = ["with", "serialize_with", "skip_serializing_if", "getter", "borrow"];
        let found = words.iter().find(|word| words_of().any(|found| found == **word));
        if let Some(word) = found {
            let message = format!(
                "`{word}` is not supported on fields of a variant: hold a type, as in Placed(OrderPlaced)"
            );
            return Err(Error::new_spanned(attribute, message));
        }
    }
    Ok(())
}
