//! The pure half of attacking: plans, judgements, shrinking, campaigns. No process is started here.

mod campaigns;
mod derived;
mod horns;
mod judged;
mod plan_files;
mod shrunk;
mod simulated;
mod support;
