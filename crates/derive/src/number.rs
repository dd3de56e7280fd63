//! Versions as attributes say them.

use proc_macro2::Span;
use syn::{Error, LitInt, Result};

/// Returns a version, counted from 1, and where it stands.
pub(crate) fn schema(number: &LitInt) -> Result<(u16, Span)> {
    match number.base10_parse() {
        Ok(0) => Err(Error::new(number.span(), "versions start at 1")),
        Ok(version) => Ok((version, number.span())),
        Err(_) => Err(Error::new(number.span(), "invalid version: use a number from 1 to 65535")),
    }
}
