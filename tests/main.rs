//! Everything but the browser: each test starts the real application on a port and a database of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]
#![allow(unreachable_pub, reason = "the harness is shared with the browser tests")]

mod addresses;
mod admins;
mod alignment;
mod authority;
mod cli;
mod credentials;
mod edge;
mod edge_bodies;
mod edge_https;
mod federation;
mod floors;
mod forms;
mod guard;
mod guard_verdicts;
mod guessing;
mod harness;
mod health;
mod identity;
mod imports;
mod licenses;
mod names;
mod password_links;
mod proof;
mod provisioning_log;
mod reach;
mod recognition;
mod recognition_names;
mod returning;
mod scim;
mod scim_agreement;
mod scim_changes;
mod scim_groups;
mod scim_pages;
mod scim_queries;
mod scim_replay;
mod scim_tolerance;
mod sign_in;
mod sign_ins_held;
mod sso;
mod sso_attacks;
mod sso_files;
mod sso_names;
mod sso_set_up;
mod sso_sign_out;
mod sso_strangers;
mod sso_switch;
<<<<<<< HEAD
mod upgrade;
=======
mod sso_trust;
>>>>>>> 7387708 (Put in force what an owner entered and saw, and nothing else)
mod users;
mod validators;
