//! Licence types and their seats.

use crate::domain::imports::{self, Import};
use crate::domain::licenses::{self, LicenseType, LicenseTypeInput, Stock};
use crate::error::{Error, Result};
use crate::keys::LicenseTypeId;
use crate::web::extract::{CurrentUser, Fields, OrgHandle, Posted};
use crate::web::page::{self, Answer, Layout, Refused};
use actix_web::HttpRequest;
use actix_web::web::Path;
use askama::Template;
use serde::Deserialize;

const PATH: &str = "/licenses";
const RECENT: i64 = 5;

#[derive(Template)]
#[template(path = "licenses/list.html")]
struct ListPage {
    layout: Layout,
    stock: Vec<Stock>,
    uploads: Vec<Import>,
    form: LicenseTypeForm,
    refusal: Refused,
}

/// A licence type as it stands in a form.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct LicenseTypeForm {
    code: String,
    name: String,
    seats: String,
}

impl LicenseTypeForm {
    fn of(kind: &LicenseType) -> Self {
        Self { code: kind.code.clone(), name: kind.name.clone(), seats: kind.seats.to_string() }
    }

    fn wish(&self) -> Result<LicenseTypeInput> {
        let seats = self.seats.trim().parse();
        let seats =
            seats.map_err(|_| Error::invalid("seats", "Enter the number of seats in digits, such as 50."))?;
        let name = if self.name.trim().is_empty() { &self.code } else { &self.name };
        Ok(LicenseTypeInput { code: self.code.clone(), name: name.clone(), seats })
    }
}

pub(super) async fn list(layout: Layout, org: OrgHandle) -> Answer {
    render(layout, org, LicenseTypeForm::default(), None).await
}

async fn render(layout: Layout, org: OrgHandle, form: LicenseTypeForm, refusal: Option<Error>) -> Answer {
    let (stock, uploads) =
        org.read(|conn| Ok((licenses::stock(conn)?, imports::recent(conn, RECENT)?))).await?;
    let refusal = Refused(refusal);
    let page = ListPage { layout: layout.of("licences").refusing(&refusal), stock, uploads, form, refusal };
    page::show_form(&page.refusal, &page.layout, &page)
}

pub(super) async fn create(
    request: HttpRequest,
    current: CurrentUser,
    layout: Layout,
    org: OrgHandle,
    form: Posted<LicenseTypeForm>,
) -> Answer {
    let Posted(form) = form;
    let made = match form.wish() {
        Ok(wish) => org.write(current.actor(), move |tx| licenses::create(tx, &wish)).await,
        Err(refusal) => Err(refusal),
    };
    match made {
        Err(refusal @ (Error::Invalid(_) | Error::Taken(_))) => {
            render(layout, org, form, Some(refusal)).await
        }
        outcome => {
            page::redirect_with_outcome(&request, outcome, |kind| format!("{} was created.", kind.code), PATH)
        }
    }
}

#[derive(Template)]
#[template(path = "licenses/show.html")]
struct TypePage {
    layout: Layout,
    stock: Stock,
    form: LicenseTypeForm,
    refusal: Refused,
}

pub(super) async fn show(layout: Layout, org: OrgHandle, id: Path<LicenseTypeId>) -> Answer {
    render_type(layout, org, id.into_inner(), None, None).await
}

async fn render_type(
    layout: Layout,
    org: OrgHandle,
    id: LicenseTypeId,
    entered: Option<LicenseTypeForm>,
    refusal: Option<Error>,
) -> Answer {
    let stock = org.read(move |conn| licenses::find(conn, &id)).await?;
    let refusal = Refused(refusal);
    let form = entered.unwrap_or_else(|| LicenseTypeForm::of(&stock.kind));
    let page = TypePage { layout: layout.of("licences").refusing(&refusal), stock, form, refusal };
    page::show_form(&page.refusal, &page.layout, &page)
}

pub(super) async fn change(
    request: HttpRequest,
    current: CurrentUser,
    layout: Layout,
    org: OrgHandle,
    id: Path<LicenseTypeId>,
    form: Posted<LicenseTypeForm>,
) -> Answer {
    let (id, Posted(form)) = (id.into_inner(), form);
    let key = id.clone();
    let changed = match form.wish() {
        Ok(wish) => org.write(current.actor(), move |tx| licenses::change(tx, &key, &wish)).await,
        Err(refusal) => Err(refusal),
    };
    match changed {
        Err(refusal @ (Error::Invalid(_) | Error::Taken(_))) => {
            render_type(layout, org, id, Some(form), Some(refusal)).await
        }
        outcome => {
            page::redirect_with_outcome(&request, outcome, |kind| format!("{} was saved.", kind.code), PATH)
        }
    }
}

pub(super) async fn delete(
    request: HttpRequest,
    current: CurrentUser,
    org: OrgHandle,
    id: Path<LicenseTypeId>,
    _form: Posted<Fields>,
) -> Answer {
    let outcome = org.write(current.actor(), move |tx| licenses::delete(tx, &id)).await;
    page::redirect_with_outcome(&request, outcome, |()| "The licence type was deleted.".to_owned(), PATH)
}
