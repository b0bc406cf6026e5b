//! `POST /auth/send-otp`

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use doorward_domain::contact::{Contact, EmailAddress, PhoneNumber};
use doorward_domain::otp::Purpose;
use doorward_domain::secret::SecretText;
use doorward_domain::template::Language;
use doorward_domain::time::iso;
use doorward_domain::{AppId, OtpRequestId, UserId};
use doorward_service::otp::{self, SendOtp};
use doorward_service::{Error, sessions};
use serde::Serialize;
use utoipa::ToSchema;

use super::PublicFace;
use crate::docs::refusals;
use crate::error::{ApiError, ApiResult, Challenge};
use crate::read::{AppBody, AppCredentials, Fields, ip, uuid};
use crate::shell::Meta;

/// A one-time code is asked for. Exactly one of `phone` and `email` is given.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the body, which `read` takes apart")]
pub(super) struct SendOtpRequest {
    /// The app.
    #[schema(value_type = uuid::Uuid)]
    app_id: AppId,
    /// Its secret.
    #[schema(value_type = String, max_length = 4096, example = "<64 hex characters>")]
    app_secret: SecretText,
    /// Send it by SMS to this number, in E.164 form.
    #[schema(value_type = Option<String>, pattern = "^\\+[1-9][0-9]{6,14}$", example = "+919876543210")]
    phone: Option<PhoneNumber>,
    /// Send it by e-mail to this address.
    #[schema(value_type = Option<String>, format = Email, max_length = 254, example = "ada@example.com")]
    email: Option<EmailAddress>,
    /// What the code is for.
    #[schema(schema_with = purpose_schema)]
    purpose: Purpose,
    /// EMAIL_VERIFY and PHONE_CHANGE: the user whose address is set, unless the user's own Bearer
    /// token is sent.
    #[schema(value_type = Option<uuid::Uuid>)]
    user_id: Option<UserId>,
    /// The end user's address, for the limit per address and the audit.
    #[schema(schema_with = client_ip_schema, required = false)]
    client_ip: Option<IpAddr>,
    /// The language of the message (BCP 47), where the app has words in it; the app's own language if
    /// absent.
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$", max_length = 35, example = "pt-BR")]
    language: Option<Language>,
}

/// The code is on its way.
#[derive(Serialize, ToSchema)]
pub(super) struct SendOtpAnswer {
    /// To be shown when verifying.
    #[schema(value_type = uuid::Uuid)]
    otp_request_id: OtpRequestId,
    /// End of the code's life.
    #[schema(format = DateTime)]
    expires_at: String,
}

refusals!(
    SendOtpRefusals = ALWAYS | BODY | APP + OtpRateLimited,
    SmsBudgetExhausted,
    SmsCountryBlocked,
    UserNotFound,
    UserDeleted,
    TokenExpired
);

/// Send a one-time code
///
/// Sends a code by SMS or e-mail. Older codes for the same contact and purpose die. The answer does
/// not tell whether the contact is known.
#[utoipa::path(
    post, path = "/auth/send-otp", operation_id = "sendOtp", tag = "Sign-in",
    request_body = SendOtpRequest,
    responses((status = 200, description = "Sent.", body = SendOtpAnswer), SendOtpRefusals),
    security((), ("app" = [])),
)]
pub(super) async fn send_otp(
    State(face): State<Arc<PublicFace>>,
    meta: Meta,
    body: AppBody,
) -> ApiResult<Json<SendOtpAnswer>> {
    let bearer = body.bearer.clone();
    let (credentials, mut request) = read(body)?;
    let app = face.authenticate(&meta, credentials).await?;
    if let (Purpose::EmailVerify | Purpose::PhoneChange, Some(token)) = (request.purpose, bearer) {
        request.user_id = Some(named_by(&face, &app, &token, request.user_id).await?);
    }
    let sent = otp::send(&face.core, &app, request).await?;
    Ok(Json(SendOtpAnswer {
        otp_request_id: sent.otp_request_id,
        expires_at: iso(sent.expires_at),
    }))
}

fn read(mut body: AppBody) -> ApiResult<(AppCredentials, SendOtp)> {
    let fields = &mut body.fields;
    let contact = contact(fields);
    let purpose = fields.required("purpose", purpose);
    let user_id = fields.optional("user_id", uuid);
    let client_ip = fields.optional("client_ip", ip);
    let language = fields.optional("language", Language::parse);
    body.finish(|| {
        Some(SendOtp {
            contact: contact?,
            purpose: purpose?,
            user_id: user_id?,
            client_ip: client_ip?,
            language: language?,
        })
    })
}

fn contact(fields: &mut Fields) -> Option<Contact> {
    const EXACTLY_ONE: &str = "Exactly one of phone and email is required";
    let phone = fields.optional("phone", |text| {
        PhoneNumber::parse(text).map_err(|error| error.to_string())
    });
    let email = fields.optional("email", |text| {
        EmailAddress::parse(text).map_err(|error| error.to_string())
    });
    match (phone?, email?) {
        (Some(phone), None) => Some(Contact::Phone(phone)),
        (None, Some(email)) => Some(Contact::Email(email)),
        _ => {
            fields.refuse("phone", EXACTLY_ONE);
            fields.refuse("email", EXACTLY_ONE);
            None
        }
    }
}

pub(super) fn purpose(text: &str) -> Result<Purpose, &'static str> {
    Purpose::parse(text).ok_or("Must be one of LOGIN, PHONE_CHANGE, EMAIL_VERIFY, PASSWORD_RESET")
}

pub(super) fn purpose_schema() -> utoipa::openapi::Object {
    utoipa::openapi::ObjectBuilder::new()
        .schema_type(utoipa::openapi::Type::String)
        .description(Some(
            "What the code is for; the same when it is sent and when it is verified.",
        ))
        .enum_values(Some(Purpose::ALL.map(Purpose::as_str)))
        .build()
}

pub(super) fn client_ip_schema() -> utoipa::openapi::Schema {
    use utoipa::openapi::{KnownFormat, ObjectBuilder, SchemaFormat, Type, schema};
    let text = |format| {
        let format = SchemaFormat::KnownFormat(format);
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(format))
    };
    schema::OneOfBuilder::new()
        .item(text(KnownFormat::Ipv4))
        .item(text(KnownFormat::Ipv6))
        .item(ObjectBuilder::new().schema_type(Type::Null))
        .description(Some(
            "The end user's address, for the limit per address and the audit.",
        ))
        .examples(["198.51.100.7"])
        .build()
        .into()
}

/// The user that a Bearer token names; a `user_id` in the body must be the same.
async fn named_by(
    face: &PublicFace,
    app: &doorward_service::AppContext,
    token: &SecretText,
    given: Option<UserId>,
) -> ApiResult<UserId> {
    let user_id = sessions::bearer_user(&face.core, app.app.id, token.expose())
        .await
        .map_err(|error| ApiError::from(error).challenging(Challenge::BearerInvalid))?;
    if given.is_some_and(|given| given != user_id) {
        return Err(Error::field("user_id", "Differs from the user of the Bearer token").into());
    }
    Ok(user_id)
}
