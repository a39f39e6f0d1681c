//! A write that has begun is carried to its end, though its client hangs up: what it has stored is
//! announced, or sockets would keep rights that are gone.

use axum::{
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};

use tracing::Instrument;

use crate::fault::Fault;

pub(super) async fn carry(request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    match tokio::spawn(next.run(request).in_current_span()).await {
        Ok(response) => response,
        Err(error) => Fault::Internal(error.to_string()).into_response(),
    }
}
