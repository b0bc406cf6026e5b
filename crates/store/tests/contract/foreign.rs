//! Another app's id finds and changes nothing.
//!
//! Each case makes one call twice on the same data: through the handle of another app, which must
//! get nothing and leave every row of the owner bit for bit as it was, and then through the owner's,
//! which must get something. So a case that asks for what is not there cannot pass.

use doorward_domain::audit::{Action, Actor, Personal, Target};
use doorward_domain::contact::{Channel, Contact, VerifiedAt};
use doorward_domain::license::{LicenseStatus, ReleaseReason};
use doorward_domain::limit::LimitRule;
use doorward_domain::otp::Purpose;
use doorward_domain::outbox::Reported;
use doorward_domain::role::{RoleDefinition, RoleName};
use doorward_domain::session::{EndReason, Presented};
use doorward_domain::sms::{AlarmKind, SmsCounts, UsageUnit};
use doorward_domain::stats::{Counted, Sketch};
use doorward_domain::user::UserStatus;
use doorward_domain::{
    ActivationId, AppId, EventId, LicenseId, NodeId, OneTimeSecretId, OtpRequestId, OutboxId,
    TenantId, UserId,
};
use doorward_store::StoreError;
use doorward_store::app::{
    AppWrite, ClaimOutcome, DayPart, Erasure, Hit, HitOutcome, LicenseChange, LicenseFilter,
    NewLicense, NewOneTimeSecret, Report, Rotation, SmsAlarm, UserContacts, UserFilter,
};
use doorward_testkit::database::TestDatabase;

use crate::support::{
    Raw, Scope, at, claim, email, fresh, hash, lease_request, new_alarm, new_delivery, new_event,
    new_handover, new_license, new_license_key, new_message, new_otp, new_period, new_report,
    new_revocation, new_session, new_template, new_user, phone, platform, rotation, seed_app,
};

on_both_engines_by_name!(another_apps_id_finds_and_changes_nothing);

/// What the other app's handle may get out of a call on the owner's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Foreign {
    /// Nothing found, no row changed.
    Nothing,
    /// An error, no row changed.
    Refused,
    /// A row of its own beside the owner's, although all that can be the same is the same.
    ARowOfItsOwn,
}

