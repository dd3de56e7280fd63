//! What was taken from others is what they published, with its licence beside it.

use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

#[test]
fn checksums_of_vendored_files_hold() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("page/vendor");
    let sums = fs::read_to_string(folder.join("SHA256SUMS")).unwrap();
    let mut named = vec!["README.md".to_owned(), "SHA256SUMS".to_owned()];
    for line in sums.lines() {
        let (sum, name) = line.split_once("  ").unwrap();
        let bytes = fs::read(folder.join(name)).unwrap();
        let found = crate::client::hex(&Sha256::digest(&bytes));
        assert_eq!(found, sum, "{name} was changed");
        named.push(name.to_owned());
    }
    assert!(named.iter().any(|name| name.ends_with("LICENSE")));
    for entry in fs::read_dir(&folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(named.contains(&name), "{name} has no checksum");
    }
}

/// Text of a store becomes text and never markup, and nothing is fetched from elsewhere.
#[test]
fn the_page_writes_no_markup_and_names_no_other_host() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("page");
    let folders = [page.clone(), page.join("views")];
    for entry in folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap()) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for forbidden in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "style=",
            "onclick=\"",
            "srcdoc",
            "DOMParser",
        ] {
            assert!(!text.contains(forbidden), "{}: `{forbidden}`", path.display());
        }
        let elsewhere = text.matches("://").count() - text.matches("http://www.w3.org/").count();
        assert_eq!(elsewhere, 0, "{}: an address of another host", path.display());
    }
}
