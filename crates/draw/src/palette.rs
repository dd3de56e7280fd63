//! The palette: the colours of kinds and streams, which go by their names and are the same in every picture.

use std::fmt::Write;

/// Colours that most kinds of colour blindness tell apart, each against white and, lightened, against a dark ground. In this order
/// names get them.
#[expect(clippy::unreadable_literal, reason = "colours are read as six digits")]
const HUES: [u32; 12] = [
    0x0072b2, 0xb86e00, 0x00875f, 0xc05c94, 0xd55e00, 0x2487bd, 0x8a7d00, 0x882255, 0x5b4fc4, 0x1f8787,
    0x8c5a2b, 0xa040b0,
];
/// What has no colour of its own.
const GREY: u32 = 0x006e_7781;
/// How many ways there are to mark the kinds of a family.
const MARKS: u64 = 4;

const WHITE: u32 = 0x00ff_ffff;
const DARK: u32 = 0x000d_1117;
/// How much of its colour a ground has that text stands on.
const TINTS: (f64, f64) = (0.12, 0.26);
/// How much white lightens a colour on a dark ground.
const LIGHTENED: f64 = 0.4;

/// The look of a kind or a stream: one of twelve colours, and one of four marks. A name has the same swatch in every picture of
/// every store; two names may share one.
///
/// ```
/// use tidegate_draw::Swatch;
/// // Kinds of one family have one colour.
/// assert_eq!(Swatch::of_kind("order.placed").colour, Swatch::of_kind("order.shipped").colour);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Swatch {
    /// The number of its colour, from 0 to 11, or 12 for grey: several kinds in one node.
    pub colour: u8,
    /// The number of its mark, from 0 to 3: the bar at the left of a node is whole, has one gap, has two, or is double.
    pub mark: u8,
}

impl Swatch {
    /// What stands for several.
    pub(crate) const GREY: Self = Self { colour: HUES.len() as u8, mark: 0 };

    /// Returns the swatch of a kind: its colour goes by the first word, its mark by the whole name.
    pub fn of_kind(kind: &str) -> Self {
        let family = kind.split('.').next().unwrap_or_default();
        Self { colour: colour(family), mark: (hash(kind) >> 32) as u8 % MARKS as u8 }
    }

    /// Returns the swatch of any other name, such as that of a stream.
    pub fn of_name(name: &str) -> Self {
        Self { colour: colour(name), mark: (hash(name) >> 32) as u8 % MARKS as u8 }
    }

    /// Returns its colour without the mark.
    pub(crate) fn unmarked(self) -> Self {
        Self { mark: 0, ..self }
    }

    /// Returns the colour of lines and borders on a white ground, such as `#0072b2`.
    pub fn strong(self) -> String {
        hex(rgb(self.colour))
    }

    /// Returns the light tint of its colour that text stands on.
    pub fn light(self) -> String {
        hex(mixed(rgb(self.colour), WHITE, TINTS.0))
    }
}

fn rgb(colour: u8) -> u32 {
    HUES.get(usize::from(colour)).copied().unwrap_or(GREY)
}

fn colour(name: &str) -> u8 {
    (hash(name) % HUES.len() as u64) as u8
}

