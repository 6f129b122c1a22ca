//! `doctor`, where the reader is kept from the terminal by something that no test may do to the machine: by a stand-in for pcscd that refuses, and in a `/sys` of its own.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;
use std::thread;

use serde_json::Value;

use crate::kit::PASS_TERMINAL;
use crate::support::pcscd::SOCKET_VARIABLE;
use crate::support::with_pcscd;

/// The codes that concern the reader, of `doctor` started by the words of `before`, with pcscd at `socket`.
#[track_caller]
fn of_the_reader(before: &[&str], socket: &Path) -> Vec<String> {
    let nowhere = tempfile::tempdir().unwrap();
    let program = [before, &[PASS_TERMINAL, "doctor", "--json", "--data", nowhere.path().to_str().unwrap()]].concat();
    let output = Command::new(program[0]).args(&program[1..]).env(SOCKET_VARIABLE, socket).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{said}"));
    let findings = report["findings"].as_array().unwrap().iter();
    findings
        .filter(|finding| finding["check"] == "reader")
        .map(|finding| finding["code"].as_str().unwrap().to_owned())
        .collect()
}

/// `SCARD_W_SECURITY_VIOLATION`, what pcscd says to whom polkit does not let in.
const SECURITY_VIOLATION: u32 = 0x8010_006a;

/// `SCARD_F_INTERNAL_ERROR`.
const INTERNAL_ERROR: u32 = 0x8010_0001;

/// Answers one client with `refusal` where it would be let in, as a pcscd does whom polkit forbids to serve it, in the messages of pcsc-lite (`winscard_msg.h`): a header of length and command, and a body of
/// words in the machine's order, whose last is for the result.
fn refuse(mut client: UnixStream, refusal: u32) -> std::io::Result<()> {
    const ESTABLISH_CONTEXT: u32 = 0x01;
    const VERSION: u32 = 0x11;
    loop {
        let mut header = [[0; 4]; 2];
        client.read_exact(header.as_flattened_mut())?;
        let [length, command] = header.map(u32::from_ne_bytes);
        let mut body = vec![0; length as usize];
        client.read_exact(&mut body)?;
        let result = match command {
            // Its own version is as good as the client's.
            VERSION => 0,
            ESTABLISH_CONTEXT => refusal,
            other => panic!("a client that was refused goes on with {other}"),
        };
        let at = body.len() - 4;
        body[at..].copy_from_slice(&u32::to_ne_bytes(result));
        client.write_all(&body)?;
    }
}

#[test]
fn a_pcscd_that_refuses_this_user_and_one_that_fails_are_named() {
    // Not where TMPDIR says: the path of a socket is short.
    let home = tempfile::Builder::new().prefix("pass-").tempdir_in("/tmp").unwrap();
    for (refusal, code) in [(SECURITY_VIOLATION, "reader-service-refused"), (INTERNAL_ERROR, "reader-service-fails")] {
        let socket = home.path().join(code);
        let listener = UnixListener::bind(&socket).unwrap();
        thread::spawn(move || {
            for client in listener.incoming() {
                thread::spawn(move || refuse(client.unwrap(), refusal));
            }
        });
        assert_eq!(of_the_reader(&[], &socket), [code]);
    }
}

/// How this user may have mounts of their own: as root, or in a namespace of users besides.
pub(crate) fn own_mounts() -> Option<&'static [&'static str]> {
    let ways: [&[&str]; 2] = [&["unshare", "--mount"], &["unshare", "--map-root-user", "--mount"]];
    ways.into_iter().find(|way| {
        let tried = Command::new(way[0]).args(&way[1..]).args(["mount", "--bind", "/tmp", "/sys"]).output();
        tried.is_ok_and(|tried| tried.status.success())
    })
}

#[test]
fn a_reader_that_the_kernel_has_taken_is_named() {
    with_pcscd(2, |pcscd| {
        let [(_, socket)] = pcscd.env();
        let plain = of_the_reader(&[], &socket);
        pcscd.plug(0, None);
        pcscd.restart().unwrap();
        assert_eq!((plain, of_the_reader(&[], &socket)), (Vec::new(), vec!["reader-absent".to_owned()]));

        let Some(way) = own_mounts() else {
            println!(
                "Not looked at: this machine lets nobody here have mounts of their own, as root and `unshare` would."
            );
            return;
        };
        // What the kernel shows of an ACR122U that its driver has bound.
        let sys = tempfile::tempdir().unwrap();
        let driver = sys.path().join("bus/usb/drivers/pn533_usb");
        fs::create_dir_all(&driver).unwrap();
        std::os::unix::fs::symlink("../../../../devices/usb1/1-2/1-2:1.0", driver.join("1-2:1.0")).unwrap();
        let script = "mount --bind \"$0\" /sys && exec \"$@\"";
        let there = [way, &["sh", "-c", script, sys.path().to_str().unwrap()]].concat();
        assert_eq!(of_the_reader(&there, &socket), ["reader-held-by-kernel"]);
        // Also where another reader is plugged in.
        pcscd.plug(0, Some('A'));
        pcscd.restart().unwrap();
        assert_eq!(of_the_reader(&there, &socket), ["reader-held-by-kernel"]);
    });
}
