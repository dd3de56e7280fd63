//! The attributes of `#[event(..)]` on a struct or a variant.

use proc_macro2::Span;
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{Attribute, Error, LitStr, Path, Result, Token, Type};

use crate::kind;
use crate::number::schema;

/// The attributes of all `#[event(..)]` of one item.
#[derive(Default)]
pub(crate) struct EventAttributes {
    kind: Option<LitStr>,
    version: Option<(u16, Span)>,
    since: Option<(u16, Span)>,
    content: Option<LitStr>,
    upcasts: Vec<(u16, Span, Upcast)>,
    /// Where the first `upcast` and the first `split` stand.
    upcasts_at: Option<Span>,
    splits_at: Option<Span>,
    /// The path to `tidegate`, if it has another name.
    root: Option<Path>,
    /// Where the first `#[event(..)]` stands.
    pub(crate) at: Option<Span>,
}

/// A kind, its versions and how its payload is written.
pub(crate) struct Binding {
    pub(crate) kind: LitStr,
    pub(crate) version: u16,
    /// The first version that was ever written.
    pub(crate) since: u16,
    /// The content type of a payload in bytes; `None` for `MessagePack`.
    pub(crate) content: Option<LitStr>,
    /// The types of earlier versions, from `since` to the one before `version`.
    pub(crate) upcasts: Vec<Upcast>,
}

impl Binding {
    /// Returns which upcast splits what begins with the one at `index`, or `None` if it becomes one value.
    pub(crate) fn split_after(&self, index: usize) -> Option<usize> {
        (index..self.upcasts.len()).find(|index| self.upcasts[*index].splits)
    }
}

/// The type of an earlier version, and whether it becomes several values of the current one at once.
pub(crate) struct Upcast {
    pub(crate) from: Type,
    pub(crate) splits: bool,
}

impl EventAttributes {
    pub(crate) fn read(attributes: &[Attribute]) -> Result<Self> {
        let mut read = Self::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("event")) {
            read.at.get_or_insert(attribute.span());
            attribute.parse_nested_meta(|meta| read.word(&meta))?;
        }
        Ok(read)
    }

    fn word(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let word = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
        let twice = match word.as_str() {
            "kind" => self.kind.replace(meta.value()?.parse()?).is_some(),
            "version" => self.version.replace(number(meta)?).is_some(),
            "since" => self.since.replace(number(meta)?).is_some(),
            "content" => self.content.replace(meta.value()?.parse()?).is_some(),
            "crate" => self.root.replace(meta.value()?.call(Path::parse_mod_style)?).is_some(),
            "upcast" => {
                self.upcasts(meta, false)?;
                self.upcasts_at.replace(meta.path.span()).is_some()
            }
            "split" => {
                self.upcasts(meta, true)?;
                self.splits_at.replace(meta.path.span()).is_some()
            }
            _ => {
                let known = "kind, version, since, content, upcast, split and crate";
                return Err(meta.error(format!("unknown attribute: `event` accepts {known}")));
            }
        };
        if twice { Err(meta.error(format!("duplicate `{word}`"))) } else { Ok(()) }
    }

    fn upcasts(&mut self, meta: &ParseNestedMeta<'_>, splits: bool) -> Result<()> {
        let inside;
        syn::parenthesized!(inside in meta.input);
        while !inside.is_empty() {
            let (version, span) = schema(&inside.parse()?)?;
            inside.parse::<Token![=>]>()?;
            self.upcasts.push((version, span, Upcast { from: inside.parse()?, splits }));
            if !inside.is_empty() {
                inside.parse::<Token![,]>()?;
            }
        }
        Ok(())
    }

    /// Returns the path to `tidegate`. Only the whole type says it.
    pub(crate) fn root(&self) -> Path {
        self.root.clone().unwrap_or_else(|| syn::parse_quote!(::tidegate))
    }

    /// Returns whether a kind, a version or the like is said.
    pub(crate) fn binds(&self) -> bool {
        self.kind.is_some()
            || self.version.is_some()
            || self.since.is_some()
            || self.content.is_some()
            || self.upcasts_at.is_some()
            || self.splits_at.is_some()
    }

    /// Refuses what only the whole type may say.
    pub(crate) fn of_variant(self) -> Result<Self> {
        match &self.root {
            Some(path) => {
                Err(Error::new_spanned(path, "`crate` applies to the whole enum: put it on the enum"))
            }
            None => Ok(self),
        }
    }

    /// Returns the binding of the item at `at`.
    pub(crate) fn binding(self, at: Span) -> Result<Binding> {
        let Some(kind) = self.kind else {
            let message = "missing `kind`: write #[event(kind = \"order.placed\")]";
            return Err(Error::new(self.at.unwrap_or(at), message));
        };
        if let Some(complaint) = kind::complaint(&kind.value()) {
            return Err(Error::new(kind.span(), complaint));
        }
        if let Some(content) = &self.content
            && (content.value().is_empty() || content.value().chars().any(char::is_control))
        {
            return Err(Error::new(content.span(), "invalid content type: use a text such as image/png"));
        }
        let (version, version_at) = self.version.unwrap_or((1, kind.span()));
        let (since, since_at) = self.since.unwrap_or((1, version_at));
        if since > version {
            let message =
                format!("`since` is {since}, but the current version is {version}: use since <= version");
            return Err(Error::new(since_at, message));
        }
        let upcasts =
            chain(self.upcasts, since, version, self.upcasts_at.or(self.splits_at).unwrap_or(version_at))?;
        Ok(Binding { kind, version, since, content: self.content, upcasts })
    }
}

/// Returns the upcasts in the order of their versions, one for each version before the present one.
fn chain(mut upcasts: Vec<(u16, Span, Upcast)>, since: u16, version: u16, at: Span) -> Result<Vec<Upcast>> {
    for (index, (from, span, _)) in upcasts.iter().enumerate() {
        if upcasts[..index].iter().any(|(other, ..)| other == from) {
            return Err(Error::new(*span, format!("duplicate upcast from version {from}")));
        }
        if *from >= version {
            let message = format!(
                "upcast from version {from}: the current version is {version}, upcasts start at earlier ones"
            );
            return Err(Error::new(*span, message));
        }
        if *from < since {
            let message =
                format!("upcast from version {from}: `since` is {since}, so that version was never written");
            return Err(Error::new(*span, message));
        }
    }
    let is_upcast = |wanted: &u16| upcasts.iter().any(|(from, ..)| from == wanted);
    let missing: Vec<u16> = (since..version).filter(|wanted| !is_upcast(wanted)).collect();
    if let Some(first) = missing.first() {
        let named: Vec<String> = missing.iter().take(8).map(ToString::to_string).collect();
        let mut message = format!(
            "missing upcast from version {}: name the type it had, upcast({first} => Type)",
            named.join(", ")
        );
        // Versions before the first upcast may never have been written.
        if upcasts.iter().all(|(from, ..)| from > first) {
            let next = missing.iter().zip(*first..).take_while(|(missing, at)| **missing == *at).count();
            let next = usize::from(*first) + next;
            message = format!("{message}, or write since = {next} if no earlier one was ever written");
        }
        return Err(Error::new(at, message));
    }
    upcasts.sort_by_key(|(from, ..)| *from);
    Ok(upcasts.into_iter().map(|(.., upcast)| upcast).collect())
}

fn number(meta: &ParseNestedMeta<'_>) -> Result<(u16, Span)> {
    schema(&meta.value()?.parse()?)
}
