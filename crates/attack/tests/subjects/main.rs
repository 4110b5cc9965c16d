//! Subject files: what is wrong with one, what it becomes on hosts, and how the ends of commands are read.

mod answered;
mod mistakes;
mod rendered;
mod support;
