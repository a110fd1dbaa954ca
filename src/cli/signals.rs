//! Signals that other programs give a meaning to, and that would end this one.

use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};

const HANG_UP: &str = "nothing is done on this signal: settings are read when the program starts, so restart it to change \
                       one, and the log goes to standard error, where there is no file to open again";
const NO_MEANING: &str = "this signal means nothing here";

/// Lets them pass from now on, with a line in the log; to be called within a runtime.
pub(super) fn let_pass() -> std::io::Result<()> {
    for (kind, name, text) in [
        (SignalKind::hangup(), "SIGHUP", HANG_UP),
        (SignalKind::user_defined1(), "SIGUSR1", NO_MEANING),
        (SignalKind::user_defined2(), "SIGUSR2", NO_MEANING),
    ] {
        let mut came = signal(kind)?;
        actix_web::rt::spawn(async move {
            while came.recv().await.is_some() {
                tracing::info!(signal = name, "{text}");
            }
        });
    }
    Ok(())
}

/// From now on a file that may not grow any further (`ulimit -f`, `LimitFSIZE=`) refuses what is written to it, as a full
/// disk does: the signal that would end the program instead is caught, for as long as the process lives.
pub(super) fn outlive_a_file_limit() {
    let caught = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let _within = runtime.enter();
        signal(SignalKind::from_raw(Signal::XFSZ.as_raw())).map(drop)
    };
    // Without that, such a limit ends the program; nothing else is lost.
    let _caught: std::io::Result<()> = caught();
}
