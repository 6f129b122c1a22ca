//! Enrolment: a one-time code becomes a terminal. The code itself never travels; both ends derive a key from it, so that a proxy cannot swap keys.

use std::path::{Path, PathBuf};

use crate::crypto::{self, CryptoError};
use crate::domain::{PartnerId, TerminalId, Timestamp};
use crate::ledger::{KeysError, Ledger, OpenError, TerminalKeys};
use crate::uplink::{Uplink, UplinkError};
use crate::wire::cbor::{CborError, decode, encode};
use crate::wire::code::EnrolmentCode;
use crate::wire::cose::{Content, Mac0};
use crate::wire::exchange::{ANSWER_BYTES_MAX, EnrolmentAnswer, EnrolmentRequest, PROTOCOL_VERSION};

use super::region_file::{RegionFile, RegionFileError};

/// Why a terminal is not enrolled.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// There is a ledger already.
    #[error("{}: this terminal is enrolled already; another terminal needs another directory", .0.display())]
    Enrolled(PathBuf),
    /// The directory cannot be made.
    #[error("{}: {source}", path.display())]
    Directory {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The keys.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The key of the code.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    /// The line, or the region's refusal.
    #[error(transparent)]
    Uplink(#[from] UplinkError),
    /// The answer cannot be read.
    #[error("the answer is not an enrolment: {0}")]
    Answer(#[from] CborError),
    /// The answer was not made with the code: something between here and the region changed it.
    #[error("the answer was not made with this code: check the code and the region's address")]
    NotAuthentic,
    /// The answer is for another terminal, or of another version.
    #[error("the answer is for another terminal or of another version of the exchange")]
    OtherTerminal,
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] Box<OpenError>),
    /// The note of where the region is.
    #[error(transparent)]
    RegionFile(#[from] RegionFileError),
}

/// What a terminal has become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolled {
    /// Its id.
    pub terminal: TerminalId,
    /// Its partner.
    pub partner: PartnerId,
    /// Its partner's name.
    pub partner_name: String,
}

/// Enrols the terminal of the directory `data` with `code`. After a failure the same call may be made again, with the same code: the keys stay the same.
///
/// # Errors
/// [`EnrolError`].
pub async fn enrol(
    data: &Path,
    region: &RegionFile,
    code: &EnrolmentCode,
    now: Timestamp,
) -> Result<Enrolled, EnrolError> {
    if Ledger::exists(data) {
        return Err(EnrolError::Enrolled(data.to_owned()));
    }
    std::fs::create_dir_all(data).map_err(|source| EnrolError::Directory { path: data.to_owned(), source })?;
    let uplink = Uplink::new(&region.url, region.authorities.as_deref())?;
    let keys = TerminalKeys::load_or_generate(data)?;
    let answer = ask(&uplink, code, &keys).await?;
    region.save(data)?;
    let enrolled =
        Enrolled { terminal: answer.terminal, partner: answer.partner_id, partner_name: answer.partner.name.clone() };
    // The ledger comes last: where it is, the terminal is enrolled.
    Ledger::create(data, keys.entry, &answer, now).map_err(Box::new)?;
    Ok(enrolled)
}

async fn ask(uplink: &Uplink, code: &EnrolmentCode, keys: &TerminalKeys) -> Result<EnrolmentAnswer, EnrolError> {
    let mac_key = crypto::enrolment_key(code)?;
    let request = EnrolmentRequest {
        protocol: PROTOCOL_VERSION,
        terminal: code.terminal,
        entry_key: keys.entry.public_key().0,
        card_key: keys.card.public_key(),
    };
    let message = crypto::mac0(&mac_key, Content::EnrolmentRequest, code.terminal, encode(&request));
    let bytes = uplink.enrol(message.encode(), ANSWER_BYTES_MAX).await?;
    let message = Mac0::decode(&bytes, Content::EnrolmentAnswer)?;
    if message.key != code.terminal.get() || !crypto::verify_mac0(&message, &mac_key) {
        return Err(EnrolError::NotAuthentic);
    }
    let answer: EnrolmentAnswer = decode(&message.payload)?;
    if answer.protocol == PROTOCOL_VERSION && answer.terminal == code.terminal {
        Ok(answer)
    } else {
        Err(EnrolError::OtherTerminal)
    }
}
