//! A request of an app's backend: fields, and the credentials among them or in the header.

use axum::extract::{FromRef, FromRequest, Request};
use axum::http::header;
use doorward_domain::secret::SecretText;
use doorward_domain::{AppId, Code};
use doorward_service::{Context, Error};

use super::authorization::{Authorization, authorization};
use super::fields::{secret, uuid};
use super::{BodyLimit, Fields, JsonBody};
use crate::error::{ApiError, ApiResult, Challenge};
use crate::shell::Meta;

/// An app's id and secret, not yet checked. Any text may be tried as a secret: a malformed one is a
/// wrong one (401, not 400).
#[derive(Debug)]
pub(crate) struct AppCredentials {
    pub(crate) app_id: AppId,
    pub(crate) app_secret: SecretText,
}

/// Who is told that an app secret was sent by a browser.
pub(crate) trait BrowserSecrets {
    /// Leaves a trace of it.
    fn seen(
        &self,
        context: Context,
        claimed: Option<AppId>,
    ) -> impl Future<Output = Result<(), Error>> + Send;
}

/// Fields of a request that needs an app's credentials.
pub(crate) struct AppBody {
    pub(crate) fields: Fields,
    /// The user's token, where the request carries one.
    pub(crate) bearer: Option<SecretText>,
    credentials: Option<AppCredentials>,
}

impl AppBody {
    /// The credentials and the request, if no field failed.
    ///
    /// # Errors
    /// As [`Fields::finish`].
    pub(crate) fn finish<T>(
        self,
        build: impl FnOnce() -> Option<T>,
    ) -> ApiResult<(AppCredentials, T)> {
        let Self {
            fields,
            credentials,
            ..
        } = self;
        fields.finish(|| Some((credentials?, build()?)))
    }
}

impl<S> FromRequest<S> for AppBody
where
    S: BrowserSecrets + Send + Sync,
    BodyLimit: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let meta = request.extensions().get::<Meta>().cloned();
        let from_browser = request.headers().contains_key(header::ORIGIN);
        let authorization = authorization(request.headers())?;
        let mut fields = Fields::from(JsonBody::from_request(request, state).await?);
        if from_browser
            && (fields.has("app_secret") || matches!(authorization, Authorization::Basic { .. }))
        {
            let claimed = match &authorization {
                Authorization::Basic { user, .. } => uuid(user).ok(),
                _ => fields.optional("app_id", uuid).flatten(),
            };
            if let Some(meta) = meta {
                state.seen(meta.context(), claimed).await?;
            }
            return Err(refuse_browser(claimed));
        }
        let (credentials, bearer) = match authorization {
            Authorization::Basic { user, password } => {
                (from_header(&mut fields, &user, password)?, None)
            }
            Authorization::Bearer(token) => (from_body(&mut fields), Some(token)),
            Authorization::Absent | Authorization::Unknown => (from_body(&mut fields), None),
        };
        Ok(Self {
            fields,
            bearer,
            credentials,
        })
    }
}

fn from_body(fields: &mut Fields) -> Option<AppCredentials> {
    let app_id = fields.required("app_id", uuid);
    let app_secret = fields.required("app_secret", secret);
    Some(AppCredentials {
        app_id: app_id?,
        app_secret: app_secret?,
    })
}

/// HTTP Basic; what the body says as well must be the same.
fn from_header(
    fields: &mut Fields,
    user: &str,
    password: SecretText,
) -> ApiResult<Option<AppCredentials>> {
    const DIFFERS: &str = "Differs from the Authorization header";
    let Ok(app_id) = uuid::<AppId>(user) else {
        return Err(ApiError::new(Code::TokenInvalid).challenging(Challenge::Basic));
    };
    if fields
        .optional("app_id", uuid::<AppId>)
        .flatten()
        .is_some_and(|given| given != app_id)
    {
        fields.refuse("app_id", DIFFERS);
    }
    let given = fields.optional("app_secret", secret).flatten();
    if given.is_some_and(|given| given.expose() != password.expose()) {
        fields.refuse("app_secret", DIFFERS);
    }
    Ok(Some(AppCredentials {
        app_id,
        app_secret: password,
    }))
}

/// Checklist C5: a browser that knows the secret has given it to everybody.
fn refuse_browser(app_id: Option<AppId>) -> ApiError {
    tracing::warn!(
        target: "doorward::security",
        claimed_app_id = app_id.map(tracing::field::display),
        "an app secret was sent by a browser: rotate it, and call from the backend only"
    );
    metrics::counter!("doorward_browser_secret_total").increment(1);
    Error::new(Code::Forbidden)
        .with_message(
            "This request comes from a browser and carries an app secret. \
             Call this endpoint from your backend only, and rotate the secret.",
        )
        .into()
}
