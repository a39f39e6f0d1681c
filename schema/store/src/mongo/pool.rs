//! The connection pool's figures, from the driver's own events.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use mongodb::{
    event::{EventHandler, cmap::CmapEvent},
    options::ServerAddress,
};

/// The connections that somebody has. One comes back for the first time when whoever waited for it has given up, and
/// one that is closed does not.
#[derive(Default)]
struct InUse(Mutex<HashSet<(ServerAddress, u32)>>);

impl InUse {
    fn is(&self, address: ServerAddress, id: u32, is_out: bool) {
        let mut out = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if is_out {
            out.insert((address, id));
        } else {
            out.remove(&(address, id));
        }
        #[expect(clippy::cast_precision_loss, reason = "connections of one pool")]
        metrics::gauge!("studyhall_store_pool_connections_in_use").set(out.len() as f64);
    }
}

/// Counts connections and how they are waited for. No server is named in a label.
pub(super) fn figures() -> EventHandler<CmapEvent> {
    let in_use = InUse::default();
    EventHandler::callback(move |event: CmapEvent| match event {
        CmapEvent::ConnectionCreated(_) => {
            metrics::gauge!("studyhall_store_pool_connections").increment(1.0);
        }
        CmapEvent::ConnectionClosed(event) => {
            in_use.is(event.address, event.connection_id, false);
            metrics::gauge!("studyhall_store_pool_connections").decrement(1.0);
        }
        CmapEvent::ConnectionCheckedOut(event) => {
            in_use.is(event.address, event.connection_id, true);
            metrics::histogram!("studyhall_store_pool_wait_seconds")
                .record(event.duration.as_secs_f64());
        }
        CmapEvent::ConnectionCheckedIn(event) => {
            in_use.is(event.address, event.connection_id, false);
        }
        CmapEvent::ConnectionCheckoutFailed(_) => {
            metrics::counter!("studyhall_store_pool_wait_failures_total").increment(1);
        }
        CmapEvent::PoolCleared(_) => {
            tracing::warn!("MongoDB's connections were dropped after an error");
            metrics::counter!("studyhall_store_pool_cleared_total").increment(1);
        }
        _ => {}
    })
}
