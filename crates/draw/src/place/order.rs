//! Order: in which order the things of a row stand, so that few lines cross.
//!
//! The method is the usual one for pictures in layers (Sugiyama, Tagawa and Toda 1981; Gansner and others 1993): rows
//! are gone through down and up, and each is sorted by the middles of what its things are linked to in the row before.
//! Then neighbours change places as long as that undoes crossings. The best order of all rounds is kept. It is the same
//! for the same graph, and writes nothing to the log of the calling program, as a layout library did.

/// Rounds down and up.
const ROUNDS: usize = 12;
/// Rounds in which neighbours change places, at most, after each time through the rows.
const SWAPS_MAX: usize = 8;

/// Returns the things of each row from left to right. `rows` are those of the things, `lines` go from a row to the next one.
pub(super) fn order(rows: &[u32], lines: &[(u32, u32)]) -> Vec<Vec<usize>> {
    let links = Links::of(rows.len(), lines);
    let mut layers = begin(rows, &links);
    let mut best = (crossings(&layers, &links, rows.len()), layers.clone());
    for round in 0..ROUNDS {
        if best.0 == 0 {
            break;
        }
        sort(&mut layers, &links, rows.len(), round % 2 == 0);
        swap(&mut layers, &links, rows.len());
        let count = crossings(&layers, &links, rows.len());
        if count < best.0 {
            best = (count, layers.clone());
        }
    }
    best.1
}

/// What each thing is linked to, in the row above and in the one below.
struct Links {
    above: Vec<Vec<usize>>,
    below: Vec<Vec<usize>>,
}

impl Links {
    fn of(count: usize, lines: &[(u32, u32)]) -> Self {
        let (mut above, mut below) = (vec![Vec::new(); count], vec![Vec::new(); count]);
        for (from, to) in lines {
            below[*from as usize].push(*to as usize);
            above[*to as usize].push(*from as usize);
        }
        Self { above, below }
    }
}

/// Returns the first order: that in which a walk along the lines meets the things, so that what hangs together stands together.
fn begin(rows: &[u32], links: &Links) -> Vec<Vec<usize>> {
    let first = rows.iter().min().copied().unwrap_or(0);
    let count = rows.iter().max().map_or(0, |last| (last - first + 1) as usize);
    let mut layers = vec![Vec::new(); count];
    let mut seen = vec![false; rows.len()];
    let mut starts: Vec<usize> = (0..rows.len()).collect();
    starts.sort_by_key(|at| rows[*at]);
    for start in starts {
        let mut stack = vec![start];
        while let Some(at) = stack.pop() {
            if std::mem::replace(&mut seen[at], true) {
                continue;
            }
            layers[(rows[at] - first) as usize].push(at);
            stack.extend(links.below[at].iter().rev().chain(links.above[at].iter().rev()));
        }
    }
    layers
}

/// Returns the place of each thing in its row.
fn places(layers: &[Vec<usize>], count: usize) -> Vec<usize> {
    let mut places = vec![0; count];
    for layer in layers {
        for (place, at) in layer.iter().enumerate() {
            places[*at] = place;
        }
    }
    places
}

/// Sorts each row by the median of what its things are linked to, downwards or upwards. What has no links stays.
fn sort(layers: &mut [Vec<usize>], links: &Links, count: usize, down: bool) {
    let mut places = places(layers, count);
    let all: Vec<usize> =
        if down { (1..layers.len()).collect() } else { (0..layers.len().saturating_sub(1)).rev().collect() };
    for row in all {
        let sides = if down { &links.above } else { &links.below };
        let layer = &mut layers[row];
        let wanted = |at: usize| median(&sides[at], &places);
        let mut movable: Vec<(f64, usize)> =
            layer.iter().filter_map(|at| Some((wanted(*at)?, *at))).collect();
        movable.sort_by(|one, other| one.0.total_cmp(&other.0));
        let mut movable = movable.into_iter();
        for slot in layer.iter_mut().filter(|at| !sides[**at].is_empty()) {
            *slot = movable.next().expect("each that is linked has a place").1;
        }
        for (place, at) in layer.iter().enumerate() {
            places[*at] = place;
        }
    }
}

/// Returns the middle one of the places of these things, or that between the two in the middle.
fn median(linked: &[usize], places: &[usize]) -> Option<f64> {
    let mut at: Vec<usize> = linked.iter().map(|at| places[*at]).collect();
    at.sort_unstable();
    let (low, high) = (*at.get((at.len().max(1) - 1) / 2)?, at[at.len() / 2]);
    Some(f64::midpoint(low as f64, high as f64))
}

