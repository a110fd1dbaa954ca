//! A form as it stands on a page: what is entered in it, what is wrong with it, and what is stored.

use super::fields::{self, WAS};
use super::refusal::Refusal;
use crate::error::{Complaint, Result};
use crate::web::extract::{Fields, is_secret};
use crate::web::page::{Layout, Messages};
use crate::web::session::Flash;
use serde::Serialize;
use std::collections::HashSet;
use std::fmt::Display;
use std::rc::Rc;

/// A form that comes back to its page.
pub(super) struct Returned {
    /// The address that it was sent to.
    pub(super) action: String,
    /// What was entered, without secrets.
    pub(super) fields: Fields,
    /// Why it comes back; nothing for one that was kept while its session had ended.
    pub(super) refusal: Option<Refusal>,
}

/// A form on a page. Templates show it by the macros of `parts/form.html`.
pub(in crate::web) struct FormView {
    action: String,
    /// The token that proves that it was sent from a page of this session.
    pub(in crate::web) csrf: String,
    /// Which showing of the form it is, so that one that is sent twice does what it does once.
    pub(in crate::web) once: String,
    /// The stored row that it was filled from, as a query string; nothing for a form that makes something.
    pub(in crate::web) was: Option<String>,
    /// The names of fields that another form of the page has, too.
    apart: HashSet<String>,
    messages: Rc<Messages>,
    /// Whether it takes a file.
    pub(in crate::web) takes_file: bool,
    stored: Fields,
    returned: Option<Returned>,
    /// What was stored when the form that comes back was filled, if it says so.
    shown: Option<Fields>,
}

/// Something wrong with a form, as the list at its head says it.
pub(in crate::web) struct Problem {
    /// The id of the field that it is about, if it is about one.
    pub(in crate::web) id: Option<String>,
    /// The id of this line, where it is about something that has no field on the page.
    pub(in crate::web) own_id: Option<String>,
    /// What is wrong and what to do.
    pub(in crate::web) text: String,
}

impl FormView {
    /// The form that is sent to `action`, filled with what is `stored`. One that comes back shows what was entered; where
    /// the person left the old value and somebody else changed it meanwhile, the new one.
    pub(super) fn new(
        layout: &Layout,
        action: &str,
        stored: &impl Serialize,
        edits: bool,
        mut returned: Option<Returned>,
    ) -> Result<Self> {
        let query = fields::query(stored)?;
        let stored = fields::parse(query.as_bytes())?;
        let mut shown = None;
        if let Some(returned) = returned.as_mut().filter(|_| edits)
            && returned.fields.iter().any(|(name, _)| name == WAS)
        {
            let was = fields::parse(fields::value(&returned.fields, WAS).as_bytes())?;
            for (name, theirs) in &stored {
                // Also a box that the person left unticked, and so did not send.
                let own = fields::value(&returned.fields, name);
                if own == fields::value(&was, name) && own != theirs {
                    returned.fields.retain(|(field, _)| field != name);
                    returned.fields.push((name.clone(), theirs.clone()));
                }
            }
            shown = Some(was);
        }
        let was = edits.then_some(query);
        Ok(Self { was, stored, returned, shown, ..Self::button(layout, action.to_owned()) })
    }

    /// The form without fields that is sent to `action`.
    pub(super) fn button(layout: &Layout, action: String) -> Self {
        Self {
            action,
            csrf: layout.csrf.clone(),
            once: layout.marks.next(),
            was: None,
            apart: HashSet::new(),
            takes_file: false,
            messages: layout.messages.clone(),
            stored: Fields::new(),
            returned: None,
            shown: None,
        }
    }

    /// The same with a file, which is never shown again.
    #[must_use]
    pub(in crate::web) fn with_file(mut self) -> Self {
        self.takes_file = true;
        self
    }

    /// The address that it is sent to, for the template that shows it.
    pub(in crate::web) fn open(&self) -> &str {
        self.messages.show(&self.action);
        &self.action
    }

    /// What came of sending it.
    pub(in crate::web) fn notices(&self) -> Vec<Flash> {
        self.messages.beside(&self.action)
    }

    /// A text of a template, which may be put together there.
    #[expect(clippy::unused_self, reason = "templates call methods")]
    pub(in crate::web) fn text(&self, text: impl Display) -> String {
        text.to_string()
    }

