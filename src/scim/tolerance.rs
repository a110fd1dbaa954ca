//! What is tolerated: one policy for POST, PUT, PATCH with and without a path, and Bulk, of users and of groups.
//!
//! | what was sent                                                             | what comes of it                   |
//! |---------------------------------------------------------------------------|------------------------------------|
//! | an attribute or a part that Rollcall does not know                        | left out, with a warning           |
//! | what cannot be stored: too long, too many, a list's item without its value | left out, with a warning           |
//! | what Rollcall does not take from a client: a password                     | left out, with a warning           |
//! | read-only attributes in a whole resource or a change without a path       | ignored (RFC 7644 section 3.5.1)   |
//! | a read-only attribute as the path of a change, beside others              | left out, with a warning           |
//! | a required value missing or removed, a value of the wrong type, text that cannot be read | all refused         |
//! | any of the last in a request that sets `active` to false for a linked user | that is carried out, the rest left out, with a warning |
//!
//! What is left out stays as it was. Readers write into [`Notes`] what they leave out and what would have to be refused;
//! [`Sent`] carries both to where the decision falls. `docs/scim.md` has the decisions one by one.

use super::{Fault, grammar};

/// So many warnings of one request are told one by one.
const MOST_TOLD: usize = 20;

/// What of a request was not taken as it was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    warnings: Vec<String>,
    more: usize,
    fault: Option<Fault>,
    refusals: usize,
}

/// What a client sent, as far as it was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent<T> {
    /// What it comes to, without what was left out.
    pub wish: T,
    /// What was left out, and what would have to be refused.
    pub notes: Notes,
    /// Whether it sets `active` to false. For a linked user that is never refused for what else stands in the request.
    pub bars: bool,
    /// Whether it says something of the user's site, be it that there is none.
    pub names_site: bool,
    /// Whether it says what the user is called.
    pub names_user: bool,
}

impl Notes {
    /// Notes that something was left out; what was meant for it stays as it was.
    pub fn left_out(&mut self, what: &str, why: &str) {
        self.warn(format!("“{}” was left out: {why}.", grammar::shown(what)));
    }

    /// Notes something that was not done as asked, in a whole sentence.
    pub fn warn(&mut self, sentence: String) {
        if self.warnings.contains(&sentence) {
            return;
        }
        if self.warnings.len() < MOST_TOLD {
            self.warnings.push(sentence);
        } else {
            self.more += 1;
        }
    }

    /// Notes what makes the outcome wrong: all is refused for it, or it alone is left out where the request bars a user.
    pub fn refuse(&mut self, fault: Fault) {
        self.warn(format!("Not done: {}", fault.detail));
        self.fault.get_or_insert(fault);
        self.refusals += 1;
    }

    /// How much was noted.
    pub(super) fn count(&self) -> usize {
        self.warnings.len() + self.more
    }

    /// How often something was noted that must be refused.
    pub(super) fn refusals(&self) -> usize {
        self.refusals
    }

    /// Whether there is something for which all would be refused.
    #[must_use]
    pub fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }

    /// What was left out, in sentences for the log.
    #[must_use]
    pub fn into_warnings(mut self) -> Vec<String> {
        if self.more > 0 {
            self.warnings.push(format!("And {} more things were left out.", self.more));
        }
        self.warnings
    }
}

impl<T> Sent<T> {
    /// The wish and the warnings, unless something in it makes the outcome wrong.
    pub fn strict(self) -> Result<(T, Vec<String>), Fault> {
        match self.notes.fault {
            Some(fault) => Err(fault),
            None => Ok((self.wish, self.notes.into_warnings())),
        }
    }

    /// The wish without all that cannot be done, and the warnings.
    #[must_use]
    pub fn tolerated(self) -> (T, Vec<String>) {
        (self.wish, self.notes.into_warnings())
    }

    /// The same with another form of the wish.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Sent<U> {
        Sent {
            wish: change(self.wish),
            notes: self.notes,
            bars: self.bars,
            names_site: self.names_site,
            names_user: self.names_user,
        }
    }
}
