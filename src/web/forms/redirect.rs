//! Where a form leads to, if its rule agrees.

use crate::web::session::BrowserSession;
use serde::{Deserialize, Serialize};

/// Where to go after a change, and what to say there.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::web) struct Redirect {
    /// The page, an address of this server.
    pub(in crate::web) path: String,
    /// Beside what: the address of a form, or a card of the page; nothing for the form that was sent.
    beside: Option<String>,
    /// What to say: `good`, `bad` or `note`, and the text.
    lines: Vec<(String, String)>,
}

impl Redirect {
    /// To this page, which says `text` beside the form that was sent, or at its head if it has no such form.
    pub(in crate::web) fn to(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self { path: path.into(), beside: None, lines: vec![("good".to_owned(), text.into())] }
    }

    /// To this page, which says why nothing, or not all of it, was done.
    pub(in crate::web) fn refusing(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self { path: path.into(), beside: None, lines: vec![("bad".to_owned(), text.into())] }
    }

    /// To this page, which shows by itself what came of it.
    pub(in crate::web) fn silently(path: impl Into<String>) -> Self {
        Self { path: path.into(), beside: None, lines: Vec::new() }
    }

    /// Says one thing more, if there is one, that is to be known.
    #[must_use]
    pub(in crate::web) fn and_note(mut self, text: Option<String>) -> Self {
        self.lines.extend(text.map(|text| ("note".to_owned(), text)));
        self
    }

    /// Says it on this card of the page, whose form may be gone by then.
    #[must_use]
    pub(in crate::web) fn on_card(mut self, card: &str) -> Self {
        self.beside = Some(card.to_owned());
        self
    }

    /// Keeps what is to be said for the next page, beside the form that is sent to `action` if no card was named.
    pub(super) fn say(&self, session: &BrowserSession, action: &str) {
        for (kind, text) in &self.lines {
            session.flash_at(kind, text, self.beside.as_deref().unwrap_or(action));
        }
    }
}
