//! Sends the mails that wait in the store (R7), over SMTP. The one place that names `lettre`.
//!
//! What always holds: a mail is taken in one transaction, sent, and settled in the next, so that no two senders have it. What the mail server has taken is never
//! sent again: when the store does not take that down, the sender keeps it in mind and tells the store later; should the sender end before that, the mail stays
//! where it is, and the desk sees it. What the server refuses for the time being is tried again, ever more seldom. No step of a holder waits for any of this.

use std::path::PathBuf;
use std::time::Duration;

use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{Address, SmtpTransport, Transport as _};

use super::mails::{MailStage, Written, write};
use super::persons::Person;
use crate::domain::Timestamp;
use crate::region::Region;
use crate::region::error::RegionError;
use crate::region::store::{MailRow, StoreError};

/// How long the mail server may take for anything.
const PATIENCE: Duration = Duration::from_secs(60);
/// After how many minutes a mail is tried again: after the first time, the second...
const AGAIN_MINUTES: [u32; 8] = [1, 5, 15, 60, 240, 720, 1440, 1440];
/// How many due mails are looked at, so that several senders find different ones.
const LOOKED_AT: u32 = 16;

/// How the connection to the mail server is kept from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailTls {
    /// Not at all: a server on the same machine.
    None,
    /// STARTTLS, or nothing is sent.
    StartTls,
    /// TLS from the first byte.
    Implicit,
}

/// Where and as whom mails are sent.
#[derive(Clone, PartialEq, Eq)]
pub struct MailSettings {
    /// The mail server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is kept from others.
    pub tls: MailTls,
    /// Whom the server's certificate is to be certified by, PEM, beside whom the machine trusts.
    pub ca: Option<PathBuf>,
    /// Name and password there.
    pub login: Option<(String, String)>,
    /// Who writes: `Région <pass@exemple.fr>`.
    pub from: String,
}

impl std::fmt::Debug for MailSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MailSettings({}:{}, {:?})", self.host, self.port, self.tls)
    }
}

/// Why mails cannot be sent at all with these settings.
#[derive(Debug, thiserror::Error)]
pub enum MailTrouble {
    /// No address that mails can come from.
    #[error("from is no mail address")]
    From,
    /// A certificate that is none.
    #[error("the certificate of the mail server's authority cannot be used: {0}")]
    Certificate(String),
    /// No TLS.
    #[error("TLS to the mail server cannot be set up: {0}")]
    Tls(String),
}

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attempt {
    /// The server has taken the mail.
    Taken,
    /// The server will never take it.
    Refused,
    /// Not now.
    Later,
}

/// Sends mails, one after the other.
pub struct Sender {
    transport: SmtpTransport,
    from: Mailbox,
    /// A mail that was dealt with, and that the store has not been told of.
    untold: Option<(MailRow, MailStage, Timestamp)>,
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

impl Sender {
    /// A sender with these settings. Nothing is connected yet.
    ///
    /// # Errors
    /// [`MailTrouble`].
    pub fn new(settings: &MailSettings) -> Result<Self, MailTrouble> {
        let from: Mailbox = settings.from.parse().map_err(|_| MailTrouble::From)?;
        let tls = match settings.tls {
            MailTls::None => Tls::None,
            MailTls::StartTls => Tls::Required(tls(settings)?),
            MailTls::Implicit => Tls::Wrapper(tls(settings)?),
        };
        let transport =
            SmtpTransport::builder_dangerous(&settings.host).port(settings.port).tls(tls).timeout(Some(PATIENCE));
        let transport = match &settings.login {
            Some((name, password)) => transport.credentials(Credentials::new(name.clone(), password.clone())),
            None => transport,
        };
        Ok(Self { transport: transport.build(), from, untold: None })
    }

