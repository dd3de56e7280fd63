//! The result, for people and for machines.

use serde_json::json;

use crate::Failure;
use crate::row::{Aim, Row};
use crate::settings::Settings;

/// The share of the machine that other work may take before times mean little.
const BESIDE_MAX: f64 = 0.05;

/// Prints the rows, and whether other work ran `beside` them: its share of the machine's processors.
pub(crate) fn print(settings: &Settings, rows: &[Row], beside: Option<f64>) -> Result<(), Failure> {
    if settings.json {
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let all = json!({ "cores": cores, "beside": beside, "settings": settings, "rows": rows });
        println!("{}", serde_json::to_string_pretty(&all)?);
        return Ok(());
    }
    println!(
        "{:<44} {:>12} {:>12} {:>11} {:>6}  {:<15} {:>9}  {:<7} met",
        "row", "floor", "tidegate", "unit", "ratio", "rounds", "processor", "aim"
    );
    for row in rows {
        let floor = row.floor.map_or("-".to_owned(), number);
        let ratio = row.ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.2}"));
        let spread = row.spread.map_or("-".to_owned(), |(worst, best)| format!("{worst:.2} to {best:.2}"));
        let aim = match row.aim {
            Aim::Ratio(least) => format!(">= {least}"),
            Aim::Below(limit) => format!("< {limit}"),
            Aim::None => "-".to_owned(),
        };
        let met = row.met.map_or("-", |met| if met { "yes" } else { "NO" });
        let (name, ours, unit) = (&row.name, number(row.tidegate), row.unit);
        let processor = row.processor.map_or("-".to_owned(), |ratio| format!("{ratio:.2}"));
        println!(
            "{name:<44} {floor:>12} {ours:>12} {unit:>11} {ratio:>6}  {spread:<15} {processor:>9}  {aim:<7} {met}"
        );
    }
    if let Some(share) = beside.filter(|share| *share > BESIDE_MAX) {
        println!(
            "other work took {:.0} % of the processors meanwhile: times mean little, ratios of processor time more",
            share * 100.0
        );
    }
    Ok(())
}

fn number(number: f64) -> String {
    if number >= 1000.0 { format!("{number:.0}") } else { format!("{number:.3}") }
}
