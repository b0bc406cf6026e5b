//! An app's own words for its messages.

use doorward_domain::contact::Channel;
use doorward_domain::template::{Language, MessageName, StoredTemplate, TemplateKey, Words};

use super::{AppRead, AppWrite};
use crate::error::StoreError;
use crate::value::Row;

fn template(mut row: Row) -> Result<StoredTemplate, StoreError> {
    let name = MessageName::parse(&row.take::<String>()?)
        .ok_or_else(|| StoreError::decode("an unknown message"))?;
    let language = Language::parse(&row.take::<String>()?).map_err(StoreError::decode)?;
    let channel = Channel::from_stored(&row.take::<String>()?)
        .ok_or_else(|| StoreError::decode("an unknown channel"))?;
    Ok(StoredTemplate {
        key: TemplateKey {
            name,
            language,
            channel,
        },
        words: Words {
            subject: row.take()?,
            text: row.take()?,
            html: row.take()?,
        },
        version: row.take()?,
        updated_at: row.take()?,
    })
}

impl AppRead<'_> {
    /// Every template of the app; there are at most
    /// [`MAX_TEMPLATES`](doorward_domain::template::MAX_TEMPLATES). One of a message that this
    /// program does not know (a newer one wrote it) is left out.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn templates(&mut self) -> Result<Vec<StoredTemplate>, StoreError> {
        const SQL: &str = "SELECT name, language, channel, subject, text, html, version, \
             updated_at FROM message_templates WHERE app_id = $1 \
             AND name IN ('otp_login', 'otp_email_verify', 'otp_phone_change', \
             'otp_password_reset') ORDER BY name, language, channel";
        let rows = self.connection.query(SQL, &[self.app_id.into()])?;
        rows.into_iter().map(template).collect()
    }

    /// One template.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn template(&mut self, key: &TemplateKey) -> Result<Option<StoredTemplate>, StoreError> {
        const SQL: &str = "SELECT name, language, channel, subject, text, html, version, \
             updated_at FROM message_templates \
             WHERE app_id = $1 AND name = $2 AND language = $3 AND channel = $4";
        let params = [
            self.app_id.into(),
            key.name.as_str().into(),
            key.language.as_str().into(),
            key.channel.as_str().into(),
        ];
        let rows = self.connection.query(SQL, &params)?;
        rows.into_iter().next().map(template).transpose()
    }

    /// How many templates the app has.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn count_templates(&mut self) -> Result<i64, StoreError> {
        const SQL: &str = "SELECT COUNT(*) FROM message_templates WHERE app_id = $1";
        match self.connection.query(SQL, &[self.app_id.into()])?.pop() {
            Some(mut row) => row.take(),
            None => Ok(0),
        }
    }
}

impl AppWrite<'_> {
    /// Writes a template, whether or not there was one before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn put_template(&mut self, template: &StoredTemplate) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO message_templates (app_id, name, language, channel, \
             subject, text, html, version, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
             ON CONFLICT (app_id, name, language, channel) DO UPDATE SET \
             subject = excluded.subject, text = excluded.text, html = excluded.html, \
             version = excluded.version, updated_at = excluded.updated_at";
        let params = [
            self.app_id.into(),
            template.key.name.as_str().into(),
            template.key.language.as_str().into(),
            template.key.channel.as_str().into(),
            template.words.subject.as_deref().into(),
            (&template.words.text).into(),
            template.words.html.as_deref().into(),
            template.version.into(),
            template.updated_at.into(),
        ];
        self.connection.execute(SQL, &params).map(|_| ())
    }

    /// Forgets a template; `false` when there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn delete_template(&mut self, key: &TemplateKey) -> Result<bool, StoreError> {
        const SQL: &str = "DELETE FROM message_templates \
             WHERE app_id = $1 AND name = $2 AND language = $3 AND channel = $4";
        let params = [
            self.app_id.into(),
            key.name.as_str().into(),
            key.language.as_str().into(),
            key.channel.as_str().into(),
        ];
        Ok(self.connection.execute(SQL, &params)? == 1)
    }
}
