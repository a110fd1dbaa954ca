//! What an upgrade makes of a database that was in use before owners had to approve of whom single sign-on trusts.

use crate::harness::idp::{CERTIFICATE, ISSUER, LOGIN_URL, Says, adding};
use crate::harness::{Browser, Console, PASSWORD};
use crate::source::project;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use rollcall::db::Db;
use rollcall::db::schema::guard_arrivals;
use rollcall::domain::admins::{self, passwords};
use rollcall::domain::sso::{certificates, first_look};
use rollcall::domain::users::federation;
use rollcall::domain::users::list::{self, Filter, Total};
use rollcall::domain::{alignment, deprovisioning_guard, imports, provisioning};
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
/// The last migration of the program before.
const BEFORE: &str = "0016";
const NOTICE: &str = "an owner looks at it once";

/// Whether single sign-on was set up, and whether an owner had approved of the certificate.
#[derive(Clone, Copy, PartialEq)]
pub enum SingleSignOn {
    No,
    Unapproved,
}

/// A database as the program before left it, filled.
pub fn filled(single_sign_on: SingleSignOn) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rollcall.db");
    let mut conn = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    let table = "CREATE TABLE __diesel_schema_migrations (version VARCHAR(50) PRIMARY KEY NOT NULL, run_on TIMESTAMP NOT NULL \
                 DEFAULT CURRENT_TIMESTAMP);";
    conn.batch_execute(table).unwrap();
    let mut names: Vec<String> = fs::read_dir(project("migrations/sqlite"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.split(['-', '_']).nth(3).is_some_and(|number| number <= BEFORE))
        .collect();
    names.sort();
    for name in names {
        let up = fs::read_to_string(project("migrations/sqlite").join(&name).join("up.sql")).unwrap();
        let version = name.split('_').next().unwrap().replace('-', "");
        let done = format!("{up}; INSERT INTO __diesel_schema_migrations (version) VALUES ('{version}');");
        conn.batch_execute(&done).unwrap();
    }
    conn.batch_execute(&rows(single_sign_on)).unwrap();
    (folder, path)
}

fn rows(single_sign_on: SingleSignOn) -> String {
    let mut rows = [
        user("olga", "owner", &[]),
        user(
            "oscar",
            "owner",
            &[("federated_id", "mallory@x.example"), ("federated_key", "mallory@x.example")],
        ),
        user("held", "owner", &[("held", "delete"), ("held_at", "2026-11-01 00:00:00")]),
        user(
            "adam",
            "administrator",
            &[("federated_id", "ADAM@x.example"), ("federated_key", "adam@x.example")],
        ),
        user("audrey", "auditor", &[]),
        user("barred", "administrator", &[("active", "0")]),
        user("left", "administrator", &[("active", "0"), ("entra_state", "linked")]),
        user("ana", "none", &[("held", "deactivate"), ("held_at", "2026-11-01 00:00:00")]),
    ]
    .concat();
    for (who, kind) in [("barred", "person"), ("left", "entra")] {
        rows.extend([format!(
            "INSERT INTO audit_events VALUES ('{who}', '2026-11-01 00:00:00', '{kind}', NULL, 'x', 'user.deactivated', \
             'user', '{who}', '{who}', '[]');"
        )]);
    }
    rows.push_str(
        "INSERT INTO settings VALUES ('guard', '{\"enabled\":true,\"people\":50,\"share\":7,\"minutes\":120}', \
         '2026-11-01 00:00:00');
         INSERT INTO guard_tally VALUES ('2026-11-01 00:00:00', 4);
         INSERT INTO sessions (id, user_id, state, created_at, last_seen_at) VALUES
             ('digest', 'adam', '{}', '2026-11-01 00:00:00', '2026-11-01 00:00:00');
         INSERT INTO sign_in_failures VALUES ('account:olga', 30, '2026-11-01 00:00:00', NULL);",
    );
    if single_sign_on == SingleSignOn::Unapproved {
        let one = rollcall::certificate::read(CERTIFICATE).unwrap().remove(0);
        rows.extend([format!(
            "INSERT INTO sso_settings (id, enabled, login_url, issuer, updated_at) VALUES
                 ('entra', TRUE, '{LOGIN_URL}', '{ISSUER}', '2026-11-01 00:00:00');
             INSERT INTO idp_certificates VALUES ('one', '{}', '{}', '{}', '{}', '{}', '2026-11-01 00:00:00.5', FALSE);",
            one.der, one.subject, one.fingerprint, one.not_before, one.not_after
        )]);
    }
    rows
}

