//! What the card shows, and what it is made of.

use crate::address;
use crate::db::Conn;
use crate::domain::Role;
use crate::domain::counted::counted;
use crate::domain::expiry::Remaining;
use crate::domain::sso::keys::{self, Key, State};
use crate::domain::sso::metadata::{self, Reading};
use crate::domain::sso::policy::{self, Requirement, RequirementStatus};
use crate::domain::sso::{Here, Settings, Trusted, certificates, events, is_complete, settings};
use crate::domain::users::User;
use crate::error::Result;
use crate::web::extract::app_state;
use crate::web::forms::{FormView, PageContext};
use crate::web::page::when;
use crate::web::session::BrowserSession;
use crate::web::sso;
use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};

/// The card of the page.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own that the card shows")]
pub(in crate::web::console) struct Card {
    pub(in crate::web::console) ours: Here,
    /// The identity provider's values.
    pub(in crate::web::console) form: FormView,
    /// Metadata to be taken over.
    pub(in crate::web::console) import: FormView,
    /// How sign-ins are to be.
    pub(in crate::web::console) options: FormView,
    /// Another certificate.
    pub(in crate::web::console) certificate: FormView,
    /// As this person's forms show them.
    pub(in crate::web::console) settings: Settings,
    is_complete: bool,
    /// What is to be known of addresses in the forms that may look like others.
    pub(in crate::web::console) remarks: Vec<(&'static str, String)>,
    /// Whether something waits for an owner.
    pub(in crate::web::console) waits: bool,
    /// The issuer that comes into force with the first certificate that an owner approves of.
    pub(in crate::web::console) first_issuer: Option<String>,
    pub(in crate::web::console) certificates: Vec<Certificate>,
    pub(in crate::web::console) keys: Vec<OwnKey>,
    /// How the daily reading of metadata is doing.
    pub(in crate::web::console) reading: Option<(&'static str, String)>,
    pub(in crate::web::console) standing: RequirementStatus,
    /// Until when a requirement holds that nobody has confirmed.
    pub(in crate::web::console) until: String,
    /// Whether this person's last test went well.
    pub(in crate::web::console) tested: bool,
    /// Whether this person came in through Entra ID.
    pub(in crate::web::console) came_by_sso: bool,
}

impl Card {
    /// Whether all is there that single sign-on needs.
    pub(in crate::web::console) fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Whether it is switched on, and yet nothing of it is in force before an owner approves of what was entered.
    pub(in crate::web::console) fn waits_to_begin(&self) -> bool {
        self.settings.enabled && self.waits && !self.is_complete()
    }

    pub(in crate::web::console) fn is_required(&self) -> bool {
        self.standing.requirement == Requirement::On
    }

    pub(in crate::web::console) fn is_on_trial(&self) -> bool {
        self.standing.requirement == Requirement::Trial
    }

    pub(in crate::web::console) fn has_next_key(&self) -> bool {
        self.keys.iter().any(|key| key.is_next)
    }
}

/// The identity provider's values as they stand in the form.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::web::console) struct SsoForm {
    pub(in crate::web::console) enabled: String,
    pub(in crate::web::console) login_url: String,
    pub(in crate::web::console) issuer: String,
    pub(in crate::web::console) logout_url: String,
}

/// Where metadata is to be taken over from, as it stands in the form; a chosen file is not shown again.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::web::console) struct Import {
    pub(in crate::web::console) metadata_url: String,
    pub(in crate::web::console) metadata: String,
    pub(in crate::web::console) refresh_metadata: String,
}

/// A certificate to be trusted: a file, or pasted.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::web::console) struct CertificateForm {
    pub(in crate::web::console) pasted: String,
    /// The name of the field of the file.
    certificate: String,
}

