//! What can go wrong, in words fit for the person who asked.

use crate::keys::NoSuchKey;
use std::fmt;

/// What the rules and the store answer with.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A refusal or a failure. Each interface tells it in its own language (a page, a SCIM error, a line of text).
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody is signed in.
    #[error("Please sign in.")]
    SignedOut,
    /// Somebody is signed in who may not do this; the text says who may.
    #[error("{0}")]
    Forbidden(String),
    /// The named kind of thing does not exist (or not for this client).
    #[error("There is no such {0}.")]
    NotFound(&'static str),
    /// What was entered breaks a rule; one complaint a field.
    #[error("{}", list(.0))]
    Invalid(Vec<Complaint>),
    /// The value is somebody else's already.
    #[error("{}", .0.message)]
    Taken(Complaint),
    /// The wish is well formed, but the present state does not allow it; the text says what to do.
    #[error("{0}")]
    Conflict(String),
    /// Too often: try again after so many seconds.
    #[error("Too many attempts. Try again in {}.", wait(*.0))]
    TooMany(u64),
    /// Too much waits already, from whomever: try again after so many seconds.
    #[error("Rollcall is busy just now, and nothing was changed. Try again in {}.", wait(*.0))]
    Busy(u64),
    /// More bytes than are taken; the limit.
    #[error(
        "This is too large: at most {} are taken. Nothing was changed: make it smaller, or split it, and try again.",
        bytes(*.0)
    )]
    TooLarge(usize),
    /// It did not come in time.
    #[error("The request did not come within the time that it had. Nothing was changed: try again.")]
    TooSlow,
    /// Nothing the person can mend: the cause goes to the log, never to the page.
    #[error("{}", .0.told())]
    Internal(#[source] Fault),
}

/// What failed on our side.
#[derive(Debug)]
pub struct Fault {
    cause: Box<dyn std::error::Error + Send + Sync>,
    outage: Option<Outage>,
    /// What in the database is damaged and what to do, where that is known.
    damage: Option<String>,
}

impl Fault {
    /// What may be said of it to whoever asked.
    fn told(&self) -> &str {
        let unknown = "Something went wrong on our side. Nothing was changed.";
        self.damage.as_deref().unwrap_or_else(|| self.outage.map_or(unknown, Outage::text))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.damage {
            Some(damage) => write!(f, "{damage} ({})", self.cause),
            None => self.cause.fmt(f),
        }
    }
}

impl std::error::Error for Fault {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.source()
    }
}

/// What keeps the database from being read or written, where that is known: it is not of the request, and whoever runs
/// the server can end it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    /// There is no room on the disk.
    DiskFull,
    /// Another process holds the database.
    Locked,
    /// Nothing may be written.
    ReadOnly,
    /// The file is not there, is another one than was opened, or may not be opened.
    Unreachable,
    /// The disk fails.
    DiskFailing,
    /// What is in the file is no database, or no whole one.
    Damaged,
}

impl Outage {
    /// What is the matter, and what to do, for somebody before a page.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::DiskFull => {
                "The server’s disk is full, so nothing can be saved. Nothing was changed. Ask whoever runs the server to \
                 make room on it, then try again."
            }
            Self::Locked => {
                "Another program on the server holds the database, so nothing can be saved just now. Nothing was changed. \
                 Try again in a moment. If it stays like this, ask whoever runs the server which program that is."
            }
            Self::ReadOnly => {
                "The database on the server can be read but not written, so nothing can be saved. Nothing was changed. Ask \
                 whoever runs the server to let Rollcall write to its data folder, then try again."
            }
            Self::Unreachable => {
                "The database on the server cannot be reached: its file was moved, replaced or deleted, or may not be \
                 opened. Nothing was changed. Ask whoever runs the server to look at the data folder and at the server’s log."
            }
            Self::DiskFailing => {
                "The server’s disk cannot be read or written. Nothing was changed. Ask whoever runs the server to look at \
                 the disk and at the server’s log, then try again."
            }
            Self::Damaged => {
                "The database on the server is damaged. Nothing was changed. Ask whoever runs the server to stop Rollcall \
                 and to put the last good backup in place."
            }
        }
    }

    /// The same as a heading.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::DiskFull => "The disk is full",
            Self::Locked => "The database is in use",
            Self::ReadOnly => "The database is read-only",
            Self::Unreachable => "The database cannot be reached",
            Self::DiskFailing => "The disk fails",
            Self::Damaged => "The database is damaged",
        }
    }

    /// When to try again, in seconds.
    #[must_use]
    pub fn retry_after(self) -> u64 {
        if self == Self::Locked { 10 } else { 60 }
    }
}

