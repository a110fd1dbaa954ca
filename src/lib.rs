//! Rollcall: an admin console for the users, licences and sites of one organisation that signs in with Entra ID.
//!
//! The house has four floors. A floor uses those below it, never one above, and two doors never use each other
//! (`tests/floors.rs` looks after this).
//!
//! | floor | what is there | where                                                                 |
//! |-------|---------------|-----------------------------------------------------------------------|
//! | 3     | the doors     | [`web`], [`cli`], [`worker`]                                          |
//! | 2     | the rules     | [`domain`]                                                            |
//! | 1     | the store     | [`db`]                                                                |
//! | 0     | the ground    | [`error`], [`config`], [`seal`], [`address`], [`scim`], [`saml`], [`certificate`], [`fetch`], [`network`], [`pool`], [`search_text`], [`threads`]; all may use [`characters`] |

pub mod address;
pub mod certificate;
pub mod characters;
pub mod cli;
pub mod config;
pub mod db;
pub mod domain;
pub mod error;
pub mod fetch;
pub mod network;
pub mod pool;
pub mod saml;
pub mod scim;
pub mod seal;
pub mod search_text;
pub mod threads;
pub mod web;
pub mod worker;
