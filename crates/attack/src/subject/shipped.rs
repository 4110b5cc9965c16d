//! The subjects that come with the program. Their files are part of the binary.

use super::SubjectFile;

/// The subjects' names and what their files contain.
pub const SHIPPED: &[(&str, &str)] = &[];

/// Scripts that lie next to the shipped subjects' files.
const BESIDE: &[(&str, &str)] = &[];

/// A subject that comes with the program.
///
/// # Panics
/// If its file has a mistake, which the tests rule out.
pub fn shipped(name: &str) -> Option<SubjectFile> {
    let (_, text) = SHIPPED.iter().find(|(shipped, _)| *shipped == name)?;
    let beside = |file: &str| match BESIDE.iter().find(|(name, _)| *name == file) {
        Some((_, content)) => Ok(content.as_bytes().to_vec()),
        None => Err("it does not come with the program".to_owned()),
    };
    Some(
        SubjectFile::parse(&format!("subjects/{name}.toml"), text, &beside)
            .expect("shipped subjects are right"),
    )
}
