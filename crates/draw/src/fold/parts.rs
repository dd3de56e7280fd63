//! Parts: what lines hold together.

/// Returns for each thing the first one of those that it hangs together with.
pub(crate) fn parts_of(count: usize, links: impl Iterator<Item = (u32, u32)>) -> Vec<u32> {
    let mut part_of: Vec<u32> = (0..count as u32).collect();
    for (one, other) in links {
        let (one, other) = (root(&mut part_of, one), root(&mut part_of, other));
        part_of[one.max(other) as usize] = one.min(other);
    }
    (0..count as u32).map(|at| root(&mut part_of, at)).collect()
}

fn root(part_of: &mut [u32], thing: u32) -> u32 {
    let mut at = thing as usize;
    while part_of[at] as usize != at {
        part_of[at] = part_of[part_of[at] as usize];
        at = part_of[at] as usize;
    }
    at as u32
}
