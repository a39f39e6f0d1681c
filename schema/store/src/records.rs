//! Typed collections: a few verbs, typed keys, `None` for absence.
//!
//! Must not know what a record means, nor which backend keeps it.

use std::{
    collections::HashMap, hash::Hash, marker::PhantomData, ops::Deref, sync::Arc, time::Duration,
};

use bson::{Bson, RawDocumentBuf};
use studyhall_schema::{clock::Clock, record::Record};
use tokio::sync::{Mutex, OnceCell};

use crate::{
    StoreError,
    backend::{Backend, Collection, Row},
    page::{self, Page, PageOf},
};

/// How often an update is tried again in its turn. Others in this process wait for their turn, so
/// that only other processes can be first.
const TURNS: u32 = 32;

/// Who writes meanwhile waits for no more than this; a record has up to 2 MiB.
const DELETED_AT_ONCE: usize = 100;

/// A record and its revision. The revision is 1 when it is inserted and grows by one a change; it
/// is the `ETag` of HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned<T> {
    /// The record.
    pub value: T,
    /// Its revision.
    pub rev: u64,
}

impl<T> Deref for Versioned<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

/// One collection as all handles to it share it.
pub(crate) struct Shelf {
    collection: Collection,
    ensured: OnceCell<()>,
    /// Who lost a compare-and-set waits here for its turn, by a hash of the record's id.
    turns: [Mutex<()>; 16],
}

impl Shelf {
    pub(crate) fn new(collection: Collection) -> Self {
        Self {
            collection,
            ensured: OnceCell::new(),
            turns: std::array::from_fn(|_| Mutex::default()),
        }
    }

    fn turn(&self, id: &Bson) -> &Mutex<()> {
        let hash = crc32fast::hash(id.to_string().as_bytes());
        &self.turns[hash as usize % self.turns.len()]
    }
}

/// A collection of `T`.
pub struct Records<T> {
    backend: Arc<dyn Backend>,
    clock: Arc<dyn Clock>,
    shelf: Arc<Shelf>,
    of: PhantomData<fn() -> T>,
}

impl<T> Clone for Records<T> {
    fn clone(&self) -> Self {
        Self {
            backend: Arc::clone(&self.backend),
            clock: Arc::clone(&self.clock),
            shelf: Arc::clone(&self.shelf),
            of: PhantomData,
        }
    }
}

impl<T: Record> Records<T> {
    pub(crate) fn new(backend: Arc<dyn Backend>, clock: Arc<dyn Clock>, shelf: Arc<Shelf>) -> Self {
        Self { backend, clock, shelf, of: PhantomData }
    }

    /// Makes the collection and its indexes, once.
    pub(crate) async fn ensure(&self) -> Result<Collection, StoreError> {
        let collection = self.shelf.collection;
        self.shelf.ensured.get_or_try_init(|| self.backend.ensure(collection)).await?;
        Ok(collection)
    }

    /// The record with this id.
    pub async fn get(&self, id: &T::Id) -> Result<Option<Versioned<T>>, StoreError> {
        let collection = self.ensure().await?;
        self.backend.get(collection, id.clone().into()).await?.as_ref().map(read).transpose()
    }

    /// The records with these ids, in their order, in one query. One that is not there, or cannot be read,
    /// is `None`: it keeps nobody from the others, and [`Records::get`] says which of the two it is.
    pub async fn get_many(&self, ids: &[T::Id]) -> Result<Vec<Option<Versioned<T>>>, StoreError>
    where
        T::Id: Eq + Hash,
    {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let collection = self.ensure().await?;
        let wanted = ids.iter().cloned().map(Into::into).collect();
        let rows = self.backend.get_many(collection, wanted).await?;
        let found = readable::<T>(&rows).map(|record| (record.id(), record));
        let found: HashMap<T::Id, Versioned<T>> = found.collect();
        Ok(ids.iter().map(|id| found.get(id).cloned()).collect())
    }

    /// Inserts a new record. `Duplicate` when its id, or its keys in a unique index, are taken.
    pub async fn insert(&self, value: T) -> Result<Versioned<T>, StoreError> {
        let collection = self.ensure().await?;
        let rev = value.first_rev();
        self.backend.insert(collection, value.id().into(), written(&value)?, rev).await?;
        Ok(Versioned { value, rev })
    }

    /// Replaces the record that is at `expected_rev`. `Conflict` when it is not, or is gone.
    pub async fn replace(&self, value: T, expected_rev: u64) -> Result<Versioned<T>, StoreError> {
        let collection = self.ensure().await?;
        let document = written(&value)?;
        self.backend.replace(collection, value.id().into(), document, expected_rev).await?;
        Ok(Versioned { value, rev: expected_rev + 1 })
    }

