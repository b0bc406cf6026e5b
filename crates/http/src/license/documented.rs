//! Schemas that the derive macro cannot say.

use doorward_domain::entitlement::MAX_ENTITLEMENTS;
use doorward_domain::license::LicenseState;
use utoipa::openapi::schema::AdditionalProperties;
use utoipa::openapi::{Object, ObjectBuilder, Schema, Type, schema};

/// Named features and numbers.
pub(crate) fn entitlements() -> Object {
    let feature = ObjectBuilder::new().schema_type(Type::Boolean);
    let number = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(0))
        .maximum(Some(9_007_199_254_740_991_i64));
    object(
        "Named features and numbers, e.g. `{\"export\": true, \"seats\": 20}`.",
        schema::OneOfBuilder::new()
            .item(feature)
            .item(number)
            .into(),
    )
}

/// The same as a merge patch.
pub(crate) fn entitlements_patch() -> Object {
    let value = ObjectBuilder::new().schema_type(schema::SchemaType::from_iter([
        Type::Boolean,
        Type::Integer,
        Type::Null,
    ]));
    object(
        "Merged into the entitlements (RFC 7396): `null` removes one, and `null` in place of the \
         object all.",
        value.into(),
    )
}

fn object(description: &str, value: Schema) -> Object {
    ObjectBuilder::new()
        .schema_type(schema::SchemaType::from_iter([Type::Object, Type::Null]))
        .description(Some(description))
        .property_names(Some(
            ObjectBuilder::new()
                .schema_type(Type::String)
                .pattern(Some("^[a-z][a-z0-9_.:-]{0,63}$")),
        ))
        .additional_properties(Some(AdditionalProperties::from(value)))
        .max_properties(Some(MAX_ENTITLEMENTS))
        .build()
}

/// How a licence stands.
pub(crate) fn state() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(
            "`issued`: no device yet. `active`: devices, and free slots. `full`: no free slot. \
             `expired`, `suspended`, `revoked`.",
        ))
        .enum_values(Some(LicenseState::ALL.map(LicenseState::as_str)))
        .build()
}
