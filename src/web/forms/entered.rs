//! What was entered into a form, as a rule takes it.

use super::refusal::Refusal;
use crate::error::{Complaint, Error, Result};
use std::cell::RefCell;
use std::num::{IntErrorKind, ParseIntError};
use std::ops::Deref;
use std::str::FromStr;

/// The fields of a form, and what is found wrong with them while they are made ready for a rule. The rule runs all the
/// same, on something in the place of a field that cannot be read, so that the person sees every fault at once; it is
/// undone if there was one.
pub(in crate::web) struct Entered<F> {
    fields: F,
    faults: RefCell<Vec<Complaint>>,
}

impl<F> Deref for Entered<F> {
    type Target = F;

    fn deref(&self) -> &F {
        &self.fields
    }
}

impl<F> Entered<F> {
    pub(super) fn new(fields: F) -> Self {
        Self { fields, faults: RefCell::default() }
    }

    /// Finds fault with a field.
    pub(in crate::web) fn fault(&self, field: &'static str, message: impl Into<String>) {
        self.faults.borrow_mut().push(Complaint { field, message: message.into() });
    }

    /// The number that `text`, from this field, is; else `placeholder`, and `message` stands beside the field. One that
    /// nothing here can be as large as is called so.
    pub(in crate::web) fn number<T: FromStr<Err = ParseIntError>>(
        &self,
        field: &'static str,
        text: &str,
        placeholder: T,
        message: &str,
    ) -> T {
        text.trim().parse().unwrap_or_else(|cause: ParseIntError| {
            match cause.kind() {
                IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => {
                    self.fault(field, format!("This number is too large. {message}"));
                }
                _ => self.fault(field, message),
            }
            placeholder
        })
    }

    /// What came of the rule, given the faults that were found: with those that it found in other fields beside them.
    pub(super) fn judge<T>(self, outcome: Result<T>) -> Result<T, Refusal> {
        let mut faults = self.faults.into_inner();
        if faults.is_empty() {
            return outcome.map_err(Refusal::Error);
        }
        match outcome {
            Err(failure @ Error::Internal(_)) => return Err(failure.into()),
            Err(refusal) => {
                for fault in refusal.complaints() {
                    if faults.iter().all(|known| known.field != fault.field) {
                        faults.push(fault.clone());
                    }
                }
            }
            Ok(_) => {}
        }
        Err(Error::Invalid(faults).into())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_said_at_once_and_one_for_each_field() {
        let entered = Entered::new(());
        assert_eq!(entered.number("seats", "many", 1, "Enter a number."), 1);
        let rule: Result<()> = Err(Error::Invalid(vec![
            Complaint { field: "seats", message: "Too few.".to_owned() },
            Complaint { field: "code", message: "Enter a code.".to_owned() },
        ]));
        let refusal = entered.judge(rule).unwrap_err();
        let said: Vec<_> = refusal.complaints().iter().map(|one| (one.field, one.message.as_str())).collect();
        assert_eq!(said, [("seats", "Enter a number."), ("code", "Enter a code.")]);
    }

    #[test]
    fn a_rule_that_agrees_to_what_cannot_be_read_is_refused_all_the_same() {
        let entered = Entered::new(());
        entered.number("seats", "", 1, "Enter a number.");
        assert_eq!(entered.judge(Ok(())).unwrap_err().complaints().len(), 1);
        assert!(Entered::new(()).judge(Ok(())).is_ok());
    }

    #[test]
    fn a_number_that_is_too_large_is_called_so() {
        let entered = Entered::new(());
        assert_eq!(entered.number("seats", " 99999999999 ", 1_i32, "Enter a number."), 1);
        let refusal = entered.judge(Ok(())).unwrap_err();
        assert_eq!(refusal.complaints()[0].message, "This number is too large. Enter a number.");
    }
}
