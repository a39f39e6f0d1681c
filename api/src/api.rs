//! What handlers hold.

use std::{ops::Deref, sync::Arc};

use studyhall_store::Store;

use studyhall_sync::{Documents, Shares};

use crate::{
    accounts::Accounts, config::Config, history, layers::Bodies, rooms, shown::ShownTexts,
};

/// The state of the router. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Api(Arc<Inside>);

pub(crate) struct Inside {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) accounts: Accounts,
    pub(crate) documents: Documents,
    pub(crate) shown: ShownTexts,
    /// Who looks at versions of notes.
    pub(crate) histories: Shares,
    /// Who opens rooms.
    pub(crate) openings: Shares,
    /// Who sends something long.
    pub(crate) bodies: Bodies,
}

impl Api {
    pub(crate) fn new(
        config: Config,
        store: Store,
        accounts: Accounts,
        documents: Documents,
    ) -> Self {
        let shown = ShownTexts::new(&store);
        let (histories, openings) = (history::shares(), rooms::openings());
        let bodies = Bodies::default();
        let inside =
            Inside { config, store, accounts, documents, shown, histories, openings, bodies };
        Self(Arc::new(inside))
    }
}

impl Deref for Api {
    type Target = Inside;
    fn deref(&self) -> &Inside {
        &self.0
    }
}
