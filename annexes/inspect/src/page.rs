//! The files of the page, which are in the program.

use crate::http::Response;

const SCRIPT: &str = "text/javascript";

macro_rules! files {
    ($($path:literal: $content_type:expr, $file:literal;)*) => {
        /// Returns the file at a path, if there is one.
        pub(crate) fn file(path: &str) -> Option<Response> {
            match path {
                $($path => Some(Response::file($content_type, include_bytes!(concat!("../page/", $file)))),)*
                _ => None,
            }
        }
    };
}

files! {
    "/": "text/html", "index.html";
    "/favicon.ico": "image/svg+xml", "icon.svg";
    "/icon.svg": "image/svg+xml", "icon.svg";
    "/app.css": "text/css", "app.css";
    "/app.js": SCRIPT, "app.js";
    "/base.js": SCRIPT, "base.js";
    "/parts.js": SCRIPT, "parts.js";
    "/picture.js": SCRIPT, "picture.js";
    "/plot.js": SCRIPT, "plot.js";
    "/proof.js": SCRIPT, "proof.js";
    "/views/overview.js": SCRIPT, "views/overview.js";
    "/views/events.js": SCRIPT, "views/events.js";
    "/views/event.js": SCRIPT, "views/event.js";
    "/views/stream.js": SCRIPT, "views/stream.js";
    "/views/flow.js": SCRIPT, "views/flow.js";
    "/views/readers.js": SCRIPT, "views/readers.js";
    "/views/proofs.js": SCRIPT, "views/proofs.js";
    "/views/upkeep.js": SCRIPT, "views/upkeep.js";
    "/vendor/uPlot.esm.js": SCRIPT, "vendor/uPlot.esm.js";
    "/vendor/uPlot.css": "text/css", "vendor/uPlot.css";
    "/vendor/uPlot.LICENSE": "text/plain", "vendor/uPlot.LICENSE";
}
