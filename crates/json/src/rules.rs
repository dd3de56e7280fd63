//! Rules: what is read beside the lines that an export writes.

/// What a caller lets lines say that an export never does. By default nothing.
///
/// ```
/// use tidegate_json::{EventLine, LineRules};
///
/// let text = r#"{"scope":"shop","entity":"order-7","kind":"order.placed","time":"2024-05-01 12:30"}"#;
/// assert!(EventLine::parse(text).is_err(), "the time has no zone");
/// assert!(EventLine::parse_with(text, &LineRules::new().any_times(true)).is_ok(), "it is taken as UTC");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LineRules {
    /// What the fields of a line are called.
    pub shape: LineShape,
    /// Whether a time may lack its zone, and is then in UTC, or be a date, which begins at 00:00. Such a time is kept as
    /// RFC 3339.
    pub any_times: bool,
    /// Whether causes and correlations may be unknown. They are kept as metadata, `import.causes` (an array of texts, in
    /// JSON) and `import.correlation`, and lead nowhere.
    pub outside_causes: bool,
    /// Scopes whose import keys may be causes and correlations too, if the event's own scope has no such key.
    pub other_scopes: Vec<String>,
}

/// What the fields of a line are called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LineShape {
    /// As `tidegate export` writes them.
    #[default]
    Export,
    /// As [CloudEvents 1.0](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md) has them.
    /// `source` is the scope, or `SCOPE` of `//tidegate/STORE/SCOPE`; `id` the import key; `type` the kind; `subject` the
    /// entity, or else the source. The extensions `causationid` and `correlationid` are a cause and the correlation; all
    /// others, `dataschema` and a content type that is not JSON are metadata of the same name.
    CloudEvents,
}

impl LineRules {
    /// Returns the rules of an export.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what the fields are called.
    #[must_use]
    pub fn shape(self, shape: LineShape) -> Self {
        Self { shape, ..self }
    }

    /// Sets whether times may lack a zone or be dates.
    #[must_use]
    pub fn any_times(self, any_times: bool) -> Self {
        Self { any_times, ..self }
    }

    /// Sets whether causes and correlations may be unknown.
    #[must_use]
    pub fn outside_causes(self, outside_causes: bool) -> Self {
        Self { outside_causes, ..self }
    }

    /// Sets whose import keys may be causes too.
    #[must_use]
    pub fn other_scopes(self, other_scopes: Vec<String>) -> Self {
        Self { other_scopes, ..self }
    }
}
