//! From a card in the reader to a card that is proven: SELECT, READ CERTIFICATE, OPEN, READ ENTITLEMENT.

use crate::crypto::{self, CryptoError};
use crate::domain::card::{CardCertificate, CardState, Challenge, Entitlement, KeyCertificate};
use crate::domain::{CardNumber, KeySerial, Season};
use crate::wire::apdu::{Answer, StatusWord, Transport, TransportError};
use crate::wire::card::{Command, OpenRequest, SelectAnswer, authentication_bytes};

use super::apdu::{ExchangeError, Le, exchange, select};
use super::session::{Opened, Session};
use super::trust::{TerminalKey, Trust, certificate_hash};

/// Why a card could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotOpen {
    /// The card is gone, or the reader does not carry commands.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// Some other card, or none that speaks this profile.
    #[error("not a PASS card")]
    NotAPass,
    /// A blank PASS card, never issued.
    #[error("a blank card, not issued yet")]
    Blank,
    /// It selects as a PASS, and then does not answer as one: the status word of the command that failed, if there was one.
    #[error("the card does not answer as a PASS card should")]
    Unreadable(Option<StatusWord>),
    /// A signature does not hold.
    #[error("the card is not genuine: {0}")]
    NotGenuine(NotGenuine, Box<Evidence>),
    /// It is the region's by its certificate, holds an older region key than any certificate of the terminal that it takes, and takes no newer one, as a blocked
    /// card does. It could not be asked for its signature: that it is blocked is said by a status word alone.
    #[error("the card is blocked, and holds a region key of before this terminal's certificates")]
    Blocked(CardNumber),
    /// The card holds a newer region key than the terminal's certificate, or met a later certificate: the terminal must exchange with the region.
    #[error("the terminal's certificate is older than what the card knows")]
    TerminalOutdated,
    /// No randomness for a challenge.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
}

/// Which proof failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotGenuine {
    /// The certificate is not signed by a region key that the root certified and that is not withdrawn.
    #[error("its certificate is not the region's")]
    Certificate,
    /// The card does not have the key that its certificate names.
    #[error("it does not have the key of its certificate")]
    State,
    /// The entitlement is not the region's, or another card's.
    #[error("its entitlement is not the region's")]
    Entitlement,
    /// A record is not signed by the card.
    #[error("a record is not signed by it")]
    Record,
    /// The counter went back: not the card that it was.
    #[error("its counter went back")]
    Counter,
}

/// What a card that is not genuine showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The number that it gave, if any.
    pub card: Option<CardNumber>,
    /// The certificate bytes that it gave.
    pub certificate: Vec<u8>,
}

impl From<ExchangeError> for CannotOpen {
    fn from(error: ExchangeError) -> Self {
        match error {
            ExchangeError::Transport(error) => Self::Transport(error),
            ExchangeError::Malformed => Self::Unreadable(None),
        }
    }
}

/// The data of an answer that says it is done.
fn done(answer: Answer) -> Result<Vec<u8>, CannotOpen> {
    if answer.status == StatusWord::DONE { Ok(answer.data) } else { Err(CannotOpen::Unreadable(Some(answer.status))) }
}

/// SELECT of an issued card: its challenge, and how the reader wants its commands.
fn select_issued(transport: &mut dyn Transport) -> Result<(Challenge, Le), CannotOpen> {
    let (answer, le) = select(transport)?;
    if answer.status != StatusWord::DONE {
        return Err(CannotOpen::NotAPass);
    }
    match SelectAnswer::decode(&answer.data) {
        Ok(SelectAnswer::Issued(challenge)) => Ok((challenge, le)),
        Ok(SelectAnswer::Blank) => Err(CannotOpen::Blank),
        Err(_) => Err(CannotOpen::NotAPass),
    }
}

/// The region key certificate that the card holds: what any reader may see. Nothing proves that it is the newest that the card was given.
///
/// # Errors
/// [`CannotOpen`].
pub fn read_key(transport: &mut dyn Transport, le: Le) -> Result<KeyCertificate, CannotOpen> {
    let data = done(exchange(transport, &Command::ReadKey, le)?)?;
    KeyCertificate::decode(&data).map_err(|_| CannotOpen::Unreadable(None))
}

