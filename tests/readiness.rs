//! What a supervisor hears: one word within a second, whatever the database does.

use crate::harness::{Browser, Console};
use diesel::connection::{Connection, SimpleConnection};
use diesel::sqlite::SqliteConnection;
use serde_json::json;
use std::fs;
use std::time::{Duration, Instant};

fn change(console: &Console, sql: &str) {
    let path = console.folder().join("rollcall.db");
    let mut conn = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    conn.batch_execute("PRAGMA busy_timeout = 10000; PRAGMA foreign_keys = OFF").unwrap();
    conn.batch_execute(sql).unwrap();
}

async fn ready(browser: &Browser) -> (u16, String) {
    let asked = Instant::now();
    let page = browser.get("/readyz").await;
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    (page.status, page.body)
}

fn answer(status: u16, word: &str) -> (u16, String) {
    (status, word.to_owned())
}

#[actix_web::test]
async fn a_console_is_ready_without_a_write() {
    let console = Console::open();
    let browser = console.browser();
    let log = || fs::metadata(console.folder().join("rollcall.db-wal")).unwrap().len();
    let before = log();
    assert_eq!(ready(&browser).await, answer(200, "ready"));
    assert_eq!(log(), before);
}

#[actix_web::test]
async fn while_the_writer_is_at_long_work_the_answer_is_busy_and_waits_for_nobody() {
    let console = Console::open();
    let browser = console.browser();
    let (go_on, wait) = std::sync::mpsc::channel::<()>();
    let (org, slow) = (console.org.clone(), rollcall::domain::Actor::Rollcall);
    org.submit_slice(
        rollcall::domain::authority::Authority::trusted(slow),
        move |_| {
            let _told = wait.recv();
            Ok::<_, rollcall::error::Error>(rollcall::domain::Noted::unaudited((), "nothing is done"))
        },
        |outcome| outcome.unwrap(),
    );
    let began = Instant::now();
    while ready(&browser).await != answer(200, "busy") {
        assert!(began.elapsed() < Duration::from_secs(10));
    }
    go_on.send(()).unwrap();
    console.write(rollcall::domain::settings::touch);
    assert_eq!(ready(&browser).await, answer(200, "ready"));
}

#[actix_web::test]
async fn a_database_that_is_behind_or_ahead_is_not_ready() {
    let console = Console::open();
    let browser = console.browser();
    change(&console, "DELETE FROM __diesel_schema_migrations WHERE version = '202611230013'");
    assert_eq!(ready(&browser).await, answer(503, "behind"));
    change(&console, "INSERT INTO __diesel_schema_migrations (version) VALUES ('202611230013')");
    assert_eq!(ready(&browser).await, answer(200, "ready"));
    change(&console, "INSERT INTO __diesel_schema_migrations (version) VALUES ('209901010001')");
    assert_eq!(ready(&browser).await, answer(503, "ahead"));
    change(&console, "INSERT INTO oldest_programs VALUES ('209901010001', '0.1.0')");
    assert_eq!(ready(&browser).await, answer(200, "ready"), "this program may use it");
    change(&console, "UPDATE oldest_programs SET program = '99.0.0' WHERE migration = '209901010001'");
    assert_eq!(ready(&browser).await, answer(503, "ahead"));
}

#[actix_web::test]
async fn a_table_that_cannot_be_read_is_broken() {
    let console = Console::open();
    let browser = console.browser();
    for table in ["users", "settings"] {
        change(&console, &format!("ALTER TABLE {table} RENAME TO elsewhere"));
        assert_eq!(ready(&browser).await, answer(503, "broken"), "{table}");
        change(&console, &format!("ALTER TABLE elsewhere RENAME TO {table}"));
        assert_eq!(ready(&browser).await, answer(200, "ready"));
    }
}

#[actix_web::test]
async fn a_database_that_was_moved_replaced_or_deleted_is_broken_and_nothing_is_acknowledged() {
    let (console, entra) = Console::with_entra();
    let browser = console.browser();
    let database = console.folder().join("rollcall.db");
    let log = console.folder().join("rollcall.db-wal");
    let aside = console.folder().join("aside");
    let mut number = 0;
    for file in [&database, &log] {
        for is_replaced in [false, true] {
            fs::rename(file, &aside).unwrap();
            if is_replaced {
                fs::copy(&aside, file).unwrap();
            }
            assert_eq!(ready(&browser).await, answer(503, "broken"));
            let refused = entra.post("/Users", json!({ "userName": format!("n{number}@example.com") })).await;
            assert_eq!(refused.status, 503, "{refused:?}");
            assert!(refused.at("/detail").as_str().unwrap().contains("moved, replaced or deleted"));
            fs::rename(&aside, file).unwrap();
            number += 1;
            let made = entra.post("/Users", json!({ "userName": format!("n{number}@example.com") })).await;
            assert_eq!(made.status, 201);
            assert_eq!(ready(&browser).await, answer(200, "ready"));
        }
    }
    fs::remove_file(&database).unwrap();
    assert_eq!(ready(&browser).await, answer(503, "broken"));
}
