//! Pictures of what led to what in a Tidegate store: SVG, DOT and Mermaid.
//!
//! Not a viewer: a picture is text.
//!
//! ```
//! use tidegate::graph::Selection;
//! use tidegate::{Cause, Draft, Batch, Store};
//! use tidegate_draw::{Picture, Style};
//!
//! let store = Store::in_memory()?;
//! let batch = Batch::new()
//!     .and(Draft::new(("shop", "order-7"), "order.placed"))
//!     .and(Draft::new(("shop", "pay-7"), "payment.taken").cause(Cause::Draft(0)))
//!     .and(Draft::new(("shop", "stock-3"), "stock.reserved").cause(Cause::Draft(0)))
//!     .and(Draft::new(("shop", "order-7"), "order.shipped").cause(Cause::Draft(1)).cause(Cause::Draft(2)));
//! let shipped = store.append(batch)?.last();
//!
//! let graph = store.view()?.graph();
//! let style = Style { focus: vec![shipped], ..Style::default() };
//! let picture = Picture::of(&graph, &Selection::history(&[shipped]), &style)?;
//! assert!(picture.svg().starts_with("<svg"));
//! assert!(picture.mermaid().contains("n2 --> n4"));
//! assert_eq!((picture.events(), picture.folded(), picture.left_out()), (4, 0, 0));
//! # Ok::<(), tidegate::Error>(())
//! ```
//!
//! Reading order: `subgraph` (what is read of the store), `folded` (nodes and lines, folding), `layers`, `order`, `coordinates`
//! and `layout` (where everything stands), `label` and `legend` (what is said of it), [`Picture`], and a file for each
//! way to write it down.
mod style;
mod text;
mod subgraph;
mod folded;
mod layers;
mod order;
mod coordinates;
mod layout;
mod label;
mod legend;
mod picture;
mod svg;
mod dot;
mod mermaid;

pub use picture::Picture;
pub use style::{Axis, Colour, Style};
