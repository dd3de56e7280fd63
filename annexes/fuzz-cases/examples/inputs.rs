//! Writes the inputs that the fuzzers start from: `cargo run -p tidegate-fuzz-cases --example inputs -- fuzz/corpus`.
#![allow(clippy::disallowed_methods, reason = "a program outside the store")]

use std::path::Path;

use tidegate_fuzz_cases::inputs;

fn main() -> std::io::Result<()> {
    let folder = std::env::args().nth(1).expect("the folder of the corpora is given");
    for (target, name, bytes) in inputs() {
        let folder = Path::new(&folder).join(target);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(name), bytes)?;
    }
    Ok(())
}
