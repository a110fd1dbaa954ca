//! Everything but the browser: each test starts the real application on a port and a database of its own.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod floors;
mod harness;
mod scim;
mod scim_replay;
