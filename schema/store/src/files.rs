//! Uploaded files, by key.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use studyhall_schema::clock::Clock;

use crate::StoreError;

/// Files in a folder, with signed URLs that this program serves.
pub struct Files {
    folder: PathBuf,
    clock: Arc<dyn Clock>,
}

impl Files {
    pub(crate) async fn open(folder: &Path, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        tokio::fs::create_dir_all(folder)
            .await
            .map_err(|error| StoreError::Unavailable(format!("{}: {error}", folder.display())))?;
        Ok(Self { folder: folder.to_owned(), clock })
    }
}
