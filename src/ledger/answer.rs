//! Whether an answer of the region is what it says: a pure function of its bytes, the keys and the request that it
//! answers.
//!
//! Nothing of an answer is used before all its signatures hold: its own, the receipt's, each page's. A region key is
//! trusted when the pinned root certified it and no page of a greater key withdrew it. What a good answer changes is in
//! `apply`.

use crate::crypto::{TrustedKeys, verify_sign1_es256};
use crate::domain::{KeySerial, RequestId, TerminalId, Timestamp};
use crate::packing::{UnpackError, unpack_page};
use crate::wire::cbor::{CborError, decode};
use crate::wire::cose::{Algorithm, Content, Sign1};
use crate::wire::exchange::{
    ANSWER_BYTES_MAX, ANSWER_PAGES_MAX, ExchangeAnswer, ExchangeRequest, PROTOCOL_VERSION, Receipt,
};
use crate::wire::feed::{FeedPage, Item, PAGE_ITEMS_MAX, PackedPage};

/// Why an answer is not used. Nothing of it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// Larger than [`ANSWER_BYTES_MAX`].
    #[error("the answer has {0} bytes, more than an answer may have")]
    TooLarge(usize),
    /// Not the bytes of an answer, a receipt or a page.
    #[error("the answer cannot be read: {0}")]
    Unreadable(#[from] CborError),
    /// Signed with a key that the root did not certify, that is withdrawn, or that is unknown here.
    #[error("the answer is signed with key {0}, which is not trusted")]
    UntrustedKey(KeySerial),
    /// A signature does not hold.
    #[error("the signature of {0} does not hold")]
    Signature(&'static str),
    /// A version of the exchange that this program does not know.
    #[error("the answer has version {0} of the exchange")]
    Version(u8),
    /// For another terminal.
    #[error("{0} is for another terminal")]
    OtherTerminal(&'static str),
    /// To another request: an old answer, or somebody else's.
    #[error("{0} is not to this request")]
    OtherRequest(&'static str),
    /// More than [`ANSWER_PAGES_MAX`] pages.
    #[error("the answer has {0} pages, more than an answer may have")]
    TooManyPages(usize),
    /// The items of a page cannot be unpacked.
    #[error("the items of a page cannot be read: {0}")]
    Items(#[from] UnpackError),
    /// More than [`PAGE_ITEMS_MAX`] items on a page.
    #[error("a page has {0} items, more than a page may have")]
    PageTooLong(usize),
    /// A page that ends before it begins, or goes on from where the page before did not end.
    #[error("the pages are not in order")]
    PageOrder,
}

/// The serial of the key that signed `message`, known or brought with it.
fn signer(keys: &TrustedKeys, message: &Sign1, what: &'static str) -> Result<KeySerial, AnswerError> {
    let serial = KeySerial::new(message.key);
    if keys.is_withdrawn(serial) {
        return Err(AnswerError::UntrustedKey(serial));
    }
    // A terminal knows every key that was good when it was enrolled, and is told of later ones: an unknown key is newer than
    // all, or withdrawn.
    let newer = keys.newest().is_none_or(|newest| newest < serial);
    let brought = || if newer { keys.key_brought(message) } else { None };
    let key = keys.key_ever(serial).or_else(brought).ok_or(AnswerError::UntrustedKey(serial))?;
    if verify_sign1_es256(message, &key) { Ok(serial) } else { Err(AnswerError::Signature(what)) }
}

/// A page, and who signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct VerifiedPage {
    pub(super) signer: KeySerial,
    pub(super) page: FeedPage,
}

/// An answer whose signatures hold and that answers the request it is said to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedAnswer {
    pub(super) answer: ExchangeAnswer,
    pub(super) receipt: Receipt,
    pub(super) pages: Vec<VerifiedPage>,
    pub(super) request_time: Timestamp,
}

impl VerifiedAnswer {
    /// The answer.
    pub fn answer(&self) -> &ExchangeAnswer {
        &self.answer
    }

    /// What the region acknowledges.
    pub fn receipt(&self) -> &Receipt {
        &self.receipt
    }
}

/// What an answer must be an answer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) terminal: TerminalId,
    pub(super) request: RequestId,
    pub(super) time: Timestamp,
}

/// Checks `bytes` as the answer to `request`.
///
/// # Errors
/// [`AnswerError`], the first thing that is wrong.
pub fn verify_answer(
    bytes: &[u8],
    keys: &TrustedKeys,
    request: &ExchangeRequest,
) -> Result<VerifiedAnswer, AnswerError> {
    let ExchangeRequest { terminal, request, time, .. } = *request;
    verify_answer_to(bytes, keys, &Asked { terminal, request, time })
}

/// Checks `bytes` as the answer to what was `asked`.
pub(super) fn verify_answer_to(bytes: &[u8], keys: &TrustedKeys, asked: &Asked) -> Result<VerifiedAnswer, AnswerError> {
    if bytes.len() > ANSWER_BYTES_MAX {
        return Err(AnswerError::TooLarge(bytes.len()));
    }
    let message = Sign1::decode(bytes, Algorithm::Es256, Content::ExchangeAnswer)?;
    signer(keys, &message, "the answer")?;
    let answer: ExchangeAnswer = decode(&message.payload)?;
    if answer.protocol != PROTOCOL_VERSION {
        return Err(AnswerError::Version(answer.protocol));
    }
    if answer.terminal != asked.terminal {
        return Err(AnswerError::OtherTerminal("the answer"));
    }
    if answer.request != asked.request {
        return Err(AnswerError::OtherRequest("the answer"));
    }
    let receipt = verify_receipt(&answer, keys)?;
    let pages = verify_pages(&answer, keys.clone())?;
    Ok(VerifiedAnswer { answer, receipt, pages, request_time: asked.time })
}

fn verify_receipt(answer: &ExchangeAnswer, keys: &TrustedKeys) -> Result<Receipt, AnswerError> {
    let message = Sign1::decode(&answer.receipt.0, Algorithm::Es256, Content::Receipt)?;
    signer(keys, &message, "the receipt")?;
    let receipt: Receipt = decode(&message.payload)?;
    if receipt.terminal != answer.terminal {
        return Err(AnswerError::OtherTerminal("the receipt"));
    }
    if receipt.request != answer.request {
        return Err(AnswerError::OtherRequest("the receipt"));
    }
    Ok(receipt)
}

/// The pages in order; what an earlier page says of keys holds for the later ones.
fn verify_pages(answer: &ExchangeAnswer, mut keys: TrustedKeys) -> Result<Vec<VerifiedPage>, AnswerError> {
    if answer.pages.len() > ANSWER_PAGES_MAX {
        return Err(AnswerError::TooManyPages(answer.pages.len()));
    }
    let mut pages: Vec<VerifiedPage> = Vec::with_capacity(answer.pages.len());
    for bytes in &answer.pages {
        let message = Sign1::decode(&bytes.0, Algorithm::Es256, Content::FeedPage)?;
        let signer = signer(&keys, &message, "a page")?;
        let page: PackedPage = decode(&message.payload)?;
        if page.terminal != answer.terminal {
            return Err(AnswerError::OtherTerminal("a page"));
        }
        let follows = pages.last().is_none_or(|before| before.page.to == page.from);
        if page.to < page.from || !follows {
            return Err(AnswerError::PageOrder);
        }
        let page = unpack_page(&page)?;
        if page.items.len() > PAGE_ITEMS_MAX {
            return Err(AnswerError::PageTooLong(page.items.len()));
        }
        for item in &page.items {
            match item {
                Item::KeyCertificate(certificate) if !keys.learn(*certificate) => {
                    return Err(AnswerError::UntrustedKey(certificate.serial));
                }
                Item::KeyWithdrawn(withdrawn) if withdrawn.serial < signer => keys.withdraw(withdrawn.serial),
                Item::KeyCertificate(_)
                | Item::KeyWithdrawn(_)
                | Item::Catalogue(_)
                | Item::Policy(_)
                | Item::Denial(_)
                | Item::Entitlement(_)
                | Item::TerminalCertificate(_)
                | Item::RecordsWanted(_)
                | Item::Verdict(_)
                | Item::Partner(_)
                | Item::RequiredVersion(_)
                | Item::Record(_) => (),
            }
        }
        pages.push(VerifiedPage { signer, page });
    }
    Ok(pages)
}
