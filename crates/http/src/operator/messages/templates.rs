//! `/admin/apps/{app_id}/templates`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use doorward_domain::template::Words;
use doorward_service::messages::{self, TemplateCursor};
use serde::Serialize;
use utoipa::ToSchema;

use super::view::{SizeView, TemplateView};
use crate::docs::refusals;
use crate::error::ApiResult;
use crate::operator::OperatorFace;
use crate::operator::apps::{app_id, if_match};
use crate::operator::auth::Authenticated;
use crate::public::Success;
use crate::read::{Fields, JsonBody, Page, Paged, QueryFields};

/// App, name, language, channel.
type TemplatePath = (String, String, String, String);

refusals!(
    ListTemplatesRefusals = ALWAYS | OPERATOR + ValidationError,
    AppNotFound
);

/// List an app's templates
///
/// By message, channel and language. Where the app has none in English, the built-in one stands. Scope
/// `delivery:read`.
#[utoipa::path(
    get, path = "/admin/apps/{app_id}/templates", operation_id = "listTemplates", tag = "Messages",
    params(
        ("app_id" = uuid::Uuid, Path, description = "The app."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "Most items; 50 if absent."),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the former page."),
    ),
    responses((status = 200, description = "A page.", body = Paged<TemplateView>), ListTemplatesRefusals),
    security(("admin_key" = [])),
)]
pub(in crate::operator) async fn list(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path(app): Path<String>,
    QueryFields(mut fields): QueryFields,
) -> ApiResult<Json<Paged<TemplateView>>> {
    let app_id = app_id(&app)?;
    let page = Page::read_with(&mut fields, str::parse::<TemplateCursor>);
    fields.refuse_unknown();
    let page = fields.finish(|| page)?;
    let (after, fetch) = (page.cursor.clone(), page.fetch());
    let found = messages::templates(&face.core, &operator, app_id, after, fetch).await?;
    Ok(Json(page.of(
        found,
        TemplateCursor::after,
        TemplateView::from,
    )))
}

refusals!(
    ShowTemplateRefusals = ALWAYS | OPERATOR + ValidationError,
    AppNotFound
);

/// Show a template
///
/// The built-in one, in English, where the app has none of its own. Scope `delivery:read`.
#[utoipa::path(
    get, path = "/admin/apps/{app_id}/templates/{name}/{language}/{channel}",
    operation_id = "showTemplate", tag = "Messages",
    params(
        ("app_id" = uuid::Uuid, Path, description = "The app."),
        ("name" = String, Path, pattern = "^otp_(login|email_verify|phone_change|password_reset)$", description = "The message."),
        ("language" = String, Path, pattern = "^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$", description = "The language (BCP 47)."),
        ("channel" = String, Path, pattern = "^(email|sms)$", description = "The channel."),
    ),
    responses(
        (status = 200, description = "The template.", body = TemplateView,
            headers(("ETag" = String, description = "Its version, for `If-Match`."))),
        ShowTemplateRefusals,
    ),
    security(("admin_key" = [])),
)]
pub(in crate::operator) async fn show(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path((app, name, language, channel)): Path<TemplatePath>,
) -> ApiResult<TemplateView> {
    let app = app_id(&app)?;
    let key = messages::parse_key(&name, &language, &channel)?;
    let found = messages::template(&face.core, &operator, app, key).await?;
    Ok(found.into())
}

/// An app's own words.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the body, which `words` takes apart")]
pub(super) struct SetTemplateRequest {
    /// Subject line; of e-mail only, and there required. One line, without the code.
    #[schema(min_length = 1, max_length = 500)]
    subject: Option<String>,
    /// Plain text. Must contain the code.
    #[schema(min_length = 1, max_length = 8192)]
    text: String,
    /// HTML; of e-mail only. Must contain the code. Without it the mail is plain text.
    #[schema(min_length = 1, max_length = 24576)]
    html: Option<String>,
}

refusals!(
    SetTemplateRefusals = ALWAYS | OPERATOR | BODY + AppNotFound,
    Conflict
);

/// Set an app's own words for a message
///
/// Permitted are `{{ app_name }}`, `{{ code }}`, `{{ minutes }}`, `{{ domain }}`, `{{ language }}` and
/// questions about them; see the guide on delivery. Messages not yet sent have the new words within a
/// second. `If-Match` with the ETag keeps two operators from overwriting each other (`"0"`: only where
/// there is none yet). Scope `delivery:write`.
#[utoipa::path(
    put, path = "/admin/apps/{app_id}/templates/{name}/{language}/{channel}",
    operation_id = "setTemplate", tag = "Messages",
    params(
        ("app_id" = uuid::Uuid, Path, description = "The app."),
        ("name" = String, Path, pattern = "^otp_(login|email_verify|phone_change|password_reset)$", description = "The message."),
        ("language" = String, Path, pattern = "^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$", description = "The language (BCP 47)."),
        ("channel" = String, Path, pattern = "^(email|sms)$", description = "The channel."),
        ("If-Match" = Option<String>, Header, pattern = "^(\"[0-9]{1,18}\"|\\*)$", description = "The ETag the change was made against."),
    ),
    request_body = SetTemplateRequest,
    responses(
        (status = 200, description = "The template as it is now.", body = TemplateView,
            headers(("ETag" = String, description = "Its version, for `If-Match`."))),
        SetTemplateRefusals,
    ),
    security(("admin_key" = [])),
)]
pub(in crate::operator) async fn set(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path((app, name, language, channel)): Path<TemplatePath>,
    headers: HeaderMap,
    body: JsonBody,
) -> ApiResult<TemplateView> {
    let app = app_id(&app)?;
    let key = messages::parse_key(&name, &language, &channel)?;
    let mut fields = Fields::from(body);
    let words = words(&mut fields);
    let expected = if_match(&headers, &mut fields);
    fields.refuse_unknown();
    let (words, expected) = fields.finish(|| Some((words?, expected?)))?;
    let set = messages::set_template(&face.core, &operator, app, key, words, expected).await?;
    Ok(set.into())
}

