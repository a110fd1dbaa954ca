//! The command line: what automation uses. It calls the same rules as the pages, and works while the server runs.

use crate::config::{BadSetting, File, ForwardedHeader, LogFormat, Partial, Settings};
use crate::db::OpenError;
use crate::error::Error;
use crate::secret::Secret;
use clap::{Args, Parser, Subcommand};
use std::io::{IsTerminal, Read, Write};
use std::path::PathBuf;

mod backup;
mod folder;
mod interruption;
mod leftovers;
mod lock;
mod log;
mod manage;
mod restore;
mod room;
mod serve;
mod signals;
mod sso;
mod stderr;

use folder::{open, open_to_read};

const DATABASE: &str = "rollcall.db";
const KEY_FILE: &str = "secret.key";
const KEY_CHECK: &str = "this key file belongs to this database";
/// A setting, the folder, the database or the port: nothing that trying again would mend.
const EXIT_SETTING: u8 = 2;
/// The wish was refused.
const EXIT_REFUSED: u8 = 1;

/// Rollcall: an admin console beside Microsoft Entra ID.
///
/// Without a command it serves the console. A setting is taken from its flag, else from its ROLLCALL_* variable, else
/// from the TOML file, else it has the default.
#[derive(Debug, Parser)]
#[command(name = "rollcall", version, max_term_width = 110)]
struct Arguments {
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Args)]
struct Flags {
    /// TOML file with settings; its names are those of the flags with underscores
    #[arg(long, global = true, env = "ROLLCALL_CONFIG", value_name = "FILE", help_heading = "Settings")]
    config: Option<PathBuf>,
    /// Folder of the database and the key file, made if it is not there [default: data]
    #[arg(long, global = true, env = "ROLLCALL_DATA_DIR", value_name = "FOLDER", help_heading = "Settings")]
    data_dir: Option<PathBuf>,
    /// Address and port to listen on; port 0 picks a free one [default: 127.0.0.1:8080]
    #[arg(
        long,
        global = true,
        env = "ROLLCALL_LISTEN",
        value_name = "ADDRESS:PORT",
        help_heading = "Settings"
    )]
    listen: Option<String>,
    /// Address under which browsers and Entra ID reach the console [default: http://ADDRESS:PORT]
    ///
    /// With https, cookies are sent over https only. Entra ID accepts nothing but https.
    #[arg(long, global = true, env = "ROLLCALL_PUBLIC_URL", value_name = "URL", help_heading = "Settings")]
    public_url: Option<String>,
    /// Where Entra ID publishes its signing keys, for workload identity federation [default: Microsoft's worldwide cloud]
    ///
    /// That is <https://login.microsoftonline.com>; the US Government's cloud has <https://login.microsoftonline.us>.
    #[arg(
        long,
        global = true,
        env = "ROLLCALL_ENTRA_AUTHORITY",
        value_name = "URL",
        help_heading = "Settings"
    )]
    entra_authority: Option<String>,
    /// Reverse proxy that is believed when it says where a request comes from: an address or a network; may be given
    /// several times
    #[arg(
        long = "trusted-proxy",
        global = true,
        env = "ROLLCALL_TRUSTED_PROXIES",
        value_name = "IP|CIDR",
        value_delimiter = ',',
        help_heading = "Settings"
    )]
    trusted_proxies: Option<Vec<String>>,
    /// The one header in which it says so: X-Forwarded-For or Forwarded (RFC 7239) [default: X-Forwarded-For]
    #[arg(
        long,
        global = true,
        env = "ROLLCALL_FORWARDED_HEADER",
        value_name = "NAME",
        help_heading = "Settings"
    )]
    forwarded_header: Option<ForwardedHeader>,
    /// Tell browsers to come over https to the hosts below the public address too [default: false]
    #[arg(
        long,
        env = "ROLLCALL_HSTS_SUBDOMAINS",
        global = true,
        value_name = "true|false",
        num_args = 0..=1,
        default_missing_value = "true",
        help_heading = "Settings"
    )]
    hsts_subdomains: Option<bool>,
    /// Minutes without a visit after which a session ends [default: 60]
    #[arg(
        long,
        global = true,
        env = "ROLLCALL_SESSION_IDLE_MINUTES",
        value_name = "MINUTES",
        help_heading = "Settings"
    )]
    session_idle_minutes: Option<u32>,
    /// Hours after which a session ends in any case [default: 12]
    #[arg(
        long,
        global = true,
        env = "ROLLCALL_SESSION_HOURS",
        value_name = "HOURS",
        help_heading = "Settings"
    )]
    session_hours: Option<u32>,
    /// Requests a second that one SCIM credential may send; the rest hears 429 [default: 50000]
    #[arg(
        long,
        env = "ROLLCALL_SCIM_REQUESTS_PER_SECOND",
        global = true,
        value_name = "REQUESTS",
        help_heading = "Settings"
    )]
    scim_requests_per_second: Option<u32>,
    /// Fetch federation metadata from private networks too: for an identity provider inside one's own network
    #[arg(
        long,
        env = "ROLLCALL_METADATA_FROM_PRIVATE_NETWORKS",
        global = true,
        value_name = "true|false",
        num_args = 0..=1,
        default_missing_value = "true",
        help_heading = "Settings"
    )]
    metadata_from_private_networks: Option<bool>,
    /// What to log: a level, or rules such as info,rollcall=debug [default: info]
    #[arg(long, global = true, env = "ROLLCALL_LOG", value_name = "RULES", help_heading = "Settings")]
    log: Option<String>,
    /// How to write the log, to standard error: text or json [default: text]
    #[arg(long, global = true, env = "ROLLCALL_LOG_FORMAT", value_name = "FORMAT", help_heading = "Settings",
          value_parser = log_format)]
    log_format: Option<LogFormat>,
    /// Begin a new organisation although there is a key without a database: usually the wrong folder
    #[arg(long, global = true, help_heading = "Settings")]
    new_organisation: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the console (this is what happens without a command)
    Serve,
    /// Accounts that may enter the console
    #[command(subcommand)]
    Admin(manage::Admin),
    /// User provisioning by Entra ID
    #[command(subcommand)]
    Provisioning(manage::Provisioning),
    /// API tokens that Entra ID presents
    #[command(subcommand)]
    Token(manage::Token),
    /// Single sign-on with Entra ID
    #[command(subcommand)]
    Sso(sso::Sso),
    /// Licence types and their seats
    #[command(subcommand)]
    LicenseType(manage::LicenseType),
    /// Sites and their aliases
    #[command(subcommand)]
    Site(manage::Site),
    /// Fill an empty database with a believable organisation, to look around
    Demo,
    /// Copy the database into a file, also while the server runs, and check the copy
    ///
    /// The key file is not in it: keep a copy of that in another place.
    Backup {
        /// The file to make; one that is there is never overwritten
        file: PathBuf,
    },
    /// Put a backup in the place of the database, which is kept beside it; the server must be stopped
    Restore {
        /// The backup
        file: PathBuf,
        /// The key file that belongs to it, where the data folder has none
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
    },
}

