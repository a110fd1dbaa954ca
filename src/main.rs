//! Starts the command line.

/// Answers are made of many small strings: this allocator serves several threads at once with less waiting.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    rollcall::cli::run()
}
