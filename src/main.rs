//! Parse the command line, run; nothing else.

use std::process::ExitCode;

/// Returns memory to the system sooner than the default allocator, which a server that is idle most of the time owes
/// its neighbours; and keeps a statically linked build as fast as a dynamic one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    phoenix_server::cli::main(std::env::args_os(), std::env::vars_os())
}
