//! A log, or a terminal, that cannot be written: that ends nothing, and nobody waits for it.

use crate::cli::{PROGRAM, fails, owned, program, run, said};
use crate::harness::Browser;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// Where everything that is written meets a full disk.
fn full() -> Stdio {
    File::options().write(true).open("/dev/full").unwrap().into()
}

/// A pipe of which nobody reads.
fn gone() -> Stdio {
    std::io::pipe().unwrap().1.into()
}

/// A server whose log goes there, and its address.
fn serve(folder: &TempDir, log: Stdio) -> (Child, String) {
    let mut child = program(&folder.path().join("data"))
        .args(["--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    (child, line.trim().strip_prefix("Rollcall listens on ").unwrap().to_owned())
}

/// Stops it; answers what is left to be read of its log.
fn stop(mut child: Child) -> String {
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    let ended = child.wait().unwrap();
    assert!(ended.success(), "{ended}");
    let mut log = String::new();
    child.stderr.take().map(|mut left| left.read_to_string(&mut log).unwrap());
    log
}

#[actix_web::test]
async fn a_server_goes_on_without_a_log_that_can_be_written() {
    let folder = owned();
    for log in [full(), gone()] {
        let (child, address) = serve(&folder, log);
        let browser = Browser::new(&address);
        for (path, status) in [("/sign-in", 200), ("/nowhere", 404), ("/readyz", 200)] {
            assert_eq!(browser.get(path).await.status, status, "{path}");
        }
        stop(child);
    }
}

#[actix_web::test]
async fn a_reader_of_the_log_who_does_not_read_stops_nothing_and_reads_later_what_came_first() {
    let folder = owned();
    let (child, address) = serve(&folder, Stdio::piped());
    let browser = Browser::new(&address);
    // A pipe holds 64 KiB, of lines that are longer than a hundred bytes.
    for _ in 0..800 {
        assert_eq!(browser.get("/sign-in").await.status, 200);
    }
    assert_eq!(browser.get("/readyz").await.body, "ready");
    let log = stop(child);
    assert!(log.len() > 60_000 && log.contains("answered"), "{}", log.len());
}

#[test]
fn a_command_ends_as_it_would_wherever_its_words_go() {
    let folder = owned();
    let data = folder.path().join("data");
    for number in 0..3 {
        said(&run(&folder, &["site", "create", "--name", &format!("Site {number}")]));
    }
    for place in [full, gone] {
        for arguments in [["site", "list"].as_slice(), &["provisioning", "status"], &["--help"]] {
            let ended = program(&data).args(arguments).stdout(place()).stderr(place()).status().unwrap();
            assert_eq!(ended.signal(), None, "{arguments:?}: {ended}");
        }
        let twice = ["site", "create", "--name", "Site 1"];
        assert_eq!(program(&data).args(twice).stderr(place()).status().unwrap().code(), Some(1));
        let nowhere = ["--log", "loud"];
        assert_eq!(program(&data).args(nowhere).stderr(place()).status().unwrap().code(), Some(2));
    }
    // Where there is somebody who reads it is said as ever.
    fails(&run(&folder, &["site", "create", "--name", "Site 1"]), 1, "Site 1");
    assert!(Command::new(PROGRAM).arg("--version").output().unwrap().status.success());
}
