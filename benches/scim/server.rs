//! The two servers under load: child processes, each with a folder of its own.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A server that is killed when this is dropped.
pub(crate) struct Server {
    pub(crate) name: &'static str,
    /// Host and port.
    pub(crate) address: String,
    /// What stands before `/Users`.
    pub(crate) base: &'static str,
    pub(crate) token: String,
    /// The path of the smallest answer there is.
    pub(crate) empty: &'static str,
    /// The path of a user who is not there, and of whom a change is therefore refused: where that is noted in a log, it is
    /// answered only after all writes that wait.
    pub(crate) nobody: &'static str,
    process: Child,
}

impl Server {
    /// The program itself with its default settings, set up by its own command line.
    pub(crate) fn rollcall(folder: &Path) -> Self {
        let program = || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
            // Settings of whoever runs this must not change what is measured.
            command.env_clear().arg("--data-dir").arg(folder.join("rollcall"));
            command
        };
        said(program().args(["provisioning", "enable"]));
        let token = said(program().args(["token", "create", "--label", "bench"]));
        let log = File::create(folder.join("rollcall.log")).expect("the folder can be written");
        let (process, address) = start(program().args(["--listen", "127.0.0.1:0"]).stderr(log));
        let (base, empty, nobody) = ("/scim/v2", "/healthz", "/scim/v2/Users/nobody");
        Self { name: "Rollcall", address, base, token, empty, nobody, process }
    }

    /// This same program as a bare server: see `yardstick`.
    pub(crate) fn yardstick(folder: &Path) -> Self {
        let program = std::env::current_exe().expect("this program is a file");
        let (process, address) = start(Command::new(program).arg("--yardstick").arg(folder));
        // It writes nothing that nobody waits for.
        let (base, empty, nobody) = ("", "/empty", "");
        Self { name: "Yardstick", address, base, token: "none".into(), empty, nobody, process }
    }

    /// Memory that the process holds at the moment, where the system tells.
    pub(crate) fn mebibytes(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
        Some(kibibytes / 1024)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Starts a server whose first line tells its address.
fn start(command: &mut Command) -> (Child, String) {
    let mut process =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("the program starts");
    let mut line = String::new();
    let output = process.stdout.as_mut().expect("its output is piped");
    BufReader::new(output).read_line(&mut line).expect("the server says where it is");
    let (_, address) = line.trim().split_once("http://").unwrap_or_else(|| panic!("no address in {line:?}"));
    (process, address.to_owned())
}

fn said(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().expect("the program starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
