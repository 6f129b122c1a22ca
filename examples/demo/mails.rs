//! A mail server for the region: Debian's aiosmtpd, which takes every mail and says it as a line of JSON. Nothing leaves the machine.

use std::process::Command;

use serde_json::Value;

use crate::failure::Failure;
use crate::programs::{Programs, Running};

const SERVER: &str = r#"
import asyncio, email, email.policy, json
from aiosmtpd.smtp import SMTP

class Taker:
    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        told = {"to": envelope.rcpt_tos, "subject": str(mail["subject"]), "text": mail.get_body().get_content()}
        print(json.dumps(told), flush=True)
        return "250 taken"

async def main():
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(Taker()), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"#;

/// The server, and what it took that nobody has asked for yet.
#[derive(Debug)]
pub(crate) struct Mails {
    server: Running,
    port: u16,
    taken: Vec<Value>,
}

impl Mails {
    /// Starts it on a free port.
    pub(crate) fn start(programs: &Programs) -> Result<Self, Failure> {
        // That of the system, which has the package.
        let mut python = Command::new("/usr/bin/python3");
        python.args(["-c", SERVER]);
        let server = programs.start_other("mail-server", python)?;
        let line = server.line()?.unwrap_or_default();
        let port = line.parse().map_err(|_| {
            Failure::not_understood("the mail server's port", "python3-aiosmtpd is missing: scripts/setup installs it")
        })?;
        Ok(Self { server, port, taken: Vec::new() })
    }

    /// What the region is told of it.
    pub(crate) fn settings(&self) -> String {
        let port = self.port;
        format!("[mail]\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\nfrom = \"Région <pass@exemple.test>\"\n")
    }

    /// The text of the mail with this subject to this address, waited for. Each is given once.
    pub(crate) fn wait_for(&mut self, address: &str, subject: &str) -> Result<String, Failure> {
        loop {
            let wanted = |mail: &Value| mail["to"][0] == address && mail["subject"] == subject;
            if let Some(found) = self.taken.iter().position(wanted) {
                return Ok(self.taken.swap_remove(found)["text"].as_str().unwrap_or_default().to_owned());
            }
            let line = self.server.line()?.unwrap_or_default();
            self.taken.push(serde_json::from_str(&line).map_err(|_| Failure::not_understood("a mail", &line))?);
        }
    }

    /// How many mails came that nobody waited for.
    pub(crate) fn unexpected(&self) -> usize {
        self.taken.len()
    }
}