fn words(fields: &mut Fields) -> Option<Words> {
    let subject = fields.optional_long("subject", Words::SUBJECT_MAX);
    let text = fields.required_long("text", Words::TEXT_MAX);
    let html = fields.optional_long("html", Words::HTML_MAX);
    Some(Words {
        subject: subject?,
        text: text?,
        html: html?,
    })
}

refusals!(
    ResetTemplateRefusals = ALWAYS | OPERATOR + ValidationError,
    AppNotFound,
    NotFound,
    Conflict
);

/// Delete an app's own words for a message
///
/// The app's words in its default language are used then, else the built-in ones. Scope
/// `delivery:write`.
#[utoipa::path(
    delete, path = "/admin/apps/{app_id}/templates/{name}/{language}/{channel}",
    operation_id = "resetTemplate", tag = "Messages",
    params(
        ("app_id" = uuid::Uuid, Path, description = "The app."),
        ("name" = String, Path, pattern = "^otp_(login|email_verify|phone_change|password_reset)$", description = "The message."),
        ("language" = String, Path, pattern = "^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$", description = "The language (BCP 47)."),
        ("channel" = String, Path, pattern = "^(email|sms)$", description = "The channel."),
        ("If-Match" = Option<String>, Header, pattern = "^(\"[0-9]{1,18}\"|\\*)$", description = "The ETag the change was made against."),
    ),
    responses((status = 200, description = "Gone.", body = Success), ResetTemplateRefusals),
    security(("admin_key" = [])),
)]
pub(in crate::operator) async fn reset(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path((app, name, language, channel)): Path<TemplatePath>,
    headers: HeaderMap,
) -> ApiResult<Json<Success>> {
    let app = app_id(&app)?;
    let key = messages::parse_key(&name, &language, &channel)?;
    let mut fields = Fields::empty();
    let expected = if_match(&headers, &mut fields);
    let expected = fields.finish(|| expected)?;
    messages::reset_template(&face.core, &operator, app, key, expected).await?;
    Ok(Json(Success { success: true }))
}

/// Words to be shown with sample data; without any, the app's own are.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "documents the body, which the handler takes apart"
)]
pub(super) struct PreviewRequest {
    /// Subject line; of e-mail only.
    #[schema(min_length = 1, max_length = 500)]
    subject: Option<String>,
    /// Plain text; required where any other part is given.
    #[schema(min_length = 1, max_length = 8192)]
    text: Option<String>,
    /// HTML; of e-mail only.
    #[schema(min_length = 1, max_length = 24576)]
    html: Option<String>,
}

/// A message as a person would get it.
#[derive(Serialize, ToSchema)]
#[schema(as = MessagePreview)]
pub(super) struct PreviewAnswer {
    /// Subject line (e-mail only).
    subject: Option<String>,
    /// Plain text.
    text: String,
    /// HTML (e-mail only). Show it in a sandboxed frame.
    html: Option<String>,
    /// How long the SMS is (SMS only).
    sms: Option<SizeView>,
}

refusals!(PreviewRefusals = ALWAYS | OPERATOR | BODY + AppNotFound);

/// Show a message with sample data
///
/// Of the words given, else of the app's own, else of the built-in ones. Sends nothing and stores
/// nothing. Scope `delivery:read`.
#[utoipa::path(
    post, path = "/admin/apps/{app_id}/templates/{name}/{language}/{channel}/preview",
    operation_id = "previewTemplate", tag = "Messages",
    params(
        ("app_id" = uuid::Uuid, Path, description = "The app."),
        ("name" = String, Path, pattern = "^otp_(login|email_verify|phone_change|password_reset)$", description = "The message."),
        ("language" = String, Path, pattern = "^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$", description = "The language (BCP 47)."),
        ("channel" = String, Path, pattern = "^(email|sms)$", description = "The channel."),
    ),
    request_body = PreviewRequest,
    responses((status = 200, description = "The message.", body = PreviewAnswer), PreviewRefusals),
    security(("admin_key" = [])),
)]
pub(in crate::operator) async fn preview(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path((app, name, language, channel)): Path<TemplatePath>,
    body: JsonBody,
) -> ApiResult<Json<PreviewAnswer>> {
    let app = app_id(&app)?;
    let key = messages::parse_key(&name, &language, &channel)?;
    let mut fields = Fields::from(body);
    let draft = ["subject", "text", "html"]
        .into_iter()
        .any(|part| fields.has(part));
    let words = draft.then(|| words(&mut fields));
    fields.refuse_unknown();
    let words = fields.finish(|| words.map_or(Some(None), |words| words.map(Some)))?;
    let shown = messages::preview(&face.core, &operator, app, key, words).await?;
    Ok(Json(PreviewAnswer {
        sms: shown.sms.map(SizeView::from),
        subject: shown.subject,
        text: shown.text,
        html: shown.html,
    }))
}
