//! Records and document logs in one SQLite file.

use std::path::Path;

use bson::{Bson, RawDocumentBuf};
use studyhall_schema::{Timestamp, document::DocumentId, record::Index};

use crate::{
    StoreError,
    backend::{Backend, Chunk, Collection, Reply, Row, Scan},
    log::{Append, Entry, Outcome},
};

/// A SQLite file.
pub(crate) struct Sqlite;

fn later<T: Send + 'static>() -> Reply<'static, Result<T, StoreError>> {
    Box::pin(async { Err(StoreError::Unavailable("this store does not write yet".into())) })
}

impl Sqlite {
    pub(crate) async fn open(_: &Path) -> Result<Self, StoreError> {
        Ok(Self)
    }
}
impl Backend for Sqlite {
    fn ensure(&self, _: Collection) -> Reply<'_, Result<(), StoreError>> {
        later()
    }
    fn get(&self, _: Collection, _: Bson) -> Reply<'_, Result<Option<Row>, StoreError>> {
        later()
    }
    fn insert(
        &self,
        _: Collection,
        _: Bson,
        _: RawDocumentBuf,
    ) -> Reply<'_, Result<(), StoreError>> {
        later()
    }
    fn replace(
        &self,
        _: Collection,
        _: Bson,
        _: RawDocumentBuf,
        _: u64,
    ) -> Reply<'_, Result<(), StoreError>> {
        later()
    }
    fn delete(&self, _: Collection, _: Bson) -> Reply<'_, Result<bool, StoreError>> {
        later()
    }
    fn scan(&self, _: Collection, _: Scan) -> Reply<'_, Result<Vec<Row>, StoreError>> {
        later()
    }
    fn count(&self, _: Collection, _: Index, _: Vec<Bson>) -> Reply<'_, Result<u64, StoreError>> {
        later()
    }
    fn append(&self, appends: Vec<Append>) -> Reply<'_, Vec<Outcome>> {
        let error = StoreError::Unavailable("this store does not write yet".into());
        Box::pin(async move { vec![Outcome::Failed(error); appends.len()] })
    }
    fn entries(
        &self,
        _: DocumentId,
        _: u64,
        _: usize,
    ) -> Reply<'_, Result<Vec<Entry>, StoreError>> {
        later()
    }
    fn put_chunks(
        &self,
        _: DocumentId,
        _: u64,
        _: Vec<Chunk>,
    ) -> Reply<'_, Result<(), StoreError>> {
        later()
    }
    fn chunks(&self, _: DocumentId, _: u64) -> Reply<'_, Result<Vec<Chunk>, StoreError>> {
        later()
    }
    fn prune(&self, _: DocumentId, _: u64) -> Reply<'_, Result<(), StoreError>> {
        later()
    }
    fn quarantine(
        &self,
        _: DocumentId,
        _: u64,
        _: String,
        _: Timestamp,
    ) -> Reply<'_, Result<(), StoreError>> {
        later()
    }
    fn remove(&self, _: DocumentId) -> Reply<'_, Result<(), StoreError>> {
        later()
    }
    fn healthy(&self) -> Reply<'_, Result<(), StoreError>> {
        later()
    }
    fn close(&self) -> Reply<'_, ()> {
        Box::pin(async {})
    }
}
