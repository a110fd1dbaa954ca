//! Commands that change or show something and end.

use super::{Failure, password_from_input, say};
use crate::domain::admins::passwords;
use crate::domain::identity::switch::{self, PauseAnswer, State, Switch};
use crate::domain::identity::tokens;
use crate::domain::sso::policy;
use crate::domain::users::User;
use crate::domain::users::look_alike::{self, Written};
use crate::domain::{
    Actor, Org, Role, admins, bulk, demo as believable, health, licenses, rfc3339, sites, users,
};
use crate::error::Error;
use clap::Subcommand;

const ACTOR: Actor = Actor::CommandLine;
const LOOK_ALIKE: &str = "look_alike";

#[derive(Debug, Subcommand)]
pub(super) enum Admin {
    /// Make an account with a role; its password is read from standard input
    Create {
        /// User name to sign in with
        #[arg(long, value_name = "NAME")]
        user_name: String,
        /// Full name [default: the user name]
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// owner, administrator or auditor [default: owner for the first account, then administrator]
        #[arg(long, value_parser = role)]
        role: Option<Role>,
        /// Use the user name although it looks like another's
        #[arg(long)]
        look_alike: bool,
    },
    /// Set a new password, read from standard input; ends the account's sessions and any lock
    ResetPassword {
        /// User name of the account
        #[arg(long, value_name = "NAME")]
        user_name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Provisioning {
    /// Serve SCIM requests
    Enable,
    /// Stop serving SCIM requests for a while; tokens are kept
    Pause {
        /// What SCIM clients hear meanwhile: unavailable (503, Entra ID tries again) or unauthorized (401)
        #[arg(long, value_parser = pause_answer)]
        answer: Option<PauseAnswer>,
    },
    /// Show whether provisioning is on and when Entra ID was last here
    Status,
}

#[derive(Debug, Subcommand)]
pub(super) enum Token {
    /// Make a token and print it, alone, on standard output
    Create {
        /// What it is for
        #[arg(long)]
        label: String,
        /// Days until it expires [default: never]
        #[arg(long, value_name = "DAYS")]
        expires_in: Option<u32>,
    },
    /// List the tokens: key, label, state, expiry, last use
    List,
    /// Refuse a token from now on, for good
    Revoke {
        /// Label or key of the token
        #[arg(value_name = "LABEL")]
        which: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum LicenseType {
    /// Make a licence type
    Create {
        /// Code, as CSV files write it
        #[arg(long)]
        code: String,
        /// Name [default: the code]
        #[arg(long)]
        name: Option<String>,
        /// Number of seats
        #[arg(long)]
        seats: i32,
    },
    /// List the licence types: code, name, seats taken, seats
    List,
}

#[derive(Debug, Subcommand)]
pub(super) enum Site {
    /// Make a site
    Create {
        /// Name
        #[arg(long)]
        name: String,
        /// Another name that Entra ID may send; may be given several times
        #[arg(long = "alias", value_name = "NAME")]
        aliases: Vec<String>,
    },
    /// List the sites: name, aliases, users
    List,
}

impl Admin {
    pub(super) fn run(self, org: &Org) -> Result<(), Failure> {
        match self {
            Self::Create { user_name, name, role, look_alike: meant } => {
                let name = name.unwrap_or_else(|| user_name.clone());
                let password = passwords::prepare_new(org, &password_from_input()?, &[&user_name, &name])?;
                let made = org.write(&ACTOR, move |tx| {
                    let usual =
                        if admins::is_unclaimed(tx.conn)? { Role::Owner } else { Role::Administrator };
                    let role = role.unwrap_or(usual);
                    let (user, noted) =
                        admins::create(tx, &admins::NewAdmin { name, user_name, password, role })?.split();
                    let told = look_alike::must_differ(tx.conn, Written::UserName, &user, meant);
                    told.map_err(|refusal| match refusal.about(LOOK_ALIKE) {
                        Some(text) => Error::Conflict(format!("{text} To do so, add --look-alike.")),
                        None => refusal,
                    })?;
                    Ok::<_, Error>(noted.with(user))
                })?;
                let role = made.role.word().to_lowercase();
                say([format!("{} may sign in as {role}.", made.profile.user_name)]);
                say(barred(org, &made)?);
            }
            Self::ResetPassword { user_name } => {
                let password = password_from_input()?;
                let user =
                    org.read(|conn| users::called(conn, &user_name))?.ok_or(Error::NotFound("user"))?;
                let prepared = passwords::prepare(org, &user.id, &password)?;
                org.write(&ACTOR, move |tx| admins::set_password(tx, prepared))?;
                say(["The password is set, and the account's sessions are ended.".to_owned()]);
                say(barred(org, &user)?);
            }
        }
        Ok(())
    }
}

/// That a password will be refused at sign-in all the same, where it will.
fn barred(org: &Org, user: &User) -> Result<Option<String>, Error> {
    let (user, now) = (user.clone(), org.now());
    let is_barred = org.read(move |conn| policy::bars_password(conn, &user, now))?;
    let text = "Single sign-on is required of everybody but owners: the password is good only once that is no longer required.";
    Ok(is_barred.then(|| text.to_owned()))
}

impl Provisioning {
    pub(super) fn run(self, org: &Org) -> Result<(), Failure> {
        match self {
            Self::Enable => {
                org.write(&ACTOR, |tx| {
                    let before = switch::read(tx.conn)?;
                    switch::set(tx, Switch { state: State::On, ..before })
                })?;
                say(["Provisioning is on.".to_owned()]);
            }
            Self::Pause { answer } => {
                let after = org.write(&ACTOR, move |tx| {
                    let before = switch::read(tx.conn)?;
                    let pause_answer = answer.unwrap_or(before.pause_answer);
                    switch::set(tx, Switch { state: State::Paused, pause_answer, ..before })
                })?;
                let answer = after.pause_answer.as_str();
                say([format!("Provisioning is paused; tokens are kept. SCIM clients hear: {answer}.")]);
            }
            Self::Status => {
                let now = org.now();
                let (switch, health) =
                    org.read(move |conn| Ok((switch::read(conn)?, health::health(conn, now)?)))?;
                let last = health.last_contact.map_or_else(|| "never".to_owned(), rfc3339);
                say([
                    format!("state: {}", switch.state.as_str()),
                    format!("users that may be linked: {}", switch.scope.words()),
                    format!("last contact: {last}"),
                    format!(
                        "requests in the last 24 hours: {}, of which failed: {}",
                        health.requests(),
                        health.failures()
                    ),
                ]);
            }
        }
        Ok(())
    }
}

impl Token {
    pub(super) fn run(self, org: &Org) -> Result<(), Failure> {
        match self {
            Self::Create { label, expires_in } => {
                let (_, secret) = org.write(&ACTOR, move |tx| tokens::create(tx, &label, expires_in))?;
                say([secret.expose().to_owned()]);
            }
            Self::List => {
                let now = org.now();
                let all = org.read(tokens::list)?;
                say(all.iter().map(|token| {
                    let state = match token.revoked_at {
                        Some(_) => "revoked",
                        None if token.is_live(now) => "live",
                        None => "expired",
                    };
                    let expiry = token.expires_at.map_or_else(|| "never expires".to_owned(), rfc3339);
                    let used = token.last_used_at.map_or_else(|| "never used".to_owned(), rfc3339);
                    format!("{}\t{}\t{state}\t{expiry}\t{used}", token.id, token.label)
                }));
            }
            Self::Revoke { which } => {
                let revoked = org.write(&ACTOR, move |tx| {
                    let token = tokens::live(tx.conn, &which, tx.now)?;
                    tokens::revoke(tx, &token.id)
                })?;
                say([format!("The token “{}” is refused from now on.", revoked.label)]);
            }
        }
        Ok(())
    }
}

impl LicenseType {
    pub(super) fn run(self, org: &Org) -> Result<(), Failure> {
        match self {
            Self::Create { code, name, seats } => {
                let name = name.unwrap_or_else(|| code.clone());
                let made = org.write(&ACTOR, move |tx| {
                    licenses::create(tx, &licenses::LicenseTypeInput { code, name, seats })
                })?;
                say([format!("{} with {} seats.", made.code, made.seats)]);
            }
            Self::List => {
                let stock = org.read(licenses::stock)?;
                say(stock.iter().map(|line| {
                    format!("{}\t{}\t{}\t{}", line.kind.code, line.kind.name, line.used, line.kind.seats)
                }));
            }
        }
        Ok(())
    }
}

impl Site {
    pub(super) fn run(self, org: &Org) -> Result<(), Failure> {
        match self {
            Self::Create { name, aliases } => {
                let names: Vec<String> = std::iter::once(&name).chain(&aliases).cloned().collect();
                let made = org.write(&ACTOR, move |tx| {
                    let site = sites::create(tx, &name)?;
                    aliases.iter().try_for_each(|alias| sites::alias(tx, &site.id, alias).map(drop))?;
                    Ok::<_, Error>(site)
                })?;
                for name in names {
                    if let Some(task) = org.read(move |conn| sites::being_placed(conn, &name))? {
                        actix_web::rt::System::new().block_on(bulk::run(org.clone(), task))?;
                    }
                }
                say([format!("The site {} is made.", made.name)]);
            }
            Self::List => {
                let listed = org.read(sites::list)?;
                say(listed.iter().map(|line| {
                    let aliases: Vec<&str> = line.aliases.iter().map(|alias| alias.name.as_str()).collect();
                    format!("{}\t{}\t{}", line.site.name, aliases.join(", "), line.users)
                }));
            }
        }
        Ok(())
    }
}

/// Fills an empty database.
pub(super) fn demo(org: &Org) -> Result<(), Failure> {
    let filled = org.write(&ACTOR, believable::fill)?;
    say([
        format!(
            "{} users, {} sites and {} licence types are here to look at.",
            filled.users, filled.sites, filled.licenses
        ),
        "Start the server with `rollcall`, or sign in if you have an account already.".to_owned(),
    ]);
    Ok(())
}

fn role(text: &str) -> Result<Role, String> {
    let role = Role::parse(text).filter(|role| *role != Role::None);
    role.ok_or_else(|| "it must be owner, administrator or auditor".to_owned())
}

fn pause_answer(text: &str) -> Result<PauseAnswer, String> {
    PauseAnswer::parse(text).ok_or_else(|| "it must be unavailable or unauthorized".to_owned())
}