/// An account whose key is its user name.
fn user(name: &str, role: &str, more: &[(&str, &str)]) -> String {
    let usual = [
        ("id", name),
        ("scim_id", name),
        ("user_name", name),
        ("user_name_key", name),
        ("sort_name", name),
        ("search_text", name),
        ("role", role),
        ("active", "1"),
        ("entra_state", "unlinked"),
        ("origin", "console"),
        ("handed_over", "0"),
        ("version", "1"),
        ("more", "{}"),
        ("seen", "0"),
        ("created_at", "2026-11-01 00:00:00"),
        ("updated_at", "2026-11-01 00:00:00"),
    ];
    let all: Vec<&(&str, &str)> = usual
        .iter()
        .filter(|(column, _)| !more.iter().any(|(other, _)| other == column))
        .chain(more)
        .collect();
    let columns: Vec<&str> = all.iter().map(|(column, _)| *column).collect();
    let values: Vec<String> = all.iter().map(|(_, value)| format!("'{value}'")).collect();
    format!("INSERT INTO users ({}) VALUES ({});", columns.join(", "), values.join(", "))
}

/// The console on it, after the upgrade, and its owner signed in.
async fn upgraded(single_sign_on: SingleSignOn) -> (Console, Browser) {
    opened(filled(single_sign_on).0).await
}

async fn opened(folder: TempDir) -> (Console, Browser) {
    let console = Console::found_in(folder);
    let prepared = passwords::prepare(&console.org, &"olga".parse().unwrap(), &PASSWORD.into()).unwrap();
    console.write(move |tx| admins::set_password(tx, prepared));
    let olga = console.signed_in("olga").await;
    (console, olga)
}

async fn comes_in(console: &Console, name: &str) -> bool {
    console.browser().bring(&Says::of(console, name)).await.status == 303
}

#[actix_web::test]
async fn whoever_came_in_before_comes_in_and_an_owner_is_asked_to_look() {
    let (console, olga) = upgraded(SingleSignOn::Unapproved).await;
    for name in ["audrey", "adam", "adam@x.example"] {
        assert!(comes_in(&console, name).await, "{name}");
    }
    for name in ["olga", "mallory@x.example"] {
        assert!(!comes_in(&console, name).await, "{name}: owners needed approved certificates before");
    }
    assert!(olga.get("/").await.text().contains(NOTICE));
    let page = olga.get("/identity/trust").await;
    for told in
        ["oscar", "mallory@x.example", "ADAM@x.example", "audrey", "signing in auditors and administrators"]
    {
        assert!(page.text().contains(told), "{told}: {}", page.text());
    }
    // What was changed since the page was shown is not approved with it.
    console.write(|tx| federation::set_federated_id(tx, &"oscar".parse().unwrap(), None));
    let refused = page.submit("/identity/trust/looked", &[]).await.refused();
    assert!(refused.text().contains("was changed since this page was shown"), "{}", refused.text());
    refused.submit("/identity/trust/looked", &[]).await;
    assert!(!olga.get("/").await.text().contains(NOTICE));
    let kept = || {
        let all = console.org.read(certificates::list).unwrap();
        all.iter().map(|one| (one.approved, one.kept_at_upgrade)).collect::<Vec<_>>()
    };
    assert_eq!(kept(), [(false, true)], "a look approves of nothing");
    assert!(comes_in(&console, "adam").await && !comes_in(&console, "olga").await);
    let page = olga.get("/identity/trust").await;
    assert!(page.text().contains("Signs in auditors and administrators"), "{}", page.text());
    page.submit("/identity/sso/certificates/one/approve", &[]).await;
    assert_eq!(kept(), [(true, false)]);
    assert!(comes_in(&console, "olga").await, "the certificate has its own approval");
}

