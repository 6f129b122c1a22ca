//! The card bureau's program: everything is in [`pass::card_tool`].

use std::process::ExitCode;

fn main() -> ExitCode {
    pass::card_tool::run()
}
