//! `doorward org`

mod view;

use doorward_domain::organization::{Member, Organization};
use doorward_domain::{AppId, TenantId};
use doorward_service::organizations::{self, CreateOrganization, UpdateOrganization};
use doorward_service::roles::{self, RoleChange};
use doorward_service::{Caller, Core, Operator, Result};

use super::{find, pages};
use crate::Outcome;
use crate::cli::{Global, InApp, OneOrg, OrgCommand};
use crate::deployment;
use crate::output::{self, Done};
use view::{MemberList, OrgList, OrgView};

/// Items of one question to the store.
const PAGE: u32 = 100;

/// Runs it.
pub(super) async fn run(global: &Global, command: OrgCommand) -> Outcome {
    let core = deployment::open(global).await?;
    let operator = deployment::operator(&core);
    let outcome = obey(&core, &operator, command, global.json).await;
    core.store.close().await;
    outcome
}

async fn obey(core: &Core, operator: &Operator, command: OrgCommand, json: bool) -> Outcome {
    let place = async |org: &OneOrg| Place::find(core, operator, org).await;
    match command {
        OrgCommand::Create {
            name,
            owner,
            repeat,
            of,
        } => {
            let given = serde_json::json!([name, owner, of.app]);
            let operator = &deployment::repeatable(operator, repeat, "org create", &given)?;
            let app = find::app(core, operator, &of.app).await?.id;
            let owner = match owner {
                Some(owner) => Some(find::user(core, operator, app, &owner).await?),
                None => None,
            };
            let caller = Caller::Operator(operator, app);
            let request = CreateOrganization { name, owner };
            let made = organizations::create(core, caller, request).await;
            shown(app, &of, made, json)
        }
        OrgCommand::List { of, page } => {
            let app = find::app(core, operator, &of.app).await?.id;
            let caller = Caller::Operator(operator, app);
            let from = pages::cursor(page.cursor.as_deref(), str::parse::<TenantId>)?;
            let found = pages::gather(page.limit, from, async |after, room| {
                let most = pages::one_more(room);
                let page = organizations::list(core, caller, after, most).await?;
                Ok(pages::ended_by_last(page, room, |org| org.id))
            });
            let (found, next) = found.await?;
            let items = found.into_iter().map(|org| OrgView::new(app, org));
            let items = items.collect();
            pages::print(json, OrgList { items }, next)
        }
        OrgCommand::Show(org) => {
            let Place { caller, app, id } = place(&org).await?;
            let found = organizations::show(core, caller, id).await;
            shown(app, &org.of, found, json)
        }
        OrgCommand::Rename { org, name, against } => {
            let change = UpdateOrganization {
                name: Some(name),
                expected_version: against.if_version,
                ..UpdateOrganization::default()
            };
            update(core, place(&org).await?, &org.of, change, json).await
        }
        OrgCommand::Archive(org) => {
            update(core, place(&org).await?, &org.of, archived(true), json).await
        }
        OrgCommand::Restore(org) => {
            update(core, place(&org).await?, &org.of, archived(false), json).await
        }
        OrgCommand::Members(org) => {
            let items = members(core, &place(&org).await?).await;
            let items = items.map_err(|error| find::explained(error, &org.of))?;
            let items = items.into_iter().map(Into::into).collect();
            output::report(json, &MemberList { items })
        }
        OrgCommand::AddMember {
            org,
            user,
            role,
            repeat,
        } => {
            let given = serde_json::json!([org.id, user, role, org.of.app]);
            let operator = &deployment::repeatable(operator, repeat, "org add-member", &given)?;
            let place = async |org: &OneOrg| Place::find(core, operator, org).await;
            let Place { caller, app, id } = place(&org).await?;
            let change = RoleChange {
                user_id: find::user(core, operator, app, &user).await?,
                tenant_id: id,
                role: Some(find::role(&role)?),
            };
            let done = roles::assign(core, caller, change).await;
            done.map_err(|error| find::explained(error, &org.of))?;
            output::report(json, &Done(find::AT_REFRESH))
        }
        OrgCommand::RemoveMember { org, user } => {
            let Place { caller, app, id } = place(&org).await?;
            let user = find::user(core, operator, app, &user).await?;
            let done = organizations::remove_member(core, caller, id, user).await;
            done.map_err(|error| find::explained(error, &org.of))?;
            output::report(json, &Done(find::AT_REFRESH))
        }
    }
}

/// An organization that a command names.
struct Place<'a> {
    caller: Caller<'a>,
    app: AppId,
    id: TenantId,
}

impl<'a> Place<'a> {
    async fn find(core: &Core, operator: &'a Operator, org: &OneOrg) -> Outcome<Self> {
        let id = find::org(&org.id, &org.of)?;
        let app = find::app(core, operator, &org.of.app).await?.id;
        Ok(Self {
            caller: Caller::Operator(operator, app),
            app,
            id,
        })
    }
}

fn shown(app: AppId, of: &InApp, found: Result<Organization>, json: bool) -> Outcome {
    let found = found.map_err(|error| find::explained(error, of))?;
    output::report(json, &OrgView::new(app, found))
}

const fn archived(archived: bool) -> UpdateOrganization {
    UpdateOrganization {
        name: None,
        archived: Some(archived),
        expected_version: None,
    }
}

async fn update(
    core: &Core,
    place: Place<'_>,
    of: &InApp,
    change: UpdateOrganization,
    json: bool,
) -> Outcome {
    let changed = organizations::update(core, place.caller, place.id, change).await;
    shown(place.app, of, changed, json)
}

async fn members(core: &Core, place: &Place<'_>) -> Result<Vec<Member>> {
    let mut items = Vec::new();
    loop {
        let after = items.last().map(|member: &Member| member.user_id);
        let page = organizations::members(core, place.caller, place.id, after, PAGE).await?;
        if page.is_empty() {
            return Ok(items);
        }
        items.extend(page);
    }
}
