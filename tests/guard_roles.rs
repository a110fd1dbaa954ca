//! Over what is held back of an account with a role, owners decide, by either verdict.

use crate::guard::{active, crew, renamed};
use crate::harness::{Console, Entra};
use rollcall::domain::deprovisioning_guard::{self, Limits, Measure, Measures};
use rollcall::domain::users::{self, User};
use rollcall::domain::{Role, admins};
use rollcall::keys::UserId;

const VERDICTS: [&str; 4] = ["release", "discard", "release-all", "discard-all"];
const NAME: &str = "target@example.com";

/// A guard that holds back whatever it counts.
fn holding_all(console: &Console) {
    let nobody = Measure { people: 0, share: 0 };
    let measures = Measures { hour: nobody, day: nobody };
    let limits = Limits { accounts: measures, user_names: measures, ..Limits::default() };
    console.write(move |tx| deprovisioning_guard::set(tx, limits));
}

/// What Entra ID asks for.
async fn ask(entra: &Entra, what: &str, id: &str) {
    let path = format!("/Users/{id}");
    let status = match what {
        "deactivate" => entra.patch(&path, active(false)).await.status,
        "delete" => entra.delete(&path).await.status,
        _ => entra.patch(&path, renamed(&format!("new-{id}@example.com"))).await.status,
    };
    assert!(matches!(status, 200 | 204), "{what}: {status}");
}

#[actix_web::test]
async fn over_an_account_with_a_role_only_an_owner_decides_whatever_is_held_and_whatever_the_verdict() {
    let (console, entra, _) = crew(0);
    holding_all(&console);
    console.admin("adam", Role::Administrator);
    for (actor, name) in [(Role::Administrator, "adam"), (Role::Owner, "olga")] {
        let browser = console.signed_in(name).await;
        for verdict in VERDICTS {
            for what in ["deactivate", "delete", "name"] {
                for role in [Role::None, Role::Auditor, Role::Administrator, Role::Owner] {
                    let told = format!("{verdict} of {what}, {role:?} by {actor:?}");
                    let before = of_whom_is_held(&console, &entra, what, role).await;
                    assert!(before.is_held(), "{told}");
                    let page = browser.get("/held").await;
                    let shown = format!("{}:{}", before.id, before.hold().unwrap());
                    let fields = [("verdict", verdict), ("user", before.id.as_str()), ("shown", &shown)];
                    let done = page.submit("/held", &fields).await;
                    let after = of_key(&console, &before.id);
                    let may = role == Role::None || actor == Role::Owner;
                    assert_eq!(after.is_held(), !may, "{told}: {}", done.text());
                    if !may {
                        assert_eq!(after.version, before.version, "{told}: nothing else changed");
                        let refusal = if verdict.ends_with("-all") { done.follow().await } else { done };
                        let text = refusal.text();
                        assert!(text.contains("only an owner may"), "{told}: {text}");
                    }
                }
            }
        }
    }
}

/// A new user of whom this is held back.
async fn of_whom_is_held(console: &Console, entra: &Entra, what: &str, role: Role) -> User {
    let user = console.user(&format!("{}@example.com", uuid::Uuid::now_v7()), None);
    let (id, handed) = (user.id.clone(), user.id.clone());
    if role != Role::None {
        console.write(move |tx| admins::appoint(tx, &id, role));
    }
    if role == Role::Owner {
        console.write(move |tx| admins::hand_over(tx, &handed, true));
    }
    ask(entra, what, &user.scim_id).await;
    of_key(console, &user.id)
}

fn of_key(console: &Console, id: &UserId) -> User {
    let id = id.clone();
    console.org.read(move |conn| users::find(conn, &id)).unwrap()
}

#[actix_web::test]
async fn nobody_but_an_owner_keeps_an_administrator_who_is_to_leave_not_even_they_themselves() {
    let (console, entra, _) = crew(0);
    holding_all(&console);
    let adam = console.admin("adam", Role::Administrator);
    ask(&entra, "deactivate", &adam.scim_id).await;
    let browser = console.signed_in("adam").await;
    let page = browser.get("/held").await;
    for verdict in ["discard", "discard-all"] {
        page.submit("/held", &[("verdict", verdict), ("user", adam.id.as_str())]).await;
        assert!(console.find("adam").unwrap().is_held(), "{verdict}");
    }
}

#[actix_web::test]
async fn a_verdict_is_one_of_the_words_that_there_are() {
    let (console, entra, _) = crew(0);
    holding_all(&console);
    let user = console.user(NAME, None);
    ask(&entra, "deactivate", &user.scim_id).await;
    let browser = console.signed_in("olga").await;
    let page = browser.get("/held").await;
    for word in ["", "x", "RELEASE", "Release", "released", "keep", "release-", "discard-al", "-all", "all"] {
        let refused = page.submit("/held", &[("verdict", word), ("user", user.id.as_str())]).await;
        assert_eq!(refused.status, 422, "{word:?}");
        assert!(refused.text().contains("Choose Release or Keep"), "{word:?}: {}", refused.text());
        assert!(console.find(NAME).unwrap().is_held(), "{word:?}");
    }
}
