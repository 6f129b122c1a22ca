//! The program `pass-region`.

use std::process::ExitCode;

fn main() -> ExitCode {
    pass::region::cli::run()
}
