//! What the pages tell people to type is what the program takes.

use std::path::Path;
use std::process::Command;

/// The lines with the program, in the parts of a page that are for a shell; those that go on are one. A word in capitals stands for what people know there.
fn typed(page: &str) -> Vec<String> {
    let parts = page.split("```sh\n").skip(1).filter_map(|rest| Some(rest.split_once("```")?.0));
    let lines: String = parts.collect::<Vec<_>>().concat().replace("\\\n", " ");
    let lines = lines.lines().map(|line| line.split("  #").next().unwrap_or_default().trim().to_owned());
    let lines = lines.filter(|line| line.starts_with("pass-region ") && !line.contains("..."));
    lines.map(|line| line.split_whitespace().map(known).collect::<Vec<_>>().join(" ")).collect()
}

fn known(word: &str) -> &str {
    if word.chars().all(|c| c.is_ascii_uppercase()) { "1" } else { word }
}

#[test]
fn every_command_of_the_pages_is_one_that_the_program_takes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let programs = Path::new(env!("CARGO_BIN_EXE_pass-region")).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let mut tried = 0;
    for page in ["README.md", "docs/region.md", "docs/settlement.md", "docs/recovery.md"] {
        for line in typed(&std::fs::read_to_string(root.join(page)).unwrap()) {
            // It reads its whole line before it helps, and does nothing.
            let said = Command::new("sh").args(["-c", &format!("{line} --help")]).env("PATH", &path).output().unwrap();
            assert!(said.status.success(), "{page}: {line}\n{}", String::from_utf8_lossy(&said.stderr));
            tried += 1;
        }
    }
    assert!(tried > 50, "the commands are found: {tried}");
}
