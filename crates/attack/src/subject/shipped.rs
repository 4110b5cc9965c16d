//! The subjects that come with the program. Their files are part of the binary.

use super::SubjectFile;

macro_rules! from_subjects {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../../subjects/", $name)))),*]
    };
}

/// The files of the subjects, `NAME.toml`.
const FILES: &[(&str, &str)] = from_subjects![
    "threeworlds.toml",
    "etcd.toml",
    "redis.toml",
    "postgresql.toml",
    "zookeeper.toml",
    "nats.toml",
    "galera.toml",
    "rabbitmq.toml",
    "patroni.toml",
];

/// Scripts that lie next to them.
const BESIDE: &[(&str, &str)] = from_subjects![
    "redis-client.sh",
    "postgresql-run.sh",
    "postgresql-promote.sh",
    "zookeeper-client.py",
    "nats-client.py",
    "rabbitmq-client.py",
];

/// The names of the subjects that come with the program, the simplest first.
pub fn shipped_names() -> Vec<&'static str> {
    FILES.iter().filter_map(|(file, _)| file.strip_suffix(".toml")).collect()
}

/// A subject that comes with the program.
///
/// # Panics
/// If its file has a mistake, which the tests rule out.
pub fn shipped(name: &str) -> Option<SubjectFile> {
    let (file, text) = FILES.iter().find(|(file, _)| file.strip_suffix(".toml") == Some(name))?;
    let beside = |file: &str| match BESIDE.iter().find(|(name, _)| *name == file) {
        Some((_, content)) => Ok(content.as_bytes().to_vec()),
        None => Err("it does not come with the program".to_owned()),
    };
    let parsed = SubjectFile::parse(&format!("subjects/{file}"), text, &beside);
    Some(parsed.unwrap_or_else(|error| panic!("a shipped subject is wrong: {error}")))
}
