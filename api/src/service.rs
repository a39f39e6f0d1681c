//! The API as the binary holds it.

use axum::Router;
use studyhall_schema::access::SharedAccess;
use studyhall_store::Store;

use studyhall_sync::Documents;

use crate::{
    accounts::Accounts, api::Api, config::Config, fault::Fault, layers, outdated, routes, trash,
};

/// The REST API.
#[derive(Clone)]
pub struct Service(Api);

impl Service {
    /// The API over a store, its accounts and the documents of `sync`.
    pub fn new(config: Config, store: Store, accounts: Accounts, documents: Documents) -> Self {
        Self(Api::new(config, store, accounts, documents))
    }

    /// Who may do what.
    pub fn access(&self) -> SharedAccess {
        self.0.accounts.access()
    }

    /// Removes for good what has been in the trash for too long, and rows that nothing asks for any more.
    /// Returns how much it was; an error says why some of it could not be done.
    pub async fn sweep(&self) -> Result<u64, String> {
        let api = &self.0;
        let swept = [
            trash::sweep(api).await,
            outdated::sweep_answers(api).await,
            outdated::sweep_logins(api).await,
            api.documents.empty_moved().await.map_err(Fault::from),
        ];
        swept.into_iter().sum::<Result<u64, _>>().map_err(|fault| fault.to_string())
    }

    /// `/api/v1`, `/.well-known/jwks.json`, and problems for every other path.
    pub fn router(&self) -> Router {
        layers::around(&self.0, routes::all(&self.0))
    }
}

/// The `OpenAPI` document that [`Service::router`] serves, as it is committed to `api/openapi.json`.
pub fn openapi() -> String {
    routes::document()
}
