//! Operators: who may use the desk's API, with a token that is shown once.

use crate::crypto::{random, sha256};
use crate::domain::Timestamp;

use super::life::codes;
use super::persons::line;
use super::{Acting, EstablishmentId, HolderTrouble};
use crate::region::Region;
use crate::region::error::RegionError;
use crate::region::store::OperatorRow;

codes! {
    /// What an operator may do.
    Role {
        /// Validates, revalidates and ends the studies of its own establishment's holders.
        Establishment "establishment",
        /// Everything about holders and cards.
        Desk "desk",
        /// Partners and what they are paid.
        PartnerDesk "partner-desk",
        /// Reads, and is shown no names.
        Auditor "auditor",
    }
}

/// What every token begins with, so that one that got lost in a file is recognised.
const PREFIX: &str = "pass_";

/// A token. It is shown once and never printed again.
pub struct Token(String);

impl Token {
    fn new() -> Result<Self, RegionError> {
        let bytes: [u8; 32] = random()?;
        Ok(Self(format!("{PREFIX}{}", hex::encode(bytes))))
    }

    /// The token, for the one who asked for it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl OperatorRow {
    /// A name for the operator, that is not the token: the first eight bytes of its hash.
    pub fn id(&self) -> String {
        hex::encode(&self.token_hash[..8])
    }

    /// As whom the operator acts.
    pub fn acting(&self) -> Acting {
        Acting { by: self.id(), establishment: self.establishment }
    }
}

impl Region {
    /// Adds an operator; the token.
    ///
    /// # Errors
    /// [`HolderTrouble::OperatorEstablishment`], [`HolderTrouble::NoEstablishment`], [`HolderTrouble::Field`], the store's.
    pub fn add_operator(
        &self,
        name: &str,
        role: Role,
        establishment: Option<EstablishmentId>,
        now: Timestamp,
    ) -> Result<(OperatorRow, Token), RegionError> {
        if (role == Role::Establishment) != establishment.is_some() {
            return Err(HolderTrouble::OperatorEstablishment.into());
        }
        let token = Token::new()?;
        let operator = OperatorRow {
            token_hash: sha256(token.0.as_bytes()),
            name: line(name, 200, "name")?,
            role,
            establishment,
            added_at: now,
            revoked_at: None,
        };
        self.store().write(|tx| {
            if let Some(id) = establishment {
                tx.establishment(id)?.ok_or(HolderTrouble::NoEstablishment(id))?;
            }
            Ok::<_, RegionError>(tx.add_operator(&operator)?)
        })?;
        Ok((operator, token))
    }

    /// The operator whose token this is; `None` for one that was revoked or never made.
    ///
    /// # Errors
    /// The store's.
    pub fn operator_of(&self, token: &str) -> Result<Option<OperatorRow>, RegionError> {
        let found = self.store().read(|tx| tx.operator(&sha256(token.as_bytes())))?;
        Ok(found.filter(|operator| operator.revoked_at.is_none()))
    }

    /// Every operator there ever was.
    ///
    /// # Errors
    /// The store's.
    pub fn operators(&self) -> Result<Vec<OperatorRow>, RegionError> {
        Ok(self.store().read(|tx| tx.operators())?)
    }

    /// The operator's token is good for nothing any more.
    ///
    /// # Errors
    /// [`HolderTrouble::NoOperator`], the store's.
    pub fn revoke_operator(&self, id: &str, now: Timestamp) -> Result<(), RegionError> {
        self.store().write(|tx| {
            let operator = tx.operators()?.into_iter().find(|operator| operator.id() == id);
            let operator = operator.ok_or_else(|| HolderTrouble::NoOperator(id.to_owned()))?;
            Ok(tx.revoke_operator(&operator.token_hash, now)?)
        })
    }
}
