//! A request that bars a linked user is never refused for what else it asks.

use super::Profile;
use super::by_entra::{self, EntraUser, UserInput, WrittenUser};
use crate::domain::{Noted, Tx};
use crate::error::{Error, Result};

/// As [`by_entra::change`], for a request that bars the user, or has the guard hold that. Where the whole cannot be done,
/// it is done without the new user name, and else alone; a warning says so.
pub fn bar(tx: &mut Tx, known: EntraUser, wish: UserInput) -> Result<Noted<WrittenUser>> {
    let refusal = match attempt(tx, &known, wish.clone())? {
        Ok(done) => return Ok(done),
        Err(refusal) => refusal,
    };
    let kept = known.wish();
    let user_name = kept.profile.user_name.clone();
    let nearly = UserInput { profile: Profile { user_name, ..wish.profile }, ..wish };
    let (done, what) = match attempt(tx, &known, nearly)? {
        Ok(done) => (done, "The user name was left out"),
        Err(_) => {
            let least = UserInput { active: false, ..kept };
            (by_entra::change(tx, known, least)?, "All but the deactivation was left out")
        }
    };
    Ok(done.map(|mut done| {
        done.warnings.push(format!("{what}: {refusal}"));
        done
    }))
}

/// A change that is kept or undone by itself, and why it cannot be. A failure of ours is no such reason.
fn attempt(tx: &mut Tx, known: &EntraUser, wish: UserInput) -> Result<Result<Noted<WrittenUser>>> {
    match tx.nested(|tx| by_entra::change(tx, known.clone(), wish)) {
        Err(failure @ Error::Internal(_)) => Err(failure),
        outcome => Ok(outcome),
    }
}