/// Why the program ends badly: one clear line and an exit code.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Setting(#[from] BadSetting),
    #[error(transparent)]
    Database(#[from] OpenError),
    #[error("{0}")]
    Start(String),
    #[error("{}", explain(.0))]
    Refused(#[from] Error),
}

impl Failure {
    fn code(&self) -> u8 {
        match self {
            // It is the database that refuses, not a rule.
            Self::Refused(error) if error.outage().is_some() => EXIT_SETTING,
            Self::Refused(_) => EXIT_REFUSED,
            _ => EXIT_SETTING,
        }
    }
}

/// On a terminal the operator is who mends it, so the cause is told too.
fn explain(error: &Error) -> String {
    match error {
        Error::Internal(cause) => format!("{error} ({cause})"),
        other => other.to_string(),
    }
}

/// Runs the program and answers its exit code.
#[must_use]
pub fn run() -> std::process::ExitCode {
    let arguments = Arguments::parse();
    log::log_panics();
    signals::outlive_a_file_limit();
    let code = match std::panic::catch_unwind(|| obey(arguments)) {
        Ok(Ok(())) => std::process::ExitCode::SUCCESS,
        Ok(Err(failure)) => {
            stderr::say(&format!("rollcall: {failure}"));
            std::process::ExitCode::from(failure.code())
        }
        // The line about it is said already.
        Err(_) => std::process::ExitCode::from(EXIT_SETTING),
    };
    stderr::end();
    code
}

fn obey(arguments: Arguments) -> Result<(), Failure> {
    let new_organisation = arguments.flags.new_organisation;
    let settings = Settings { new_organisation, ..read_settings(arguments.flags)? };
    let command = arguments.command.unwrap_or(Command::Serve);
    if let Command::Serve = command {
        return serve::serve(&settings);
    }
    log::start_for_command();
    match command {
        Command::Backup { file } => backup::backup(&settings, &file),
        Command::Restore { file, key } => restore::restore(&settings, &file, key.as_deref()),
        command => command.run(&settings),
    }
}

impl Command {
    /// Does what needs the organisation and no server.
    fn run(self, settings: &Settings) -> Result<(), Failure> {
        let org = if self.only_reads() { open_to_read(settings) } else { open(settings) }?;
        let done = match self {
            Self::Serve | Self::Backup { .. } | Self::Restore { .. } => Ok(()),
            Self::Admin(command) => command.run(&org),
            Self::Provisioning(command) => command.run(&org),
            Self::Token(command) => command.run(&org),
            Self::Sso(command) => command.run(&org, settings),
            Self::LicenseType(command) => command.run(&org),
            Self::Site(command) => command.run(&org),
            Self::Demo => manage::demo(&org),
        };
        // Where a server uses the database it does this itself.
        let _all = org.checkpoint();
        done
    }

    /// Whether it shows something and changes nothing.
    fn only_reads(&self) -> bool {
        match self {
            Self::Serve | Self::Demo | Self::Admin(_) | Self::Backup { .. } | Self::Restore { .. } => false,
            Self::Provisioning(command) => matches!(command, manage::Provisioning::Status),
            Self::Token(command) => matches!(command, manage::Token::List),
            Self::LicenseType(command) => matches!(command, manage::LicenseType::List),
            Self::Site(command) => matches!(command, manage::Site::List),
            Self::Sso(command) => command.only_reads(),
        }
    }
}

/// Says something that is no failure: in the log, and on standard error where there is none.
fn remark(text: &str) {
    if tracing::enabled!(tracing::Level::WARN) {
        tracing::warn!("{text}");
    } else {
        stderr::say(&format!("rollcall: {text}"));
    }
}

fn read_settings(flags: Flags) -> Result<Settings, BadSetting> {
    let file = flags.config.as_deref().map(File::read).transpose()?.unwrap_or_default();
    let said = Partial {
        data_dir: flags.data_dir,
        listen: flags.listen,
        public_url: flags.public_url,
        entra_authority: flags.entra_authority,
        trusted_proxies: flags.trusted_proxies,
        forwarded_header: flags.forwarded_header,
        hsts_subdomains: flags.hsts_subdomains,
        session_idle_minutes: flags.session_idle_minutes,
        session_hours: flags.session_hours,
        scim_requests_per_second: flags.scim_requests_per_second,
        metadata_from_private_networks: flags.metadata_from_private_networks,
        log: flags.log,
        log_format: flags.log_format,
    };
    let settled = said.clone().or(file.says.clone()).resolve();
    // What a flag or a variable says wrongly is wrong without the file, too.
    settled.map_err(
        |fault| if said.resolve().is_err_and(|own| own == fault) { fault } else { file.place(fault) },
    )
}

/// One line from standard input, without the line's end.
fn password_from_input() -> Result<Secret, Failure> {
    if std::io::stdin().is_terminal() {
        let _unseen = write!(std::io::stderr(), "Password: ");
    }
    let mut text = String::new();
    let most = 4096;
    let read = std::io::stdin().take(most).read_to_string(&mut text);
    read.map_err(|cause| {
        Failure::Start(format!("the password could not be read from standard input: {cause}"))
    })?;
    Ok(Secret::new(one_line(&text)?))
}

/// The one line of an input, without the mark that some editors and shells put before it.
fn one_line(text: &str) -> Result<String, Error> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    if lines.any(|line| !line.is_empty()) {
        let said = "The input has several lines, and a password is one. Nothing was changed.";
        return Err(Error::invalid("password", said));
    }
    Ok(first.to_owned())
}

/// Writes lines to standard output. A reader that went away is no failure of ours.
fn say(lines: impl IntoIterator<Item = String>) {
    let mut out = std::io::stdout().lock();
    for line in lines {
        if writeln!(out, "{line}").is_err() {
            return;
        }
    }
    let _ = out.flush();
}

fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("it must be text or json".to_owned()),
    }
}
