//! Users, as operators look at them.

use doorward_domain::contact::{Contact, EmailAddress, PhoneNumber};
use doorward_domain::scope::{Scope, Scopes};
use doorward_domain::{AppId, Code};
use doorward_service::{Operator, users};
use doorward_testkit::on_both_engines;
use doorward_testkit::platform::Platform;

on_both_engines! {
    async fn a_user_is_found_by_its_address_in_its_app(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let (app, other) = (platform.app("shop").await, platform.app("other").await);
        let (ada, _) = platform.sign_in(&app, "Ada@example.com").await;
        let (twin, _) = platform.sign_in(&other, "ada@example.com").await;
        let email = || Contact::Email(EmailAddress::parse("ada@EXAMPLE.com").unwrap());
        let find = async |operator: &Operator, app: AppId, contact: Contact| {
            let found = users::find(&platform.core, operator, app, contact).await;
            found.map(|user| user.id).map_err(|error| error.code())
        };
        let operator = platform.operator();
        assert_eq!(find(&operator, app.id, email()).await, Ok(ada));
        assert_eq!(find(&operator, other.id, email()).await, Ok(twin));
        users::delete(&platform.core, &operator, app.id, ada, platform.delete_user(ada))
            .await
            .unwrap();
        assert_eq!(find(&operator, app.id, email()).await, Ok(ada));

        let phone = Contact::Phone(PhoneNumber::parse("+14155552671").unwrap());
        let nobody = find(&operator, app.id, phone).await;
        assert_eq!(nobody, Err(Code::UserNotFound));
        let nowhere = AppId::from_uuid(uuid::Uuid::from_u128(9));
        assert_eq!(find(&operator, nowhere, email()).await, Err(Code::AppNotFound));
        let reader = Operator::new(operator.context.clone(), Scopes::from_iter([Scope::OrgsRead]));
        assert_eq!(find(&reader, app.id, email()).await, Err(Code::Forbidden));
    }
}
