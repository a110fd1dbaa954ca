//! What the database itself refuses because it is there already is a conflict, whoever asked, and no fault of the server.

use crate::harness::Console;
use diesel::prelude::*;
use rollcall::domain::Noted;
use serde_json::json;

/// A console in which no two users may have the same title: a unique index of which no rule knows.
fn one_title_each(console: &Console) {
    console.write(|tx| {
        diesel::sql_query("CREATE UNIQUE INDEX one_title_each ON users (title)").execute(tx.conn)?;
        Ok(Noted::unaudited((), "it is the test’s index"))
    });
}

#[actix_web::test]
async fn a_unique_index_that_no_rule_knows_refuses_as_the_rules_do() {
    let (console, entra) = Console::with_entra();
    one_title_each(&console);
    let cook = |name: &str| json!({ "userName": name, "title": "Cook" });
    assert_eq!(entra.post("/Users", cook("ana")).await.status, 201);
    let bo = entra.post("/Users", json!({ "userName": "bo" })).await;
    let patch = json!([{ "op": "replace", "path": "title", "value": "Cook" }]);
    let refused =
        [entra.post("/Users", cook("cy")).await, entra.patch(&format!("/Users/{}", bo.id()), patch).await];
    for told in refused {
        assert_eq!((told.status, told.at("/scimType")), (409, &json!("uniqueness")), "{}", told.json);
    }
    let (olga, di) = (console.signed_in("olga").await, console.user("di", None));
    let path = format!("/users/{}", di.id);
    let told = olga.submit(&path, &path, &[("title", "Cook")]).await;
    assert_eq!(told.status, 409, "{}", told.text());
    assert!(told.text().contains("saved already, perhaps by somebody else"), "{}", told.text());
    assert!(told.body.contains("value=\"Cook\""), "what was entered stays");
}
