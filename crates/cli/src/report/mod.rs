//! What a check found, put into words: for a terminal, as JSON, as a page.

pub(crate) mod atlas;
pub(crate) mod attack;
pub(crate) mod history;
pub(crate) mod horns;
pub(crate) mod html;
pub(crate) mod json;
pub(crate) mod proof;
pub(crate) mod rounds;
pub(crate) mod text;
pub(crate) mod words;
