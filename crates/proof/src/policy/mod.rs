//! Policies: whom to believe ([tlog-policy](https://c2sp.org/tlog-policy)).
//!
//! * `members`: logs, witnesses and groups, and whether a group has witnessed something
//! * `reading`: from text to a policy
//! * this file: what a policy says of a checkpoint

mod members;
mod reading;

use std::fmt;
use std::str::FromStr;

use tidegate_format::{Error, Result};

use crate::checkpoint::{Checkpoint, SignedCheckpoint};
use crate::note::VerifierKey;
use crate::refutation::disproved;
use members::{Group, Log, Member, Quorum, Threshold, Witness, lossy};

/// Which logs and witnesses are trusted, and how many witnesses it takes.
///
/// A checkpoint is good if one of the logs signed it whose key has its origin as name, if the witnesses that signed it
/// fulfil the quorum, and if no signature of a key that the policy knows is wrong. Keys for ML-DSA-44 may be listed; their
/// signatures are not checked and never count.
///
/// As text it is a file of lines: `log VKEY [URL]`, `witness NAME VKEY [URL]`, `group NAME all|any|K MEMBER...` and one
/// `quorum NAME` or `quorum none`; lines that begin with `#` are comments. A name stands before the lines that refer to it,
/// and in one group at most. No two logs have the same public key, and no two witnesses. At most
/// [`POLICY_MEMBERS_MAX`](crate::limit::POLICY_MEMBERS_MAX) of each, and [`POLICY_BYTES_MAX`](crate::limit::POLICY_BYTES_MAX) bytes. Every line ends in a newline.
///
/// ```
/// use tidegate_proof::{KeyAlgorithm, Policy, SigningKey};
///
/// let key = |name, algorithm, seed| SigningKey::new(name, algorithm, [seed; 32]);
/// let log = key("example.com/log", KeyAlgorithm::Ed25519, 1)?;
/// let first = key("w1.example", KeyAlgorithm::Cosignature, 2)?;
/// let second = key("w2.example", KeyAlgorithm::Cosignature, 3)?;
/// let text = format!(
///     "log {}\nwitness w1 {}\nwitness w2 {}\ngroup either any w1 w2\nquorum either\n",
///     log.verifier(), first.verifier(), second.verifier(),
/// );
/// let policy: Policy = text.parse()?;
/// assert_eq!(policy.to_string(), text);
/// # Ok::<(), tidegate_format::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<Log>,
    witnesses: Vec<Witness>,
    groups: Vec<Group>,
    quorum: Quorum,
}

/// What a policy found good, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Approval {
    /// The checkpoint, which can be believed.
    pub checkpoint: Checkpoint,
    /// The keys of the log that signed it: at least one.
    pub signers: Vec<VerifierKey>,
    /// The witnesses that signed it, counted for the quorum or not.
    pub cosigners: Vec<Cosigner>,
}

/// A witness that signed a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cosigner {
    /// Its key.
    pub key: VerifierKey,
    /// When it signed, in seconds since 1970-01-01 UTC.
    pub time: u64,
}

impl Policy {
    /// Returns the policy that trusts this key of a log and asks for no witness.
    ///
    /// Without witnesses a log can show different histories to different people, and each is signed.
    pub fn of_log(key: VerifierKey) -> Self {
        let logs = vec![Log { key, url: None }];
        Self { logs, witnesses: Vec::new(), groups: Vec::new(), quorum: Quorum::None }
    }

    /// Reads a policy. Names of witnesses and groups, addresses and comments may be any bytes but control characters;
    /// [`str::parse`] does the same for text.
    ///
    /// # Errors
    ///
    /// [`Invalid`](tidegate_format::ErrorKind::Invalid), with the line, if it breaks the grammar or a limit.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        reading::read(bytes)
    }

    /// Returns the keys of the logs, in the order of their lines.
    pub fn log_keys(&self) -> impl Iterator<Item = &VerifierKey> {
        self.logs.iter().map(|log| &log.key)
    }

    /// Returns the keys of the witnesses, in the order of their lines, each with its address if the policy has one.
    pub fn witness_keys(&self) -> impl Iterator<Item = (&VerifierKey, Option<String>)> {
        self.witnesses.iter().map(|witness| (&witness.key, witness.url.as_deref().map(lossy)))
    }

    /// Judges a checkpoint.
    ///
    /// # Errors
    ///
    /// [`Disproved`](tidegate_format::ErrorKind::Disproved), and the message begins with the step that refused it:
    /// `origin` if the policy has no log of that name, `signature` if a signature of a key it knows is wrong or its log did not
    /// sign, `quorum` if too few witnesses did.
    pub fn judge(&self, signed: &SignedCheckpoint) -> Result<Approval> {
        let checkpoint = signed.checkpoint();
        let origin = checkpoint.origin();
        if !self.log_keys().any(|key| key.name() == origin) {
            return Err(disproved(format!("origin: the policy has no log named {origin}")));
        }
        let keys = self.log_keys().chain(self.witnesses.iter().map(|witness| &witness.key));
        let found = signed.note().verify(keys)?;
        let of_log = |key: &&VerifierKey| key.name() == origin && self.log_keys().any(|known| known == *key);
        let signers: Vec<_> = found.iter().map(|signatory| signatory.key).filter(of_log).cloned().collect();
        if signers.is_empty() {
            return Err(disproved(format!(
                "signature: no known key of the log {origin} signed the checkpoint"
            )));
        }
        let time_of = |witness: &Witness| {
            let signatory = found.iter().find(|signatory| *signatory.key == witness.key)?;
            Some(Cosigner { key: witness.key.clone(), time: signatory.time? })
        };
        let times: Vec<_> = self.witnesses.iter().map(time_of).collect();
        let witnessed: Vec<bool> = times.iter().map(Option::is_some).collect();
        if !self.quorum.is_met(&witnessed, &self.groups) {
            let name = self.quorum_name();
            let count = witnessed.iter().filter(|witnessed| **witnessed).count();
            return Err(disproved(format!(
                "quorum: {name} is not fulfilled by the {count} witnesses that signed"
            )));
        }
        let cosigners = times.into_iter().flatten().collect();
        Ok(Approval { checkpoint: checkpoint.clone(), signers, cosigners })
    }

    fn quorum_name(&self) -> String {
        match self.quorum {
            Quorum::None => "none".to_owned(),
            Quorum::Of(member) => lossy(self.name_of(member)),
        }
    }

    fn name_of(&self, member: Member) -> &[u8] {
        match member {
            Member::Witness(at) => &self.witnesses[at].name,
            Member::Group(at) => &self.groups[at].name,
        }
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url =
            |url: &Option<Vec<u8>>| url.as_deref().map_or_else(String::new, |url| format!(" {}", lossy(url)));
        for log in &self.logs {
            writeln!(f, "log {}{}", log.key, url(&log.url))?;
        }
        for witness in &self.witnesses {
            writeln!(f, "witness {} {}{}", lossy(&witness.name), witness.key, url(&witness.url))?;
        }
        for group in &self.groups {
            write!(f, "group {} ", lossy(&group.name))?;
            match group.threshold {
                Threshold::Any => write!(f, "any")?,
                Threshold::All => write!(f, "all")?,
                Threshold::Count(count) => write!(f, "{count}")?,
            }
            for member in &group.members {
                write!(f, " {}", lossy(self.name_of(*member)))?;
            }
            writeln!(f)?;
        }
        writeln!(f, "quorum {}", self.quorum_name())
    }
}

impl FromStr for Policy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::read(text.as_bytes())
    }
}
