//! The connection pool's figures, from the driver's own events.

use mongodb::event::{EventHandler, cmap::CmapEvent};

/// Counts connections and how they are waited for. No server is named in a label.
pub(super) fn figures() -> EventHandler<CmapEvent> {
    EventHandler::callback(|event: CmapEvent| match event {
        CmapEvent::ConnectionCreated(_) => {
            metrics::gauge!("studyhall_store_pool_connections").increment(1.0);
        }
        CmapEvent::ConnectionClosed(_) => {
            metrics::gauge!("studyhall_store_pool_connections").decrement(1.0);
        }
        CmapEvent::ConnectionCheckedOut(event) => {
            metrics::gauge!("studyhall_store_pool_connections_in_use").increment(1.0);
            metrics::histogram!("studyhall_store_pool_wait_seconds")
                .record(event.duration.as_secs_f64());
        }
        CmapEvent::ConnectionCheckedIn(_) => {
            metrics::gauge!("studyhall_store_pool_connections_in_use").decrement(1.0);
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
