//! What a handler is given of a request, and nothing else: no handler reads a header. Every refusal
//! is a [`Fault`](crate::fault::Fault).

mod body;
mod caller;
mod client;
mod conditions;
mod fresh;
mod parameters;

pub(crate) use self::{
    body::{Json, limit as body_limit, read as read_body},
    caller::{Caller, Identity},
    client::{Client, Delivery},
    conditions::{IfMatch, IfNoneMatch},
    fresh::FreshId,
    parameters::{Path, Query},
};
