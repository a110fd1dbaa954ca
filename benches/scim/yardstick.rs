//! The yardstick: what a bare actix-web server with bare `SQLite` gives on this machine.
//!
//! It speaks just enough SCIM for the load: no rules, no token, no audit, no log. It keeps Rollcall's promise, though:
//! an answer to a write means that the change is on disk. All that wait are committed as a group by one thread.

use actix_web::web::{self, Bytes, Data, Path, Query};
use actix_web::{App, HttpResponse, HttpServer};
use diesel::connection::{Connection, SimpleConnection};
use diesel::dsl::max;
use diesel::prelude::*;
use serde::Deserialize;
use serde_json::Value;
use std::cell::RefCell;
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::oneshot;

diesel::table! {
    users (id) {
        id -> BigInt,
        user_name_key -> Text,
        external_id -> Nullable<Text>,
        display_name -> Nullable<Text>,
        active -> Bool,
        body -> Text,
    }
}

const TABLE: &str = "CREATE TABLE users (id INTEGER PRIMARY KEY, user_name_key TEXT NOT NULL UNIQUE, \
                     external_id TEXT, display_name TEXT, active INTEGER NOT NULL, body TEXT NOT NULL) STRICT";
/// Those of Rollcall.
const SETTINGS: &str = "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                        PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16000;";
const GROUP: usize = 128;

type Reader = Data<RefCell<SqliteConnection>>;
type Desk = Data<Sender<Job>>;

struct Job {
    wish: Wish,
    answer: oneshot::Sender<QueryResult<String>>,
}

enum Wish {
    Create(Value),
    Patch(i64, Value),
}

/// Serves on a free port, with a new database in the folder, until the process is killed.
pub(crate) fn serve(folder: &std::path::Path) -> std::io::Result<()> {
    let file = folder.join("yardstick.db").display().to_string();
    let mut conn = connect(&file);
    conn.batch_execute(TABLE).expect("the table is new");
    let (sender, jobs) = channel();
    std::thread::spawn(move || write_forever(&mut conn, &jobs));
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    println!("Yardstick listens on http://{}", listener.local_addr()?);
    let app = move || {
        App::new()
            .app_data(Data::new(sender.clone()))
            .app_data(Data::new(RefCell::new(connect(&file))))
            .route("/empty", web::get().to(HttpResponse::Ok))
            .route("/Users", web::get().to(list))
            .route("/Users", web::post().to(create))
            .route("/Users/{id}", web::patch().to(patch))
    };
    let workers = std::thread::available_parallelism()?.get();
    let server = HttpServer::new(app).workers(workers).listen(listener)?.run();
    actix_web::rt::System::new().block_on(server)
}

fn connect(file: &str) -> SqliteConnection {
    let mut conn = SqliteConnection::establish(file).expect("the file can be opened");
    conn.batch_execute(SETTINGS).expect("the settings are known");
    conn
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    filter: Option<String>,
    start_index: Option<i64>,
    count: Option<i64>,
}

/// Nobody is ever deleted here, so ids have no gaps: a page is found by its first id and the last id is the total.
async fn list(conn: Reader, asked: Query<Asked>) -> HttpResponse {
    let conn = &mut *conn.borrow_mut();
    let asked = asked.into_inner();
    let shown = users::table.select((users::id, users::body));
    let (total, found): (i64, Vec<(i64, String)>) = if let Some(filter) = &asked.filter {
        let name = filter.trim_start_matches("userName eq ").trim_matches('"').to_lowercase();
        let found = shown.filter(users::user_name_key.eq(name)).load(conn).expect("a look-up");
        (i64::try_from(found.len()).expect("one or none"), found)
    } else {
        let total: Option<i64> = users::table.select(max(users::id)).get_result(conn).expect("a total");
        let page = shown.filter(users::id.ge(asked.start_index.unwrap_or(1))).order(users::id);
        (total.unwrap_or(0), page.limit(asked.count.unwrap_or(100)).load(conn).expect("a page"))
    };
    let resources: Vec<String> = found.iter().map(|(id, body)| with_id(*id, body)).collect();
    answer(
        HttpResponse::Ok(),
        format!(
            "{{\"schemas\":[\"urn:ietf:params:scim:api:messages:2.0:ListResponse\"],\"totalResults\":{total},\"Resources\":[{}]}}",
            resources.join(",")
        ),
    )
}

async fn create(desk: Desk, body: Bytes) -> HttpResponse {
    let Ok(user) = serde_json::from_slice(&body) else { return HttpResponse::BadRequest().finish() };
    written(&desk, Wish::Create(user), HttpResponse::Created()).await
}

async fn patch(desk: Desk, id: Path<i64>, body: Bytes) -> HttpResponse {
    let Ok(patch) = serde_json::from_slice(&body) else { return HttpResponse::BadRequest().finish() };
    written(&desk, Wish::Patch(*id, patch), HttpResponse::Ok()).await
}

async fn written(desk: &Desk, wish: Wish, good: actix_web::HttpResponseBuilder) -> HttpResponse {
    let (sender, receiver) = oneshot::channel();
    desk.send(Job { wish, answer: sender }).expect("the writer lives");
    match receiver.await.expect("the writer answers") {
        Ok(body) => answer(good, body),
        Err(cause) => HttpResponse::Conflict().body(cause.to_string()),
    }
}

fn answer(mut response: actix_web::HttpResponseBuilder, body: String) -> HttpResponse {
    response.content_type("application/scim+json").body(body)
}

fn write_forever(conn: &mut SqliteConnection, jobs: &Receiver<Job>) {
    let mut last_id = 0;
    while let Ok(first) = jobs.recv() {
        let group = std::iter::once(first).chain(jobs.try_iter()).take(GROUP);
        let done = conn.immediate_transaction(|conn| {
            let perform = |job: Job| (job.answer, fulfil(conn, &mut last_id, job.wish));
            QueryResult::Ok(group.map(perform).collect::<Vec<_>>())
        });
        for (answer, outcome) in done.expect("the group is committed") {
            drop(answer.send(outcome));
        }
    }
}

fn fulfil(conn: &mut SqliteConnection, last_id: &mut i64, wish: Wish) -> QueryResult<String> {
    match wish {
        Wish::Create(user) => {
            let body = user.to_string();
            let row = (
                users::id.eq(*last_id + 1),
                users::user_name_key.eq(user["userName"].as_str().unwrap_or_default().to_lowercase()),
                users::external_id.eq(user["externalId"].as_str()),
                users::display_name.eq(user["displayName"].as_str()),
                users::active.eq(user["active"].as_bool().unwrap_or(true)),
                users::body.eq(&body),
            );
            diesel::insert_into(users::table).values(row).execute(conn)?;
            *last_id += 1;
            Ok(with_id(*last_id, &body))
        }
        Wish::Patch(id, patch) => {
            let body: String = users::table.find(id).select(users::body).get_result(conn)?;
            let mut user: Value = serde_json::from_str(&body).expect("what was written was JSON");
            for operation in patch["Operations"].as_array().into_iter().flatten() {
                user[operation["path"].as_str().unwrap_or_default()] = operation["value"].clone();
            }
            let body = user.to_string();
            let name = users::display_name.eq(user["displayName"].as_str());
            diesel::update(users::table.find(id)).set((name, users::body.eq(&body))).execute(conn)?;
            Ok(with_id(id, &body))
        }
    }
}

/// The stored object with its id as first member.
fn with_id(id: i64, body: &str) -> String {
    format!("{{\"id\":\"{id}\",{}", &body[1..])
}
