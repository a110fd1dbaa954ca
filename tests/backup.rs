//! `rollcall backup` and `rollcall restore`, driven as a program.

use crate::cli::{Served, fails, owned, program, run, said};
use crate::harness::{Browser, Console, Entra, PASSWORD};
use chrono::TimeDelta;
use diesel::connection::{Connection, SimpleConnection};
use reqwest::Method;
use rollcall::db::Db;
use rollcall::domain::page::At;
use rollcall::domain::provisioning::{self, Event};
use rollcall::domain::{backups, settings};
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use uuid::Uuid;

pub fn provisioned() -> (TempDir, String) {
    let folder = owned();
    said(&run(&folder, &["provisioning", "enable"]));
    let token = said(&run(&folder, &["token", "create", "--label", "Entra ID"]));
    (folder, token.trim().to_owned())
}

pub fn backed_up(folder: &TempDir, name: &str) -> PathBuf {
    let file = folder.path().join(name);
    let told = said(&run(folder, &["backup", file.to_str().unwrap()]));
    assert!(told.contains("was checked") && told.contains("secret.key is not in it"), "{told}");
    file
}

pub fn names_in(folder: &Path) -> Vec<String> {
    let entries =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = entries.collect();
    names.sort();
    names
}

async fn signed_in(served: &Served) -> Browser {
    let browser = Browser::new(&served.address);
    let claim = [("user_name", "olga"), ("password", PASSWORD)];
    assert_eq!(browser.submit("/sign-in", "/sign-in", &claim).await.status, 303);
    browser
}

#[actix_web::test]
async fn a_backup_is_made_beside_the_server_and_put_back_once_that_is_stopped() {
    let (folder, token) = provisioned();
    let served = Served::start(&folder, &[]);
    let entra = Entra::new(&served.address, &token);
    let before = entra.post("/Users", json!({ "userName": "before@example.com" })).await.id();
    let browser = signed_in(&served).await;
    let file = backed_up(&folder, "rollcall-backup.db");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let text = file.to_str().unwrap();
    fails(&run(&folder, &["backup", text]), 1, "is there already");
    let after = entra.post("/Users", json!({ "userName": "after@example.com" })).await.id();
    fails(&run(&folder, &["restore", text]), 2, "is in use by another server (process ");
    assert_eq!(entra.get(&format!("/Users/{after}")).await.status, 200, "nothing was changed");
    assert_eq!(served.stop(), Some(0));

    let told = said(&run(&folder, &["restore", text]));
    assert!(told.contains("is in place") && told.contains("is kept as"), "{told}");
    let served = Served::start(&folder, &[]);
    let entra = Entra::new(&served.address, &token);
    assert_eq!(entra.get(&format!("/Users/{before}")).await.status, 200);
    let changed = entra.put(&format!("/Users/{after}"), json!({ "userName": "after@example.com" })).await;
    assert_eq!(changed.status, 404);
    let old = Browser::new(&served.address);
    old.set_cookie("rollcall_session", &browser.cookie("rollcall_session").unwrap());
    assert_ne!(old.get("/").await.status, 200, "sessions that a backup holds have ended");
    let browser = signed_in(&served).await;
    let log = browser.get("/activity/provisioning?outcome=trouble").await.text();
    for words in ["after@example.com", after.as_str(), "was put back on", "Restart provisioning"] {
        assert!(log.contains(words), "{words}: {log}");
    }
    assert!(browser.get("/activity").await.text().contains("back from a backup"));
    assert_eq!(served.stop(), Some(0));

    let names = names_in(&folder.path().join("data"));
    let kept: Vec<&String> = names.iter().filter(|name| name.starts_with("rollcall.db.before-")).collect();
    assert_eq!(kept.len(), 1, "{names:?}");
    assert!(!names.iter().any(|name| name == "restoring"), "{names:?}");
}

#[test]
fn a_backup_goes_to_another_machine_with_its_key_and_with_no_other() {
    let (folder, _) = provisioned();
    let file = backed_up(&folder, "copy.db");
    let text = file.to_str().unwrap();
    let key = folder.path().join("data/secret.key");
    let there = tempfile::tempdir().unwrap();
    fails(&run(&there, &["restore", text]), 2, "Put the one that belongs to the backup there");
    let wrong = there.path().join("wrong.key");
    fs::write(&wrong, [7; 32]).unwrap();
    let with = |key: &Path| run(&there, &["restore", text, "--key", key.to_str().unwrap()]);
    fails(&with(&wrong), 2, "is not the key that it was made with");
    fs::write(&wrong, "short").unwrap();
    fails(&with(&wrong), 2, "no key of 32 bytes");
    assert_eq!(
        names_in(&there.path().join("data")),
        ["rollcall.lock"],
        "nothing is left of what was refused"
    );
    said(&with(&key));
    assert!(said(&run(&there, &["token", "list"])).contains("Entra ID\tlive"));
    assert_eq!(fs::read(there.path().join("data/secret.key")).unwrap(), fs::read(&key).unwrap());

    // Another organisation's folder keeps what it has.
    let other = owned();
    fails(&run(&other, &["restore", text]), 2, "is not the key that it was made with");
    fails(&run(&other, &["restore", text, "--key", key.to_str().unwrap()]), 2, "is there already");
    assert_eq!(said(&run(&other, &["token", "list"])), "");
}