/// Returns a hash that never changes: FNV-1a, with its bits mixed once more.
fn hash(name: &str) -> u64 {
    let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325, fold);
    let hash = (hash ^ (hash >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    hash ^ (hash >> 32)
}

/// Returns a colour with so much of the first and the rest of the second.
fn mixed(one: u32, other: u32, share: f64) -> u32 {
    let part = |shift: u32| {
        let (one, other) = (f64::from((one >> shift) & 0xff), f64::from((other >> shift) & 0xff));
        ((one * share + other * (1.0 - share)).round() as u32) << shift
    };
    part(16) | part(8) | part(0)
}

fn hex(colour: u32) -> String {
    format!("#{colour:06x}")
}

/// Returns the style sheet of pictures, for light and for dark pages. An SVG of [`Picture::svg`](crate::Picture::svg) holds it in a
/// `style` element; a page that builds its own from a [`PictureLayout`](crate::PictureLayout) under a strict content security
/// policy serves it as a file. All of its rules are for what stands in an element of the class `tg`.
///
/// Classes: `tg-ground`, `tg-band` (every other row), `cN` (a node in colour N), `dN` (its bar), `tN` (a gap in the bar), `focus`,
/// `cause`, `lane` (lines between nodes), `more` (what is not drawn), `fork`; for text `head`, `side`, `small`.
///
/// ```
/// assert!(tidegate_draw::stylesheet().contains("@media(prefers-color-scheme:dark)"));
/// ```
pub fn stylesheet() -> String {
    let mut css = String::from(
        ".tg text{font:12px system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif}\
         .tg .head{font-size:13px;font-weight:600}.tg .small,.tg .side{font-size:11px}.tg .side{text-anchor:end}\
         .tg .cause,.tg .lane,.tg .more{fill:none;stroke-width:1.5}\
         .tg .lane{stroke-dasharray:6 4}.tg .more{stroke-dasharray:2 2}.tg .focus{stroke-width:3}\
         .tg-ground{stroke-width:1}",
    );
    scheme(&mut css, false);
    css.push_str("@media(prefers-color-scheme:dark){");
    scheme(&mut css, true);
    css.push('}');
    css
}

/// Writes the colours on a light or on a dark ground.
fn scheme(css: &mut String, dark: bool) {
    let [text, dim, ground, border, band, line, lane] = if dark {
        ["#e6edf3", "#a9b3bd", "#0d1117", "#3d444d", "#151b23", "#8b949e", "#c29be6"]
    } else {
        ["#1f2328", "#4d555e", "#ffffff", "#d0d7de", "#f5f7f9", "#57606a", "#8250a0"]
    };
    let _ = write!(
        css,
        ".tg text{{fill:{text}}}.tg .small,.tg .side{{fill:{dim}}}.tg-ground{{fill:{ground};stroke:{border}}}\
         .tg-band{{fill:{band}}}.tg .cause,.tg .more{{stroke:{line}}}.tg .lane{{stroke:{lane}}}.tg .fork,.tg-lane{{fill:{lane}}}\
         .tg-cause{{fill:{line}}}"
    );
    for colour in 0..=Swatch::GREY.colour {
        let (strong, tint) = pair(colour, dark);
        let (strong, tint) = (hex(strong), hex(tint));
        let _ = write!(
            css,
            ".tg .c{colour}{{fill:{tint};stroke:{strong}}}.tg .d{colour}{{fill:{strong}}}.tg .t{colour}{{fill:{tint}}}"
        );
    }
    // After the colours: it is the border of any of them.
    let _ = write!(css, ".tg .focus{{stroke:{text}}}");
}

/// Returns a colour and its tint on a light or on a dark ground.
fn pair(colour: u8, dark: bool) -> (u32, u32) {
    let strong = rgb(colour);
    if dark {
        (mixed(WHITE, strong, LIGHTENED), mixed(strong, DARK, TINTS.1))
    } else {
        (strong, mixed(strong, WHITE, TINTS.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The contrast of two colours, as the guidelines for accessible pages have it.
    fn contrast(one: u32, other: u32) -> f64 {
        let light = |colour: u32| {
            let part = |shift: u32, weight: f64| {
                let part = f64::from((colour >> shift) & 0xff) / 255.0;
                weight * if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
            };
            part(16, 0.2126) + part(8, 0.7152) + part(0, 0.0722) + 0.05
        };
        let (one, other) = (light(one), light(other));
        one.max(other) / one.min(other)
    }

    #[test]
    fn text_reads_well_and_borders_are_seen_on_either_ground() {
        for (dark, ground, texts) in
            [(false, WHITE, [0x001f_2328, 0x004d_555e]), (true, DARK, [0x00e6_edf3, 0x00a9_b3bd])]
        {
            for colour in 0..=Swatch::GREY.colour {
                let (strong, tint) = pair(colour, dark);
                assert!(contrast(strong, ground) >= 3.0, "{colour} {dark}: {}", contrast(strong, ground));
                for text in texts {
                    assert!(contrast(text, tint) >= 4.5, "{colour} {dark}: {}", contrast(text, tint));
                }
            }
        }
    }

    /// A hash that changes would change what a colour means.
    #[test]
    fn swatches_stay_what_they_are() {
        assert_eq!(hash("order"), 0xfda1_17db_8892_7e84);
        let colours = ["order", "payment", "stock", "shipment", "commit"].map(colour);
        assert_eq!(colours, [8, 6, 1, 2, 10]);
    }

    #[test]
    fn names_spread_over_all_colours_and_marks() {
        let mut seen = [[0_u32; 4]; 12];
        for name in 0..4_800 {
            let swatch = Swatch::of_kind(&format!("family{name}.made"));
            seen[usize::from(swatch.colour)][usize::from(swatch.mark)] += 1;
        }
        assert!(seen.iter().flatten().all(|count| (60..=140).contains(count)), "{seen:?}");
    }
}
