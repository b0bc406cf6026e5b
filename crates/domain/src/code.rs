//! The closed list of error codes. Generated into `docs/reference/error-codes.md` and the SDKs.

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal, $status:literal, $message:literal;)*) => {
        /// A stable error code: what a program switches on. The message beside it is for people and may change.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code {
            $($(#[doc = $doc])+ $variant,)*
        }

        impl Code {
            /// Every code there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The code as it stands in the answer.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The HTTP status that goes with it.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }

            /// The message used when the place that raises the code has nothing more precise to say.
            #[must_use]
            pub const fn message(self) -> &'static str {
                match self { $(Self::$variant => $message,)* }
            }

            /// What the code means, for the reference.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+),)* }
            }
        }
    };
}

codes! {
    /// Wrong app_id or app_secret, or a malformed or foreign token.
    TokenInvalid = "TOKEN_INVALID", 401, "The credentials or the token are not valid.";
    /// An access token or refresh token past its life.
    TokenExpired = "TOKEN_EXPIRED", 401, "The token has expired.";
    /// A refresh token of a session that has ended.
    TokenRevoked = "TOKEN_REVOKED", 401, "The session has ended. Sign in again.";
    /// A refresh token that was already used; its session is now revoked.
    TokenReuse = "TOKEN_REUSE", 401, "This refresh token was used before. The session has been revoked; sign in again.";
    /// The account is deactivated or deleted.
    UserDeleted = "USER_DELETED", 403, "This account is not active.";
    /// More codes were asked for than the limit allows.
    OtpRateLimited = "OTP_RATE_LIMITED", 429, "Too many codes were requested. Wait before asking for another.";
    /// A budget of the app's for SMS is used up; `retry_after` is the end of its day or month.
    SmsBudgetExhausted = "SMS_BUDGET_EXHAUSTED", 429, "No more codes can be sent by SMS for now. Use e-mail, or try again later.";
    /// The app sends no SMS to this country: by its settings, or for a while, because codes go there
    /// that nobody types in.
    SmsCountryBlocked = "SMS_COUNTRY_BLOCKED", 403, "No codes are sent by SMS to this country. Use e-mail.";
    /// The code is wrong.
    OtpInvalid = "OTP_INVALID", 400, "The code is not correct.";
    /// Too many wrong attempts: this request is locked for good.
    OtpLocked = "OTP_LOCKED", 429, "Too many wrong attempts. Request a new code.";
    /// The code is too old, or a newer one replaced it.
    OtpExpired = "OTP_EXPIRED", 400, "The code has expired. Request a new one.";
    /// The code was verified before.
    OtpAlreadyUsed = "OTP_ALREADY_USED", 400, "The code has already been used.";
    /// The code was requested by another app.
    OtpWrongApp = "OTP_WRONG_APP", 403, "The code was not requested by this app.";
    /// The purpose differs from the one the code was requested for.
    OtpWrongPurpose = "OTP_WRONG_PURPOSE", 403, "The code was requested for another purpose.";
    /// No such request, or it was cleaned up.
    OtpNotFound = "OTP_NOT_FOUND", 404, "There is no such code request.";
    /// Not a user of this app.
    UserNotFound = "USER_NOT_FOUND", 404, "There is no such user.";
    /// The organization is unknown in this app.
    TenantNotFound = "TENANT_NOT_FOUND", 404, "There is no such tenant.";
    /// There is no such role to revoke, or the app defines no role of that name.
    RoleNotFound = "ROLE_NOT_FOUND", 404, "There is no such role.";
    /// The organization would be left without an owner.
    LastOwner = "LAST_OWNER", 409, "The last owner of an organization cannot leave or be demoted. Make somebody else an owner first.";
    /// An admin key cannot revoke itself, and the last one that can manage keys stays.
    SelfProtection = "SELF_PROTECTION", 409, "This would lock you or the last operator out.";
    /// No such licence key, or another app's.
    LicenseNotFound = "LICENSE_NOT_FOUND", 404, "There is no such licence.";
    /// The licence key is malformed; most likely a typing error.
    LicenseInvalid = "LICENSE_INVALID", 400, "This is not a well-formed licence key. Check it for typing errors.";
    /// The licence was revoked for good.
    LicenseRevoked = "LICENSE_REVOKED", 403, "The licence has been revoked.";
    /// The licence is suspended until it is resumed.
    LicenseSuspended = "LICENSE_SUSPENDED", 403, "The licence is suspended.";
    /// The licence is past its `expires_at`.
    LicenseExpired = "LICENSE_EXPIRED", 403, "The licence has expired.";
    /// The device was never activated on this licence, or was deactivated; or there is no such
    /// activation.
    LicenseNotActivated = "LICENSE_NOT_ACTIVATED", 403, "This device is not activated on the licence.";
    /// All device slots of the licence are used by other devices.
    LicenseMaxActivations = "LICENSE_MAX_ACTIVATIONS", 403, "All device slots of the licence are in use.";
    /// The licence was revoked before.
    LicenseAlreadyRevoked = "LICENSE_ALREADY_REVOKED", 409, "The licence has already been revoked.";
    /// More was asked for than a limit allows.
    RateLimited = "RATE_LIMITED", 429, "Too many requests. Wait before trying again.";
    /// The address belongs to another user of the app.
    AddressTaken = "ADDRESS_TAKEN", 409, "Another user already has this address.";
    /// A field is missing or malformed; `details` names every one.
    ValidationError = "VALIDATION_ERROR", 400, "Invalid request body.";
    /// The app is unknown (operator face).
    AppNotFound = "APP_NOT_FOUND", 404, "There is no such app.";
    /// No such resource or route.
    NotFound = "NOT_FOUND", 404, "There is nothing here.";
    /// The route exists, the method does not.
    MethodNotAllowed = "METHOD_NOT_ALLOWED", 405, "This method is not allowed here.";
    /// Authenticated, but not allowed to do this.
    Forbidden = "FORBIDDEN", 403, "You are not allowed to do this.";
    /// The state changed meanwhile, or a unique value is taken.
    Conflict = "CONFLICT", 409, "This conflicts with the current state.";
    /// The body is larger than the server accepts.
    PayloadTooLarge = "PAYLOAD_TOO_LARGE", 413, "The request body is too large.";
    /// The body is not `application/json`.
    UnsupportedMediaType = "UNSUPPORTED_MEDIA_TYPE", 415, "Send the body as application/json.";
    /// Something unexpected happened; the request id finds it in the log.
    InternalError = "INTERNAL_ERROR", 500, "Something went wrong on our side.";
    /// Overloaded, shutting down, or the database is out of reach; try again after `retry_after` seconds.
    ServiceUnavailable = "SERVICE_UNAVAILABLE", 503, "The service is busy or cannot reach its database. Try again shortly.";
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
