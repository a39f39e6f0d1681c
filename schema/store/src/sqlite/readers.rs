//! A small pool of connections that read, on blocking threads. Readers never wait for the writer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::{fault::Fault, file::File};
use crate::StoreError;

/// How many reads run at once.
const READERS: usize = 4;

#[derive(Clone)]
pub(super) struct Readers {
    pool: Arc<Pool>,
}

struct Pool {
    file: File,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(file: File) -> Self {
        let permits = Arc::new(Semaphore::new(READERS));
        Self { pool: Arc::new(Pool { file, permits, idle: Mutex::default() }) }
    }

    /// Reads in one read transaction: all statements see the same moment.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let closed = |_| StoreError::Unavailable("the store is closed".into());
        let permit = Arc::clone(&self.pool.permits).acquire_owned().await.map_err(closed)?;
        let pool = Arc::clone(&self.pool);
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let connection = match pool.idle().pop() {
                Some(connection) => connection,
                None => pool.file.connect_to_read()?,
            };
            let result = connection
                .unchecked_transaction()
                .map_err(Fault::from)
                .and_then(|_transaction| work(&connection));
            // A connection that could not end its transaction is not used again.
            if connection.is_autocommit() {
                pool.idle().push(connection);
            }
            result
        });
        let result = done.await.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        result.map_err(Fault::told)
    }

    /// Lets no more reads in and closes the connections.
    pub(super) fn close(&self) {
        self.pool.permits.close();
        self.pool.idle().clear();
    }
}

impl Pool {
    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