    /// The names of its fields.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.stored.iter().map(|(name, _)| name.as_str())
    }

    /// Gives the fields of these names other ids than those that stand on the page already.
    pub(super) fn keep_apart_from(&mut self, taken: &HashSet<String>) {
        self.apart = self.names().filter(|name| taken.contains(*name)).map(str::to_owned).collect();
    }

    /// The id of a field.
    pub(in crate::web) fn id(&self, name: &str) -> String {
        if !self.apart.contains(name) {
            return name.to_owned();
        }
        format!("{}-{name}", self.action.trim_matches('/').replace('/', "-"))
    }

    /// What stands in the field.
    pub(in crate::web) fn value(&self, name: &str) -> &str {
        debug_assert!(!is_secret(name), "{name} is a secret: it is never shown again");
        fields::value(self.entered(), name)
    }

    /// Whether this value of a field is chosen, or a box of this name is ticked.
    pub(in crate::web) fn is(&self, name: &str, value: &str) -> bool {
        self.entered().iter().any(|(field, entered)| field == name && entered == value)
    }

    /// What is wrong with the field.
    pub(in crate::web) fn fault(&self, name: &str) -> Option<&str> {
        self.faults().iter().find(|fault| fault.field == name).map(|fault| fault.message.as_str())
    }

    /// What is wrong with the form, with a way to each field that it is about.
    pub(in crate::web) fn problems(&self) -> Vec<Problem> {
        if !self.faults().is_empty() {
            let problem = |fault: &Complaint| {
                let id = self.id_of_fault(fault);
                let own_id = id.is_none().then(|| format!("{}-error", fault.field));
                Problem { id, own_id, text: fault.message.clone() }
            };
            // In the order of the fields on the page.
            let place = |fault: &&Complaint| self.names().position(|name| name == fault.field);
            let mut faults: Vec<&Complaint> = self.faults().iter().collect();
            faults.sort_by_key(|fault| place(fault).unwrap_or(usize::MAX));
            return faults.into_iter().map(problem).collect();
        }
        let overall = self.messages.refusal(&self.action).filter(|_| !self.is_outdated());
        let problem = |text: &str| Problem { id: None, own_id: None, text: text.to_owned() };
        overall.map(problem).into_iter().collect()
    }

    /// A fault may be about something that this form has no field for.
    fn id_of_fault(&self, fault: &Complaint) -> Option<String> {
        self.names().any(|name| name == fault.field).then(|| self.id(fault.field))
    }

    /// Whether somebody else changed the same fields after the form was filled.
    pub(in crate::web) fn is_outdated(&self) -> bool {
        matches!(self.refusal(), Some(Refusal::Outdated))
    }

    /// Whether something stands in a field, or is wrong with it: for one that is folded away otherwise.
    pub(in crate::web) fn is_filled(&self, name: &str) -> bool {
        !self.value(name).is_empty() || self.fault(name).is_some()
    }

    /// Whether it has something to say, for a form that is folded away otherwise.
    pub(in crate::web) fn is_answered(&self) -> bool {
        self.returned.is_some() || !self.notices().is_empty()
    }

    /// Whether it was kept while its session had ended.
    pub(in crate::web) fn is_draft(&self) -> bool {
        self.returned.as_ref().is_some_and(|returned| returned.refusal.is_none())
    }

    /// The ids of what stands below a field, with a hint or without.
    pub(in crate::web) fn described_by(&self, name: &str, hint: bool) -> Option<String> {
        let parts =
            [("hint", hint), ("error", self.fault(name).is_some()), ("theirs", self.theirs(name).is_some())];
        let ids: Vec<String> =
            parts.iter().filter(|part| part.1).map(|part| format!("{}-{}", self.id(name), part.0)).collect();
        (!ids.is_empty()).then(|| ids.join(" "))
    }

    /// What is stored for the field, if somebody else put it there while this person entered something else.
    pub(in crate::web) fn theirs(&self, name: &str) -> Option<&str> {
        let (stored, shown) = (fields::value(&self.stored, name), fields::value(self.shown.as_ref()?, name));
        let both_changed = stored != fields::value(self.entered(), name) && stored != shown;
        both_changed.then_some(stored)
    }

    fn entered(&self) -> &Fields {
        self.returned.as_ref().map_or(&self.stored, |returned| &returned.fields)
    }

    fn faults(&self) -> &[Complaint] {
        self.refusal().map_or(&[], Refusal::complaints)
    }

    fn refusal(&self) -> Option<&Refusal> {
        self.returned.as_ref().and_then(|returned| returned.refusal.as_ref())
    }
}
