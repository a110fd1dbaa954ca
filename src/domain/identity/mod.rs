//! Identity management: the switch of provisioning ([`switch`]) and the three ways in which Entra ID proves itself.
//!
//! | way                          | where                                                                       |
//! |------------------------------|-----------------------------------------------------------------------------|
//! | a long-lived API token       | [`tokens`]                                                                  |
//! | OAuth 2.0 client credentials | [`clients`] and their secrets                                               |
//! | workload identity federation | [`federation`]: an [`assertion`] of Entra ID's, its signing keys, no repeats |
//!
//! The last two get [`access_tokens`]. [`credentials`] admits a bearer token of either sort; [`throttle`] slows down who
//! keeps failing; [`own_test`] marks the requests by which Rollcall tests its own connection.

pub mod access_tokens;
pub mod assertion;
pub mod clients;
pub mod credentials;
pub mod federation;
pub mod own_test;
mod replays;
mod signing_keys;
pub mod switch;
mod terms;
pub mod throttle;
pub mod tokens;
