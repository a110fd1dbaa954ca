//! Licence types and their seats.

use crate::domain::imports::{self, Import};
use crate::domain::licenses::{self, LicenseType, LicenseTypeInput, Stock};
use crate::keys::LicenseTypeId;
use crate::web::forms::{Act, Entered, FormView, PageContext, Redirect};
use crate::web::page::{Answer, Layout};
use actix_web::web::Path;
use askama::Template;
use serde::{Deserialize, Serialize};

const PATH: &str = "/licenses";
const RECENT: i64 = 5;

#[derive(Template)]
#[template(path = "licenses/list.html")]
struct ListPage {
    layout: Layout,
    stock: Vec<Stock>,
    uploads: Vec<Import>,
    form: FormView,
}

/// A licence type as it stands in a form.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct LicenseTypeForm {
    code: String,
    name: String,
    seats: String,
}

impl From<LicenseType> for LicenseTypeForm {
    fn from(kind: LicenseType) -> Self {
        Self { code: kind.code, name: kind.name, seats: kind.seats.to_string() }
    }
}

fn input(form: &Entered<LicenseTypeForm>) -> LicenseTypeInput {
    let seats = form.number("seats", &form.seats, 1, "Enter the number of seats in digits, such as 50.");
    let name = if form.name.trim().is_empty() { &form.code } else { &form.name };
    LicenseTypeInput { code: form.code.clone(), name: name.clone(), seats }
}

pub(super) async fn list(mut page: PageContext) -> Answer {
    let (stock, uploads) =
        page.org.read(|conn| Ok((licenses::stock(conn)?, imports::recent(conn, RECENT)?))).await?;
    let form = page.form(PATH, &LicenseTypeForm::default())?;
    page.show("licences", |layout| ListPage { layout, stock, uploads, form })
}

pub(super) async fn create(act: Act<LicenseTypeForm>) -> Answer {
    act.submit(|tx, form| licenses::create(tx, &input(form)))
        .then(|kind| Redirect::to(PATH, format!("{} was created.", kind.code)))
        .or_show(list)
        .await
}

#[derive(Template)]
#[template(path = "licenses/show.html")]
struct TypePage {
    layout: Layout,
    stock: Stock,
    form: FormView,
}

pub(super) async fn show(mut page: PageContext, id: Path<LicenseTypeId>) -> Answer {
    let stock = page.org.read(move |conn| licenses::find(conn, &id)).await?;
    let path = format!("{PATH}/{}", stock.kind.id);
    let form = page.edit(&path, &LicenseTypeForm::from(stock.kind.clone()))?;
    page.show("licences", |layout| TypePage { layout, stock, form })
}

pub(super) async fn change(act: Act<LicenseTypeForm>, id: Path<LicenseTypeId>) -> Answer {
    let (key, stored) = (id.clone(), id.clone());
    act.edit(
        move |conn| Ok(LicenseTypeForm::from(licenses::find(conn, &stored)?.kind)),
        move |tx, form| licenses::change(tx, &key, &input(form)),
    )
    .then(|kind| Redirect::to(PATH, format!("{} was saved.", kind.code)))
    .or_show(|page| show(page, id))
    .await
}

pub(super) async fn delete(act: Act, id: Path<LicenseTypeId>) -> Answer {
    let key = id.clone();
    act.submit(move |tx, _| licenses::delete(tx, &key))
        .then(|()| Redirect::to(PATH, "The licence type was deleted."))
        .or_show(|page| show(page, id))
        .await
}