/// One field of a form (or attribute of a resource) and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// The field's name, as in the form: `user_name`. Empty where the database refused, which names no field.
    pub field: &'static str,
    /// What is wrong and what to do, as a sentence.
    pub message: String,
}

/// An error that undoes a transaction and arrives as itself: [`Error`], or an error of the caller's own that one becomes.
pub trait Undoes: From<Error> + Send + 'static {
    /// What keeps the database from its work, if that is what is wrong.
    fn outage(&self) -> Option<Outage>;
}

impl From<NoSuchKey> for Error {
    fn from(none: NoSuchKey) -> Self {
        Self::NotFound(none.thing)
    }
}

impl Undoes for Error {
    fn outage(&self) -> Option<Outage> {
        Self::outage(self)
    }
}

impl Error {
    /// A failure on our side.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(Fault { cause: cause.into(), outage: None, damage: None })
    }

    /// Something that is stored cannot be read: `what` it is, and the `remedy`, as a sentence. It never counts as absent.
    pub fn damaged(
        what: &str,
        remedy: &str,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        let damage = format!("{what} is damaged in the database. Nothing was changed. {remedy}");
        Self::Internal(Fault { cause: cause.into(), outage: None, damage: Some(damage) })
    }

    /// A failure of which it is known what keeps the database from its work.
    pub fn unavailable(outage: Outage, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(Fault { cause: cause.into(), outage: Some(outage), damage: None })
    }

    /// What keeps the database from its work, if that is what is wrong.
    #[must_use]
    pub fn outage(&self) -> Option<Outage> {
        match self {
            Self::Internal(fault) => fault.outage,
            _ => None,
        }
    }

    /// What the log says of it: of a failure on our side the cause, which is not for the person who asked.
    #[must_use]
    pub fn for_log(&self) -> &(dyn fmt::Display + Send + Sync) {
        match self {
            Self::Internal(fault) => fault,
            other => other,
        }
    }

    /// A refusal of one field.
    pub fn invalid(field: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![Complaint { field, message: message.into() }])
    }

    /// A value that another holder has.
    pub fn taken(field: &'static str, message: impl Into<String>) -> Self {
        Self::Taken(Complaint { field, message: message.into() })
    }

    /// When to try again, in seconds, if it is only a matter of time.
    #[must_use]
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Self::TooMany(seconds) | Self::Busy(seconds) => Some(*seconds),
            other => other.outage().map(Outage::retry_after),
        }
    }

    /// What is wrong, field by field.
    #[must_use]
    pub fn complaints(&self) -> &[Complaint] {
        match self {
            Self::Invalid(complaints) => complaints,
            Self::Taken(complaint) => std::slice::from_ref(complaint),
            _ => &[],
        }
    }

    /// The same refusal, for a form that has another name for the field.
    #[must_use]
    pub fn renamed(mut self, from: &str, to: &'static str) -> Self {
        let complaints = match &mut self {
            Self::Invalid(complaints) => complaints.as_mut_slice(),
            Self::Taken(complaint) => std::slice::from_mut(complaint),
            _ => &mut [],
        };
        complaints
            .iter_mut()
            .filter(|complaint| complaint.field == from)
            .for_each(|complaint| complaint.field = to);
        self
    }

    /// What is wrong with `field`, if this error speaks of it.
    #[must_use]
    pub fn about(&self, field: &str) -> Option<&str> {
        self.complaints()
            .iter()
            .find(|complaint| complaint.field == field)
            .map(|complaint| complaint.message.as_str())
    }
}

fn list(complaints: &[Complaint]) -> String {
    complaints.iter().map(|complaint| complaint.message.as_str()).collect::<Vec<_>>().join(" ")
}

fn bytes(count: usize) -> String {
    const MIB: usize = 1024 * 1024;
    if count >= MIB { format!("{} MiB", count / MIB) } else { format!("{} KiB", count / 1024) }
}

fn wait(seconds: u64) -> String {
    match seconds {
        0..=1 => "a second".to_owned(),
        2..=90 => format!("{seconds} seconds"),
        _ => format!("{} minutes", seconds.div_ceil(60)),
    }
}
