//! Logs, witnesses and groups, and whether a group has witnessed something.

use crate::note::VerifierKey;

/// A log, with the address that its line has. Names and addresses are bytes: the format gives them no encoding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Log {
    pub(super) key: VerifierKey,
    pub(super) url: Option<Vec<u8>>,
}

/// A witness, with the name it has in the policy alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Witness {
    pub(super) name: Vec<u8>,
    pub(super) key: VerifierKey,
    pub(super) url: Option<Vec<u8>>,
}

/// A group has witnessed what enough of its members have witnessed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) name: Vec<u8>,
    pub(super) threshold: Threshold,
    pub(super) members: Vec<Member>,
}

/// How many members are enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Threshold {
    Any,
    All,
    Count(usize),
}

/// A witness or a group, by its place among its like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Member {
    Witness(usize),
    Group(usize),
}

/// What it takes to believe a checkpoint beside the log's signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quorum {
    None,
    Of(Member),
}

impl Quorum {
    /// Whether witnesses that signed, each by its place, fulfil it.
    pub(super) fn is_met(self, witnessed: &[bool], groups: &[Group]) -> bool {
        // A group has members defined before it alone, so one pass settles all.
        let mut settled: Vec<bool> = Vec::with_capacity(groups.len());
        for group in groups {
            let counts = group.members.iter().filter(|member| has_witnessed(**member, witnessed, &settled));
            let count = counts.count();
            settled.push(match group.threshold {
                Threshold::Any => count >= 1,
                Threshold::All => count == group.members.len(),
                Threshold::Count(least) => count >= least,
            });
        }
        match self {
            Self::None => true,
            Self::Of(member) => has_witnessed(member, witnessed, &settled),
        }
    }
}

fn has_witnessed(member: Member, witnesses: &[bool], groups: &[bool]) -> bool {
    let found = match member {
        Member::Witness(at) => witnesses.get(at),
        Member::Group(at) => groups.get(at),
    };
    found.copied().unwrap_or(false)
}

/// Bytes as text to show.
pub(super) fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
