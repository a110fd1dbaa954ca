//! Rollcall: an admin console for the users, licences and sites of one organisation that signs in with Entra ID.
//!
//! The program has four layers. A layer uses those below it, never one above, and no interface uses another
//! (`tests/layers.rs` holds the code to this).
//!
//! | layer | what is there | where                                                                 |
//! |-------|---------------|-----------------------------------------------------------------------|
//! | 3     | interfaces    | [`web`], [`cli`], [`worker`]                                          |
//! | 2     | domain        | [`domain`]                                                            |
//! | 1     | storage       | [`db`]                                                                |
//! | 0     | base          | [`error`], [`config`], [`seal`], [`address`], [`scim`], [`saml`], [`certificate`], [`fetch`], [`network`], [`pool`], [`search_text`]; all may use [`characters`], [`keys`], [`secret`] and [`threads`] |

pub mod address;
pub mod certificate;
pub mod characters;
pub mod cli;
pub mod config;
pub mod db;
pub mod domain;
pub mod error;
pub mod fetch;
pub mod keys;
pub mod network;
pub mod pool;
pub mod saml;
pub mod scim;
pub mod seal;
pub mod search_text;
pub mod secret;
pub mod threads;
pub mod web;
pub mod worker;