    /// Changes a record by compare-and-set. `change` may run several times and must be pure. `None`
    /// when there is no such record; the inner error is `change`'s own refusal; a value that
    /// `change` leaves as it is writes nothing. `Conflict` only when others were first too often.
    pub async fn update<E>(
        &self,
        id: &T::Id,
        mut change: impl FnMut(&mut T) -> Result<(), E> + Send,
    ) -> Result<Option<Result<Versioned<T>, E>>, StoreError> {
        match self.change_once(id, &mut change).await {
            Err(StoreError::Conflict) => {}
            other => return other,
        }
        let _turn = self.shelf.turn(&id.clone().into()).lock().await;
        for turn in 0..TURNS {
            match self.change_once(id, &mut change).await {
                Err(StoreError::Conflict) => self.pause(turn).await,
                other => return other,
            }
        }
        Err(StoreError::Conflict)
    }

    async fn change_once<E>(
        &self,
        id: &T::Id,
        change: &mut (impl FnMut(&mut T) -> Result<(), E> + Send),
    ) -> Result<Option<Result<Versioned<T>, E>>, StoreError> {
        let collection = self.ensure().await?;
        let Some(row) = self.backend.get(collection, id.clone().into()).await? else {
            return Ok(None);
        };
        let Versioned { mut value, rev } = read::<T>(&row)?;
        // Not what is kept: a backend may have put the fields in another order.
        let before = written(&value)?;
        if let Err(refusal) = change(&mut value) {
            return Ok(Some(Err(refusal)));
        }
        let after = written(&value)?;
        if after == before {
            return Ok(Some(Ok(Versioned { value, rev })));
        }
        self.backend.replace(collection, id.clone().into(), after, rev).await?;
        Ok(Some(Ok(Versioned { value, rev: rev + 1 })))
    }

    /// Waits a random part of 2 ms, 4 ms, … 64 ms, so that two processes do not keep step.
    async fn pause(&self, turn: u32) {
        let longest = 2000 << turn.min(5);
        tokio::time::sleep(Duration::from_micros(self.clock.random_u64() % longest)).await;
    }

    /// Deletes a record. Whether there was one.
    pub async fn delete(&self, id: &T::Id) -> Result<bool, StoreError> {
        let collection = self.ensure().await?;
        self.backend.delete(collection, id.clone().into()).await
    }

    /// Deletes the records whose first key of an index is less than `before`, a batch at a time. How many
    /// that were. One whose key is changed meanwhile, so that it is not less any more, stays. Several
    /// nodes may do it at once.
    pub async fn delete_before(
        &self,
        index: &str,
        before: impl Into<Bson>,
    ) -> Result<u64, StoreError> {
        let collection = self.ensure().await?;
        let query = Page::of(index).before(before).limit(DELETED_AT_ONCE);
        let scan = page::check(collection, query)?.scan;
        let mut deleted = 0;
        loop {
            match self.backend.delete_scanned(collection, scan.clone()).await? {
                0 => return Ok(deleted),
                batch => deleted += batch,
            }
        }
    }

    /// A page in the order of an index. Stable under inserts: no record that stays is missed or
    /// shown twice. A record that cannot be read is passed over: it keeps nobody from the others.
    /// `Invalid` when the index is not declared or the cursor is of another query.
    pub async fn page(&self, query: Page<'_>) -> Result<PageOf<T>, StoreError> {
        let collection = self.ensure().await?;
        let checked = page::check(collection, query)?;
        let limit = checked.scan.limit;
        let mut scan = checked.scan.clone();
        scan.limit += 1; // one more says whether there is a next page
        let mut rows = self.backend.scan(collection, scan).await?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        if checked.scan.without.is_some() {
            for row in &mut rows {
                row.rev = 0;
            }
        }
        let next_cursor = match rows.last() {
            Some(last) if more => Some(checked.cursor_after(last)?),
            _ => None,
        };
        Ok(PageOf { items: readable(&rows).collect(), next_cursor })
    }

    /// How many records have these first keys in an index.
    pub async fn count(&self, index: &str, prefix: &[Bson]) -> Result<u64, StoreError> {
        let collection = self.ensure().await?;
        let mut query = Page::of(index);
        query.prefix = prefix.to_vec();
        let scan = page::check(collection, query)?.scan;
        self.backend.count(collection, scan.index, scan.prefix).await
    }
}

/// The record in BSON.
fn written<T: Record>(value: &T) -> Result<RawDocumentBuf, StoreError> {
    let invalid = |error: String| StoreError::Invalid(format!("{}: {error}", T::COLLECTION));
    let bytes = bson::serialize_to_vec(value).map_err(|error| invalid(error.to_string()))?;
    RawDocumentBuf::from_bytes(bytes).map_err(|error| invalid(error.to_string()))
}

/// The records of a list that can be read.
fn readable<T: Record>(rows: &[Row]) -> impl Iterator<Item = Versioned<T>> {
    rows.iter().filter_map(|row| match read(row) {
        Ok(record) => Some(record),
        Err(error) => {
            tracing::error!(%error, "passed over in a list");
            None
        }
    })
}

fn read<T: Record>(row: &Row) -> Result<Versioned<T>, StoreError> {
    let value = bson::deserialize_from_slice(row.document.as_bytes())
        .map_err(|error| StoreError::Corrupt(format!("a record of {}: {error}", T::COLLECTION)))?;
    Ok(Versioned { value, rev: row.rev })
}