#[test]
fn what_is_damaged_or_no_backup_is_refused_and_changes_nothing() {
    let (folder, _) = provisioned();
    let file = backed_up(&folder, "copy.db");
    let whole = fs::read(&file).unwrap();
    let refused = |bytes: &[u8], words: &str| {
        let bad = folder.path().join("bad.db");
        fs::write(&bad, bytes).unwrap();
        fails(&run(&folder, &["restore", bad.to_str().unwrap()]), 2, words);
        assert!(said(&run(&folder, &["token", "list"])).contains("Entra ID\tlive"));
    };
    refused(b"", "it is no database");
    refused(b"a text of some length, and no database", "it is no database");
    refused(&whole[..whole.len() / 2], "Nothing was changed");
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle..middle + 20_000].fill(0x55);
    refused(&damaged, "Nothing was changed");
    let foreign = folder.path().join("foreign.db");
    let mut conn = diesel::SqliteConnection::establish(foreign.to_str().unwrap()).unwrap();
    conn.batch_execute("CREATE TABLE things (name TEXT)").unwrap();
    fails(&run(&folder, &["restore", foreign.to_str().unwrap()]), 2, "it is no backup of Rollcall");
    fails(&run(&folder, &["restore", "/no/such/file"]), 2, "/no/such/file cannot be put back");
}

#[test]
fn a_backup_that_cannot_be_made_leaves_nothing_behind() {
    let empty = tempfile::tempdir().unwrap();
    fails(&run(&empty, &["backup", "x.db"]), 2, "there is no database");
    let (folder, _) = provisioned();
    let nowhere = folder.path().join("no/such/folder/x.db");
    let refused = run(&folder, &["backup", nowhere.to_str().unwrap()]);
    fails(&refused, 2, "could not be made");
    fails(&refused, 2, &format!("the folder {}: No such file", nowhere.parent().unwrap().display()));
    assert_eq!(names_in(folder.path()), ["data", "owned"]);
}

#[test]
fn a_database_that_another_program_has_open_is_not_replaced() {
    let (folder, _) = provisioned();
    let file = backed_up(&folder, "copy.db");
    let open = Db::open(&folder.path().join("data/rollcall.db")).unwrap();
    fails(&run(&folder, &["restore", file.to_str().unwrap()]), 2, "is in use by another process");
    drop(open);
}

#[test]
fn a_copy_with_a_log_beside_it_is_put_back_with_what_is_in_that() {
    let (folder, _) = provisioned();
    let copy = folder.path().join("copy");
    fs::create_dir(&copy).unwrap();
    let open = Db::open(&folder.path().join("data/rollcall.db")).unwrap();
    said(&run(&folder, &["site", "create", "--name", "Late"]));
    for name in ["rollcall.db", "rollcall.db-wal"] {
        fs::copy(folder.path().join("data").join(name), copy.join(name)).unwrap();
    }
    drop(open);
    let there = tempfile::tempdir().unwrap();
    let key = folder.path().join("data/secret.key");
    let copy = copy.join("rollcall.db");
    let arguments = ["restore", copy.to_str().unwrap(), "--key", key.to_str().unwrap()];
    let before = fs::read(log_of(&copy)).unwrap();
    said(&program(&there.path().join("data")).args(arguments).output().unwrap());
    assert!(said(&run(&there, &["site", "list"])).contains("Late"));
    assert_eq!(fs::read(log_of(&copy)).unwrap(), before, "what is the user's stays as it is");
}

fn log_of(database: &Path) -> PathBuf {
    database.with_extension("db-wal")
}

fn last(console: &Console) -> Event {
    console.write(settings::touch);
    let filter = provisioning::Filter::default();
    console.org.read(move |conn| provisioning::list(conn, &filter, &At::Start, 10)).unwrap().items.remove(0)
}

#[actix_web::test]
async fn an_id_that_is_newer_than_the_backup_is_told_of_with_name_and_remedy() {
    let (console, entra) = Console::with_entra();
    let [earlier, later] = [-TimeDelta::days(1), TimeDelta::hours(1)].map(|by| {
        let seconds = u64::try_from((console.org.now() + by).and_utc().timestamp()).unwrap();
        Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, 0))
    });
    let rename = json!([{ "op": "Replace", "path": "userName", "value": "ana@example.com" }]);
    entra.patch(&format!("/Users/{later}"), rename.clone()).await;
    assert!(last(&console).remedy.unwrap().contains("No user had this id here"));
    console.write(backups::note_put_back);
    entra.patch(&format!("/Users/{later}"), rename).await;
    let event = last(&console);
    assert_eq!(event.subject.unwrap(), format!("ana@example.com (id {later})"));
    let remedy = event.remedy.unwrap();
    assert!(remedy.contains("was put back on") && remedy.contains("Restart provisioning"), "{remedy}");
    entra.send(Method::DELETE, &format!("/Users/{later}"), None).await;
    assert_eq!(last(&console).subject.unwrap(), format!("id {later}"));
    let path_less = json!([{ "op": "Add", "value": { "displayName": "Drivers" } }]);
    entra.patch(&format!("/Groups/{later}"), path_less).await;
    let event = last(&console);
    assert_eq!(event.subject.unwrap(), format!("Drivers (id {later})"));
    assert!(event.remedy.unwrap().contains("this group was given its id in between"));
    entra.get(&format!("/Users/{earlier}")).await;
    assert!(last(&console).remedy.unwrap().contains("No user had this id here"));
}
