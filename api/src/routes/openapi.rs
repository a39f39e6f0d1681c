//! The description of the API (`OpenAPI` 3.1), made from the code.

use axum::{
    body::Bytes,
    response::{IntoResponse, Response},
};
use http::header;
use utoipa::{
    OpenApi as _,
    openapi::{
        Content, ContentBuilder, OpenApi, Ref, RefOr, Required, ResponseBuilder, Schema,
        path::Operation,
        request_body::RequestBody,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};
use utoipa_axum::router::OpenApiRouter;

use crate::{api::Api, problem};

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Studyhall", description = "Rooms, notes that merge, and a \"saved\" that is true."),
    components(schemas(problem::Problem)),
    security(("bearer" = []), ("cookie" = [])),
    tags(
        (name = "auth", description = "Accounts and logins"),
        (name = "users", description = "People"),
        (name = "rooms", description = "Rooms and who is in"),
        (name = "notes", description = "Notes"),
        (name = "todos", description = "Todos: one's own, and those of rooms"),
        (name = "trash", description = "What was deleted, for thirty days"),
    )
)]
struct Description;

pub(super) fn described(routes: OpenApiRouter<Api>) -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(Description::openapi()).merge(routes)
}

/// Adds what is the same everywhere: how to show who asks, and problems.
pub(super) fn complete(mut document: OpenApi) -> OpenApi {
    let components = document.components.get_or_insert_default();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    let cookie = ApiKey::Cookie(ApiKeyValue::new("__Host-studyhall-access"));
    components.add_security_scheme("cookie", SecurityScheme::ApiKey(cookie));
    let optional = all_optional(&document);
    for item in document.paths.paths.values_mut() {
        let operations =
            [&mut item.get, &mut item.post, &mut item.put, &mut item.delete, &mut item.patch];
        for operation in operations.into_iter().flatten() {
            add_problem(operation);
            name(operation);
            if let Some(RefOr::T(body)) = &mut operation.request_body
                && reads_as_empty(body, &optional)
            {
                body.required = Some(Required::False);
            }
        }
    }
    document
}

/// Schemas whose fields may all be missing.
fn all_optional(document: &OpenApi) -> Vec<String> {
    let schemas = document.components.iter().flat_map(|components| &components.schemas);
    let is_optional = |schema: &RefOr<Schema>| matches!(schema, RefOr::T(Schema::Object(object)) if object.required.is_empty());
    schemas.filter(|(_, schema)| is_optional(schema)).map(|(name, _)| name.clone()).collect()
}

/// No body at all reads as `{}`, which is enough for these.
fn reads_as_empty(body: &RequestBody, optional: &[String]) -> bool {
    body.content.values().any(|content| {
        let RefOr::T(Content { schema: Some(RefOr::Ref(schema)), .. }) = content else {
            return false;
        };
        let name = schema.ref_location.rsplit('/').next().unwrap_or_default();
        optional.iter().any(|one| one == name)
    })
}

/// A handler's name is unique within its tag only.
fn name(operation: &mut Operation) {
    let tag = operation.tags.iter().flatten().next();
    if let (Some(tag), Some(id)) = (tag, &mut operation.operation_id) {
        *id = format!("{tag}_{id}");
    }
}

fn add_problem(operation: &mut Operation) {
    let schema = RefOr::Ref(Ref::from_schema_name("Problem"));
    let content = ContentBuilder::new().schema(Some(schema)).build();
    let response = ResponseBuilder::new()
        .description("It was not carried out")
        .content(problem::MEDIA_TYPE, content)
        .build();
    operation.responses.responses.insert("default".into(), RefOr::T(response));
}

/// The description as it is committed and served.
pub(crate) fn document() -> String {
    let (_, description) = described(super::v1()).split_for_parts();
    complete(description).to_pretty_json().unwrap_or_default() + "\n"
}

pub(super) fn serve(json: Bytes) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], json).into_response()
}
