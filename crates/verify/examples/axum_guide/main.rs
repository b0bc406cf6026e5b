//! The program of docs/guides/axum.md. From the first blank line on, these files and the blocks of
//! the page are the same; a test compares them and runs this one.
#![expect(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    reason = "a customer's program has its own ways: the machine's clock, the environment, and \
              members of JSON that may be missing"
)]

mod auth;
mod session;

use std::error::Error;
use std::sync::Arc;

use axum::extract::Path;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use auth::{Doorward, Refused, User};

// A role counts in its own organization: whatever is read or written is that organization's.
async fn orders(user: User) -> Result<Json<Value>, Refused> {
    user.require_permission("orders:read")?;
    Ok(Json(json!({ "tenant_id": user.tenant_id, "orders": [] })))
}

async fn refund(user: User, Path(order): Path<String>) -> Result<Json<Value>, Refused> {
    user.require_role(&["owner", "admin"])?;
    Ok(Json(
        json!({ "tenant_id": user.tenant_id, "refunded": order, "by": user.sub }),
    ))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let app = Router::new()
        .route("/orders", get(orders))
        .route("/orders/{order}/refund", post(refund))
        .nest("/session", session::routes())
        .with_state(Arc::new(Doorward::from_env()?));
    let port = std::env::var("PORT").unwrap_or_else(|_| "4000".to_owned());
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    axum::serve(listener, app).await?;
    Ok(())
}