#[actix_web::test]
async fn whoever_looks_is_told_what_still_waits_and_approves_of_the_metadata_url_by_a_tick() {
    for tick in [false, true] {
        let (folder, path) = filled(SingleSignOn::Unapproved);
        let mut conn = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
        let address = "UPDATE sso_settings SET metadata_url = 'https://login.microsoftonline.com/m', refresh_metadata = TRUE";
        conn.batch_execute(address).unwrap();
        drop(conn);
        let (console, olga) = opened(folder).await;
        let page = olga.get("/identity/trust").await;
        let ticks: &[(&str, &str)] = if tick { &[("approve_metadata_url", "1")] } else { &[] };
        let told = page.submit("/identity/trust/looked", ticks).await.follow().await.text();
        assert!(told.contains("One certificate still waits for an owner’s approval"), "{told}");
        assert_eq!(told.contains("The metadata URL is approved."), tick);
        assert_eq!(told.contains("No owner has approved of the metadata URL"), !tick);
        let approved = console.org.read(rollcall::domain::sso::settings::is_metadata_address_approved);
        assert_eq!(approved.unwrap(), tick);
        assert!(!comes_in(&console, "olga").await);
    }
}

#[actix_web::test]
async fn a_certificate_that_comes_after_the_upgrade_is_none_that_was_kept() {
    use crate::harness::idp::{STRANGERS_CERTIFICATE, STRANGERS_KEY};
    let (console, _) = upgraded(SingleSignOn::Unapproved).await;
    console.as_administrator(adding(STRANGERS_CERTIFICATE)).unwrap();
    let forged = Says { key: STRANGERS_KEY, ..Says::of(&console, "audrey") };
    assert_eq!(console.browser().bring(&forged).await.status, 403);
    console.write(|tx| first_look::done(tx, None, true));
    let forged = Says { key: STRANGERS_KEY, ..Says::of(&console, "audrey") };
    assert_eq!(
        console.browser().bring(&forged).await.status,
        403,
        "a script that saw nothing approves of none"
    );
}

#[actix_web::test]
async fn where_single_sign_on_comes_later_nothing_counts_that_nobody_can_have_used() {
    let (console, olga) = upgraded(SingleSignOn::No).await;
    assert!(olga.get("/").await.text().contains(NOTICE));
    console.trust_entra(true);
    for name in ["mallory@x.example", "adam@x.example"] {
        assert!(!comes_in(&console, name).await, "{name}");
    }
    assert!(comes_in(&console, "audrey").await && comes_in(&console, "olga").await);
    let page = olga.get("/administrators/adam").await;
    page.submit("/administrators/adam/recognition", &[("keep_federated_id", "1")]).await;
    assert!(comes_in(&console, "adam@x.example").await, "an owner confirmed it");
}

#[actix_web::test]
async fn what_owners_decided_before_stands() {
    let (console, _) = upgraded(SingleSignOn::No).await;
    let user = |name: &str| console.find(name).unwrap();
    assert!(user("barred").deactivated_by_hand && !user("left").deactivated_by_hand);
    assert_eq!(user("held").held, None, "a protected owner");
    assert!(user("ana").held.is_some());
    let limits = console.org.read(deprovisioning_guard::limits).unwrap();
    assert_eq!((limits.accounts.hour.people, limits.accounts.hour.share, limits.minutes), (50, 7, 120));
}

#[test]
fn the_upgrade_of_a_filled_database_can_be_undone_and_done_again() {
    for single_sign_on in [SingleSignOn::No, SingleSignOn::Unapproved] {
        let (_folder, path) = filled(single_sign_on);
        drop(Db::open(&path).unwrap());
        let mut conn = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
        conn.batch_execute("INSERT INTO sso_waiting VALUES ('logout_url', 'https://x.example/out')").unwrap();
        // The guard's limits as this program writes them.
        let limits = serde_json::to_string(&deprovisioning_guard::Limits::default()).unwrap();
        conn.batch_execute(&format!("UPDATE settings SET value = '{limits}' WHERE name = 'guard'")).unwrap();
        while !conn.applied_migrations().unwrap()[0].to_string().ends_with(BEFORE) {
            conn.revert_last_migration(MIGRATIONS).unwrap();
        }
        let stored: Stored = diesel::sql_query("SELECT value FROM settings WHERE name = 'guard'")
            .get_result(&mut conn)
            .unwrap();
        let before: serde_json::Value = serde_json::from_str(&stored.value).unwrap();
        let known = serde_json::json!({ "enabled": true, "people": 10, "share": 5, "minutes": 60 });
        assert_eq!(before, known, "what the program before reads");
        drop(conn);
        drop(Db::open(&path).unwrap());
    }
}

