//! Parse the command line, run; nothing else.

use std::process::ExitCode;

/// Batches come and go by the megabyte, on every thread: what glibc's allocator keeps of them in the arenas of its threads
/// made 240 MB of 140 that were in use. This one gives it back within moments (`.cargo/config.toml` says when).
#[cfg(unix)]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    phoenix_server::cli::main(std::env::args_os(), std::env::vars_os())
}
