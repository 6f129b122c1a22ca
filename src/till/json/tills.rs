//! Who may use the API over loopback: tills with a token, pages with a code.

use serde::{Deserialize, Serialize};

/// `POST /v1/tills`, over the Unix socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewTill {
    /// Its name: letters, digits, `-`, `_`, `.`.
    pub name: String,
}

/// A till.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Till {
    /// Its name.
    pub name: String,
    /// `program` or `page`.
    pub kind: String,
    /// Its token: told when it is made, and never again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// `GET /v1/tills`, over the Unix socket: the tills, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tills {
    /// The tills.
    pub tills: Vec<Till>,
}

/// `POST /v1/pages`, over the Unix socket: what to open in a browser, once, within five minutes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// The address, with its code.
    pub url: String,
}

/// `POST /v1/page`, over loopback: a page brings its code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageCode {
    /// The code.
    pub code: String,
}

/// What an opened page is given beside its cookie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenedPage {
    /// What it sends with every request, as `X-CSRF-Token`.
    pub csrf_token: String,
}
