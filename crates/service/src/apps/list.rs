//! Looking at apps.

use doorward_domain::app::{App, Slug};
use doorward_domain::scope::Scope;
use doorward_domain::{AppId, Code};

use crate::context::Operator;
use crate::core::Core;
use crate::error::{Error, Result};

/// Most apps in one page.
pub(crate) const PAGE_MAX: u32 = 200;

/// Apps in order of creation, after the given one.
///
/// # Errors
/// [`Code::Forbidden`] without `apps:read`; [`Code::ValidationError`] for a limit out of range.
pub async fn list(
    core: &Core,
    operator: &Operator,
    after: Option<AppId>,
    limit: u32,
) -> Result<Vec<App>> {
    core.authorise(operator, Scope::AppsRead).await?;
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(Error::field("limit", "Must be between 1 and 200"));
    }
    core.store
        .read(move |tx| Ok(tx.platform().apps(after, limit)?))
        .await
}

/// One app.
///
/// # Errors
/// [`Code::Forbidden`] without `apps:read`; [`Code::AppNotFound`].
pub async fn show(core: &Core, operator: &Operator, id: AppId) -> Result<App> {
    core.authorise(operator, Scope::AppsRead).await?;
    core.store
        .read(move |tx| Ok::<_, Error>(tx.platform().app(id)?))
        .await?
        .ok_or_else(|| Error::new(Code::AppNotFound))
}

/// One app by its slug.
///
/// # Errors
/// As [`show`].
pub async fn show_by_slug(core: &Core, operator: &Operator, slug: &str) -> Result<App> {
    core.authorise(operator, Scope::AppsRead).await?;
    let slug = Slug::parse(slug).map_err(|_| Error::new(Code::AppNotFound))?;
    core.store
        .read(move |tx| Ok::<_, Error>(tx.platform().app_by_slug(&slug)?))
        .await?
        .ok_or_else(|| Error::new(Code::AppNotFound))
}
