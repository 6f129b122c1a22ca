//! Writes what the packages carry for people at a command line: `manual DIRECTORY` makes the manual pages of the programs and of each verb, and their completions for
//! bash, zsh and fish. They come out of the command lines themselves, so they cannot say anything else than `--help`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap_complete::Shell;

fn main() -> ExitCode {
    let Some(directory) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("manual: which directory? manual DIRECTORY");
        return ExitCode::from(64);
    };
    match write(&directory) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("manual: {} cannot be written: {error}", directory.display());
            ExitCode::from(74)
        }
    }
}

fn write(directory: &PathBuf) -> std::io::Result<()> {
    std::fs::create_dir_all(directory)?;
    for mut command in [pass::terminal::cli::command(), pass::region::cli::command(), pass::card_tool::command()] {
        let name = command.get_name().to_owned();
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            clap_complete::generate_to(shell, &mut command, &name, directory)?;
        }
        clap_mangen::generate_to(command, directory)?;
    }
    Ok(())
}
