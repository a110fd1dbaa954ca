//! Identity management: single sign-on ([`single_sign_on`]), the switch of provisioning ([`switch`]) and the tokens
//! that Entra ID presents ([`tokens`]).

pub mod single_sign_on;
pub mod switch;
pub mod tokens;