    /// Sends the next mail that is due; whether there was one. Blocks for as long as the mail server takes.
    ///
    /// # Errors
    /// The store's. Nothing is lost and nothing sent twice: call again.
    pub fn send_next(&mut self, region: &Region, now: Timestamp) -> Result<bool, RegionError> {
        self.tell(region)?;
        let store = region.store();
        let due = store.read(|tx| tx.mails_due(now, LOOKED_AT))?;
        // Each program begins elsewhere among those that are due.
        let begin = std::process::id() as usize % due.len().max(1);
        for mail in due.iter().cycle().skip(begin).take(due.len()) {
            let taken = store.write(|tx| {
                if !tx.take_mail(mail)? {
                    return Ok(None);
                }
                Ok::<_, StoreError>(Some(tx.person(mail.holder)?))
            })?;
            let Some(person) = taken else { continue };
            let attempt = self.attempt(mail, person.as_ref());
            let (stage, due) = outcome(attempt, mail.tries, now);
            if attempt != Attempt::Taken {
                tracing::warn!(template = %mail.template, tries = mail.tries + 1, stage = %stage, "a mail was not taken");
            }
            self.untold = Some((mail.clone(), stage, due));
            self.tell(region)?;
            return Ok(true);
        }
        Ok(false)
    }

    fn tell(&mut self, region: &Region) -> Result<(), RegionError> {
        if let Some((mail, stage, due)) = &self.untold {
            region.store().write(|tx| tx.settle_mail(mail, *stage, *due))?;
            self.untold = None;
        }
        Ok(())
    }

    fn attempt(&self, mail: &MailRow, person: Option<&Person>) -> Attempt {
        let Some(person) = person else { return Attempt::Refused };
        let message = write(mail, person).ok().and_then(|written| self.message(mail, person, written));
        let Some(message) = message else { return Attempt::Refused };
        match self.transport.send(&message) {
            Ok(_) => Attempt::Taken,
            Err(error) if error.is_permanent() => Attempt::Refused,
            Err(_) => Attempt::Later,
        }
    }

    fn message(&self, mail: &MailRow, person: &Person, written: Written) -> Option<Message> {
        let to: Address = person.mail.parse().ok()?;
        let name = format!("{} {}", person.given_name, person.family_name);
        let id = hex::encode(mail.id);
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(Some(name), to))
            .subject(written.subject)
            .message_id(Some(format!("<{id}@{}>", self.from.email.domain())))
            .header(ContentType::TEXT_PLAIN)
            .body(written.text)
            .ok()
    }
}

fn tls(settings: &MailSettings) -> Result<TlsParameters, MailTrouble> {
    let wrong = |error: &dyn std::fmt::Display| MailTrouble::Tls(error.to_string());
    let mut parameters = TlsParameters::builder(settings.host.clone());
    if let Some(path) = &settings.ca {
        let unusable = |error: &dyn std::fmt::Display| MailTrouble::Certificate(error.to_string());
        let pem = std::fs::read(path).map_err(|error| unusable(&error))?;
        parameters = parameters.add_root_certificate(Certificate::from_pem(&pem).map_err(|error| unusable(&error))?);
    }
    parameters.build().map_err(|error| wrong(&error))
}

/// Where a mail is after an attempt, and when it is due again.
fn outcome(attempt: Attempt, tries: u32, now: Timestamp) -> (MailStage, Timestamp) {
    match attempt {
        Attempt::Taken => (MailStage::Sent, now),
        Attempt::Refused => (MailStage::Refused, now),
        Attempt::Later => match AGAIN_MINUTES.get(tries as usize) {
            Some(minutes) => (MailStage::Queued, now.plus(minutes * 60)),
            None => (MailStage::GivenUp, now),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_is_tried_ever_more_seldom_and_then_given_up() {
        let now = Timestamp::new(1_000_000);
        let mut due = Vec::new();
        for tries in 0.. {
            match outcome(Attempt::Later, tries, now) {
                (MailStage::Queued, at) => due.push(at.seconds_since(now) / 60),
                (stage, _) => {
                    assert_eq!(stage, MailStage::GivenUp);
                    break;
                }
            }
        }
        assert_eq!(due, AGAIN_MINUTES);
        assert_eq!(outcome(Attempt::Taken, 9, now).0, MailStage::Sent);
        assert_eq!(outcome(Attempt::Refused, 0, now).0, MailStage::Refused);
    }
}
