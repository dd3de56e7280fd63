# What can be done here; `just --list` prints this.

# Every test of the workspace.
test:
    cargo test --workspace --locked

# Formatting and lints.
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --locked -- -D warnings
    cargo clippy --locked -p tidegate --lib --no-default-features -- -D warnings

# Whether the lock files of all workspaces fit their manifests.
locks:
    for place in . annexes/compare annexes/compare/batpak annexes/compare/verifiers fuzz; do cargo metadata --locked --format-version 1 --manifest-path "$place/Cargo.toml" >/dev/null || exit 1; done

# The documentation; a broken link is an error.
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

# The committing code and the lock-free columns under model checkers; shuttle prints the seed that runs the same
# interleaving again, loom tries all of them and all values that a load may return.
interleavings:
    RUSTFLAGS="--cfg shuttle" cargo test --locked -p tidegate --target-dir target/shuttle --lib --test it interleavings
    RUSTFLAGS="--cfg loom" cargo test --locked -p tidegate-segment --target-dir target/loom --lib interleavings

# The columns of the index in memory, and an index file, in an interpreter that notices undefined behaviour and data
# races. Their tests are smaller there.
miri:
    rustup component add --toolchain nightly miri rust-src
    MIRIFLAGS="-Zmiri-disable-isolation" cargo +nightly miri test --locked -p tidegate-segment --target-dir target/miri --lib -- mem_index:: index::tests::a_tiny

# Tests and checks for other systems: Windows under Wine, other processors emulated, the oldest compiler; or those named.
platforms *names:
    .ci/platforms {{names}}

# The published crates as packages, and a program of a stranger that is built from nothing but them.
packages:
    .ci/packages/run

# Licences, duplicates and sources of the dependencies.
deny:
    .ci/deny

# The program as an archive and a Debian package, in target/artifacts; `just dist reproducible` builds it in two folders and
# compares every byte.
dist *where:
    .ci/dist {{where}}

# Whether the API changed in a way that the version does not say, since the newest tag.
semver:
    command -v cargo-semver-checks >/dev/null || cargo install --locked cargo-semver-checks
    cargo semver-checks --workspace --exclude tidegate-cli --baseline-rev "$(git describe --tags --abbrev=0)"

# Checks everything, tags the version in Cargo.toml, and says what is left to do by hand; it publishes nothing.
release:
    .ci/release

# What a change must pass before it is merged.
ci:
    .ci/run

# Measures the store beside a bare append log.
bench *args:
    cargo run --release --locked -p tidegate-bench -- {{args}}

# Allocations an event; the allocator that counts them costs time, so other rows are measured without it.
bench-allocations:
    cargo run --release --locked -p tidegate-bench --features allocations -- --only allocations

# What the tree over the log costs: a build with it and one without, in turns. Processor time, so other work may run beside.
bench-tree rounds="3" *args:
    cargo build --release --locked -p tidegate-bench --no-default-features --target-dir target/without-tree
    cargo build --release --locked -p tidegate-bench
    for round in $(seq {{rounds}}); do \
        target/without-tree/release/bench --only "tree: " {{args}}; \
        "${CARGO_TARGET_DIR:-target}/release/bench" --only "tree: " {{args}}; \
    done

# Simulated histories for a long time, short ones and long ones; names the seed of each that fails.
sim-long first="0" count="100000":
    cargo run --release --locked -p tidegate-sim -- soak {{first}} {{count}}
    cargo run --release --locked -p tidegate-sim -- long {{first}} 5000

# Writing processes killed outright many times over.
kill-long cycles="2000":
    cargo run --release --locked -p tidegate-crashtest -- kill {{cycles}}

# Every system call of a standard run on its store fails once, in every way; needs strace.
injected *call:
    cargo run --release --locked -p tidegate-crashtest -- inject {{call}}

