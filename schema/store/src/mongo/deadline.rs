//! How long anybody waits for `MongoDB`.

use std::{future::IntoFuture, time::Duration};

use mongodb::error::Error;
use tokio::time::Instant;

use super::fault::Failure;
use crate::StoreError;

/// Selecting a server, connecting to it, and all that one call of the store asks it.
pub(super) const WITHIN: Duration = Duration::from_secs(5);

/// The end of one call's patience.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline(Instant);

impl Deadline {
    /// Begins now.
    pub(super) fn start() -> Self {
        Self(Instant::now() + WITHIN)
    }

    /// What is left, at least a millisecond: zero means forever to `MongoDB`.
    pub(super) fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now()).max(Duration::from_millis(1))
    }

    /// An operation of the driver.
    pub(super) async fn within<T>(
        self,
        operation: impl IntoFuture<Output = Result<T, Error>>,
    ) -> Result<T, Failure> {
        match tokio::time::timeout_at(self.0, operation.into_future()).await {
            Ok(answer) => answer.map_err(Failure::Driver),
            Err(_) => Err(Failure::Late),
        }
    }

    /// An operation that only reads.
    pub(super) async fn read<T>(
        self,
        operation: impl IntoFuture<Output = Result<T, Error>>,
    ) -> Result<T, StoreError> {
        self.within(operation).await.map_err(Failure::reading)
    }

    /// An operation that writes.
    pub(super) async fn write<T>(
        self,
        operation: impl IntoFuture<Output = Result<T, Error>>,
    ) -> Result<T, StoreError> {
        self.within(operation).await.map_err(Failure::writing)
    }
}
