//! The answers to "who is this" and "may they": from logins, documents' records and rooms.

use std::sync::Arc;

use studyhall_schema::{
    access::{
        Access, AccessChange, AccessChanges, AccessError, BoxFuture, Caller, Credential, Lagged,
        Permission, Resource,
    },
    document::{DocumentId, DocumentRecord},
    ids::{RoomId, UserId},
    login::Login,
    room::Room,
};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::Accounts;
use crate::{fault::Fault, secrets::sha256};

impl From<Fault> for AccessError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Unauthenticated => Self::Invalid,
            _ => Self::Unavailable,
        }
    }
}

impl Accounts {
    /// Lets somebody in.
    pub(crate) async fn admit(&self, credential: Credential) -> Result<Caller, Fault> {
        self.has_slept();
        let caller = match credential {
            Credential::AccessToken(token) => self.by_access_token(&token).await?,
            Credential::Cookie(token) => {
                let caller = self.by_access_token(&token).await?;
                caller.map(|caller| Caller { expires_at: None, ..caller })
            }
            Credential::Ticket(text) => self.0.tickets.redeem(self.clock().now(), &text).await?,
        };
        let caller = caller.ok_or(Fault::Unauthenticated)?;
        let login = self.standing_login(caller).await?;
        login.then_some(caller).ok_or(Fault::Unauthenticated)
    }

    async fn by_access_token(&self, token: &str) -> Result<Option<Caller>, Fault> {
        let hash = sha256(token.as_bytes());
        if let Some(caller) = self.0.tokens.get(&hash) {
            let now = self.clock().now();
            return Ok(Some(caller).filter(|caller| caller.expires_at.is_some_and(|end| now < end)));
        }
        let caller = self.verify_access(token).await?;
        if let Some(caller) = caller {
            self.0.tokens.insert(hash, caller);
        }
        Ok(caller)
    }

    async fn standing_login(&self, caller: Caller) -> Result<bool, Fault> {
        let logins = self.0.store.records::<Login>();
        let load = async {
            let found = logins.get(&caller.login).await?;
            Ok::<_, Fault>(found.map(|login| login.value))
        };
        let login = self.0.logins.get(caller.login, load).await?;
        let (now, lifetime) = (self.clock().now(), self.0.config.login_lifetime);
        Ok(login.is_some_and(|login| login.user_id == caller.user && login.stands(now, lifetime)))
    }

    /// A document's record.
    pub(crate) async fn document(&self, id: DocumentId) -> Result<Option<DocumentRecord>, Fault> {
        self.0.documents.get(id, self.load_document(id)).await
    }

    async fn load_document(&self, id: DocumentId) -> Result<Option<DocumentRecord>, Fault> {
        let found = self.0.store.records::<DocumentRecord>().get(&id).await?;
        Ok(found.map(|record| record.value))
    }

    /// A room that has people in it.
    pub(crate) async fn room(&self, id: RoomId) -> Result<Option<Arc<Room>>, Fault> {
        let room = self.0.rooms.get(id, self.load_room(id)).await?;
        Ok(room.filter(|room| room.is_active))
    }

    async fn load_room(&self, id: RoomId) -> Result<Option<Arc<Room>>, Fault> {
        let found = self.0.store.records::<Room>().get(&id).await?;
        Ok(found.map(|room| Arc::new(room.value)))
    }

    /// A room that somebody is in.
    pub(crate) async fn room_of(
        &self,
        user: UserId,
        id: RoomId,
    ) -> Result<Option<Arc<Room>>, Fault> {
        let is_in = |room: &Arc<Room>| room.role(user).is_some();
        if let Some(room) = self.room(id).await?.filter(is_in) {
            return Ok(Some(room));
        }
        // They may have joined at another node a moment ago.
        let room = self.0.rooms.read(id, self.load_room(id)).await?;
        Ok(room.filter(|room| room.is_active && is_in(room)))
    }

    /// What a person may do with a document.
    pub(crate) async fn document_permission(
        &self,
        user: UserId,
        id: DocumentId,
    ) -> Result<Permission, Fault> {
        let permission = self.remembered_permission(user, id).await?;
        if permission > Permission::None {
            return Ok(permission);
        }
        // Stock clients take a refusal for final: it does not rest on what is remembered, since another
        // node may have let them in a moment ago.
        let record = self.0.documents.read(id, self.load_document(id)).await?;
        let room = match id {
            DocumentId::Note(_) => record.and_then(|record| record.room),
            DocumentId::Todos(bytes) => Some(RoomId::from_bytes(bytes)),
            DocumentId::Room(room) => Some(room),
        };
        if let Some(room) = room {
            self.0.rooms.read(room, self.load_room(room)).await?;
        }
        self.remembered_permission(user, id).await
    }

    async fn remembered_permission(
        &self,
        user: UserId,
        id: DocumentId,
    ) -> Result<Permission, Fault> {
        let record = self.document_for(user, id).await?;
        let Some(record) = record.filter(|record| record.deleted_at.is_none()) else {
            return Ok(Permission::None);
        };
        let is_note = matches!(id, DocumentId::Note(_));
        // A room's own documents are its members', whoever owned it when they were made.
        if record.owner == user && (is_note || record.room.is_none()) {
            return Ok(Permission::Write);
        }
        let Some(room) = record.room.filter(|_| record.is_shared) else {
            return Ok(Permission::None);
        };
        let Some(room) = self.room(room).await? else { return Ok(Permission::None) };
        Ok(if is_note {
            room.note_permission(user)
        } else if room.role(user).is_some() {
            Permission::Write
        } else {
            Permission::None
        })
    }
}

impl Access for Accounts {
    fn authenticate(&self, credential: Credential) -> BoxFuture<'_, Result<Caller, AccessError>> {
        Box::pin(async move { Ok(self.admit(credential).await?) })
    }

    fn permission(
        &self,
        caller: Caller,
        resource: Resource,
    ) -> BoxFuture<'_, Result<Permission, AccessError>> {
        Box::pin(async move {
            // A node that died may have ended the login and told nobody.
            if !self.standing_login(caller).await? {
                return Err(AccessError::Invalid);
            }
            self.permission_of(caller.user, resource).await
        })
    }

    fn permission_of(
        &self,
        user: UserId,
        resource: Resource,
    ) -> BoxFuture<'_, Result<Permission, AccessError>> {
        Box::pin(async move {
            let Resource::Document(id) = resource;
            Ok(self.document_permission(user, id).await?)
        })
    }

    fn sleeps(&self) -> u64 {
        self.has_slept()
    }

    fn changes(&self) -> Box<dyn AccessChanges> {
        Box::new(Changes(self.0.changes.subscribe()))
    }
}

struct Changes(Receiver<AccessChange>);

impl AccessChanges for Changes {
    fn next(&mut self) -> BoxFuture<'_, Option<Result<AccessChange, Lagged>>> {
        Box::pin(async {
            match self.0.recv().await {
                Ok(change) => Some(Ok(change)),
                Err(RecvError::Lagged(_)) => Some(Err(Lagged)),
                Err(RecvError::Closed) => None,
            }
        })
    }
}
