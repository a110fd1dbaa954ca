//! What becomes of the data folder when a backup is made or put back on a bad day.

use crate::backup::{backed_up, names_in, provisioned};
use crate::cli::{Served, fails, program, run, said};
use crate::harness::Entra;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use rollcall::db::schema::sites;
use serde_json::json;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

fn open(database: &Path) -> SqliteConnection {
    SqliteConnection::establish(database.to_str().unwrap()).unwrap()
}

fn sites_in(database: &Path) -> Vec<String> {
    sites::table.select(sites::name).order(sites::name).load(&mut open(database)).unwrap()
}

fn add_site(folder: &TempDir, name: &str) {
    said(&run(folder, &["site", "create", "--name", name]));
}

fn kill(mut served: Served) {
    served.child.kill().unwrap();
    served.child.wait().unwrap();
}

/// What the next start has to say.
fn told_at_start(folder: &TempDir) -> String {
    let mut child = program(&folder.path().join("data"))
        .args(["--listen", "127.0.0.1:0", "--log", "warn"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line)
        .unwrap();
    if let Some(address) = line.trim().strip_prefix("Rollcall listens on http://") {
        // Once it answers it also heeds signals.
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        std::io::Write::write_all(
            &mut stream,
            b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        )
        .unwrap();
        std::io::Read::read_to_end(&mut stream, &mut Vec::new()).unwrap();
        assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    }
    let output = child.wait_with_output().unwrap();
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn each_restore_keeps_what_was_there_before_it_however_soon_it_follows() {
    let (folder, _) = provisioned();
    let file = backed_up(&folder, "copy.db");
    add_site(&folder, "Precious");
    for _ in 0..3 {
        said(&run(&folder, &["restore", file.to_str().unwrap()]));
    }
    let data = folder.path().join("data");
    let names = names_in(&data);
    let kept: Vec<_> = names.iter().filter(|name| name.starts_with("rollcall.db.before-")).collect();
    assert_eq!(kept.len(), 3, "{names:?}");
    let precious = kept.iter().filter(|name| sites_in(&data.join(name)) == ["Precious"]).count();
    assert_eq!(precious, 1, "{names:?}");
    assert!(sites_in(&data.join("rollcall.db")).is_empty());
}

#[test]
fn a_restore_that_was_cut_off_on_a_new_machine_is_told_of_and_can_be_run_again() {
    let (folder, _) = provisioned();
    let file = backed_up(&folder, "copy.db");
    let key = folder.path().join("data/secret.key");
    for has_key in [false, true] {
        let there = tempfile::tempdir().unwrap();
        let data = there.path().join("data");
        let stage = data.join("restoring-4194305");
        fs::create_dir_all(&stage).unwrap();
        fs::copy(&file, stage.join("rollcall.db")).unwrap();
        fs::copy(&key, stage.join("secret.key")).unwrap();
        if has_key {
            fs::copy(&key, data.join("secret.key")).unwrap();
        }
        for command in [["site", "list"].as_slice(), &["site", "create", "--name", "Delft"], &["serve"]] {
            fails(
                &run(&there, command),
                2,
                "a restore was interrupted before it came to its end (restoring-4194305). Run it again",
            );
        }
        assert!(!data.join("rollcall.db").exists() && data.join("secret.key").exists() == has_key);
        said(&run(&there, &["restore", file.to_str().unwrap(), "--key", key.to_str().unwrap()]));
        assert!(said(&run(&there, &["token", "list"])).contains("Entra ID\tlive"));
        assert!(!stage.exists(), "what was left is gone");
    }
}

#[test]
fn a_restore_that_was_cut_off_between_steps_that_belong_together_is_run_again_first() {
    let (folder, _) = provisioned();
    let file = backed_up(&folder, "copy.db");
    let data = folder.path().join("data");
    let stage = data.join("restoring-4194305-2");
    fs::create_dir(&stage).unwrap();
    fs::copy(&file, stage.join("rollcall.db")).unwrap();
    let told = told_at_start(&folder);
    assert!(told.contains("a restore was interrupted, and the database is as it was"), "{told}");
    fs::write(stage.join("begun"), "").unwrap();
    fails(&run(&folder, &["serve"]), 2, "Run it again");
    // Others keep what looks alike.
    fs::create_dir(data.join("restoring-it-all")).unwrap();
    said(&run(&folder, &["restore", file.to_str().unwrap()]));
    assert!(!stage.exists() && data.join("restoring-it-all").exists());
    assert!(!told_at_start(&folder).contains("restore was interrupted"));
}

#[test]
fn an_empty_key_file_is_none_for_a_restore_too() {
    let (folder, _) = provisioned();
    let file = backed_up(&folder, "copy.db");
    let there = tempfile::tempdir().unwrap();
    let data = there.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("secret.key"), "").unwrap();
    fails(&run(&there, &["restore", file.to_str().unwrap()]), 2, "it is empty. Put the one");
    let key = folder.path().join("data/secret.key");
    said(&run(&there, &["restore", file.to_str().unwrap(), "--key", key.to_str().unwrap()]));
    assert!(said(&run(&there, &["token", "list"])).contains("Entra ID\tlive"));
}

#[test]
fn a_backup_that_is_in_the_data_folder_is_put_back_and_left() {
    let (folder, _) = provisioned();
    for within in ["data/restoring", "data/restoring-77"] {
        fs::create_dir(folder.path().join(within)).unwrap();
        let file = backed_up(&folder, &format!("{within}/b.db"));
        let bytes = fs::read(&file).unwrap();
        said(&run(&folder, &["restore", file.to_str().unwrap()]));
        assert_eq!(fs::read(&file).unwrap(), bytes);
    }
}

#[test]
fn a_backup_of_a_newer_program_or_what_is_no_file_is_refused_in_words_about_that_file() {
    let (folder, _) = provisioned();
    let file = backed_up(&folder, "copy.db");
    let newer = "INSERT INTO __diesel_schema_migrations (version) VALUES ('209901010001'); \
                 INSERT INTO oldest_programs VALUES ('209901010001', '99.1.0');";
    open(&file).batch_execute(newer).unwrap();
    let refused = run(&folder, &["restore", file.to_str().unwrap()]);
    fails(&refused, 2, &format!("{} cannot be put back: it is newer than this program", file.display()));
    assert!(!String::from_utf8_lossy(&refused.stderr).contains("restoring"));
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for odd in [pipe.as_path(), folder.path(), Path::new("/dev/null")] {
        fails(&run(&folder, &["restore", odd.to_str().unwrap()]), 2, "it is no database");
    }
}

#[test]
fn a_backup_gets_the_name_that_was_asked_for_whatever_its_letters() {
    let (folder, _) = provisioned();
    let target = folder.path().join("copies");
    fs::create_dir(&target).unwrap();
    let name = std::ffi::OsStr::from_bytes(b"a '\xFC\" %41?x#.db");
    let made = program(&folder.path().join("data")).arg("backup").arg(target.join(name)).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let names: Vec<_> = fs::read_dir(&target).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, [name]);
    assert_eq!(fs::metadata(target.join(name)).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_backup_is_made_also_where_nothing_can_be_written_beside_the_database() {
    let (folder, _) = provisioned();
    let data = folder.path().join("data");
    add_site(&folder, "Delft");
    let log = data.join("rollcall.db-wal");
    if log.exists() {
        assert_eq!(fs::metadata(&log).unwrap().len(), 0);
        fs::remove_file(log).unwrap();
        fs::remove_file(data.join("rollcall.db-shm")).unwrap();
    }
    // Stands for a folder that is read only, or a disk that is full.
    fs::create_dir(data.join("rollcall.db-shm")).unwrap();
    let file = backed_up(&folder, "copy.db");
    assert_eq!(sites_in(&file), ["Delft"]);
}

#[test]
fn what_interrupted_backups_left_is_cleared_and_what_others_make_is_not() {
    let (folder, _) = provisioned();
    let left = ["copy.db.4194305.partial", "copy.db.4194305.partial-journal", "copy.db.7.partial-journal"];
    for name in left {
        fs::write(folder.path().join(name), "left").unwrap();
    }
    let made_now = fs::File::create(folder.path().join("copy.db.4194306.partial")).unwrap();
    made_now.lock().unwrap();
    backed_up(&folder, "copy.db");
    assert_eq!(names_in(folder.path()), ["copy.db", "copy.db.4194306.partial", "data", "owned"]);
}

#[test]
fn a_backup_or_a_restore_that_is_told_to_end_leaves_nothing_half_done() {
    let (folder, _) = provisioned();
    let file = backed_up(&folder, "copy.db");
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let other = folder.path().join("other.db");
        for arguments in [["backup", other.to_str().unwrap()], ["restore", file.to_str().unwrap()]] {
            let begun = |name: &String| name.ends_with(".partial") || name.starts_with("restoring-");
            let at_work = || {
                names_in(folder.path()).iter().any(begun)
                    || names_in(&folder.path().join("data")).iter().any(begun)
            };
            let mut child = program(&folder.path().join("data"))
                .args(arguments)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let id = child.id();
            let heeds = || {
                let threads = fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
                let mut names =
                    threads.filter_map(|thread| fs::read_to_string(thread.path().join("comm")).ok());
                names.any(|name| name.trim() == "interruption")
            };
            while !(at_work() && heeds()) && child.try_wait().unwrap().is_none() {
                std::thread::yield_now();
            }
            let _sent =
                Command::new("kill").args(["-s", signal, &id.to_string()]).stderr(Stdio::null()).status();
            let ended = child.wait().unwrap();
            // It may have come to its end before, or have met the signal before it was heeded.
            assert!(ended.code().is_none() || [0, code].contains(&ended.code().unwrap()), "{ended}");
            if ended.code().is_some() {
                assert!(!at_work(), "{arguments:?} {signal}");
            }
            let _made = fs::remove_file(&other);
        }
    }
    assert!(said(&run(&folder, &["token", "list"])).contains("Entra ID\tlive"));
}

#[actix_web::test]
async fn a_command_beside_a_server_whose_index_was_removed_is_refused_and_nothing_is_damaged() {
    let (folder, token) = provisioned();
    let data = folder.path().join("data");
    let served = Served::start(&folder, &[]);
    let entra = Entra::new(&served.address, &token);
    assert_eq!(entra.post("/Users", json!({ "userName": "u1@example.com" })).await.status, 201);
    fs::remove_file(data.join("rollcall.db-shm")).unwrap();
    for command in
        [["site", "create", "--name", "Delft"].as_slice(), &["site", "list"], &["backup", "/nowhere/x.db"]]
    {
        fails(&run(&folder, command), 2, "has other files open than those that are in the data folder");
    }
    assert_eq!(entra.post("/Users", json!({ "userName": "u2@example.com" })).await.status, 503);
    assert_eq!(served.stop(), Some(2), "it says that it did not end well");
    assert_eq!(told_at_start(&folder), "", "all of it was saved");
    let served = Served::start(&folder, &[]);
    let entra = Entra::new(&served.address, &token);
    assert!(entra.get("/Users").await.json.to_string().contains("u1@example.com"));
    assert_eq!(served.stop(), Some(0));
    backed_up(&folder, "checked.db");
}

#[actix_web::test]
async fn a_database_behind_a_link_is_watched_where_it_is_and_stays_there() {
    let (folder, token) = provisioned();
    let (data, disk) = (folder.path().join("data"), folder.path().join("disk"));
    fs::create_dir(&disk).unwrap();
    fs::rename(data.join("rollcall.db"), disk.join("real.db")).unwrap();
    symlink(disk.join("real.db"), data.join("rollcall.db")).unwrap();
    kill(Served::start(&folder, &[]));
    assert_eq!(told_at_start(&folder), "", "a crash by itself loses nothing");
    let file = backed_up(&folder, "copy.db");
    let served = Served::start(&folder, &[]);
    let entra = Entra::new(&served.address, &token);
    assert_eq!(entra.post("/Users", json!({ "userName": "u1@example.com" })).await.status, 201);
    assert_eq!(fs::metadata(disk.join("real.db-wal")).unwrap().permissions().mode() & 0o777, 0o600);
    fs::remove_file(disk.join("real.db-wal")).unwrap();
    assert_eq!(
        entra.post("/Users", json!({ "userName": "u2@example.com" })).await.status,
        503,
        "it would be lost"
    );
    assert_eq!(served.stop(), Some(2));
    let served = Served::start(&folder, &[]);
    let entra = Entra::new(&served.address, &token);
    assert!(entra.get("/Users").await.json.to_string().contains("u1@example.com"));
    assert_eq!(served.stop(), Some(0));
    said(&run(&folder, &["restore", file.to_str().unwrap()]));
    assert!(data.join("rollcall.db").symlink_metadata().unwrap().is_symlink());
    let names = names_in(&disk);
    assert!(
        names[0] == "real.db" && names[1].starts_with("real.db.before-") && names.len() == 2,
        "{names:?}"
    );
    fs::rename(disk.join("real.db"), folder.path().join("away.db")).unwrap();
    fails(
        &run(&folder, &["restore", file.to_str().unwrap()]),
        2,
        "leads nowhere. Is the right disk mounted?",
    );
}

#[test]
fn nobody_is_told_to_restore_a_backup_where_nothing_is_missing() {
    let (folder, _) = provisioned();
    let log = folder.path().join("data/rollcall.db-wal");
    kill(Served::start(&folder, &[]));
    backed_up(&folder, "copy.db");
    assert_eq!(told_at_start(&folder), "");
    kill(Served::start(&folder, &[]));
    add_site(&folder, "Delft");
    assert_eq!(told_at_start(&folder), "");
    kill(Served::start(&folder, &[]));
    fs::remove_file(&log).unwrap();
    let made = run(&folder, &["site", "create", "--name", "Leiden"]);
    let told = String::from_utf8_lossy(&made.stderr);
    assert!(
        told.contains("was not stopped as it should be"),
        "here something is, and who sees it first says so: {told}"
    );
    assert_eq!(told_at_start(&folder), "");
}

#[test]
fn where_the_file_was_replaced_nobody_else_is_blamed_at_the_end() {
    let (folder, _) = provisioned();
    let database = folder.path().join("data/rollcall.db");
    let mut child = program(&folder.path().join("data"))
        .args(["--listen", "127.0.0.1:0", "--log", "warn"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.as_mut().unwrap()), &mut line)
        .unwrap();
    let address = line.trim().strip_prefix("Rollcall listens on http://").unwrap().to_owned();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    std::io::Write::write_all(&mut stream, b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .unwrap();
    std::io::Read::read_to_end(&mut stream, &mut Vec::new()).unwrap();
    fs::copy(&database, database.with_extension("new")).unwrap();
    fs::rename(database.with_extension("new"), &database).unwrap();
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    let told = String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap();
    assert!(!told.contains("others use the database") && told.contains("replaced"), "{told}");
}

#[test]
fn what_root_puts_back_belongs_to_whom_the_folder_belongs_to() {
    let (folder, _) = provisioned();
    let file = backed_up(&folder, "copy.db");
    let key = folder.path().join("data/secret.key");
    let there = tempfile::tempdir().unwrap();
    let data = there.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::set_permissions(&data, Permissions::from_mode(0o700)).unwrap();
    if chown(&data, Some(12_345), Some(12_346)).is_err() {
        // Only root may.
        return;
    }
    said(&run(&there, &["restore", file.to_str().unwrap(), "--key", key.to_str().unwrap()]));
    said(&run(&there, &["restore", file.to_str().unwrap()]));
    for entry in fs::read_dir(&data).unwrap() {
        let entry = entry.unwrap();
        let owner = entry.metadata().unwrap();
        assert_eq!((owner.uid(), owner.gid()), (12_345, 12_346), "{:?}", entry.path());
    }
    // So does what a first start makes.
    let anew = tempfile::tempdir().unwrap();
    fs::create_dir(anew.path().join("data")).unwrap();
    chown(anew.path().join("data"), Some(12_345), Some(12_346)).unwrap();
    add_site(&anew, "Delft");
    for name in ["rollcall.db", "secret.key"] {
        assert_eq!(fs::metadata(anew.path().join("data").join(name)).unwrap().uid(), 12_345, "{name}");
    }
}
