//! `studyhall openapi`: prints the description of the REST API.

use std::io::Write;

/// Prints the OpenAPI document.
pub fn run() -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout(), "{}", studyhall_api::openapi())?)
}
