//! The program's own log, to standard error.

use super::{Failure, stderr};
use crate::config::{LogFormat, Settings, log_filter};
use std::any::Any;
use std::io::IsTerminal;
use std::panic::PanicHookInfo;
use tracing::Level;
use tracing_subscriber::EnvFilter;

/// What a command tells besides its answer: that it brings an older database up to date, which may take long.
const OF_COMMANDS: &str = "off,rollcall::db::migrate=info";

/// What the HTTP library calls an error is a stranger's malformed request: the server tells of it itself, with the
/// client's address. A rule that names this target decides otherwise.
const OF_STRANGERS: &str = "actix_http::h1::dispatcher=off";

/// Begins the log of a server.
pub(super) fn start(settings: &Settings) -> Result<(), Failure> {
    let rules = log_filter(&format!("{OF_STRANGERS},{}", settings.log))
        .map_err(|cause| Failure::Start(format!("log is “{}”: {cause}", settings.log)))?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(rules)
        .with_ansi(std::io::stderr().is_terminal())
        .log_internal_errors(false)
        .with_writer(|| stderr::Line);
    let started = match settings.log_format {
        LogFormat::Text => log.with_target(false).try_init(),
        // A span stands in the list of spans, and there alone.
        LogFormat::Json => log.json().flatten_event(true).with_current_span(false).try_init(),
    };
    started.map_err(|cause| Failure::Start(format!("the log cannot be started: {cause}")))
}

/// Begins what a command that ends by itself has to say.
pub(super) fn start_for_command() {
    let log = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(OF_COMMANDS))
        .with_ansi(false)
        .with_target(false)
        .with_level(false)
        .without_time()
        .log_internal_errors(false)
        .with_writer(|| stderr::Line);
    // A command whose log cannot be started does its work all the same.
    let _started = log.try_init();
}

/// From now on a fault in the program is one line, in the log where there is one: no backtrace, whatever the variables
/// say, unless that is logged.
pub(super) fn log_panics() {
    std::panic::set_hook(Box::new(log_panic));
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let text = text_of(panic.payload()).replace('\n', " ");
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    if tracing::event_enabled!(Level::ERROR) {
        tracing::error!(place, "a fault in the program: {text}");
        tracing::debug!(backtrace = %std::backtrace::Backtrace::force_capture(), "where it was");
    } else {
        stderr::say(&format!("rollcall: a fault in the program: {text} ({place})"));
    }
}

/// What a panic says.
fn text_of(payload: &dyn Any) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("it panicked")
}
