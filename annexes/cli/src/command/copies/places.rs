//! Where a store is shipped to: a directory, or a bucket.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tidegate::Error;
use tidegate::report::backup::{FolderTarget, ShipTarget, fetch};

use super::until::refuse_nested;
use crate::failure::Result;

/// What a bucket's name begins with.
const BUCKET: &str = "s3://";

/// Returns the target at a place, to ship what is in a directory to.
pub(super) fn target_at(from: &Path, place: &Path) -> Result<Arc<dyn ShipTarget>> {
    match bucket_of(place) {
        Some(url) => bucket(url, true),
        None => {
            refuse_nested(from, place)?;
            Ok(Arc::new(FolderTarget::new(place)))
        }
    }
}

fn bucket_of(place: &Path) -> Option<&str> {
    place.to_str().filter(|place| place.starts_with(BUCKET))
}

#[cfg(feature = "s3")]
fn bucket(url: &str, writes: bool) -> Result<Arc<dyn ShipTarget>> {
    use tidegate_s3::{S3Options, S3Target};

    let options = S3Options::from_url(url, |name| std::env::var(name).ok());
    let options =
        options.ok_or_else(|| Error::invalid(format!("{url} names no bucket: say s3://BUCKET/PREFIX")))?;
    let target = S3Target::new(options)?;
    if writes {
        target.check()?;
    }
    Ok(Arc::new(target))
}

#[cfg(not(feature = "s3"))]
fn bucket(url: &str, _: bool) -> Result<Arc<dyn ShipTarget>> {
    let message =
        format!("this program does not know {url}; build it with: cargo install tidegate-cli --features s3");
    Err(Error::invalid(message).into())
}

/// A backup that was fetched of a target, for as long as it is needed.
pub(super) struct Fetched(PathBuf);

impl Fetched {
    /// Fetches what is at a place, beside the directory that is to be made, if it is a target.
    pub(super) fn of(directory: &Path, new: &Path) -> Result<Option<Self>> {
        let target: Arc<dyn ShipTarget> = match bucket_of(directory) {
            Some(url) => bucket(url, false)?,
            None if directory.join("shipped").is_dir() => Arc::new(FolderTarget::new(directory)),
            None => return Ok(None),
        };
        let mut name = new.file_name().unwrap_or_default().to_owned();
        name.push(".fetched");
        let place = new.with_file_name(name);
        if place.exists() {
            let message = format!("{} is there already; remove it", place.display());
            return Err(Error::invalid(message).into());
        }
        let fetched = Self(place);
        fetch(&*target, &fetched.0)?;
        Ok(Some(fetched))
    }

    pub(super) fn directory(&self) -> &Path {
        &self.0
    }
}

impl Drop for Fetched {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
