//! The threshold: the command line opens one door.

fn main() -> std::process::ExitCode {
    rollcall::cli::run()
}
