//! The web app, inside the program: files by name, and the page itself for every other path.

use axum::{
    http::{Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "$OUT_DIR/web"]
struct Files;

/// Answers with a file of the web app. What has no dot in its last part is a place in the app.
pub(crate) fn asset(method: &Method, uri: &Uri) -> Response {
    if *method != Method::GET && *method != Method::HEAD {
        return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD")]).into_response();
    }
    let path = uri.path().trim_start_matches('/');
    if let Some(file) = Files::get(path) {
        return answer(path, file);
    }
    let is_place = !path.rsplit('/').next().unwrap_or_default().contains('.');
    match Files::get("index.html") {
        Some(page) if is_place => answer("index.html", page),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn answer(path: &str, file: rust_embed::EmbeddedFile) -> Response {
    // Names of built assets carry a hash of their content; everything else may change.
    let cache = if path.starts_with("assets/") {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let kind = mime_guess::from_path(path).first_or_octet_stream();
    let headers =
        [(header::CONTENT_TYPE, kind.to_string()), (header::CACHE_CONTROL, cache.to_owned())];
    (headers, file.data.into_owned()).into_response()
}