/// Has neighbours change places wherever that undoes crossings.
fn swap(layers: &mut [Vec<usize>], links: &Links, count: usize) {
    let mut places = places(layers, count);
    for _ in 0..SWAPS_MAX {
        let mut changed = false;
        for layer in &mut *layers {
            for place in 1..layer.len() {
                let (one, other) = (layer[place - 1], layer[place]);
                let both = [&links.above, &links.below];
                let gain: i64 = both.iter().map(|side| gain(&side[one], &side[other], &places)).sum();
                if gain > 0 {
                    layer.swap(place - 1, place);
                    (places[one], places[other]) = (place, place - 1);
                    changed = true;
                }
            }
        }
        if !changed {
            break;
        }
    }
}

/// Returns how many crossings fewer there are when two neighbours change places, on one side.
fn gain(one: &[usize], other: &[usize], places: &[usize]) -> i64 {
    let mut gain = 0;
    for from in one {
        for to in other {
            gain += match places[*from].cmp(&places[*to]) {
                std::cmp::Ordering::Greater => 1,
                std::cmp::Ordering::Less => -1,
                std::cmp::Ordering::Equal => 0,
            };
        }
    }
    gain
}

/// Returns how many lines cross. Lines in the order of their upper ends cross as often as their lower ends are out of order,
/// which a tree of sums counts.
fn crossings(layers: &[Vec<usize>], links: &Links, count: usize) -> u64 {
    let places = places(layers, count);
    let mut crossed = 0;
    for (layer, next) in layers.iter().zip(layers.iter().skip(1)) {
        let mut sums = vec![0_u64; next.len() + 1];
        let mut before = 0;
        for at in layer {
            let mut ends: Vec<usize> = links.below[*at].iter().map(|to| places[*to]).collect();
            ends.sort_unstable();
            // The lines of one thing do not cross each other, so all are counted before any is put in.
            for end in &ends {
                let (mut node, mut left) = (end + 1, 0);
                while node > 0 {
                    left += sums[node];
                    node &= node - 1;
                }
                crossed += before - left;
            }
            for end in &ends {
                let mut node = end + 1;
                while node < sums.len() {
                    sums[node] += 1;
                    node += node & node.wrapping_neg();
                }
            }
            before += ends.len() as u64;
        }
    }
    crossed
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts the pairs of lines that cross.
    fn pairs(layers: &[Vec<usize>], rows: &[u32], lines: &[(u32, u32)]) -> u64 {
        let places = places(layers, rows.len());
        let at = |thing: u32| places[thing as usize];
        let mut count = 0;
        for (number, one) in lines.iter().enumerate() {
            for other in &lines[..number] {
                let is_same = rows[one.0 as usize] == rows[other.0 as usize];
                let (upper, lower) = (at(one.0).cmp(&at(other.0)), at(one.1).cmp(&at(other.1)));
                count += u64::from(is_same && upper.is_ne() && upper == lower.reverse());
            }
        }
        count
    }

    fn graph(seed: u64, rows: u32, wide: u32) -> (Vec<u32>, Vec<(u32, u32)>) {
        let mut state = seed.wrapping_mul(2) | 1;
        let mut roll = |below: u32| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 33) as u32) % below
        };
        let of: Vec<u32> = (0..rows * wide).map(|at| at / wide).collect();
        let lines = (0..rows * wide).filter(|at| at / wide > 0).flat_map(|at| {
            let above = (at / wide - 1) * wide;
            let mut from: Vec<u32> = (0..=roll(2)).map(|_| above + roll(wide)).collect();
            from.dedup();
            from.into_iter().map(move |from| (from, at)).collect::<Vec<_>>()
        });
        let lines = lines.collect();
        (of, lines)
    }

    #[test]
    fn crossings_are_counted_and_become_few() {
        for seed in 0..40 {
            let (rows, lines) = graph(seed, 6, 7);
            let links = Links::of(rows.len(), &lines);
            let plain: Vec<Vec<usize>> = (0..6).map(|row| (row * 7..row * 7 + 7).collect()).collect();
            let before = pairs(&plain, &rows, &lines);
            assert_eq!(crossings(&plain, &links, rows.len()), before);
            let layers = order(&rows, &lines);
            let after = pairs(&layers, &rows, &lines);
            assert!(2 * after < before, "{before} crossings became {after}");
            let mut all: Vec<usize> = layers.concat();
            all.sort_unstable();
            assert!(all.into_iter().eq(0..rows.len()));
        }
    }

    #[test]
    fn a_tree_and_a_diamond_have_none() {
        let tree: Vec<(u32, u32)> = (1..15).map(|at| ((at - 1) / 2, at)).collect();
        let rows: Vec<u32> = (0..15_u32).map(|at| (at + 1).ilog2()).collect();
        let mut shuffled = tree;
        shuffled.reverse();
        assert_eq!(pairs(&order(&rows, &shuffled), &rows, &shuffled), 0);
        let (rows, lines) = ([0, 1, 1, 2], [(0, 2), (0, 1), (1, 3), (2, 3)]);
        assert_eq!(pairs(&order(&rows, &lines), &rows, &lines), 0);
        assert!(order(&[], &[]).is_empty());
    }
}
