//! The rows: the same on both engines, and in every run.

use std::time::{SystemTime, UNIX_EPOCH};

use super::{Amount, Cell, Sink};
use crate::Result;

/// The app that is measured.
pub(super) struct Measured {
    pub(super) id: u128,
    pub(super) settings: String,
    pub(super) epoch: i64,
}

const DAY: i64 = 86_400_000_000;

/// One person in so many belongs to the app's organization, and one in so many has a licence.
const MEMBERS: u64 = 10;
const LICENSED: u64 = 10;

/// What a row is of; part of its id, so that no two are alike.
#[derive(Clone, Copy)]
enum Kind {
    App = 1,
    Organization,
    User,
    Session,
    Event,
    License,
    Activation,
}

struct World<'a> {
    amount: Amount,
    measured: &'a Measured,
    now: i64,
}

/// Someone, by number; the people of the measured app come last.
#[derive(Clone, Copy)]
struct Person {
    number: u64,
    app: u128,
    organization: u128,
    created: i64,
}

/// Bits that look random and are the same in every run (the finalizer of `SplitMix64`).
const fn mix(mut bits: u64) -> u64 {
    bits = bits.wrapping_add(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

/// A `UUIDv7` of that time.
fn id(kind: Kind, number: u64, at: i64) -> u128 {
    let millis = u128::try_from(at / 1000).unwrap_or_default() & 0xFFFF_FFFF_FFFF;
    let high = mix(number ^ ((kind as u64) << 56));
    let low = mix(high);
    (millis << 80)
        | (0x7 << 76)
        | (u128::from(high & 0xFFF) << 64)
        | (0b10 << 62)
        | u128::from(low >> 2)
}

fn bytes(kind: Kind, number: u64) -> [u8; 32] {
    let mut all = [0; 32];
    let mut bits = mix(number ^ ((kind as u64) << 48));
    for chunk in all.chunks_mut(8) {
        bits = mix(bits);
        chunk.copy_from_slice(&bits.to_be_bytes());
    }
    all
}

fn text(value: &str) -> Cell {
    Cell::Text(value.to_owned())
}

impl World<'_> {
    /// In the order in which they came, over the last twenty days.
    fn at(&self, number: u64, of: u64) -> i64 {
        let span = i128::from(20 * DAY) * i128::from(number) / i128::from(of.max(1));
        self.now - 21 * DAY + i64::try_from(span).unwrap_or_default()
    }

    fn app(&self, number: u64) -> (u128, i64) {
        let at = self.at(0, 1) - DAY + i64::try_from(number).unwrap_or_default();
        (id(Kind::App, number, at), at)
    }

    fn person(&self, number: u64) -> Person {
        let place = number / self.amount.people_each.max(1);
        let (app, place) = if place < self.amount.apps {
            (self.app(place).0, place)
        } else {
            (self.measured.id, self.amount.apps)
        };
        Person {
            number,
            app,
            organization: id(Kind::Organization, place, self.at(0, 1)),
            created: self.at(number, self.amount.all_people()),
        }
    }

    fn people(&self) -> impl Iterator<Item = Person> {
        (0..self.amount.all_people()).map(|number| self.person(number))
    }

    fn members(&self) -> impl Iterator<Item = Person> {
        self.people().filter(|person| person.number % MEMBERS == 0)
    }

    fn licensed(&self) -> impl Iterator<Item = Person> {
        self.people().filter(|person| person.number % LICENSED == 0)
    }

    /// With the session's number.
    fn sessions(&self) -> impl Iterator<Item = (Person, u64)> {
        let each = self.amount.sessions_each;
        self.people().flat_map(move |person| {
            (0..each).map(move |session| (person, person.number * each + session))
        })
    }
}

impl Person {
    fn id(&self) -> u128 {
        id(Kind::User, self.number, self.created)
    }

    fn user(self) -> Vec<Cell> {
        let email = Cell::Text(format!("person{}@fill.example.com", self.number));
        vec![
            Cell::Uuid(self.app),
            Cell::Uuid(self.id()),
            text("active"),
            email.clone(),
            email,
            Cell::Time(self.created),
            Cell::Text(format!("+4915{:09}", self.number)),
            Cell::Time(self.created),
            Cell::Time(self.created),
            Cell::Time(self.created),
        ]
    }

    fn session(self, number: u64, world: &World<'_>) -> Vec<Cell> {
        let lives_until = world.now + 9 * DAY;
        vec![
            Cell::Uuid(self.app),
            Cell::Uuid(id(Kind::Session, number, self.created)),
            Cell::Uuid(self.id()),
            Cell::Int(1 + i64::try_from(number % 50).unwrap_or_default()),
            Cell::Bytes(bytes(Kind::Session, number)),
            Cell::Int(world.measured.epoch),
            Cell::Time(self.created),
            text("otp"),
            text("203.0.113.7"),
            text("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
            Cell::Time(self.created),
            Cell::Time(self.created),
            Cell::Time(lives_until),
            Cell::Time(self.created + 365 * DAY),
            Cell::Int(lives_until / DAY),
        ]
    }

    fn event(self, number: u64) -> Vec<Cell> {
        let session = id(Kind::Session, number, self.created);
        vec![
            Cell::Uuid(id(Kind::Event, number, self.created)),
            Cell::Time(self.created),
            Cell::Uuid(self.app),
            text("app"),
            Cell::Text(uuid::Uuid::from_u128(self.app).to_string()),
            text("user.signed_in"),
            text("user"),
            Cell::Text(uuid::Uuid::from_u128(self.id()).to_string()),
            text("success"),
            Cell::Uuid(session),
        ]
    }

    fn license(self) -> Vec<Cell> {
        let at = Cell::Time(self.created);
        vec![
            Cell::Uuid(self.app),
            Cell::Uuid(id(Kind::License, self.number, self.created)),
            Cell::Bytes(bytes(Kind::License, self.number)),
            Cell::Bytes(bytes(Kind::License, self.number + 1)),
            text("FILL-…-0000"),
            Cell::Text(format!("order {}", self.number)),
            text("active"),
            Cell::Int(3),
            Cell::Int(1),
            text("{}"),
            text("{}"),
            Cell::Int(1),
            at.clone(),
            at,
        ]
    }

    fn activation(self) -> Vec<Cell> {
        let at = Cell::Time(self.created);
        vec![
            Cell::Uuid(self.app),
            Cell::Uuid(id(Kind::Activation, self.number, self.created)),
            Cell::Uuid(id(Kind::License, self.number, self.created)),
            Cell::Bytes(bytes(Kind::Activation, self.number)),
            at.clone(),
            at,
            Cell::Bool(false),
        ]
    }
}

/// All of it.
pub(super) fn write(sink: &mut dyn Sink, amount: Amount, measured: &Measured) -> Result {
    #[expect(clippy::disallowed_methods, reason = "the rows' ages count from today")]
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_err(|error| error.to_string())?;
    let world = World {
        amount,
        measured,
        now: i64::try_from(now.as_micros()).map_err(|error| error.to_string())?,
    };
    apps_and_organizations(sink, &world)?;
    sink.table(
        "users",
        &[
            "app_id",
            "id",
            "status",
            "email",
            "email_canonical",
            "email_verified_at",
            "phone",
            "phone_verified_at",
            "created_at",
            "updated_at",
        ],
        &mut world.people().map(Person::user),
    )?;
    memberships(sink, &world)?;
    sink.table(
        "sessions",
        &[
            "app_id",
            "id",
            "user_id",
            "generation",
            "nonce_hash",
            "epoch",
            "auth_time",
            "amr",
            "ip",
            "user_agent",
            "created_at",
            "last_used_at",
            "expires_at",
            "absolute_expires_at",
            "dead_after_day",
        ],
        &mut world
            .sessions()
            .map(|(person, number)| person.session(number, &world)),
    )?;
    sink.table(
        "audit_events",
        &[
            "id",
            "at",
            "app_id",
            "actor_type",
            "actor_id",
            "action",
            "target_type",
            "target_id",
            "outcome",
            "session_id",
        ],
        &mut world
            .sessions()
            .map(|(person, number)| person.event(number)),
    )?;
    sink.table(
        "licenses",
        &[
            "app_id",
            "id",
            "key_hash",
            "sealed_key",
            "key_hint",
            "label",
            "status",
            "max_activations",
            "activations_used",
            "entitlements",
            "metadata",
            "version",
            "created_at",
            "updated_at",
        ],
        &mut world.licensed().map(Person::license),
    )?;
    sink.table(
        "license_activations",
        &[
            "app_id",
            "id",
            "license_id",
            "device_hash",
            "created_at",
            "last_seen_at",
            "slot_returned",
        ],
        &mut world.licensed().map(Person::activation),
    )
}

fn apps_and_organizations(sink: &mut dyn Sink, world: &World<'_>) -> Result {
    sink.table(
        "apps",
        &[
            "id",
            "slug",
            "name",
            "status",
            "version",
            "session_epoch",
            "secret_hash",
            "secret_rotated_at",
            "settings",
            "created_at",
            "updated_at",
        ],
        &mut (0..world.amount.apps).map(|number| {
            let (id, at) = world.app(number);
            vec![
                Cell::Uuid(id),
                Cell::Text(format!("fill-{number}")),
                Cell::Text(format!("Fill {number}")),
                text("active"),
                Cell::Int(1),
                Cell::Int(1),
                Cell::Bytes(bytes(Kind::App, number)),
                Cell::Time(at),
                Cell::Text(world.measured.settings.clone()),
                Cell::Time(at),
                Cell::Time(at),
            ]
        }),
    )?;
    let at = world.at(0, 1);
    sink.table(
        "organizations",
        &[
            "app_id",
            "id",
            "name",
            "version",
            "created_at",
            "updated_at",
        ],
        &mut (0..=world.amount.apps).map(|number| {
            let app = if number < world.amount.apps {
                world.app(number).0
            } else {
                world.measured.id
            };
            vec![
                Cell::Uuid(app),
                Cell::Uuid(id(Kind::Organization, number, at)),
                text("Fill"),
                Cell::Int(1),
                Cell::Time(at),
                Cell::Time(at),
            ]
        }),
    )
}

/// Who belongs to an organization, and as what. After the people.
fn memberships(sink: &mut dyn Sink, world: &World<'_>) -> Result {
    sink.table(
        "memberships",
        &["app_id", "tenant_id", "user_id", "joined_at"],
        &mut world.members().map(|person| {
            vec![
                Cell::Uuid(person.app),
                Cell::Uuid(person.organization),
                Cell::Uuid(person.id()),
                Cell::Time(person.created),
            ]
        }),
    )?;
    sink.table(
        "role_assignments",
        &["app_id", "tenant_id", "user_id", "role", "assigned_at"],
        &mut world.members().map(|person| {
            vec![
                Cell::Uuid(person.app),
                Cell::Uuid(person.organization),
                Cell::Uuid(person.id()),
                text("viewer"),
                Cell::Time(person.created),
            ]
        }),
    )
}
