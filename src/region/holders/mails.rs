//! The mails that tell a holder of each step (R7): which there are, what stands in them, and how they are queued, in the transaction of the step.
//!
//! A queued mail has the template's name and what is particular to it; name and address are read when it is sent. So an erased person gets none, and the
//! secret of a holder stands in the queue until its mail has gone and nowhere else.

use serde_json::{Map, Value};

use crate::crypto::random;
use crate::domain::{HolderReference, Timestamp};

use super::life::codes;
use super::persons::Person;
use crate::region::error::RegionError;
use crate::region::store::{MailRow, StoreError, Tx};

codes! {
    /// Which mail.
    Template {
        /// An order came in.
        Ordered "ordered",
        /// The establishment validated it.
        Validated "validated",
        /// The establishment refused it.
        Refused "refused",
        /// The card was made.
        Personalised "personalised",
        /// The card was put in the post.
        Sent "sent",
        /// The card was declared lost, stolen or broken.
        Declared "declared",
        /// The card was brought back.
        Found "found",
        /// The card was revalidated.
        Revalidated "revalidated",
        /// The address was changed.
        Moved "moved",
        /// The studies ended.
        Ended "ended",
        /// A new secret was made.
        Secret "secret",
    }
}

codes! {
    /// Where a mail is.
    MailStage {
        /// It waits.
        Queued "queued",
        /// A sender has it. If that sender ended before it could say what became of it, it stays here: nobody can tell whether it arrived.
        Sending "sending",
        /// The mail server has taken it.
        Sent "sent",
        /// The mail server will not take it.
        Refused "refused",
        /// It was tried as often as it may be.
        GivenUp "given-up",
    }
}

impl Template {
    /// Subject on the first line, an empty one, the text.
    const fn text(self) -> &'static str {
        match self {
            Self::Ordered => include_str!("mails/ordered.txt"),
            Self::Validated => include_str!("mails/validated.txt"),
            Self::Refused => include_str!("mails/refused.txt"),
            Self::Personalised => include_str!("mails/personalised.txt"),
            Self::Sent => include_str!("mails/sent.txt"),
            Self::Declared => include_str!("mails/declared.txt"),
            Self::Found => include_str!("mails/found.txt"),
            Self::Revalidated => include_str!("mails/revalidated.txt"),
            Self::Moved => include_str!("mails/moved.txt"),
            Self::Ended => include_str!("mails/ended.txt"),
            Self::Secret => include_str!("mails/secret.txt"),
        }
    }
}

/// What is particular to one mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct MailData(Map<String, Value>);

impl MailData {
    pub(super) fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub(super) fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.0.insert(name.to_owned(), Value::String(value.to_string()));
        self
    }
}

/// A mail, written.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) subject: String,
    pub(super) text: String,
}

/// A mail to be queued.
///
/// # Errors
/// That the system gives no random numbers.
pub(super) fn queued(holder: HolderReference, template: Template, data: &MailData) -> Result<MailRow, RegionError> {
    let data = Value::Object(data.0.clone()).to_string();
    Ok(MailRow { holder, id: random()?, template, data, tries: 0 })
}

/// Queues a mail to `holder`, if there is anybody to write to.
///
/// # Errors
/// The store's.
pub(super) fn queue(
    tx: &Tx<'_>,
    holder: HolderReference,
    template: Template,
    data: MailData,
    now: Timestamp,
) -> Result<(), RegionError> {
    if tx.secret_hash(holder)?.is_some() {
        tx.queue_mails(&[queued(holder, template, &data)?], now)?;
    }
    Ok(())
}

/// Writes a mail to `person`.
///
/// # Errors
/// [`StoreError::Inconsistent`] when what was queued is not what the text needs.
pub(super) fn write(mail: &MailRow, person: &Person) -> Result<Written, StoreError> {
    let wrong = StoreError::Inconsistent("the data of a mail");
    let Ok(Value::Object(data)) = serde_json::from_str(&mail.data) else { return Err(wrong) };
    let value = |name: &str| match name {
        "given_name" => Some(person.given_name.as_str()),
        name => data.get(name).and_then(Value::as_str),
    };
    let mut written = String::new();
    let mut rest = mail.template.text();
    // What is filled in is not looked at again: a name may have any character.
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else { return Err(wrong) };
        written.push_str(before);
        written.push_str(value(name).ok_or(StoreError::Inconsistent("the data of a mail"))?);
        rest = after;
    }
    written.push_str(rest);
    let (subject, text) = written.split_once("\n\n").ok_or(wrong)?;
    Ok(Written { subject: subject.to_owned(), text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::super::persons::Address;
    use super::*;

    fn somebody() -> Person {
        Person {
            given_name: "Zoé {order}".to_owned(),
            family_name: "Essai".to_owned(),
            birth_year: 2009,
            mail: "zoe@exemple.test".to_owned(),
            address: Address { street: String::new(), postcode: String::new(), city: String::new() },
        }
    }

    #[test]
    fn every_text_is_written_with_what_its_step_gives_and_not_without() {
        let all = ["order", "secret", "reason", "card", "kind", "remake", "state", "season"];
        let data = all.iter().fold(MailData::new(), |data, name| data.with(name, format!("<{name}>")));
        for template in Template::ALL {
            let mail = queued(HolderReference::new([1; 16]), *template, &data).unwrap();
            let written = write(&mail, &somebody()).unwrap();
            assert!(!written.subject.contains(['{', '\n']) && written.subject.len() < 70, "{template}");
            assert!(written.text.starts_with("Bonjour Zoé {order},\n"), "{template}: what is filled in stays as it is");
            let without = queued(HolderReference::new([1; 16]), *template, &MailData::new()).unwrap();
            assert_eq!(write(&without, &somebody()).is_err(), written.text.contains('<'), "{template}");
        }
    }
}
