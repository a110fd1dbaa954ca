//! What can go wrong, in words fit for the person who asked.

/// What the rules and the store answer with.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A refusal or a failure. Each door tells it in its own language (a page, a SCIM error, a line of text).
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
    #[error("Something went wrong on our side. Nothing was changed.")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// One field of a form (or attribute of a resource) and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// The field's name, as in the form: `user_name`.
    pub field: &'static str,
    /// What is wrong and what to do, as a sentence.
    pub message: String,
}

impl Error {
    /// A failure on our side.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(cause.into())
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
            _ => None,
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

impl From<diesel::result::Error> for Error {
    fn from(cause: diesel::result::Error) -> Self {
        Self::internal(cause)
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
