//! The redemption terminal: see [`pass::terminal`].

fn main() -> std::process::ExitCode {
    pass::terminal::main()
}
