//! A user, as operators see one.

use axum::Json;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use doorward_domain::time::iso;
use doorward_domain::user::User;
use doorward_domain::{AppId, UserId};
use serde::Serialize;
use utoipa::ToSchema;

/// A user of an app.
#[derive(Serialize, ToSchema)]
#[schema(as = User)]
pub(crate) struct UserView {
    /// Its id.
    #[schema(value_type = uuid::Uuid)]
    user_id: UserId,
    /// Its app.
    #[schema(value_type = uuid::Uuid)]
    app_id: AppId,
    /// `active`, `deactivated` or `deleted`.
    status: &'static str,
    /// E-mail address.
    email: Option<String>,
    /// When its owner proved to hold it.
    #[schema(format = DateTime)]
    email_verified_at: Option<String>,
    /// Phone number.
    phone: Option<String>,
    /// When its owner proved to hold it.
    #[schema(format = DateTime)]
    phone_verified_at: Option<String>,
    /// Grows with every change; also the ETag.
    version: i64,
    /// First sign-in or creation.
    #[schema(format = DateTime)]
    created_at: String,
    /// Last change.
    #[schema(format = DateTime)]
    updated_at: String,
    /// When it was deleted.
    #[schema(format = DateTime)]
    deleted_at: Option<String>,
    /// Until then a deleted user can be restored; afterwards it is erased.
    #[schema(format = DateTime)]
    purge_after: Option<String>,
    /// When everything personal was erased.
    #[schema(format = DateTime)]
    erased_at: Option<String>,
}

impl UserView {
    pub(crate) fn new(app_id: AppId, user: User) -> Self {
        let (email, email_at) = user
            .email
            .map(|known| (known.value, known.verified_at))
            .unzip();
        let (phone, phone_at) = user
            .phone
            .map(|known| (known.value, known.verified_at))
            .unzip();
        Self {
            user_id: user.id,
            app_id,
            status: user.status.as_str(),
            email: email.map(|email| email.original().to_owned()),
            email_verified_at: email_at.flatten().map(iso),
            phone: phone.map(|phone| phone.as_str().to_owned()),
            phone_verified_at: phone_at.flatten().map(iso),
            version: user.version,
            created_at: iso(user.created_at),
            updated_at: iso(user.updated_at),
            deleted_at: user.deleted_at.map(iso),
            purge_after: user.purge_after.map(iso),
            erased_at: user.erased_at.map(iso),
        }
    }
}

/// With the version as its entity tag, for `If-Match`.
impl IntoResponse for UserView {
    fn into_response(self) -> Response {
        let etag = format!("\"{}\"", self.version);
        ([(header::ETAG, etag)], Json(self)).into_response()
    }
}