#[test]
fn the_database_takes_the_words_that_the_program_writes_and_no_others() {
    let (_folder, path) = filled(SingleSignOn::No);
    drop(Db::open(&path).unwrap());
    let mut conn = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    let outcomes = provisioning::Outcome::ALL.iter().map(|word| word.as_str()).collect();
    let troubles = provisioning::troubles::Kind::ALL.iter().map(|word| word.as_str()).collect();
    let steps = imports::Step::ALL.iter().map(|word| word.as_str()).collect();
    let kinds = alignment::Kind::ALL.iter().map(|word| word.as_str()).collect();
    let standings = alignment::AccountStanding::ALL.iter().map(|word| word.as_str()).collect();
    let columns: [(&str, &str, Vec<&str>); 5] = [
        ("provisioning_events", "outcome", outcomes),
        ("provisioning_troubles", "kind", troubles),
        ("import_rows", "step", steps),
        ("alignment_rows", "kind", kinds),
        ("alignment_rows", "standing", standings),
    ];
    for (table, column, words) in columns {
        let made = format!("SELECT sql AS value FROM sqlite_schema WHERE name = '{table}'");
        let made: Stored = diesel::sql_query(made).get_result(&mut conn).unwrap();
        let check = format!("CHECK ({column} IN ('{}'))", words.join("', '"));
        assert!(made.value.contains(&check), "{check} is not in {}", made.value);
    }
    let other = "INSERT INTO provisioning_events (id, at, operation, outcome, status, changes) VALUES
                     ('x', '2026-11-01 00:00:00', 'create', 'odd', 200, '[]')";
    assert!(conn.batch_execute(other).unwrap_err().to_string().contains("provisioning_events_outcome"));
}

#[derive(QueryableByName)]
struct Stored {
    #[diesel(sql_type = diesel::sql_types::Text)]
    value: String,
}

#[actix_web::test]
async fn people_counted_no_longer_are_in_no_sum_and_texts_are_made_anew() {
    let (folder, path) = filled(SingleSignOn::No);
    drop(Db::open(&path).unwrap());
    let run = |sql: &str| {
        let mut conn = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
        conn.batch_execute(sql).unwrap();
        // Nobody else may have it open while it is brought up to date.
        drop(conn);
        drop(Db::open(&path).unwrap());
    };
    let counted = || {
        let mut conn = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
        guard_arrivals::table.select(guard_arrivals::people).load::<i64>(&mut conn).unwrap()
    };
    run("DELETE FROM guard_people;
         INSERT INTO guard_people (loss, user_id, outcome, at, came_at) VALUES
             ('account', 'ana', 'went', '1970-01-01 00:00:00', '2026-11-01 10:00:30'),
             ('account', 'audrey', 'went', '2026-11-01 10:05:00', '2026-11-01 10:00:40'),
             ('account', 'left', 'went', '2026-11-01 10:05:00', '1970-01-01 00:00:00');
         DROP TABLE guard_arrivals;
         DELETE FROM __diesel_schema_migrations WHERE version IN ('202611260067', '202611260077');");
    assert_eq!(counted(), [1]);
    // A program before this one counted all of them.
    run("UPDATE guard_arrivals SET people = 3;
         UPDATE users SET display_name = 'Kim Smith-Ng', work_phone = '030/99 88', search_text = 'old' WHERE id = 'ana';
         DELETE FROM __diesel_schema_migrations WHERE version = '202611260077';");
    assert_eq!(counted(), [1]);
    let (console, _) = opened(folder).await;
    for (words, people) in [("kim ng", 1), ("0309988", 1), ("old", 0), ("ana", 1)] {
        let filter = Filter { words: words.to_owned(), ..Filter::default() };
        let total = console.org.read(|conn| list::count(conn, &filter)).unwrap();
        assert_eq!(total, Total::Exactly(people), "{words}");
    }
}
