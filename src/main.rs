//! Chancery: a DIDComm agent that issues, holds and verifies credentials.

use std::process::ExitCode;

fn main() -> ExitCode {
    chancery::cli::main()
}