/// Gives the card a newer region key (PUT KEY). The session, if there was one, is over.
///
/// # Errors
/// [`CannotOpen`]; a status word other than done says only that the card did not confirm.
pub fn put_key(transport: &mut dyn Transport, key: KeyCertificate) -> Result<(), CannotOpen> {
    let (_, le) = select_issued(transport)?;
    done(exchange(transport, &Command::PutKey(key), le)?).map(drop)
}

/// Opens cards for one terminal.
#[derive(Debug)]
pub struct Opener<'a> {
    /// Whom the terminal believes.
    pub trust: &'a mut Trust,
    /// Who the terminal is.
    pub terminal: TerminalKey<'a>,
}

/// What a failed OPEN lets the terminal try.
enum OpenFailure {
    /// Nothing.
    Final(CannotOpen),
    /// The card believes another region key than the one that signed the terminal's certificate.
    OtherRegionKey,
    /// The card did not accept challenge, signature or certificate.
    NotAccepted,
}

/// What came of giving a card a newer region key.
enum Renewal {
    /// It has it.
    Renewed,
    /// It is blocked, and keeps the one that it has.
    Blocked(KeySerial),
}

impl From<CannotOpen> for OpenFailure {
    fn from(error: CannotOpen) -> Self {
        Self::Final(error)
    }
}

impl From<ExchangeError> for OpenFailure {
    fn from(error: ExchangeError) -> Self {
        Self::Final(error.into())
    }
}

impl<'a> Opener<'a> {
    /// The first four commands of a sale. A card that holds an older region key is given the newer one on the way.
    ///
    /// # Errors
    /// [`CannotOpen`].
    pub fn open(&mut self, transport: &mut dyn Transport) -> Result<Opened, CannotOpen> {
        self.open_or_read(transport, &[])
    }

