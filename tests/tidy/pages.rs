//! What the pages tell people to type is what the programs take.

use std::path::Path;
use std::process::Command;
use std::{fs, iter};

use super::root;

const PROGRAMS: [&str; 3] = ["pass-region ", "pass-terminal ", "pass-card "];

/// What a page tells to type: the lines with a program in its parts for a shell, where those that go on are one, and what stands in its sentences as code.
fn typed(page: &str) -> Vec<String> {
    let (mut shell, mut prose) = (String::new(), String::new());
    for (part, is_block) in page.split("```").zip(iter::successors(Some(false), |is_block| Some(!is_block))) {
        match part.strip_prefix("sh\n") {
            Some(lines) if is_block => shell.push_str(lines),
            _ if is_block => (),
            _ => prose.push_str(part),
        }
    }
    let shell = shell.replace("\\\n", " ");
    let lines = shell.lines().map(|line| line.split("  #").next().unwrap_or_default().to_owned());
    let code = prose.split('`').skip(1).step_by(2).map(|code| code.replace('\n', " "));
    lines.chain(code).filter_map(|text| command(&text)).collect()
}

/// The command that begins with a program, as somebody who knows what stands for what would type it.
fn command(text: &str) -> Option<String> {
    let text = text.trim();
    // As whom it is run, and where what it says goes, is the shell's.
    let text = text.strip_prefix("sudo ").unwrap_or(text);
    let text = text.strip_prefix("runuser -u ").and_then(|rest| Some(rest.split_once(" -- ")?.1)).unwrap_or(text);
    let text = text.split_once("=$(").map_or(text, |(_, inner)| inner.trim_end_matches(')'));
    let text = text.split(" | ").next().unwrap_or_default();
    let is_one = PROGRAMS.iter().any(|program| text.starts_with(program)) && !text.contains("...");
    is_one.then(|| text.split_whitespace().map(known).collect::<Vec<_>>().join(" "))
}

/// A word in capitals stands for what people know there; one in brackets may be left out.
fn known(word: &str) -> &str {
    match word.trim_matches(['[', ']']) {
        "CARD" => "9250000000000008",
        "SALE" => "00000000000000000000000000000001",
        "KEY" | "64-HEXADECIMAL-DIGITS" => "0000000000000000000000000000000000000000000000000000000000000001",
        word if word.chars().all(|c| c.is_ascii_uppercase() || c == '_') => "1",
        word => word,
    }
}

#[test]
fn every_command_of_the_pages_is_one_that_the_programs_take() {
    let programs = Path::new(env!("CARGO_BIN_EXE_pass-region")).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let pages = fs::read_dir(root().join("docs")).unwrap().map(|page| page.unwrap().path());
    let pages = pages.filter(|page| page.extension().is_some_and(|kind| kind == "md"));
    let (mut tried, mut wrong) = (0, Vec::new());
    for page in pages.chain([root().join("README.md")]) {
        for line in typed(&fs::read_to_string(&page).unwrap()) {
            // It reads its whole line before it helps, and does nothing.
            let said = Command::new("sh").args(["-c", &format!("{line} --help")]).env("PATH", &path).output().unwrap();
            if !said.status.success() {
                wrong.push(format!("{}: {line}\n{}", page.display(), String::from_utf8_lossy(&said.stderr)));
            }
            tried += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(tried > 150, "the commands are found: {tried}");
}

#[test]
fn what_is_to_be_typed_is_found_wherever_it_stands() {
    let page = "Ask `pass-terminal\nstatus`, or `status`.\n```sh\nrunuser -u pass-terminal -- pass-terminal keys --data DIR  # shown\n\
        T=$(pass-terminal till add a)\npass-region card show CARD \\\n  --json | jq .\n```\n```toml\npass-region = 1\n```\nNot `pass-card ...`.\n";
    let expected = [
        "pass-terminal keys --data 1",
        "pass-terminal till add a",
        "pass-region card show 9250000000000008 --json",
        "pass-terminal status",
    ];
    assert_eq!(typed(page), expected);
}