/// How sign-ins are to be, as it stands in the form.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::web::console) struct Options {
    pub(in crate::web::console) match_claim: String,
    pub(in crate::web::console) create_users: String,
    pub(in crate::web::console) allow_unsolicited: String,
    pub(in crate::web::console) sign_requests: String,
    pub(in crate::web::console) require_signed_response: String,
    pub(in crate::web::console) require_encryption: String,
    pub(in crate::web::console) allow_sha1: String,
    pub(in crate::web::console) skew_s: String,
}

/// A certificate of Entra ID's as the page shows it.
pub(in crate::web::console) struct Certificate {
    pub(in crate::web::console) id: String,
    pub(in crate::web::console) subject: String,
    pub(in crate::web::console) fingerprint: String,
    pub(in crate::web::console) thumbprint: String,
    pub(in crate::web::console) expires: String,
    pub(in crate::web::console) badge: (&'static str, String),
    pub(in crate::web::console) approved: bool,
    /// Whether it signs in auditors and administrators without an owner's approval, as it did before an upgrade.
    pub(in crate::web::console) kept: bool,
    /// Whether an owner removed it before it came again.
    pub(in crate::web::console) withdrawn: bool,
    /// The issuer under which it was trusted, where that is in force no longer.
    pub(in crate::web::console) former_issuer: Option<String>,
}

/// A certificate of ours as the page shows it.
pub(in crate::web::console) struct OwnKey {
    pub(in crate::web::console) id: String,
    pub(in crate::web::console) fingerprint: String,
    pub(in crate::web::console) thumbprint: String,
    pub(in crate::web::console) expires: String,
    pub(in crate::web::console) badge: (&'static str, &'static str),
    pub(in crate::web::console) is_next: bool,
    pub(in crate::web::console) is_active: bool,
}

/// What the card is made of.
pub(in crate::web::console) struct Loaded {
    settings: Settings,
    is_complete: bool,
    waits: bool,
    first_issuer: Option<String>,
    certificates: Vec<Trusted>,
    keys: Vec<Key>,
    reading: Reading,
    standing: RequirementStatus,
    tested: bool,
}

pub(in crate::web::console) fn load(conn: &mut Conn, person: &User, now: NaiveDateTime) -> Result<Loaded> {
    let since = settings::trusted_since(conn)?.unwrap_or_default();
    Ok(Loaded {
        settings: settings::entered(conn, person.role == Role::Owner)?,
        is_complete: is_complete(conn)?,
        waits: settings::waiting(conn)?.is_some(),
        first_issuer: settings::first_issuer(conn)?,
        certificates: certificates::list(conn)?,
        keys: keys::list(conn)?,
        reading: metadata::reading(conn)?,
        standing: policy::requirement_status(conn, now)?,
        tested: events::good_test(conn, &person.id, since)?.is_some(),
    })
}

impl Card {
    pub(in crate::web::console) fn of(
        page: &mut PageContext,
        loaded: Loaded,
        now: NaiveDateTime,
    ) -> Result<Self> {
        let (reading, settings) = (loaded.reading, &loaded.settings);
        Ok(Self {
            ours: sso::here(app_state(&page.request)?),
            form: page.edit("/identity/sso", &SsoForm::of(settings))?,
            import: page.form("/identity/sso/import", &Import::of(settings))?.with_file(),
            options: page.edit("/identity/sso/options", &Options::of(settings))?,
            certificate: page.form("/identity/sso/certificates", &CertificateForm::default())?.with_file(),
            certificates: loaded.certificates.into_iter().map(|one| Certificate::of(one, now)).collect(),
            keys: loaded.keys.into_iter().map(|one| OwnKey::of(one, now)).collect(),
            reading: match (reading.fault, reading.read_at) {
                (Some(fault), _) => Some(("bad", fault)),
                (None, Some(at)) => Some(("note", format!("Last read on {}.", when(at)))),
                (None, None) => None,
            },
            until: loaded.standing.until.map(when).unwrap_or_default(),
            standing: loaded.standing,
            tested: loaded.tested,
            came_by_sso: BrowserSession::of(&page.request).foreign().is_some(),
            remarks: loaded.settings.remarks(),
            settings: loaded.settings,
            is_complete: loaded.is_complete,
            waits: loaded.waits,
            first_issuer: loaded.first_issuer,
        })
    }
}

/// A box as a form sends it.
fn tick(ticked: bool) -> String {
    if ticked { "1".to_owned() } else { String::new() }
}

impl Import {
    fn of(settings: &Settings) -> Self {
        Self {
            metadata_url: settings.metadata_url.clone().unwrap_or_default(),
            metadata: String::new(),
            refresh_metadata: tick(settings.refresh_metadata),
        }
    }
}

impl Options {
    pub(super) fn of(settings: &Settings) -> Self {
        Self {
            match_claim: settings.match_claim.clone().unwrap_or_default(),
            create_users: tick(settings.create_users),
            allow_unsolicited: tick(settings.allow_unsolicited),
            sign_requests: tick(settings.sign_requests),
            require_signed_response: tick(settings.require_signed_response),
            require_encryption: tick(settings.require_encryption),
            allow_sha1: tick(settings.allow_sha1),
            skew_s: settings.skew_s.to_string(),
        }
    }

