//! How links are written: `s1->s2` is one, `s1<->s2` is both ways, and `s1,c1<->s2,c2` is every link
//! between the two groups, where clients are not linked with each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use threeworlds_model::Process;

use crate::plan::Link;

impl fmt::Display for Link {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}->{}", self.from, self.to)
    }
}

impl FromStr for Link {
    type Err = String;

    fn from_str(text: &str) -> Result<Link, String> {
        match parse(text)?.as_slice() {
            [link] => Ok(*link),
            _ => Err(format!("`{text}` is more than one link: write one here, such as `s1->s2`")),
        }
    }
}

impl serde::Serialize for Link {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Link {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Whether two processes are linked: all are, except a process with itself and clients with each other.
pub(crate) fn linked(from: Process, to: Process) -> bool {
    from != to && !(from.is_client() && to.is_client())
}

/// Every link from the one group to the other.
pub(crate) fn one_way(from: &[Process], to: &[Process]) -> Vec<Link> {
    let links = from.iter().flat_map(|&from| to.iter().map(move |&to| Link { from, to }));
    links.filter(|link| linked(link.from, link.to)).collect()
}

/// Every link between the two groups.
pub(crate) fn both_ways(one: &[Process], other: &[Process]) -> Vec<Link> {
    let mut links = one_way(one, other);
    links.extend(one_way(other, one));
    links.sort_unstable();
    links.dedup();
    links
}

/// Reads what [`write`] writes, one text.
pub(crate) fn parse(text: &str) -> Result<Vec<Link>, String> {
    let (from, to, both) = match (text.split_once("<->"), text.split_once("->")) {
        (Some((one, other)), _) => (one, other, true),
        (None, Some((one, other))) => (one, other, false),
        (None, None) => {
            return Err(format!("`{text}` is not a link: write `s1->s2` for one way, `s1<->s2` for both"));
        }
    };
    let group = |names: &str| -> Result<Vec<Process>, String> {
        let named = names.split(',').map(|name| name.trim().parse::<Process>());
        named.collect::<Result<_, _>>().map_err(|error| error.to_string())
    };
    let (from, to) = (group(from)?, group(to)?);
    let links = if both { both_ways(&from, &to) } else { one_way(&from, &to) };
    if links.is_empty() {
        return Err(format!(
            "`{text}` names no link: no process is linked with itself, no client with another"
        ));
    }
    Ok(links)
}

/// These links in few words: groups where everything between two groups is meant.
pub fn write(links: &[Link]) -> Vec<String> {
    let mut left: BTreeMap<Process, BTreeSet<Process>> = BTreeMap::new();
    for link in links.iter().filter(|link| linked(link.from, link.to)) {
        left.entry(link.from).or_default().insert(link.to);
    }
    let mut texts = Vec::new();
    while let Some((&first, targets)) = left.iter().next() {
        let to: Vec<Process> = targets.iter().copied().collect();
        let all_of = |from: Process, left: &BTreeMap<Process, BTreeSet<Process>>| {
            let wanted: BTreeSet<Process> = to.iter().copied().filter(|&to| linked(from, to)).collect();
            !wanted.is_empty() && left.get(&from) == Some(&wanted)
        };
        let mut from: Vec<Process> = left.keys().copied().filter(|&one| all_of(one, &left)).collect();
        if from.is_empty() {
            from.push(first);
        }
        let back = one_way(&to, &from);
        let both =
            back.iter().all(|link| left.get(&link.from).is_some_and(|targets| targets.contains(&link.to)))
                && from.iter().all(|one| !to.contains(one));
        let mut taken = one_way(&from, &to);
        if both {
            taken.extend(back);
        }
        for link in taken {
            if let Some(targets) = left.get_mut(&link.from) {
                targets.remove(&link.to);
            }
        }
        left.retain(|_, targets| !targets.is_empty());
        let names = |group: &[Process]| {
            let names: Vec<String> = group.iter().map(Process::to_string).collect();
            names.join(",")
        };
        texts.push(format!("{}{}{}", names(&from), if both { "<->" } else { "->" }, names(&to)));
    }
    texts
}

/// The links of a cut as texts.
pub(crate) mod cut {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use crate::plan::Link;

    pub(crate) fn serialize<S: Serializer>(links: &[Link], serializer: S) -> Result<S::Ok, S::Error> {
        super::write(links).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Link>, D::Error> {
        let mut links = Vec::new();
        for text in Vec::<String>::deserialize(deserializer)? {
            links.extend(super::parse(&text).map_err(D::Error::custom)?);
        }
        links.sort_unstable();
        links.dedup();
        Ok(links)
    }
}

/// Lost messages, one entry for each type.
pub(crate) mod losses {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use crate::plan::{Link, Loss};

    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct OfType {
        #[serde(rename = "type")]
        message_type: String,
        on: Vec<String>,
    }

    pub(crate) fn serialize<S: Serializer>(losses: &[Loss], serializer: S) -> Result<S::Ok, S::Error> {
        let mut types: BTreeMap<&str, Vec<Link>> = BTreeMap::new();
        for loss in losses {
            types.entry(&loss.message_type).or_default().push(loss.link);
        }
        let entry = |(message_type, links): (&str, Vec<Link>)| OfType {
            message_type: message_type.to_owned(),
            on: super::write(&links),
        };
        types.into_iter().map(entry).collect::<Vec<_>>().serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Loss>, D::Error> {
        let mut losses = Vec::new();
        for entry in Vec::<OfType>::deserialize(deserializer)? {
            for text in &entry.on {
                for link in super::parse(text).map_err(D::Error::custom)? {
                    losses.push(Loss { message_type: entry.message_type.clone(), link });
                }
            }
        }
        losses.sort_unstable();
        losses.dedup();
        Ok(losses)
    }
}