# Disks of any fill level, as root; file limits, descriptors, several openers, readers, read-only directories.
full-disks step="2":
    cargo run --release --locked -p tidegate-crashtest -- full {{step}}
    cargo run --release --locked -p tidegate-crashtest -- readonly
    cargo run --release --locked -p tidegate-crashtest -- descriptors
    cargo run --release --locked -p tidegate-crashtest -- openers
    cargo run --release --locked -p tidegate-crashtest -- fork
    cargo run --release --locked -p tidegate-crashtest -- reader
    cargo run --release --locked -p tidegate-crashtest -- truncate

# File systems on loop devices, shut down without flushing; as root, with xfsprogs and btrfs-progs.
power-cuts cuts="300":
    cargo run --release --locked -p tidegate-crashtest -- power {{cuts}}

# Single bits that flip in every kind of file of a store at rest.
bit-flips bits="120000":
    cargo run --release --locked -p tidegate-crashtest -- flips {{bits}}

# The example the README opens with.
quickstart:
    cargo run --release --locked -p tidegate --example quickstart

# Measures the store beside other embedded stores.
compare *args:
    CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-annexes/compare/target}" cargo build --release --manifest-path annexes/compare/batpak/Cargo.toml
    CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-annexes/compare/target}" cargo run --release --manifest-path annexes/compare/Cargo.toml -- {{args}}

# What erasing, backups and restores of EVENTS events cost, and what appends beside them lose, with SQLite's online backup. Quiet machine.
upkeep-figures events="1000000" *args:
    CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-annexes/compare/target}" cargo run --release --locked --manifest-path annexes/compare/Cargo.toml --no-default-features --features figures --bin upkeep -- {{events}} {{args}}

# Verifiers of others look at our notes, tiles and proofs, and at what a store exports.
verifiers:
    CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-annexes/compare/target}" cargo test --locked --manifest-path annexes/compare/verifiers/Cargo.toml

# The same by the verifiers of Go, on a store of 70,000 events that the command line exports; needs Debian and PyPI.
verifiers-go:
    annexes/compare/verifiers/go/run

# Hands hostile bytes to one group of decoders (log, derived, text, stores, proof, batpak, upkeep, cli) for SECONDS seconds, guided by coverage.
fuzz target seconds="60":
    command -v cargo-fuzz >/dev/null || cargo install --locked cargo-fuzz
    mkdir -p fuzz/target/found/{{target}}
    cargo +nightly fuzz run --sanitizer none {{target}} fuzz/target/found/{{target}} fuzz/corpus/{{target}} -- -max_total_time={{seconds}} -timeout=10 -rss_limit_mb=2048

# Every target of the fuzzers, ten minutes each.
fuzz-hour:
    for target in log derived text stores proof batpak upkeep cli; do just fuzz $target 600 || exit 1; done

# Changes the code of a crate in one place at a time and looks whether a test notices.
mutants crate="tidegate-format" *args:
    command -v cargo-mutants >/dev/null || cargo install --locked cargo-mutants
    cargo mutants -p {{crate}} --output target {{args}}

# Measures `tidegate inspect` beside a writer of EVENTS events against its budgets: time, memory, size of the program.
inspect-budgets events="200000":
    cargo build --release --locked -p tidegate-cli
    strip -o "${CARGO_TARGET_DIR:-target}/release/tidegate-stripped" "${CARGO_TARGET_DIR:-target}/release/tidegate"
    cargo run --release --locked -p tidegate-inspect --example budgets -- "${CARGO_TARGET_DIR:-target}/release/tidegate-stripped" {{events}}

# New pictures of the inspector's pages for docs/inspector.md; needs chromium and chromium-driver.
inspect-pictures:
    INSPECT_PICTURES="$PWD/docs/inspector" cargo test --locked -p tidegate-inspect --test it every_page

# Histories of nodes over a shared log with faults, from the seeds FIRST to END.
cluster-soak first="1000" end="3000":
    TIDEGATE_CLUSTER_SEEDS={{first}}..{{end}} cargo test --release --locked -p tidegate --test it -- --nocapture clustered::simulated::every_history_is_one

# Nodes over real NATS servers, and members killed.
nats:
    .ci/nats