    pub(super) fn over(&self, before: Settings) -> Settings {
        let ticked = |text: &str| !text.is_empty();
        Settings {
            match_claim: Some(self.match_claim.clone()),
            create_users: ticked(&self.create_users),
            allow_unsolicited: ticked(&self.allow_unsolicited),
            sign_requests: ticked(&self.sign_requests),
            require_signed_response: ticked(&self.require_signed_response),
            require_encryption: ticked(&self.require_encryption),
            allow_sha1: ticked(&self.allow_sha1),
            // What is no number is outside every range, and is refused as such.
            skew_s: self.skew_s.trim().parse().unwrap_or(-1),
            ..before
        }
    }
}

impl SsoForm {
    pub(super) fn of(settings: &Settings) -> Self {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        Self {
            enabled: tick(settings.enabled),
            login_url: text(&settings.login_url),
            issuer: text(&settings.issuer),
            logout_url: text(&settings.logout_url),
        }
    }

    pub(super) fn over(&self, before: Settings) -> Settings {
        let text = |entered: &str| Some(entered.trim().to_owned()).filter(|entered| !entered.is_empty());
        Settings {
            enabled: !self.enabled.is_empty(),
            login_url: text(&self.login_url),
            issuer: text(&self.issuer),
            logout_url: text(&self.logout_url),
            ..before
        }
    }
}

impl Certificate {
    pub(super) fn of(trusted: Trusted, now: NaiveDateTime) -> Self {
        let badge = match trusted.remaining(now) {
            Remaining::Over => ("bad", "Expired".to_owned()),
            Remaining::Soon(days) => ("warn", format!("{} left", counted(days, "day", "days"))),
            Remaining::Long => ("good", "Valid".to_owned()),
        };
        Self {
            expires: when(trusted.not_after),
            thumbprint: trusted.thumbprint(),
            id: trusted.id,
            subject: trusted.subject,
            fingerprint: trusted.fingerprint,
            badge,
            approved: trusted.approved,
            kept: trusted.kept_at_upgrade,
            withdrawn: trusted.withdrawn,
            former_issuer: trusted.former_issuer.map(|issuer| address::as_read(&issuer)),
        }
    }
}

impl OwnKey {
    fn of(key: Key, now: NaiveDateTime) -> Self {
        let badge = match key.state {
            _ if key.not_after <= now => ("bad", "Expired"),
            State::Active => ("good", "In use"),
            State::Next => ("note", "Next"),
            State::Old => ("quiet", "Old: still opens"),
        };
        Self {
            expires: when(key.not_after),
            thumbprint: key.thumbprint(),
            id: key.id,
            fingerprint: key.fingerprint,
            badge,
            is_next: key.state == State::Next,
            is_active: key.state == State::Active,
        }
    }
}
