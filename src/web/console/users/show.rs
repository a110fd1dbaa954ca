//! A user's page: what Entra ID owns is shown, what the console owns is edited.

use super::actions::{LicenseChoice, SiteChoice};
use super::edit::{FederatedIdForm, ProfileForm, TelephonyForm, options};
use super::{entra_badge, held_words, state_badge};
use crate::db::Conn;
use crate::domain::groups::{self, Group};
use crate::domain::licenses::{self, LicenseType, Stock};
use crate::domain::page::At;
use crate::domain::retention::{self, Days};
use crate::domain::sites::{self, Site};
use crate::domain::users::by_hand::{self, LinkRequest};
use crate::domain::users::{self, Email, EntraState, Held, User};
use crate::domain::{audit, provisioning};
use crate::error::Result;
use crate::keys::UserId;
use crate::web::forms::{FormView, PageContext};
use crate::web::page::{Answer, Layout, when};
use actix_web::web::Path;
use askama::Template;

const LATELY: usize = 8;

#[derive(Template)]
#[template(path = "users/show.html")]
struct UserPage {
    layout: Layout,
    user: User,
    about: About,
    /// The profile.
    form: FormView,
    telephony: FormView,
    federation: FormView,
    site: FormView,
    license: FormView,
    sites: Vec<(String, String)>,
    /// The licence types, with the seats that are free.
    licenses: Vec<(String, String)>,
    /// Whether the signed-in person may decide over this account.
    may_decide: bool,
    is_self: bool,
}

/// What a user's page shows beside the account.
struct About {
    emails: Vec<Email>,
    groups: Vec<Group>,
    site: Option<Site>,
    license: Option<LicenseType>,
    manager: Option<String>,
    link_request: Option<LinkRequest>,
    lately: Vec<(String, String)>,
    /// For how many days the logs are kept.
    days: Days,
    last_request: Option<(String, String)>,
    /// What Entra ID last asked for that was not done as asked.
    left_out: Option<LeftOut>,
}

/// What was not done of a request, when, and the request's event.
struct LeftOut {
    what: String,
    at: String,
    event: String,
}

impl UserPage {
    fn state(&self) -> (&'static str, &'static str) {
        state_badge(&self.user)
    }

    fn entra(&self) -> (&'static str, &'static str) {
        entra_badge(&self.user)
    }

    /// What Entra ID asked for and the guard holds back.
    fn held(&self) -> Option<&'static str> {
        Some(match self.user.held? {
            Held::Deactivate => "deactivated",
            Held::Delete => "deleted",
        })
    }

    fn held_words(&self) -> Option<&'static str> {
        held_words(&self.user)
    }

    /// Why the user can hold no licence now, if so.
    fn license_bar(&self) -> Option<String> {
        if self.user.site_id.is_none() && self.user.entra_state != EntraState::Deleted {
            return Some(format!(
                "{} has no site. Set the site first, above: a licence needs one.",
                self.user.name()
            ));
        }
        licenses::may_hold(&self.user).err().map(|refusal| refusal.to_string())
    }
}

pub(in crate::web::console) async fn show(page: PageContext, id: Path<UserId>) -> Answer {
    page_of(page, id.into_inner()).await
}

/// The page of one user.
pub(super) async fn page_of(mut page: PageContext, id: UserId) -> Answer {
    let current = page.current()?;
    let (user, about, sites, stock) = page
        .org
        .read(move |conn| {
            let user = users::find(conn, &id)?;
            let about = about(conn, &user)?;
            Ok((user, about, sites::all(conn)?, licenses::stock(conn)?))
        })
        .await?;
    let path = format!("/users/{}", user.id);
    let form = page.edit(&path, &ProfileForm::of(&user, &about.emails))?;
    let telephony = page.edit(&format!("{path}/telephony"), &TelephonyForm::of(&user))?;
    let federation = page.edit(&format!("{path}/federated-id"), &FederatedIdForm::of(&user))?;
    let site = page.form(&format!("{path}/site"), &SiteChoice::default())?;
    let license = page.form(&format!("{path}/license"), &LicenseChoice::default())?;
    page.show("users", |layout| UserPage {
        layout,
        form,
        telephony,
        federation,
        site,
        license,
        sites: options(sites).collect(),
        licenses: stock.iter().map(free_seats).collect(),
        may_decide: users::is_decided_by(&user, &current.0.actor()),
        is_self: current.0.id == user.id,
        user,
        about,
    })
}

/// A licence type as the option of a list.
fn free_seats(stock: &Stock) -> (String, String) {
    (stock.kind.id.to_string(), format!("{} – {} free", stock.kind.code, stock.free()))
}

fn about(conn: &mut Conn, user: &User) -> Result<About> {
    let mine = audit::Filter { subject: Some(user.id.to_string()), ..audit::Filter::default() };
    let lately = audit::list(conn, &mine, &At::Start, LATELY)?.items;
    let asked = provisioning::Filter { user: Some(user.id.clone()), ..provisioning::Filter::default() };
    let requests = provisioning::list(conn, &asked, &At::Start, LATELY)?.items;
    let left_out = requests.iter().find_map(|event| {
        let what = event.error.clone()?;
        Some(LeftOut { what, at: when(event.at), event: event.id.clone() })
    });
    let manager = user.profile.manager.as_deref().map(|id| users::name_of_scim_id(conn, id)).transpose()?;
    Ok(About {
        emails: users::emails(conn, &user.id)?,
        groups: groups::of_user(conn, &user.id)?,
        site: user.site_id.as_ref().map(|id| sites::find(conn, id)).transpose()?,
        license: licenses::of(conn, &user.id)?,
        manager,
        link_request: by_hand::link_request(conn, &user.id)?,
        lately: lately
            .iter()
            .flat_map(|event| event.sentences().into_iter().map(|line| (line, when(event.at))))
            .take(LATELY)
            .collect(),
        days: retention::days(conn)?,
        last_request: requests.first().map(|event| (event.sentence(), when(event.at))),
        left_out,
    })
}
