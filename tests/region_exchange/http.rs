//! The region's server as a process of its own, and just enough of HTTP to talk to it.

#![allow(dead_code, reason = "every suite uses another part of it")]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};

/// A server that ends with the test.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
    /// Where its metrics are, if it was told to tell them.
    pub(crate) metrics: Option<String>,
}

impl Server {
    pub(crate) fn start(data: &str, more: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_pass-region"))
            .args(["serve", "--data", data, "--listen", "127.0.0.1:0"])
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.as_mut().unwrap()).lines();
        let mut address = || said.next().unwrap().unwrap().rsplit_once("://").unwrap().1.to_owned();
        let listening = address();
        let metrics = more.contains(&"--metrics").then(|| address().trim_end_matches("/metrics").to_owned());
        Self { child, address: listening, metrics }
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Tells it to end, and waits.
    pub(crate) fn end(mut self) -> bool {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.child.wait().unwrap().success()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended needs no end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A request, as it stands on the wire.
pub(crate) fn request(method: &str, path: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: region\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Sends a request and splits the answer: status, head, body.
///
/// # Errors
/// Nobody is there, or left before a whole head was said.
pub(crate) fn talk(stream: &mut (impl Read + Write), request: &[u8]) -> io::Result<(u16, String, Vec<u8>)> {
    stream.write_all(request)?;
    let mut answer = Vec::new();
    // A TLS end without notice is an end all the same.
    let _ = stream.read_to_end(&mut answer);
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let head = String::from_utf8(answer[..end].to_vec()).map_err(io::Error::other)?;
    Ok((head[9..12].parse().map_err(io::Error::other)?, head.to_lowercase(), answer[end + 4..].to_vec()))
}