/// One method and the call that is made.
pub(crate) struct Case {
    pub(crate) method: &'static str,
    foreign: Foreign,
    /// Whether the owner's call changes a row.
    writes: bool,
    /// Whether the other app has a user with the id of the owner's.
    twin: bool,
    /// Whether something was found or changed.
    call: fn(&mut AppWrite<'_>, &World) -> Result<bool, StoreError>,
}

const fn read(
    method: &'static str,
    call: fn(&mut AppWrite<'_>, &World) -> Result<bool, StoreError>,
) -> Case {
    Case {
        method,
        foreign: Foreign::Nothing,
        writes: false,
        twin: false,
        call,
    }
}

const fn write(
    method: &'static str,
    foreign: Foreign,
    call: fn(&mut AppWrite<'_>, &World) -> Result<bool, StoreError>,
) -> Case {
    Case {
        method,
        foreign,
        writes: true,
        twin: false,
        call,
    }
}

/// Where a statement asks for the user as well: a user of that id in the other app must not help.
const fn beside_a_twin(case: Case) -> Case {
    Case { twin: true, ..case }
}

/// A case for every method of an app's handle; the completeness test sees to it.
pub(crate) const CASES: &[Case] = &[
    read("AppRead::is_current", |app, _| {
        app.is_current(OWNER_VERSION)
    }),
    read("AppRead::user", |app, w| Ok(app.user(w.user)?.is_some())),
    read("AppRead::user_by_contact", |app, w| {
        Ok(app.user_by_contact(&w.email)?.is_some() | app.user_by_contact(&w.phone)?.is_some())
    }),
    read("AppRead::users", |app, w| {
        let mut found = app.users(&UserFilter::All, None, 10)?;
        for prefix in [
            UserFilter::EmailPrefix("ada".to_owned()),
            UserFilter::PhonePrefix("+91".to_owned()),
            UserFilter::Status(UserStatus::Active),
        ] {
            found.extend(app.users(&prefix, None, 10)?);
        }
        Ok(found.iter().any(|user| user.id == w.user))
    }),
    beside_a_twin(read("AppRead::sessions_of_user", |app, w| {
        Ok(!app.sessions_of_user(w.user, None, 10)?.is_empty())
    })),
    read("AppRead::session_record", |app, w| {
        Ok(app.session_record(w.token.session_id)?.is_some())
    }),
    beside_a_twin(read("AppRead::tenants_left_without_owner", |app, w| {
        Ok(!app.tenants_left_without_owner(w.user, 10)?.is_empty())
    })),
    beside_a_twin(read("AppRead::memberships_of_user", |app, w| {
        Ok(!app.memberships_of_user(w.user, None, 10)?.is_empty())
    })),
    beside_a_twin(read("AppRead::devices_of_user", |app, w| {
        Ok(!app.devices_of_user(w.user, None, 10)?.is_empty())
    })),
    read("AppRead::codes_to", |app, w| {
        Ok(!app.codes_to(w.email.canonical(), None, 10)?.is_empty())
    }),
    beside_a_twin(read("AppRead::codes_of_user", |app, w| {
        Ok(!app.codes_of_user(w.user, None, 10)?.is_empty())
    })),
    beside_a_twin(read("AppRead::messages_of_user", |app, w| {
        Ok(!app.messages_of_user(w.user, None, 10)?.is_empty())
    })),
    read("AppRead::events_of_license", |app, w| {
        let found = app.events_of_license(w.license, w.user, None, 10)?;
        Ok(!found.is_empty())
    }),
    read("AppRead::license_of_event", |app, w| {
        Ok(app.license_of_event(w.event)?.is_some())
    }),
    beside_a_twin(read("AppRead::next_license_of_user", |app, w| {
        Ok(app.next_license_of_user(w.user, None)?.is_some())
    })),
    beside_a_twin(read("AppRead::secrets_of_user", |app, w| {
        Ok(!app.secrets_of_user(w.user, None, 10)?.is_empty())
    })),
    read("AppRead::messages_to", |app, _| {
        Ok(!app.messages_to(&[6; 16], None, 10)?.is_empty())
    }),
    beside_a_twin(read("AppRead::events_of_user", |app, w| {
        Ok(!app.events_of_user(w.user, None, 10)?.is_empty())
    })),
    beside_a_twin(read("AppRead::events_about_user", |app, w| {
        Ok(!app.events_about_user(w.user, None, 10)?.is_empty())
    })),
    beside_a_twin(read("AppWrite::hold_owned_organizations", |app, w| {
        Ok(app.hold_owned_organizations(w.user)? > 0)
    })),
    write("AppWrite::create_user", Foreign::ARowOfItsOwn, |app, w| {
        app.create_user(&w.contacts())
    }),
    write("AppWrite::replace_contacts", Foreign::Nothing, |app, w| {
        // At whatever version it is.
        let mut replaced = false;
        for version in 1..5 {
            replaced |= app.replace_contacts(&w.contacts(), version)?;
        }
        Ok(replaced)
    }),
    write("AppWrite::delete_user", Foreign::Nothing, |app, w| {
        app.delete_user(w.user, at(9), at(1))
    }),
    write("AppWrite::restore_user", Foreign::Nothing, |app, w| {
        app.restore_user(w.gone, at(1))
    }),
    write("AppWrite::begin_erasure", Foreign::Nothing, |app, w| {
        app.begin_erasure(w.gone, at(1))
    }),
    write("AppWrite::hold_due_user", Foreign::Nothing, |app, w| {
        app.hold_due_user(w.gone, at(900))
    }),
    write("AppWrite::finish_erasure", Foreign::Nothing, |app, w| {
        app.finish_erasure(w.gone, at(900))
    }),
    beside_a_twin(write(
        "AppWrite::void_secrets_of_user",
        Foreign::Nothing,
        |app, w| Ok(app.void_secrets_of_user(w.user, at(1))? > 0),
    )),
    beside_a_twin(write(
        "AppWrite::erase_traces",
        Foreign::Nothing,
        |app, w| {
            let erasure = Erasure {
                user_id: w.user,
                contacts: vec![w.email.canonical().to_owned()],
                contact_refs: vec![[6; 16]],
            };
            Ok(app.erase_traces(&erasure, at(1), 10)? > 0)
        },
    )),
    beside_a_twin(read("AppRead::session", |app, w| {
        Ok(app.session(w.token.session_id)?.is_some())
    })),
    read("AppRead::otp_standing", |app, w| {
        Ok(app.otp_standing(w.otp)?.is_some())
    }),
    read("AppRead::otp_belongs_to_another_app", |app, w| {
        // The one question that may be asked about another app's data; it is the owner's when not.
        Ok(!app.otp_belongs_to_another_app(w.otp)?)
    }),
    read("AppRead::replay", |app, w| {
        Ok(app.replay(&w.token, &hash(7), at(1))?.is_some())
    }),
    read("AppRead::limit_state", |app, w| {
        Ok(app.limit_state(&w.limit.key)?.is_some())
    }),
    write("AppWrite::clear_limit", Foreign::Nothing, |app, w| {
        app.clear_limit(&w.limit.key)
    }),
    read("AppRead::stats", |app, _| Ok(!app.stats(0, 99)?.is_empty())),
    write("AppWrite::put_stats", Foreign::ARowOfItsOwn, |app, _| {
        let part = DayPart {
            counts: [9; Counted::COUNT],
            ..stats_of_a_day()
        };
        app.put_stats(&part).map(|()| true)
    }),
    read("AppRead::limit_wait", |app, w| {
        Ok(app.limit_wait(&w.limit, at(1))? > 0)
    }),
    read("AppRead::license", |app, w| {
        Ok(app.license(w.license, at(1))?.is_some())
    }),
    read("AppRead::license_by_key", |app, w| {
        Ok(app.license_by_key(&w.license_key, at(1))?.is_some())
    }),
    read("AppRead::license_on_device", |app, w| {
        Ok(app.license_on_device(&w.license_key, &hash(1))?.is_some())
    }),
    read("AppRead::sealed_license_key", |app, w| {
        Ok(app.sealed_license_key(w.license)?.is_some())
    }),
    beside_a_twin(read("AppRead::count_licenses_of_user", |app, w| {
        Ok(app.count_licenses_of_user(w.user)? > 0)
    })),
    read("AppRead::has_tenant", |app, w| app.has_tenant(w.tenant)),
    read("AppRead::license_keys", |app, _| {
        Ok(!app.license_keys()?.is_empty())
    }),
    write(
        "AppWrite::insert_license_key",
        Foreign::ARowOfItsOwn,
        |app, _| app.insert_license_key(&new_license_key("a")),
    ),
    write(
        "AppWrite::reseal_license_key",
        Foreign::Nothing,
        |app, _| app.reseal_license_key("a", &[7; 200], b"anew"),
    ),
    write(
        "AppWrite::retire_license_key",
        Foreign::Nothing,
        |app, _| app.retire_license_key("a", at(1)),
    ),
    read("AppRead::licenses", |app, _| {
        let filter = LicenseFilter {
            limit: 10,
            ..LicenseFilter::default()
        };
        Ok(!app.licenses(&filter, at(1))?.licenses.is_empty())
    }),
    read("AppRead::activation", |app, w| {
        Ok(app.activation(w.activation)?.is_some())
    }),
    read("AppRead::activation_of_device", |app, w| {
        let device = claim(w.license, 1, at(0)).device_hash;
        Ok(app.activation_of_device(w.license, &device)?.is_some())
    }),
    read("AppRead::activations", |app, w| {
        Ok(!app.activations(w.license, None, 10, at(1))?.is_empty())
    }),
    write(
        "AppWrite::insert_license",
        Foreign::ARowOfItsOwn,
        |app, w| {
            let same = NewLicense {
                user_id: None,
                ..w.new_license()
            };
            app.insert_license(&same).map(|()| true)
        },
    ),
    read("AppWrite::hold_license", |app, w| {
        app.hold_license(w.license)
    }),
    write("AppWrite::update_license", Foreign::Nothing, |app, w| {
        app.update_license(&LicenseChange {
            id: w.license,
            expected_version: 1,
            label: None,
            issued_to: None,
            max_activations: 9,
            expires_at: None,
            entitlements: w.new_license().entitlements,
            metadata: serde_json::Map::new(),
            now: at(1),
        })
    }),
    write(
        "AppWrite::set_license_status",
        Foreign::Nothing,
        |app, w| app.set_license_status(w.license, LicenseStatus::Revoked, None, at(1)),
    ),
    write("AppWrite::rekey_license", Foreign::Nothing, |app, w| {
        app.rekey_license(w.license, &w.license_key, &hash(77), b"anew")
    }),
    write("AppWrite::claim_seat", Foreign::Nothing, |app, w| {
        let outcome = app.claim_seat(&claim(w.license, 3, at(1)))?;
        Ok(outcome != ClaimOutcome::Refused)
    }),
    write("AppWrite::return_seats", Foreign::Nothing, |app, w| {
        Ok(app.return_seats(w.license, at(1))? > 0)
    }),
    // It gives nothing back: what counts is that the owner's slot stays as it is.
    write("AppWrite::note_license_file", Foreign::Nothing, |app, w| {
        app.note_license_file(w.activation, at(900))?;
        Ok(app.activation(w.activation)?.is_some())
    }),
    write("AppWrite::release_seat", Foreign::Nothing, |app, w| {
        let reason = ReleaseReason::Deactivated;
        let at_once = app.release_seat(w.activation, reason, None, at(1))?;
        let later = app.release_seat(w.cooling, reason, Some(at(2)), at(1))?;
        Ok(at_once.is_some() | later.is_some())
    }),
    write("AppWrite::saw_activation", Foreign::Nothing, |app, w| {
        app.saw_activation(w.activation, at(0), at(1))
    }),
    read("AppWrite::hold_active_user", |app, w| {
        app.hold_active_user(w.user)
    }),
    write("AppWrite::insert_user", Foreign::ARowOfItsOwn, |app, w| {
        let mut same = new_user(w.email.clone());
        same.id = w.user;
        app.insert_user(&same)
    }),
    write("AppWrite::set_contact", Foreign::Nothing, |app, w| {
        let email = app.set_contact(w.user, &email("new@example.com"), at(1))?;
        let phone = app.set_contact(w.user, &phone("+14155552671"), at(1))?;
        Ok(email | phone)
    }),
    write("AppWrite::confirm_contact", Foreign::Nothing, |app, w| {
        let email = app.confirm_contact(w.user, &w.email, at(1))?;
        let phone = app.confirm_contact(w.user, &w.phone, at(1))?;
        Ok(email | phone)
    }),
    write("AppWrite::set_user_status", Foreign::Nothing, |app, w| {
        app.set_user_status(w.user, UserStatus::Deleted, at(1))
    }),
    write("AppWrite::insert_session", Foreign::Refused, |app, w| {
        app.insert_session(&new_session(w.user)).map(|()| true)
    }),
    beside_a_twin(write(
        "AppWrite::rotate_session",
        Foreign::Nothing,
        |app, w| {
            // At the version of whichever app asks: that must not be what saves the owner.
            let app_version = match app.app_id() == w.owner.id {
                true => OWNER_VERSION,
                false => OTHER_VERSION,
            };
            let rotation = Rotation {
                app_version,
                ..rotation(w.token, at(1))
            };
            Ok(app.rotate_session(&rotation)?.is_some())
        },
    )),
    beside_a_twin(write(
        "AppWrite::end_session",
        Foreign::Nothing,
        |app, w| {
            let ended = app.end_session(w.token.session_id, EndReason::Logout, at(1))?;
            Ok(ended.is_some())
        },
    )),
    beside_a_twin(write(
        "AppWrite::end_user_sessions",
        Foreign::Nothing,
        |app, w| {
            Ok(app
                .end_user_sessions(w.user, EndReason::UserRevoked, 1, at(1))?
                .count
                > 0)
        },
    )),
    write(
        "AppWrite::insert_otp_request",
        Foreign::ARowOfItsOwn,
        |app, w| {
            app.insert_otp_request(&new_otp(w.email.clone()))
                .map(|()| true)
        },
    ),
    write("AppWrite::consume_otp", Foreign::Nothing, |app, w| {
        Ok(app
            .consume_otp(w.otp, Purpose::Login, &[hash(9); 2], at(1))?
            .is_some())
    }),
    write("AppWrite::count_wrong_otp", Foreign::Nothing, |app, w| {
        Ok(app
            .count_wrong_otp(w.otp, Purpose::Login, &[hash(8); 2], at(1))?
            .is_some())
    }),
    write("AppWrite::void_codes_to", Foreign::Nothing, |app, w| {
        Ok(app.void_codes_to(&w.email, at(1))? > 0)
    }),
    beside_a_twin(write(
        "AppWrite::void_codes_of_user",
        Foreign::Nothing,
        |app, w| Ok(app.void_codes_of_user(w.user, at(1))? > 0),
    )),
    write(
        "AppWrite::insert_secret",
        Foreign::ARowOfItsOwn,
        |app, w| app.insert_secret(&w.new_secret()).map(|()| true),
    ),
    write("AppWrite::consume_secret", Foreign::Nothing, |app, w| {
        Ok(app
            .consume_secret(w.secret, "password_reset", &hash(4), at(1))?
            .is_some())
    }),
    write(
        "AppWrite::insert_replay",
        Foreign::ARowOfItsOwn,
        |app, w| {
            app.insert_replay(w.token.session_id, 1, &hash(8), b"other", at(90))
                .map(|()| true)
        },
    ),
    write("AppWrite::hit_limits", Foreign::ARowOfItsOwn, |app, w| {
        let outcome = app.hit_limits(&[w.limit], at(1))?;
        Ok(matches!(outcome, HitOutcome::Allowed { .. }))
    }),
    write("AppWrite::enqueue", Foreign::Refused, |app, w| {
        app.enqueue(&new_message(w.owner.id), false).map(|()| true)
    }),
    read("AppRead::organization", |app, w| {
        Ok(app.organization(w.tenant)?.is_some())
    }),
    read("AppRead::organizations", |app, _| {
        Ok(!app.organizations(None, 10)?.is_empty())
    }),
    beside_a_twin(read("AppRead::members", |app, w| {
        Ok(!app.members(w.tenant, None, 10)?.is_empty())
    })),
    beside_a_twin(read("AppRead::roles_of_member", |app, w| {
        Ok(!app.roles_of_member(w.tenant, w.user)?.is_empty())
    })),
    beside_a_twin(read("AppRead::belongings", |app, w| {
        Ok(!app.belongings(w.user, None, 10)?.belongings.is_empty())
    })),
    beside_a_twin(read("AppRead::claims_of_user", |app, w| {
        let claims = app.claims_of_user(w.user, Some(w.tenant), at(1))?;
        Ok(claims.belonging.is_some())
    })),
    beside_a_twin(read("AppRead::has_another_owner", |app, w| {
        app.has_another_owner(w.tenant, UserId::from_uuid(fresh()))
    })),
    read("AppRead::revocations", |app, _| {
        Ok(!app.revocations(at(1))?.is_empty())
    }),
    write(
        "AppWrite::insert_organization",
        Foreign::ARowOfItsOwn,
        |app, w| {
            app.insert_organization(w.tenant, "Same", at(1))
                .map(|()| true)
        },
    ),
    write(
        "AppWrite::rename_organization",
        Foreign::Nothing,
        |app, w| app.rename_organization(w.tenant, 1, "New", at(1)),
    ),
    write(
        "AppWrite::set_organization_archived",
        Foreign::Nothing,
        |app, w| app.set_organization_archived(w.tenant, true, at(1)),
    ),
    read("AppWrite::hold_organization", |app, w| {
        app.hold_organization(w.tenant, true)
    }),
    beside_a_twin(write(
        "AppWrite::assign_role",
        Foreign::Refused,
        |app, w| app.assign_role(w.tenant, w.user, &admin(), at(1)),
    )),
    beside_a_twin(write(
        "AppWrite::revoke_roles",
        Foreign::Nothing,
        |app, w| Ok(app.revoke_roles(w.tenant, w.user, None)? > 0),
    )),
    write("AppWrite::put_role", Foreign::ARowOfItsOwn, |app, _| {
        app.put_role(&editor(), &RoleDefinition::default(), at(1))
            .map(|()| true)
    }),
    write("AppWrite::delete_role", Foreign::Nothing, |app, _| {
        app.delete_role(&editor())
    }),
    write(
        "AppWrite::insert_revocation",
        Foreign::ARowOfItsOwn,
        |app, _| {
            app.insert_revocation(&new_revocation(at(1), at(2)))
                .map(|()| true)
        },
    ),
    // It gives nothing back: what counts is that the owner's session stays as it is.
    beside_a_twin(write(
        "AppWrite::set_session_tenant",
        Foreign::Nothing,
        |app, w| {
            app.set_session_tenant(w.token.session_id, Some(w.tenant))?;
            let found = app.session(w.token.session_id)?;
            Ok(found.is_some_and(|found| found.session.tenant_id == Some(w.tenant)))
        },
    )),
    // It gives nothing back: what counts is that the owner's rows stay as they are.
    write("AppWrite::claim_personal", Foreign::Nothing, |app, w| {
        app.claim_personal(w.user, &[6; 16])?;
        Ok(app.app_id() == w.owner.id)
    }),
    read("AppRead::templates", |app, _| {
        Ok(!app.templates()?.is_empty())
    }),
    read("AppRead::template", |app, _| {
        Ok(app.template(&new_template().key)?.is_some())
    }),
    read("AppRead::count_templates", |app, _| {
        Ok(app.count_templates()? > 0)
    }),
    write("AppWrite::put_template", Foreign::ARowOfItsOwn, |app, _| {
        app.put_template(&new_template()).map(|()| true)
    }),
    write("AppWrite::delete_template", Foreign::Nothing, |app, _| {
        app.delete_template(&new_template().key)
    }),
    read("AppRead::delivery_settings", |app, _| {
        Ok(!app.delivery_settings()?.is_empty())
    }),
    write(
        "AppWrite::put_delivery_settings",
        Foreign::ARowOfItsOwn,
        |app, _| app.put_delivery_settings(&new_delivery()).map(|()| true),
    ),
    write(
        "AppWrite::delete_delivery_settings",
        Foreign::Nothing,
        |app, _| app.delete_delivery_settings(new_delivery().channel),
    ),
    write(
        "AppWrite::reseal_delivery_settings",
        Foreign::Nothing,
        |app, _| {
            let old = new_delivery();
            app.reseal_delivery_settings(old.channel, &old.sealed, b"anew")
        },
    ),
    read("AppRead::sms_counts", |app, _| {
        Ok(app.sms_counts(UsageUnit::Month, "+91", at(0), at(1))?.sent > 0)
    }),
    read("AppRead::sms_prefixes", |app, _| {
        Ok(!app
            .sms_prefixes(UsageUnit::Month, at(0), None, 10)?
            .is_empty())
    }),
    read("AppRead::sms_alarm", |app, _| {
        Ok(app.sms_alarm(AlarmKind::Pumping, "+91")?.is_some())
    }),
    read("AppRead::sms_alarms", |app, _| {
        Ok(!app.sms_alarms(10)?.is_empty())
    }),
    read("AppRead::message_standing", |app, w| {
        Ok(app.message_standing(w.message)?.is_some())
    }),
    write("AppWrite::note_report", Foreign::Nothing, |app, w| {
        app.note_report(w.message, &new_report(Reported::Delivered))
    }),
    write("AppWrite::resend_message", Foreign::Nothing, |app, w| {
        app.resend_message(w.message, &new_report(Reported::Failed), 8)
    }),
    write("AppWrite::note_arrival", Foreign::Nothing, |app, w| {
        let report = Report {
            at: at(30),
            ..new_report(Reported::Delivered)
        };
        app.note_arrival(w.waiting, &report, &[])
    }),
    read("AppWrite::hold_user", |app, w| app.hold_user(w.user)),
    write(
        "AppWrite::count_sms_outcome",
        Foreign::ARowOfItsOwn,
        |app, _| {
            app.count_sms_outcome("+91", at(0), 0, SmsCounts::FAILED)
                .map(|()| true)
        },
    ),
    write("AppWrite::count_sms", Foreign::ARowOfItsOwn, |app, _| {
        app.count_sms(&new_period(), 0, SmsCounts::SENT)
            .map(|()| true)
    }),
    write(
        "AppWrite::raise_sms_alarm",
        Foreign::ARowOfItsOwn,
        |app, _| {
            app.raise_sms_alarm(&SmsAlarm {
                raised_at: at(100),
                ..new_alarm()
            })
        },
    ),
    write("AppWrite::audit", Foreign::Refused, |app, w| {
        let event = new_event(Some(w.owner.id), Action::SignedIn);
        app.audit(&event).map(|()| true)
    }),
];

const OWNER_VERSION: i64 = 3;
const OTHER_VERSION: i64 = 5;

/// An app with one of everything, and another app with a user of its own.
#[derive(Clone)]
pub(crate) struct World {
    owner: Scope,
    other: Scope,
    user: UserId,
    /// A user who is deleted.
    gone: UserId,
    email: Contact,
    phone: Contact,
    token: Presented,
    otp: OtpRequestId,
    secret: OneTimeSecretId,
    limit: Hit,
    tenant: TenantId,
    license: LicenseId,
    license_key: [u8; 32],
    activation: ActivationId,
    cooling: ActivationId,
    /// With a provider.
    message: OutboxId,
    /// Of a worker that died.
    waiting: OutboxId,
    /// About the licence.
    event: EventId,
}

fn stats_of_a_day() -> DayPart {
    DayPart {
        day: 7,
        part_id: uuid::Uuid::from_u128(7),
        counts: [1; Counted::COUNT],
        users: Sketch::default(),
    }
}

fn admin() -> RoleName {
    RoleName::parse("admin").expect("a role's name")
}

fn editor() -> RoleName {
    RoleName::parse("editor").expect("a role's name")
}

impl World {
    async fn seed(db: &TestDatabase, raw: &Raw, twin: bool) -> Self {
        let (owner, other) = (seed_app(db).await, seed_app(db).await);
        for (id, version) in [(owner.id, OWNER_VERSION), (other.id, OTHER_VERSION)] {
            set_version(db, id, version).await;
        }
        let ada = new_user(email("Ada@example.com"));
        let gone = new_user(email("gone@example.com"));
        let session = new_session(ada.id);
        let mut otp = new_otp(ada.contact.clone());
        otp.user_id = Some(ada.id);
        let mut message = new_message(owner.id);
        message.contact_ref = Some([6; 16]);
        message.otp_request_id = Some(otp.id);
        let waiting = new_message(owner.id);
        message.user_id = Some(ada.id);
        let license = new_license();
        let (device, lost) = (claim(license.id, 1, at(0)), claim(license.id, 2, at(0)));
        let world = Self {
            license: license.id,
            license_key: license.key.expect("it has a key").0,
            activation: device.activation_id,
            cooling: lost.activation_id,
            message: message.id,
            waiting: waiting.id,
            user: ada.id,
            gone: gone.id,
            email: ada.contact.clone(),
            phone: phone("+919876543210"),
            token: Presented {
                session_id: session.id,
                generation: 1,
                nonce_hash: session.nonce_hash,
            },
            otp: otp.id,
            secret: OneTimeSecretId::from_uuid(fresh()),
            limit: Hit {
                key: [3; 16],
                rule: LimitRule {
                    max: 1,
                    seconds: 600,
                },
            },
            tenant: TenantId::from_uuid(fresh()),
            event: EventId::from_uuid(fresh()),
            owner,
            other,
        };
        let w = world.clone();
        world
            .owner
            .write(move |app| {
                app.insert_user(&ada)?;
                app.insert_user(&gone)?;
                app.delete_user(gone.id, at(800), at(0))?;
                app.set_contact(ada.id, &w.phone, at(0))?;
                app.insert_session(&session)?;
                app.insert_otp_request(&otp)?;
                app.insert_organization(w.tenant, "Organization", at(0))?;
                app.insert_license(&w.new_license())?;
                app.insert_license_key(&new_license_key("a"))?;
                app.put_template(&new_template())?;
                app.count_sms(&new_period(), 0, SmsCounts::SENT)?;
                app.raise_sms_alarm(&new_alarm())?;
                app.put_delivery_settings(&new_delivery())?;
                app.claim_seat(&device)?;
                app.claim_seat(&lost)?;
                app.release_seat(w.cooling, ReleaseReason::SelfRelease, Some(at(1)), at(0))?;
                app.insert_secret(&w.new_secret())?;
                app.insert_replay(session.id, 1, &hash(7), b"sealed", at(60))?;
                app.hit_limits(&[w.limit], at(0))?;
                app.put_stats(&stats_of_a_day())?;
                app.enqueue(&message, false)?;
                app.enqueue(&waiting, false)?;
                app.assign_role(w.tenant, w.user, &RoleName::owner(), at(0))?;
                app.put_role(&editor(), &RoleDefinition::default(), at(0))?;
                app.insert_revocation(&new_revocation(at(0), at(60)))?;
                let mut event = new_event(Some(app.app_id()), Action::OtpSent);
                event.actor = Actor::System;
                event.personal = Some(Personal {
                    contact_ref: Some([6; 16]),
                    ..Personal::default()
                });
                app.audit(&event)?;
                let mut event = new_event(Some(app.app_id()), Action::LicenseGenerated);
                event.actor = Actor::System;
                event.id = w.event;
                event.target = Some(Target::new("license", w.license));
                app.audit(&event)?;
                for target in [None, Some(Target::new("user", w.user))] {
                    let mut event = new_event(Some(app.app_id()), Action::OtpSent);
                    event.actor = Actor::System;
                    event.target = target;
                    event.personal = Some(Personal {
                        user_id: Some(w.user),
                        ..Personal::default()
                    });
                    app.audit(&event)?;
                }
                Ok(())
            })
            .await;
        let (node, message) = (NodeId::from_uuid(fresh()), world.message);
        let request = lease_request(Channel::Sms, node, at(0), 1_000);
        let taken = async |id| {
            platform(db)
                .write(move |p| {
                    p.lease_messages(&request)?;
                    p.message_sent(id, node, at(0), &new_handover())
                })
                .await
        };
        assert!(taken(message).await);
        let mut stranger = new_user(email("stranger@example.com"));
        if twin {
            stranger.id = world.user;
        }
        world
            .other
            .write(move |app| app.insert_user(&stranger))
            .await;
        raw.execute("UPDATE users SET email_verified_at = NULL, phone_verified_at = NULL")
            .await;
        world
    }

    fn new_license(&self) -> NewLicense {
        NewLicense {
            id: self.license,
            key: Some((self.license_key, vec![1], "7Q2Z".to_owned())),
            user_id: Some(self.user),
            max_activations: 3,
            ..new_license()
        }
    }

    fn contacts(&self) -> UserContacts {
        UserContacts {
            id: self.user,
            email: match &self.email {
                Contact::Email(email) => Some(VerifiedAt {
                    value: email.clone(),
                    verified_at: None,
                }),
                Contact::Phone(_) => None,
            },
            phone: None,
            now: at(1),
        }
    }

    fn new_secret(&self) -> NewOneTimeSecret {
        NewOneTimeSecret {
            id: self.secret,
            purpose: "password_reset",
            secret_hash: hash(4),
            user_id: Some(self.user),
            details: None,
            created_at: at(0),
            expires_at: at(60),
        }
    }
}

async fn set_version(db: &TestDatabase, id: AppId, version: i64) {
    use doorward_domain::app::AppStatus::{Active, Deactivated};
    platform(db)
        .write(move |p| {
            for step in 1..version {
                let status = if step % 2 == 1 { Deactivated } else { Active };
                assert!(p.set_app_status(id, status, at(0))?);
            }
            Ok(())
        })
        .await;
}

async fn call(scope: &Scope, case: &'static Case, world: &World) -> Result<bool, StoreError> {
    let world = world.clone();
    scope.try_write(move |app| (case.call)(app, &world)).await
}

async fn another_apps_id_finds_and_changes_nothing(db: TestDatabase) {
    let raw = Raw::open(&db).await;
    for case in CASES {
        let method = case.method;
        let world = World::seed(&db, &raw, case.twin).await;
        let (owners, others) = (
            raw.rows_of(world.owner.id).await,
            raw.rows_of(world.other.id).await,
        );

        let answer = call(&world.other, case, &world).await;
        let own_rows = raw.rows_of(world.other.id).await;
        match case.foreign {
            Foreign::Nothing => assert!(matches!(answer, Ok(false)), "{method}: {answer:?}"),
            Foreign::Refused => assert!(answer.is_err(), "{method}: {answer:?}"),
            Foreign::ARowOfItsOwn => assert!(matches!(answer, Ok(true)), "{method}: {answer:?}"),
        }
        assert_eq!(
            own_rows != others,
            case.foreign == Foreign::ARowOfItsOwn,
            "{method}: the other app's rows"
        );
        assert_eq!(
            raw.rows_of(world.owner.id).await,
            owners,
            "{method}: the owner's rows"
        );

        if case.foreign != Foreign::ARowOfItsOwn {
            let answer = call(&world.owner, case, &world).await;
            assert!(
                matches!(answer, Ok(true)),
                "{method} by the owner: {answer:?}"
            );
            let changed = raw.rows_of(world.owner.id).await != owners;
            assert_eq!(changed, case.writes, "{method} by the owner");
        }
    }
}
