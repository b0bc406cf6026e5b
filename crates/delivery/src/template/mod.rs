//! Templates: the words of a message.
//!
//! Variables: `app_name`, `code`, `minutes`, `domain` (empty without one), `language`. An app may replace them
//! (`own`), by templates of a few permitted constructs; and whatever those may be: no file can be
//! included, no filter or function is there to misuse, work and output are bounded, an unknown
//! variable is an error.

mod own;
mod source;
mod text;

use std::io;

use doorward_domain::AppId;
use doorward_domain::contact::Channel;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, context};

use crate::message::{Envelope, Rendered};

pub use own::{Preview, built_in_words, preview, problems};
pub use source::{BuiltIn, Part, TemplateId, TemplateSource};
pub(crate) use text::single_line;
pub use text::{SmsEncoding, SmsSize, sms_size};

/// Most instructions one part may take (a built-in one takes about 60).
const FUEL: u64 = 20_000;

/// Most bytes of one part.
const MAX_BYTES: usize = 128 * 1024;

/// Longest app name in an SMS, in characters, and what it may be cut to when the text is too long.
const SMS_NAME: usize = 30;
const SMS_NAME_MIN: usize = 8;

/// A template that does not render. Holds no value of a variable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("template {name} fails at line {line}: {kind}")]
pub struct TemplateError {
    /// Which template.
    pub name: String,
    /// In which line, from 1; 0 when unknown.
    pub line: usize,
    /// What kind of mistake it is.
    pub kind: String,
}

/// Renders messages. Make one and keep it.
#[derive(Debug, Clone)]
pub struct Renderer {
    environment: Environment<'static>,
}

impl Default for Renderer {
    fn default() -> Self {
        Self::new()
    }
}

impl Renderer {
    /// With the sandbox set up.
    #[must_use]
    pub fn new() -> Self {
        // Empty: no filters, tests, functions or globals.
        let mut environment = Environment::empty();
        environment.set_auto_escape_callback(|name| {
            let html = std::path::Path::new(name)
                .extension()
                .is_some_and(|end| end == "html");
            if html {
                AutoEscape::Html
            } else {
                AutoEscape::None
            }
        });
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        // Debug information would carry the variables, the code among them, into error texts.
        environment.set_debug(false);
        let layout = environment.add_template("layout.html", source::LAYOUT);
        debug_assert!(layout.is_ok(), "the built-in layout compiles: {layout:?}");
        Self { environment }
    }

    /// Renders the parts that the recipient's channel needs.
    ///
    /// # Errors
    /// [`TemplateError`] when a template is wrong.
    pub fn render(
        &self,
        source: &dyn TemplateSource,
        app_id: AppId,
        envelope: &Envelope,
    ) -> Result<Rendered, TemplateError> {
        let job = Job {
            renderer: self,
            source,
            app_id,
            envelope,
            language: &envelope.language,
        };
        job.message(|| {
            job.part(Part::Html, &single_line(&envelope.app_name))
                .map(Some)
        })
    }
}

struct Job<'a> {
    renderer: &'a Renderer,
    source: &'a dyn TemplateSource,
    app_id: AppId,
    envelope: &'a Envelope,
    /// Of the template; the reader may have asked for another.
    language: &'a str,
}

impl Job<'_> {
    /// The whole message. HTML is asked for where the channel has it.
    fn message(
        &self,
        html: impl FnOnce() -> Result<Option<String>, TemplateError>,
    ) -> Result<Rendered, TemplateError> {
        let envelope = self.envelope;
        let name = single_line(&envelope.app_name);
        let (subject, text, html) = match envelope.to.channel() {
            Channel::Email => (
                Some(text::subject(&self.part(Part::Subject, &name)?)),
                self.part(Part::Text, &name)?,
                html()?,
            ),
            Channel::Sms => (None, self.sms(&name)?, None),
        };
        Ok(Rendered {
            to: envelope.to.clone(),
            subject,
            text,
            html,
            code: Some(envelope.code.clone()),
            link: None,
        })
    }

    const fn id(&self, part: Part) -> TemplateId {
        TemplateId {
            purpose: self.envelope.purpose,
            part,
        }
    }

    fn part(&self, part: Part, app_name: &str) -> Result<String, TemplateError> {
        let id = self.id(part);
        let text = self
            .source
            .get(self.app_id, id, &self.envelope.language)
            .unwrap_or_else(|| source::built_in(id).into());
        let name = id.name();
        let variables = context! {
            app_name,
            code => self.envelope.code.expose(),
            minutes => self.envelope.valid_minutes,
            // Without one: nothing, and false. The engine would print the word for it otherwise.
            domain => self.envelope.domain.as_deref().unwrap_or_default(),
            language => self.language,
        };
        self.run(&name, &text, variables)
            .map_err(|error| TemplateError {
                line: error.line().unwrap_or(0),
                kind: error.kind().to_string(),
                name,
            })
    }

    fn run(&self, name: &str, text: &str, variables: Value) -> Result<String, minijinja::Error> {
        let mut out = Bounded(Vec::new());
        self.renderer
            .environment
            .template_from_named_str(name, text)?
            .render_captured_to(variables, &mut out)?;
        String::from_utf8(out.0).map_err(|_| minijinja::ErrorKind::BadSerialization.into())
    }

    /// One SMS where the name allows it: a name that makes the text too long is cut.
    fn sms(&self, app_name: &str) -> Result<String, TemplateError> {
        let text = self.part(Part::Sms, &text::shorten(app_name, SMS_NAME))?;
        let excess = text::gsm_units(&text)
            .unwrap_or(0)
            .saturating_sub(text::SMS_UNITS);
        if excess == 0 {
            return Ok(text);
        }
        let room = app_name
            .chars()
            .count()
            .min(SMS_NAME)
            .saturating_sub(excess);
        self.part(Part::Sms, &text::shorten(app_name, room.max(SMS_NAME_MIN)))
    }
}

/// A buffer that refuses to grow beyond [`MAX_BYTES`].
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