    /// The same; a card that was blocked before the region had its newest key takes no other, so it is opened with the one of `former` that is under
    /// its key: it tells what is blocked, signed, and changes nothing.
    ///
    /// # Errors
    /// [`CannotOpen`].
    pub fn open_or_read(
        &mut self,
        transport: &mut dyn Transport,
        former: &[TerminalKey<'a>],
    ) -> Result<Opened, CannotOpen> {
        match self.try_open(transport) {
            Ok(opened) => Ok(opened),
            Err(OpenFailure::Final(error)) => Err(error),
            Err(OpenFailure::OtherRegionKey) => match self.renew_key(transport)? {
                Renewal::Renewed => self.open_again(transport),
                Renewal::Blocked(held) => self.open_blocked(transport, held, former),
            },
            // Another program may have taken the challenge between SELECT and OPEN: once more, and the second answer counts.
            Err(OpenFailure::NotAccepted) => self.open_again(transport),
        }
    }

    fn open_again(&mut self, transport: &mut dyn Transport) -> Result<Opened, CannotOpen> {
        self.try_open(transport).map_err(|failure| match failure {
            OpenFailure::Final(error) => error,
            OpenFailure::OtherRegionKey | OpenFailure::NotAccepted => CannotOpen::TerminalOutdated,
        })
    }

    /// Puts the region key of the terminal's certificate on a card that holds an older one.
    fn renew_key(&mut self, transport: &mut dyn Transport) -> Result<Renewal, CannotOpen> {
        let (_, le) = select_issued(transport)?;
        let held = read_key(transport, le)?;
        let ours = self.terminal.certificate.key_serial;
        let Some(key) = self.trust.key(ours).copied().filter(|_| held.serial < ours) else {
            return Err(CannotOpen::TerminalOutdated);
        };
        match put_key(transport, key) {
            Ok(()) => Ok(Renewal::Renewed),
            Err(CannotOpen::Unreadable(Some(StatusWord::BLOCKED))) => Ok(Renewal::Blocked(held.serial)),
            Err(other) => Err(other),
        }
    }

    fn open_blocked(
        &mut self,
        transport: &mut dyn Transport,
        held: KeySerial,
        former: &[TerminalKey<'a>],
    ) -> Result<Opened, CannotOpen> {
        let newest = self.terminal;
        for former in former.iter().filter(|former| former.certificate.key_serial == held) {
            self.terminal = *former;
            let opened = self.try_open(transport);
            self.terminal = newest;
            match opened {
                Ok(opened) => return Ok(opened),
                Err(OpenFailure::Final(error)) => return Err(error),
                // One of another season, or of before a certificate that the card has met.
                Err(OpenFailure::OtherRegionKey | OpenFailure::NotAccepted) => (),
            }
        }
        let (_, le) = select_issued(transport)?;
        Err(CannotOpen::Blocked(self.read_certificate(transport, le)?.card))
    }

    fn try_open(&mut self, transport: &mut dyn Transport) -> Result<Opened, OpenFailure> {
        let (challenge, le) = select_issued(transport)?;
        let certificate = self.read_certificate(transport, le)?;
        let evidence = |which| {
            let certificate_bytes = certificate.encode().to_vec();
            CannotOpen::NotGenuine(
                which,
                Box::new(Evidence { card: Some(certificate.card), certificate: certificate_bytes }),
            )
        };
        let ours = Challenge(crypto::random().map_err(CannotOpen::from)?);
        let state = self.authenticate(transport, le, &certificate, challenge, ours)?;
        if !crypto::verify_p256(&certificate.public_key, &state.signed_bytes(certificate.card, &ours), &state.signature)
        {
            return Err(evidence(NotGenuine::State).into());
        }
        let entitlement = self.read_entitlement(transport, le, &state).map_err(OpenFailure::from)?;
        if let Some(entitlement) = &entitlement {
            let signed = entitlement.signed_bytes();
            let whose = (entitlement.card, entitlement.season, entitlement.serial)
                == (certificate.card, state.season, state.entitlement_serial);
            if !whose || !self.trust.region_signed(entitlement.key_serial, &signed, &entitlement.signature) {
                return Err(evidence(NotGenuine::Entitlement).into());
            }
        }
        Ok(Opened {
            certificate_hash: certificate_hash(&certificate),
            entitlement,
            session: Session::new(certificate, self.terminal.certificate, state, ours, le),
        })
    }

    fn read_certificate(&mut self, transport: &mut dyn Transport, le: Le) -> Result<CardCertificate, CannotOpen> {
        let data = done(exchange(transport, &Command::ReadCertificate, le)?)?;
        let certificate = CardCertificate::decode(&data).map_err(|_| CannotOpen::Unreadable(None))?;
        if self.trust.key(certificate.key_serial).is_none() {
            // A key of before this terminal's time: the card may bring it, and the root vouches for it.
            let held = read_key(transport, le)?;
            self.trust.learn(held);
        }
        let signed = certificate.signed_bytes();
        if self.trust.region_signed(certificate.key_serial, &signed, &certificate.signature) {
            Ok(certificate)
        } else {
            let evidence = Evidence { card: Some(certificate.card), certificate: data };
            Err(CannotOpen::NotGenuine(NotGenuine::Certificate, Box::new(evidence)))
        }
    }

    fn authenticate(
        &self,
        transport: &mut dyn Transport,
        le: Le,
        certificate: &CardCertificate,
        challenge: Challenge,
        ours: Challenge,
    ) -> Result<CardState, OpenFailure> {
        let message = authentication_bytes(certificate.card, &challenge, &ours);
        let request = OpenRequest {
            terminal_challenge: ours,
            certificate: self.terminal.certificate,
            signature: self.terminal.key.sign(&message).map_err(CannotOpen::from)?,
        };
        let answer = exchange(transport, &Command::Open(request), le)?;
        match answer.status {
            StatusWord::DONE => {
                CardState::decode(&answer.data).map_err(|_| OpenFailure::Final(CannotOpen::Unreadable(None)))
            }
            StatusWord::OTHER_REGION_KEY => Err(OpenFailure::OtherRegionKey),
            StatusWord::NOT_AUTHENTICATED => Err(OpenFailure::NotAccepted),
            other => Err(OpenFailure::Final(CannotOpen::Unreadable(Some(other)))),
        }
    }

    fn read_entitlement(
        &self,
        transport: &mut dyn Transport,
        le: Le,
        state: &CardState,
    ) -> Result<Option<Entitlement>, CannotOpen> {
        if state.season == Season::new(0) {
            return Ok(None);
        }
        let data = done(exchange(transport, &Command::ReadEntitlement, le)?)?;
        Entitlement::decode(&data).map(Some).map_err(|_| CannotOpen::Unreadable(None))
    }
}
