//! Parse the command line, run; nothing else.

use std::process::ExitCode;

/// A statically linked build has an allocator that is slow with threads. glibc's own is not, and it gives the 19 MiB of
/// a password hash back to the system at once, where this one keeps them: 50 MB against 30 MB when idle.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    phoenix_server::cli::main(std::env::args_os(), std::env::vars_os())
}
