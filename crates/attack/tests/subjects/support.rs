use threeworlds_attack::subject::{Host, Site, Subject, SubjectFile};

/// A file that has every key.
pub(crate) const WHOLE: &str = include_str!("whole.toml");

/// Reads a file whose folder has `client.sh` only.
pub(crate) fn read(text: &str) -> Result<SubjectFile, String> {
    let beside = |file: &str| match file {
        "client.sh" => Ok(b"echo {not-a-placeholder}\n".to_vec()),
        _ => Err("no such file".to_owned()),
    };
    SubjectFile::parse("store.toml", text, &beside).map_err(|error| error.to_string())
}

pub(crate) fn variant(name: &str) -> Subject {
    read(WHOLE).unwrap().variant(Some(name)).unwrap().clone()
}

/// Hosts `10.9.0.1`.. with folders `/lab/s1`.., and two clients.
pub(crate) fn site(servers: u16) -> Site {
    let host = |name: String, last: u16| Host { ip: format!("10.9.0.{last}"), dir: format!("/lab/{name}") };
    Site {
        servers: (1..=servers).map(|number| host(format!("s{number}"), number)).collect(),
        clients: (1..=2).map(|number| host(format!("c{number}"), 100 + number)).collect(),
    }
}
