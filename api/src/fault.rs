//! What can go wrong in the API, without a word of HTTP. `problem` turns it into an answer.

use std::time::Duration;

use studyhall_schema::{access::AccessError, login::Refusal, room::RoomFault};
use studyhall_store::StoreError;
use thiserror::Error;

/// One thing that is wrong with what was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Issue {
    /// Where: a JSON pointer into the body, or `?name` of a query parameter.
    pub(crate) pointer: String,
    /// What.
    pub(crate) detail: String,
}

/// Why a request was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Fault {
    /// Nobody valid asks.
    #[error("sign in first")]
    Unauthenticated,
    /// E-mail address and password do not fit.
    #[error("the e-mail address or the password is wrong")]
    WrongCredentials,
    /// The person may not do this here.
    #[error("{detail}")]
    Forbidden { code: &'static str, detail: &'static str },
    /// It does not exist, or not for this person.
    #[error("there is nothing here for you")]
    NotFound,
    /// The route exists, but not with this method.
    #[error("this route does not take that method")]
    MethodNotAllowed,
    /// It does not fit how things are.
    #[error("{detail}")]
    Conflict { code: &'static str, detail: &'static str },
    /// What was sent breaks the schema.
    #[error("what was sent is not valid")]
    Invalid(Vec<Issue>),
    /// What was sent is well-formed and still not acceptable.
    #[error("{detail}")]
    Unacceptable { code: &'static str, detail: &'static str },
    /// The body is not JSON by its content type.
    #[error("send the body as application/json")]
    NotJson,
    /// The body is too large.
    #[error("the body is too large")]
    TooLarge,
    /// A note's text, with what others wrote, would not be shown whole.
    #[error("a note's text is 1,048,576 bytes of UTF-8 at most: split it")]
    TextTooLong,
    /// The record has moved past `If-Match`.
    #[error("it has changed meanwhile: read it again")]
    Changed,
    /// Too often.
    #[error("too many requests: wait a little")]
    TooMany(Duration),
    /// Who has claimed the name is not there yet, and may never be.
    #[error("a registration with this e-mail address or username is not done yet: try again")]
    RegistrationUnderWay(Duration),
    /// Something that is needed does not answer, or is busy.
    #[error("this cannot be done right now: try again")]
    Unavailable,
    /// A mistake of ours. The cause is for the log.
    #[error("{0}")]
    Internal(String),
}

impl Fault {
    /// One issue at `pointer`.
    pub(crate) fn invalid(pointer: &str, detail: impl Into<String>) -> Self {
        Self::Invalid(vec![Issue { pointer: pointer.to_owned(), detail: detail.into() }])
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(cause) | StoreError::Unknown(cause) => {
                tracing::warn!(cause, "the store did not answer");
                Self::Unavailable
            }
            StoreError::Conflict => Self::Changed,
            other => Self::Internal(other.to_string()),
        }
    }
}

impl From<AccessError> for Fault {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::Invalid => Self::Unauthenticated,
            AccessError::Unavailable => Self::Unavailable,
        }
    }
}

impl From<RoomFault> for Fault {
    fn from(fault: RoomFault) -> Self {
        match fault {
            RoomFault::NotFound => Self::NotFound,
            RoomFault::Full => {
                Self::Conflict { code: "room-full", detail: "everybody who fits this room is in" }
            }
            RoomFault::OwnerMustTransfer => Self::Conflict {
                code: "owner-must-transfer",
                detail: "others are still in: hand the room to one of them before you leave",
            },
            RoomFault::Forbidden => Self::Forbidden {
                code: "role-too-low",
                detail: "your role in this room does not allow this",
            },
        }
    }
}

impl From<Refusal> for Fault {
    fn from(_: Refusal) -> Self {
        Self::Unauthenticated
    }
}
