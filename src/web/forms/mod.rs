//! Forms of the console, from the fields that were sent to the answer.
//!
//! A handler of a form is a chain:
//!
//! ```text
//! act.submit(rule)                    the rule runs in a transaction
//!    .then(|value| Redirect::to(..))  where to go, and what to say there, if it agrees
//!    .or_show(page)                   if it refuses: the page again, with everything that was entered
//!    .await
//! ```
//!
//! A function that shows a page takes a [`PageContext`], and asks it for each of the page's forms by the address that
//! the form is sent to. So the same function serves the first showing and one on which a form comes back: refused,
//! overtaken by somebody else's change, or kept while its session had ended.
//!
//! What the forms of the console rely on:
//! - the fields of a form are those of one struct, which is read from what is stored to fill the form, and from what was
//!   sent to hand it to the rule; a button is a form without fields;
//! - a field for a secret is named `…password…`, `…secret…` or `…token…`: by its name it is neither shown again nor kept;
//! - the forms of a page differ by the address that they are sent to.

mod act;
mod context;
mod entered;
mod fields;
mod open;
mod redirect;
mod refusal;
mod view;

pub(super) use act::{Act, ActWithFile, File};
pub(super) use context::PageContext;
pub(super) use entered::Entered;
pub(super) use open::OpenForm;
pub(super) use redirect::Redirect;
pub(super) use view::FormView;
