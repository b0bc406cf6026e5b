//! `POST /auth/verify-otp`

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use doorward_domain::otp::{Purpose, is_well_formed};
use doorward_domain::secret::SecretText;
use doorward_domain::time::iso;
use doorward_domain::{AppId, OtpRequestId, TenantId, UserId};
use doorward_service::otp::{self, OtpVerified, VerifyOtp};
use serde::Serialize;
use utoipa::ToSchema;

use super::PublicFace;
use super::send_otp::{client_ip_schema, purpose, purpose_schema};
use crate::docs::refusals;
use crate::error::ApiResult;
use crate::read::{AppBody, AppCredentials, ip, uuid};
use crate::shell::Meta;

/// A code is shown.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the body, which `read` takes apart")]
pub(super) struct VerifyOtpRequest {
    /// The app.
    #[schema(value_type = uuid::Uuid)]
    app_id: AppId,
    /// Its secret.
    #[schema(value_type = String, max_length = 4096, example = "<64 hex characters>")]
    app_secret: SecretText,
    /// From the answer of send-otp.
    #[schema(value_type = uuid::Uuid)]
    otp_request_id: OtpRequestId,
    /// The code, six digits.
    #[schema(value_type = String, pattern = "^[0-9]{6}$", example = "493027")]
    otp: SecretText,
    /// As sent.
    #[schema(schema_with = purpose_schema)]
    purpose: Purpose,
    /// The end user's address, for the audit.
    #[schema(schema_with = client_ip_schema, required = false)]
    client_ip: Option<IpAddr>,
    /// The organization the tokens are to speak for (LOGIN). Absent: the one the user joined first.
    #[schema(value_type = Option<uuid::Uuid>)]
    tenant_id: Option<TenantId>,
}

/// What a right code yields, by purpose.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum VerifyOtpAnswer {
    /// LOGIN
    SignedIn {
        /// The access token (a signed JWT).
        access_token: String,
        /// The refresh token. Single use.
        refresh_token: String,
        /// Who signed in.
        #[schema(value_type = uuid::Uuid)]
        user_id: UserId,
        /// Whether the user was created just now.
        is_new_user: bool,
    },
    /// PASSWORD_RESET
    PasswordReset {
        /// Allows a new password, once.
        reset_token: String,
        /// End of its life.
        #[schema(format = DateTime)]
        expires_at: String,
        /// Whose password.
        #[schema(value_type = uuid::Uuid)]
        user_id: UserId,
    },
    /// EMAIL_VERIFY and PHONE_CHANGE
    ContactVerified {
        /// Always true.
        verified: bool,
        /// Whose address was set.
        #[schema(value_type = uuid::Uuid)]
        user_id: UserId,
    },
}

refusals!(
    VerifyOtpRefusals = ALWAYS | BODY | APP + OtpInvalid,
    OtpLocked,
    OtpExpired,
    OtpAlreadyUsed,
    OtpWrongApp,
    OtpWrongPurpose,
    OtpNotFound,
    UserDeleted,
    UserNotFound,
    AddressTaken,
    TenantNotFound
);

/// Verify a one-time code
///
/// LOGIN signs in (or up), EMAIL_VERIFY and PHONE_CHANGE set the address, PASSWORD_RESET yields a
/// one-use reset token. The third wrong code locks the request for good.
#[utoipa::path(
    post, path = "/auth/verify-otp", operation_id = "verifyOtp", tag = "Sign-in",
    request_body = VerifyOtpRequest,
    responses((status = 200, description = "The code was right.", body = VerifyOtpAnswer), VerifyOtpRefusals),
    security((), ("app" = [])),
)]
pub(super) async fn verify_otp(
    State(face): State<Arc<PublicFace>>,
    meta: Meta,
    body: AppBody,
) -> ApiResult<Json<VerifyOtpAnswer>> {
    let (credentials, request) = read(body)?;
    let app = face.authenticate(&meta, credentials).await?;
    Ok(Json(match otp::verify(&face.core, &app, request).await? {
        OtpVerified::SignedIn {
            tokens,
            user_id,
            is_new_user,
        } => VerifyOtpAnswer::SignedIn {
            access_token: tokens.access_token.expose().to_owned(),
            refresh_token: tokens.refresh_token.expose().to_owned(),
            user_id,
            is_new_user,
        },
        OtpVerified::ContactVerified { user_id } => VerifyOtpAnswer::ContactVerified {
            verified: true,
            user_id,
        },
        OtpVerified::PasswordReset {
            reset_token,
            expires_at,
            user_id,
        } => VerifyOtpAnswer::PasswordReset {
            reset_token: reset_token.expose().to_owned(),
            expires_at: iso(expires_at),
            user_id,
        },
    }))
}

fn read(mut body: AppBody) -> ApiResult<(AppCredentials, VerifyOtp)> {
    let fields = &mut body.fields;
    let otp_request_id = fields.required("otp_request_id", uuid);
    let code = fields.required("otp", |text| {
        is_well_formed(text)
            .then(|| SecretText::new(text))
            .ok_or("Must be a string of 6 digits")
    });
    let purpose = fields.required("purpose", purpose);
    let client_ip = fields.optional("client_ip", ip);
    let tenant_id = fields.optional("tenant_id", uuid);
    if matches!(tenant_id, Some(Some(_))) && purpose.is_some_and(|given| given != Purpose::Login) {
        fields.refuse("tenant_id", "Is for the purpose LOGIN only");
    }
    body.finish(|| {
        Some(VerifyOtp {
            otp_request_id: otp_request_id?,
            code: code?,
            purpose: purpose?,
            client_ip: client_ip?,
            tenant_id: tenant_id?,
        })
    })
}
