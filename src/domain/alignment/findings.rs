//! What comparing found, as rows with their reasons.

use super::compare::{Evidence, Matches};
use super::read::Theirs;
use super::{Account, AccountStanding, AlignmentRow, Kind, State};
use crate::characters;
use crate::domain::users::EntraState;

/// So many who might be meant are named.
const MOST_NAMED: usize = 5;

/// The rows, numbered.
pub(super) fn rows(accounts: &[Account], theirs: &[Theirs], found: &Matches) -> Vec<AlignmentRow> {
    let blank = |kind: Kind, user: Option<&Account>, other: Option<&Theirs>, reason: String| AlignmentRow {
        alignment_id: String::new(),
        number: 0,
        kind,
        user_id: user.map(|user| user.id.clone()),
        user_name: user.map(|user| user.user_name.clone()),
        standing: user.map_or(AccountStanding::Nobody, |user| user.standing),
        entra_name: other.map(|other| other.name.clone()),
        entra_id: other.and_then(|other| other.object_id.clone()),
        name: user
            .map(|user| user.name.clone())
            .or_else(|| other.map(|other| other.display_name.clone()))
            .unwrap_or_default(),
        reason,
        warning: other.and_then(warning),
        state: State::Open,
        note: None,
    };
    let mut rows = Vec::new();
    for (at, other, evidence) in &found.pairs {
        let (kind, reason) = explained(*evidence);
        rows.push(blank(kind, Some(&accounts[*at]), Some(&theirs[*other]), reason.to_owned()));
    }
    for (at, others) in &found.ambiguous {
        let reason = format!("May be {}. Decide on the user's page.", candidates(others, theirs));
        rows.push(blank(Kind::Ambiguous, Some(&accounts[*at]), None, reason));
    }
    for at in &found.only_here {
        let (kind, reason) = match found.crowds.get(at) {
            Some((evidence, count)) => (Kind::Ambiguous, describe_crowd(*evidence, *count)),
            None => (Kind::OnlyHere, "Nobody in the file resembles this user.".to_owned()),
        };
        rows.push(blank(kind, Some(&accounts[*at]), None, reason));
    }
    for other in &found.only_in_entra {
        let reason = "Nobody here resembles this user.".to_owned();
        rows.push(blank(Kind::OnlyInEntra, None, Some(&theirs[*other]), reason));
    }
    (1..).zip(&mut rows).for_each(|(number, row)| row.number = number);
    rows
}

/// Who might be meant, as part of a sentence: some of them, and how many more.
fn candidates(others: &[usize], theirs: &[Theirs]) -> String {
    let names: Vec<&str> = others.iter().take(MOST_NAMED).map(|other| theirs[*other].name.as_str()).collect();
    match others.len().saturating_sub(MOST_NAMED) {
        0 => names.join(" or "),
        more => format!("{} or one of {more} more", names.join(" or ")),
    }
}

fn describe_crowd(evidence: Evidence, count: usize) -> String {
    let what = match evidence {
        Evidence::Email => "that address",
        Evidence::Domain => "that name before the @",
        _ => "that name",
    };
    format!("May be one of {count} who have {what} in Entra ID. Decide on the user's page.")
}

/// How an account stands.
pub(super) fn standing(is_protected: bool, entra_state: EntraState) -> AccountStanding {
    if is_protected {
        AccountStanding::Protected
    } else if entra_state == EntraState::Linked {
        AccountStanding::Linked
    } else {
        AccountStanding::Free
    }
}

fn explained(evidence: Evidence) -> (Kind, &'static str) {
    match evidence {
        Evidence::Same => (Kind::Same, "The names are the same."),
        Evidence::Case => (Kind::Case, "The names differ in capitals only, which makes no difference."),
        Evidence::Letters => (
            Kind::Letters,
            "The names differ in capitals, but single sign-on takes only A to Z and a to z for the same: it would not find \
             this user.",
        ),
        Evidence::Email => (Kind::Email, "An e-mail address here is the name or the address in Entra ID."),
        Evidence::Domain => (Kind::Domain, "What stands before the @ is the same."),
        Evidence::Edit => (Kind::Edit, "The names are a letter or two apart."),
        Evidence::Name => (Kind::Name, "The person's name is the same: look twice, people share names."),
    }
}

fn warning(user: &Theirs) -> Option<String> {
    let usual = usual_warning(user).map(str::to_owned);
    let hidden = characters::hidden_in_user_name(&user.name).map(|hidden| {
        format!("The name in Entra ID has {hidden}, which cannot be seen: nobody can be called so here. Correct it there.")
    });
    let all: Vec<String> = usual.into_iter().chain(hidden).collect();
    (!all.is_empty()).then(|| all.join(" "))
}

fn usual_warning(user: &Theirs) -> Option<&'static str> {
    let text = if user.name.to_uppercase().contains("#EXT#") {
        "A guest: the name was made up by Entra ID. Better set a federated id on the account than rename it."
    } else if user.is_guest {
        "A guest of the organisation."
    } else if user.is_disabled {
        "Disabled in Entra ID: the account will be deactivated here."
    } else {
        return None;
    };
    Some(text)
}
