//! Parameters of paths and queries as types.

use axum::extract::{FromRequestParts, Path as AxumPath, Query as AxumQuery};
use garde::Validate;
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::{
    api::Api,
    fault::{Fault, Issue},
};

/// Parameters of the path. What is not an id names nothing: 404.
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Api> for Path<T> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Fault> {
        match AxumPath::<T>::from_request_parts(parts, api).await {
            Ok(AxumPath(value)) => Ok(Self(value)),
            Err(_) => Err(Fault::NotFound),
        }
    }
}

/// Parameters of the query.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned + Validate<Context = ()>> FromRequestParts<Api> for Query<T> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Fault> {
        let AxumQuery(value) = AxumQuery::<T>::from_request_parts(parts, api)
            .await
            .map_err(|error| Fault::invalid("?", error.body_text()))?;
        value.validate().map_err(|report| {
            let issue = |(path, error): &(garde::Path, garde::Error)| Issue {
                pointer: format!("?{path}"),
                detail: error.to_string(),
            };
            Fault::Invalid(report.iter().map(issue).collect())
        })?;
        Ok(Self(value))
    }
}
