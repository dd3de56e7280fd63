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
//! Rows wider than about 1,600 pixels are broken. Siblings of one kind with the same causes and effects are folded into one node, and
//! so are runs in large pictures ([`Style`]). A kind has the same colour in every picture ([`Swatch`]). [`Picture::layout`] gives
//! the picture as data.
//!
//! Reading order: [`Style`] and [`Template`], `palette` (colours and style sheet), `subgraph` (what is read of the store), `fold` (nodes and
//! lines, folding), `place` (rows, their order, and where everything stands), `label` and `legend` (what is said of it),
//! [`PictureLayout`] and `arrange` (all of it in its place), [`Picture`], and a file for each way to write it down.
mod template;
mod style;
mod text;
mod palette;
mod subgraph;
mod fold;
mod place;
mod label;
mod legend;
mod layout;
mod arrange;
mod picture;
mod svg;
mod dot;
mod mermaid;

pub use layout::{Fold, LayoutEdge, LayoutNode, LayoutRow, LayoutText, PictureLayout, TextRole};
pub use legend::LegendEntry;
pub use palette::{Swatch, stylesheet};
pub use picture::Picture;
pub use style::{Axis, Colour, EventClock, Style};
pub use template::Template;
