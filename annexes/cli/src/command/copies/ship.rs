//! `ship`: what becomes durable of a store, to another place, for as long as it runs.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use indicatif::BinaryBytes;
use serde::Serialize;
use tidegate::ErrorKind;
use tidegate::report::backup::{Shipment, Shipper};

use super::places::target_at;
use crate::failure::{Result, warn};
use crate::output::{Output, counted};

/// The longest wait after a failure.
const WAIT_MAX: Duration = Duration::from_secs(60);

const RULES: &str = "\
DIR is only read, without its lock: programs go on writing meanwhile. What is durable of it goes to TARGET at once, and then, every so often, \
what became durable since. A line says up to where the target is each time that something was shipped. So what a \
lost disk takes with it is what was written in the last interval, and while shipping fails, since the last line.

TARGET is a directory, on another disk or machine; or a bucket, as s3://BUCKET/PREFIX, if the program was built with the feature s3. Then \
AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION and AWS_ENDPOINT_URL say who asks and where. Only one program ships to it; a second one ends the first one with an error. One that is \
stopped or killed is started again, and goes on where the target is.

If the target cannot be reached, that is warned of and tried again for as long as it takes. Any other failure ends it.

`tidegate restore TARGET NEW` makes a store of it, up to any position or time. What is erased in the store is deleted \
in the target with the next shipment.

Examples:
  tidegate ship ./store /mnt/other/store
  tidegate ship ./store /mnt/other/store --once
  tidegate restore /mnt/other/store ./new --until-time 2026-11-27T09:00:00Z";

/// Ship what becomes durable of a store to another place, for as long as it runs
#[derive(Args, Debug)]
#[command(after_long_help = RULES, after_help = "`tidegate ship --help` says what a target has.")]
pub(in crate::command) struct ShipArgs {
    /// The store's directory
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// The directory to ship to, or a bucket
    #[arg(value_name = "TARGET")]
    target: PathBuf,
    /// Seconds from one shipment to the next
    #[arg(long, value_name = "SECONDS", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    every: u64,
    /// Ship once and end
    #[arg(long)]
    once: bool,
}

/// What was shipped, as JSON.
#[derive(Serialize)]
struct ShipmentJson {
    store: String,
    number: u64,
    until: u64,
    root: String,
    events: u64,
    pieces: u64,
    bytes: u64,
}

impl ShipArgs {
    pub(in crate::command) fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        let target = target_at(&self.directory, &self.target)?;
        let mut shipper = Shipper::new(&self.directory, target);
        let every = Duration::from_secs(self.every);
        let (mut wait, mut last) = (every, None);
        loop {
            match shipper.ship() {
                Ok(shipment) => {
                    wait = every;
                    if last.replace(shipment.number) != Some(shipment.number) {
                        self.write(&shipment, output, json)?;
                        output.flush()?;
                    }
                }
                Err(error) if !self.once && [ErrorKind::Io, ErrorKind::Full].contains(&error.kind()) => {
                    warn("unshipped", &format!("nothing was shipped, and it is tried again: {error}"), json);
                    wait = (wait * 2).min(WAIT_MAX);
                }
                Err(error) => return Err(error.into()),
            }
            if self.once {
                return Ok(());
            }
            std::thread::sleep(wait);
        }
    }

    fn write(&self, shipment: &Shipment, output: &mut Output, json: bool) -> Result<()> {
        let Shipment { store, number, until, root, events, pieces, bytes, .. } = *shipment;
        if json {
            let (store, root) = (store.to_string(), root.to_string());
            return output.json(&ShipmentJson { store, number, until: until.0, root, events, pieces, bytes });
        }
        output.line(format_args!(
            "{} has everything up to position {until} of the store {store}: shipment {number}, {}, {} in {}",
            self.target.display(),
            counted(events, "event"),
            BinaryBytes(bytes),
            counted(pieces, "piece")
        ))
    }
}
