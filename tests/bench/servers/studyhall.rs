//! Our server's REST, as far as a load needs it: one person, a reusable ticket, notes.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use studyhall_schema::document::{DocumentId, DocumentKind};

pub(crate) struct Account {
    client: reqwest::Client,
    access: String,
    pub(crate) ticket: String,
}

impl Account {
    pub(crate) async fn register(port: u16) -> Result<Self> {
        let client = reqwest::Client::new();
        let person = json!({
            "email": "bench@example.org",
            "username": "bench",
            "password": "seven geese over the lake",
        });
        let signed_in = post(&client, port, "auth/register", None, &person).await?;
        let access = text(&signed_in, "access_token")?;
        let reusable = json!({ "reusable": true });
        let ticket = post(&client, port, "auth/ws-ticket", Some(&access), &reusable).await?;
        Ok(Self { ticket: text(&ticket, "ticket")?, client, access })
    }

    /// A new document of Automerge: a room's todos, or a note.
    pub(crate) async fn automerge(&self, port: u16, kind: DocumentKind) -> Result<DocumentId> {
        let made = if kind == DocumentKind::Todos {
            let room = json!({ "name": "bench", "engine": "automerge" });
            let room = post(&self.client, port, "rooms", Some(&self.access), &room).await?;
            text(&room["documents"]["todos"], "name")?
        } else {
            let note = json!({ "engine": "automerge" });
            let note = post(&self.client, port, "notes", Some(&self.access), &note).await?;
            format!("note:{}", text(&note, "id")?)
        };
        Ok(made.parse()?)
    }

    /// A new note's document.
    pub(crate) async fn note(&self, port: u16) -> Result<String> {
        let made = post(&self.client, port, "notes", Some(&self.access), &json!({})).await?;
        Ok(format!("note:{}", text(&made, "id")?))
    }
}

async fn post(
    client: &reqwest::Client,
    port: u16,
    path: &str,
    access: Option<&str>,
    body: &Value,
) -> Result<Value> {
    let url = format!("http://127.0.0.1:{port}/api/v1/{path}");
    let mut request = client.post(&url).json(body);
    if let Some(access) = access {
        request = request.bearer_auth(access);
    }
    let answer = request.send().await?;
    let (status, body) = (answer.status(), answer.text().await?);
    anyhow::ensure!(status.is_success(), "POST {url}: {status} {body}");
    serde_json::from_str(&body).with_context(|| format!("POST {url}: {body}"))
}

fn text(answer: &Value, field: &str) -> Result<String> {
    let found = answer[field].as_str().with_context(|| format!("no `{field}` in {answer}"))?;
    Ok(found.to_owned())
}
