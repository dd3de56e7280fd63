//! From text to a policy.

use tidegate_format::{Error, Result};

use super::Policy;
use super::members::{Group, Log, Member, Quorum, Threshold, Witness, lossy};
use crate::encoding::decimal;
use crate::limit::{POLICY_BYTES_MAX, POLICY_MEMBERS_MAX};
use crate::note::{KeyAlgorithm, VerifierKey};
use crate::refutation::shown;

/// What was read so far.
#[derive(Default)]
struct Draft {
    logs: Vec<Log>,
    witnesses: Vec<Witness>,
    groups: Vec<Group>,
    quorum: Option<Quorum>,
    /// Members that some group has already.
    taken: Vec<Member>,
}

pub(super) fn read(bytes: &[u8]) -> Result<Policy> {
    if bytes.len() > POLICY_BYTES_MAX {
        return Err(Error::invalid(format!("a policy is longer than {POLICY_BYTES_MAX} bytes")));
    }
    let mut draft = Draft::default();
    let mut rest = bytes;
    for number in 1.. {
        if rest.is_empty() {
            break;
        }
        let line = match rest.iter().position(|byte| *byte == b'\n') {
            Some(end) => {
                let (line, behind) = rest.split_at(end);
                rest = &behind[1..];
                draft.line(line)
            }
            None => Err("it does not end in a newline, so it may be cut".to_owned()),
        };
        line.map_err(|what| Error::invalid(format!("line {number} of a policy: {what}")))?;
    }
    let Draft { logs, witnesses, groups, quorum, .. } = draft;
    let quorum =
        quorum.ok_or_else(|| Error::invalid("a policy has no quorum line: add `quorum none` or a name"))?;
    Ok(Policy { logs, witnesses, groups, quorum })
}

/// What is wrong with a line.
type Line<T = ()> = std::result::Result<T, String>;

impl Draft {
    fn line(&mut self, line: &[u8]) -> Line {
        if let Some(byte) = line.iter().find(|byte| (**byte < 0x20 && **byte != b'\t') || **byte == 0x7f) {
            return Err(format!("the control character {byte:#04x} is not allowed"));
        }
        let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
        let words: Vec<&[u8]> = line.split(is_space).filter(|word| !word.is_empty()).collect();
        match words[..] {
            [] => Ok(()),
            [first, ..] if first.starts_with(b"#") => Ok(()),
            [b"log", key] => self.log(key, None),
            [b"log", key, url] => self.log(key, Some(url)),
            [b"witness", name, key] => self.witness(name, key, None),
            [b"witness", name, key, url] => self.witness(name, key, Some(url)),
            [b"group", name, threshold, ref members @ ..] if !members.is_empty() => {
                self.group(name, threshold, members)
            }
            [b"quorum", name] => self.quorum(name),
            [word, ..] => Err(format!("{} with these words is not a line of a policy", shown(&lossy(word)))),
        }
    }

    fn log(&mut self, key: &[u8], url: Option<&[u8]>) -> Line {
        let key = read_key(key)?;
        check_room("logs", self.logs.len())?;
        if self.logs.iter().any(|known| known.key.is_duplicate_of(&key)) {
            return Err(format!("the public key of the log {} was listed before", key.name()));
        }
        self.logs.push(Log { key, url: url.map(<[u8]>::to_vec) });
        Ok(())
    }

    fn witness(&mut self, name: &[u8], key: &[u8], url: Option<&[u8]>) -> Line {
        let key = read_key(key)?;
        check_room("witnesses", self.witnesses.len())?;
        self.check_new(name)?;
        if key.algorithm() == KeyAlgorithm::Ed25519 {
            return Err(format!(
                "the key of the witness {} is one of a log, which makes no cosignatures",
                lossy(name)
            ));
        }
        if self.witnesses.iter().any(|known| known.key.is_duplicate_of(&key)) {
            return Err(format!("the public key of the witness {} was listed before", lossy(name)));
        }
        self.witnesses.push(Witness { name: name.to_vec(), key, url: url.map(<[u8]>::to_vec) });
        Ok(())
    }

    fn group(&mut self, name: &[u8], threshold: &[u8], members: &[&[u8]]) -> Line {
        check_room("groups", self.groups.len())?;
        self.check_new(name)?;
        let threshold = match threshold {
            b"any" => Threshold::Any,
            b"all" => Threshold::All,
            count => {
                let count = std::str::from_utf8(count).ok().and_then(decimal);
                let count = count.and_then(|count| usize::try_from(count).ok());
                let count = count.filter(|count| (1..=members.len()).contains(count));
                let wrong = || format!("a group needs `any`, `all` or 1 to {} of its members", members.len());
                Threshold::Count(count.ok_or_else(wrong)?)
            }
        };
        let mut found = Vec::new();
        for member in members {
            let known = self.find(member)?;
            if self.taken.contains(&known) {
                return Err(format!("{} is a member of a group already", lossy(member)));
            }
            self.taken.push(known);
            found.push(known);
        }
        self.groups.push(Group { name: name.to_vec(), threshold, members: found });
        Ok(())
    }

    fn quorum(&mut self, name: &[u8]) -> Line {
        if self.quorum.is_some() {
            return Err("there is a quorum line already".to_owned());
        }
        self.quorum = Some(if name == NONE { Quorum::None } else { Quorum::Of(self.find(name)?) });
        Ok(())
    }

    /// Refuses a name that means something already.
    fn check_new(&self, name: &[u8]) -> Line {
        if name == NONE || self.find(name).is_ok() {
            return Err(format!("the name {} is taken", lossy(name)));
        }
        Ok(())
    }

    fn find(&self, name: &[u8]) -> Line<Member> {
        let witness = self.witnesses.iter().position(|witness| witness.name == name).map(Member::Witness);
        let group = || self.groups.iter().position(|group| group.name == name).map(Member::Group);
        let unknown = || format!("{} is not the name of a witness or group before it", shown(&lossy(name)));
        witness.or_else(group).ok_or_else(unknown)
    }
}

/// The name that stands for no quorum.
const NONE: &[u8] = b"none";

fn read_key(text: &[u8]) -> Line<VerifierKey> {
    let text = std::str::from_utf8(text).map_err(|_| "a verifier key is not UTF-8".to_owned())?;
    text.parse().map_err(|error: Error| error.message().to_owned())
}

fn check_room(what: &str, count: usize) -> Line {
    if count < POLICY_MEMBERS_MAX {
        Ok(())
    } else {
        Err(format!("there are more than {POLICY_MEMBERS_MAX} {what}"))
    }
}
