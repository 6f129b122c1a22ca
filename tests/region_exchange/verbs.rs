//! The verbs of `pass-region`, run as a person or a script runs them.

/// Runs the program.
pub(crate) fn pass_region(arguments: &[&str]) -> std::process::Output {
    std::process::Command::new(env!("CARGO_BIN_EXE_pass-region")).args(arguments).output().unwrap()
}

/// What a verb says to a script.
pub(crate) fn json(arguments: &[&str]) -> serde_json::Value {
    let output = pass_region(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
