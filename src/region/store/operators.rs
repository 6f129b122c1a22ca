//! Operators of the desk's API: who has which role. Of a token the hash is kept.

use super::engine::values;
use super::{Row, StoreError, Stored, Tx};
use crate::domain::Timestamp;
use crate::region::holders::EstablishmentId;
use crate::region::holders::operators::Role;

/// An operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorRow {
    /// SHA-256 of the token.
    pub token_hash: [u8; 32],
    /// Who, for people.
    pub name: String,
    /// What the operator may do.
    pub role: Role,
    /// Of which establishment.
    pub establishment: Option<EstablishmentId>,
    /// Since when.
    pub added_at: Timestamp,
    /// Until when.
    pub revoked_at: Option<Timestamp>,
}

const COLUMNS: &str = "token_hash, name, role, establishment_id, added_at, revoked_at";

impl Tx<'_> {
    /// Adds an operator.
    pub fn add_operator(&self, operator: &OperatorRow) -> Stored<()> {
        self.execute(
            "INSERT INTO operator (token_hash, name, role, establishment_id, added_at) VALUES ($1, $2, $3, $4, $5)",
            &values![
                operator.token_hash,
                operator.name.as_str(),
                operator.role.code(),
                operator.establishment,
                operator.added_at
            ],
        )?;
        Ok(())
    }

    /// The operator whose token has this hash.
    pub fn operator(&self, token_hash: &[u8; 32]) -> Stored<Option<OperatorRow>> {
        let sql = format!("SELECT {COLUMNS} FROM operator WHERE token_hash = $1");
        self.row(&sql, &values![*token_hash])?.as_ref().map(operator).transpose()
    }

    /// Every operator there ever was.
    pub fn operators(&self) -> Stored<Vec<OperatorRow>> {
        let sql = format!("SELECT {COLUMNS} FROM operator ORDER BY added_at, token_hash");
        self.rows(&sql, &[])?.iter().map(operator).collect()
    }

    /// The token is good for nothing any more.
    pub fn revoke_operator(&self, token_hash: &[u8; 32], now: Timestamp) -> Stored<()> {
        self.execute(
            "UPDATE operator SET revoked_at = $2 WHERE token_hash = $1 AND revoked_at IS NULL",
            &values![*token_hash, now],
        )?;
        Ok(())
    }
}

fn operator(row: &Row) -> Stored<OperatorRow> {
    Ok(OperatorRow {
        token_hash: row.get(0)?,
        name: row.get(1)?,
        role: Role::of_code(&row.get::<String>(2)?).ok_or(StoreError::Inconsistent("the role of an operator"))?,
        establishment: row.get(3)?,
        added_at: row.get(4)?,
        revoked_at: row.get(5)?,
    })
}
