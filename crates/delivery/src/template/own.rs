//! An app's own templates: judged when they are saved, shown in a preview, and rendered with a check
//! that nobody gets a message without its code.

use std::borrow::Cow;

use doorward_domain::AppId;
use doorward_domain::contact::{Channel, Contact, EmailAddress, PhoneNumber};
use doorward_domain::secret::SecretText;
use doorward_domain::template::{MessageName, Words, check, check_html};

use super::source::{self, Part, TemplateId, TemplateSource};
use super::text::{SmsSize, sms_size};
use super::{Job, Renderer, TemplateError};
use crate::message::{Envelope, Otp, Rendered};

/// Most pieces an SMS may be sent in: each is paid for.
const SEGMENTS_MAX: usize = 4;

/// The code of previews, which is none that anybody was given.
const SAMPLE_CODE: &str = "204060";

/// Names of apps that a template is tried with: one that would leave its place in HTML or in a
/// header if anything let it, and the longest.
const HOSTILE: &str = "</title><script>\"'&\r\nBcc: a@b.example";
const LONGEST: &str = "Wwwwwwwwww Wwwwwwwwww Wwwwwwwwww Wwwwwwwwww Wwwwwwwwww \
                       Wwwwwwwwww Wwwwwwwwww Wwwwwwwwww Wwwwwwwwww W";

/// A message as a person would get it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Preview {
    /// Subject line (e-mail only).
    pub subject: Option<String>,
    /// Plain text.
    pub text: String,
    /// HTML (e-mail only).
    pub html: Option<String>,
    /// How long the SMS is (SMS only).
    pub sms: Option<SmsSize>,
}

/// The built-in words of a message, in English.
#[must_use]
pub fn built_in_words(name: MessageName, channel: Channel) -> Words {
    let part = |part| {
        let id = TemplateId {
            purpose: name.purpose(),
            part,
        };
        source::built_in(id).to_owned()
    };
    match channel {
        Channel::Email => Words {
            subject: Some(part(Part::Subject)),
            text: part(Part::Text),
            html: Some(part(Part::Html)),
        },
        Channel::Sms => Words {
            subject: None,
            text: part(Part::Sms),
            html: None,
        },
    }
}

/// An app's words in the place of the built-in ones.
struct Own<'a>(&'a Words);

impl TemplateSource for Own<'_> {
    fn get(&self, _: AppId, template: TemplateId, _: &str) -> Option<Cow<'_, str>> {
        let text = match template.part {
            Part::Subject => self.0.subject.as_deref()?,
            Part::Text | Part::Sms => &self.0.text,
            Part::Html => self.0.html.as_deref()?,
        };
        Some(Cow::Borrowed(text))
    }
}

impl Renderer {
    /// Renders an app's own words, which are in `language`. Without HTML the message has none.
    ///
    /// # Errors
    /// [`TemplateError`] when they hold what is not permitted, do not render, or when the code does
    /// not stand in what came out.
    pub fn render_own(
        &self,
        words: &Words,
        language: &str,
        app_id: AppId,
        envelope: &Envelope,
    ) -> Result<Rendered, TemplateError> {
        let job = Job {
            renderer: self,
            source: &Own(words),
            app_id,
            envelope,
            language,
        };
        let fault = |part: Part, line, kind: &str| TemplateError {
            name: job.id(part).name(),
            line,
            kind: kind.to_owned(),
        };
        for (part, text) in parts(words, envelope.to.channel()) {
            check(text, part == Part::Html)
                .map_err(|wrong| fault(part, wrong.line, "a construct that is not permitted"))?;
        }
        let rendered = job.message(|| match &words.html {
            Some(_) => job
                .part(Part::Html, &super::single_line(&envelope.app_name))
                .map(Some),
            None => Ok(None),
        })?;
        let code = envelope.code.expose();
        for (part, text) in [
            (Part::Text, Some(&rendered.text)),
            (Part::Html, rendered.html.as_ref()),
        ] {
            if text.is_some_and(|text| !text.contains(code)) {
                return Err(fault(part, 0, "the code is missing"));
            }
        }
        if rendered.subject.as_deref().is_some_and(str::is_empty) {
            return Err(fault(Part::Subject, 0, "the subject is empty"));
        }
        Ok(rendered)
    }
}

/// The parts that there are, with their texts.
fn parts(words: &Words, channel: Channel) -> Vec<(Part, &str)> {
    let text = match channel {
        Channel::Email => Part::Text,
        Channel::Sms => Part::Sms,
    };
    let subject = words.subject.as_deref().map(|text| (Part::Subject, text));
    let html = words.html.as_deref().map(|text| (Part::Html, text));
    subject
        .into_iter()
        .chain([(text, words.text.as_str())])
        .chain(html)
        .collect()
}

/// Everything that is wrong with an app's words, as (field, message); empty when they can be used.
#[must_use]
pub fn problems(words: &Words, channel: Channel) -> Vec<(&'static str, String)> {
    let mut wrong = Vec::new();
    form(words, channel, &mut wrong);
    for (part, text) in parts(words, channel) {
        let (field, most) = match part {
            Part::Subject => ("subject", Words::SUBJECT_MAX),
            Part::Text | Part::Sms => ("text", Words::TEXT_MAX),
            Part::Html => ("html", Words::HTML_MAX),
        };
        if text.trim().is_empty() {
            wrong.push((field, "Must not be empty".to_owned()));
        } else if text.len() > most {
            wrong.push((field, format!("Must be at most {most} bytes")));
        } else if let Err(fault) = check(text, part == Part::Html) {
            wrong.push((field, fault.to_string()));
        } else if part == Part::Html
            && let Err(fault) = check_html(text)
        {
            wrong.push((field, fault.to_string()));
        }
    }
    if wrong.is_empty() {
        trial(words, channel, &mut wrong);
    }
    wrong
}

/// What can be seen without rendering.
fn form(words: &Words, channel: Channel, wrong: &mut Vec<(&'static str, String)>) {
    match channel {
        Channel::Email if words.subject.is_none() => {
            wrong.push(("subject", "Is required".to_owned()));
        }
        Channel::Sms if words.subject.is_some() => {
            wrong.push(("subject", "An SMS has no subject".to_owned()));
        }
        _ => {}
    }
    if channel == Channel::Sms && words.html.is_some() {
        wrong.push(("html", "An SMS has no HTML".to_owned()));
    }
    let subject = words.subject.as_deref().unwrap_or_default().trim_end();
    if subject.chars().any(char::is_control) {
        wrong.push(("subject", "Must be one line".to_owned()));
    }
    let html = words.html.as_deref().unwrap_or_default();
    if html.to_ascii_lowercase().contains("<script") {
        // Variables are escaped for text and quoted attributes, not for scripts.
        let message = "Must hold no script: mail programs do not run any";
        wrong.push(("html", message.to_owned()));
    }
}

/// Renders the words in every way that matters.
fn trial(words: &Words, channel: Channel, wrong: &mut Vec<(&'static str, String)>) {
    let renderer = Renderer::new();
    for app_name in ["My shop", HOSTILE, LONGEST] {
        for minutes in [1, 2, 5, 10] {
            for domain in [None, Some("login.example.com")] {
                let envelope = sample(channel, app_name, minutes, domain);
                let outcome = renderer
                    .render_own(words, "en", AppId::from_uuid(uuid::Uuid::nil()), &envelope)
                    .map_err(|error| (field_of(&error), format!("Does not do: {}", error.kind)))
                    .and_then(|rendered| judge(&rendered));
                if let Err(problem) = outcome {
                    wrong.push(problem);
                    return;
                }
            }
        }
    }
}

fn judge(rendered: &Rendered) -> Result<(), (&'static str, String)> {
    let subject = rendered.subject.as_deref().unwrap_or_default();
    if subject.contains(SAMPLE_CODE) {
        // Subjects are shown on locked screens and kept in the logs of mail servers.
        return Err(("subject", "Must not contain the code".to_owned()));
    }
    let html = rendered.html.as_deref().unwrap_or_default();
    if html.contains("</title><script>") {
        return Err(("html", "Lets a variable write HTML".to_owned()));
    }
    // What its questions make of it, too.
    if let Err(fault) = check_html(html) {
        return Err(("html", format!("Comes out wrong: {}", fault.message)));
    }
    let size = sms_size(&rendered.text);
    if rendered.to.channel() == Channel::Sms && size.segments > SEGMENTS_MAX {
        return Err((
            "text",
            format!(
                "Is sent in {} pieces; at most {SEGMENTS_MAX} are permitted",
                size.segments
            ),
        ));
    }
    Ok(())
}

fn field_of(error: &TemplateError) -> &'static str {
    let ends = |part: Part| error.name.ends_with(part.suffix());
    if ends(Part::Subject) {
        "subject"
    } else if ends(Part::Html) {
        "html"
    } else {
        "text"
    }
}

/// The words with sample data, as an app of this name would send them. Sends nothing.
///
/// # Errors
/// [`TemplateError`] when they do not render.
pub fn preview(
    words: &Words,
    name: MessageName,
    language: &str,
    channel: Channel,
    app_name: &str,
    minutes: u32,
) -> Result<Preview, TemplateError> {
    let mut envelope = sample(channel, app_name, minutes, None);
    envelope.purpose = name.purpose();
    let app_id = AppId::from_uuid(uuid::Uuid::nil());
    let rendered = Renderer::new().render_own(words, language, app_id, &envelope)?;
    Ok(Preview {
        sms: (channel == Channel::Sms).then(|| sms_size(&rendered.text)),
        subject: rendered.subject,
        text: rendered.text,
        html: rendered.html,
    })
}

fn sample(channel: Channel, app_name: &str, minutes: u32, domain: Option<&str>) -> Envelope {
    let to = match channel {
        Channel::Email => EmailAddress::parse("ada@example.com").map(Contact::Email),
        Channel::Sms => PhoneNumber::parse("+14155552671").map(Contact::Phone),
    };
    #[expect(clippy::expect_used, reason = "both are valid, as every test shows")]
    let to = to.expect("a valid address");
    Envelope::new_otp(&Otp {
        to: &to,
        app_name,
        language: "en",
        purpose: doorward_domain::otp::Purpose::Login,
        code: &SecretText::new(SAMPLE_CODE),
        valid_minutes: minutes,
        domain,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(subject: &str, text: &str, html: Option<&str>) -> Words {
        Words {
            subject: Some(subject.to_owned()),
            text: text.to_owned(),
            html: html.map(str::to_owned),
        }
    }

    fn sms(text: &str) -> Words {
        Words {
            text: text.to_owned(),
            ..Words::default()
        }
    }

    fn fields(words: &Words, channel: Channel) -> Vec<&'static str> {
        let wrong = problems(words, channel);
        wrong.into_iter().map(|(field, _)| field).collect()
    }

    #[test]
    fn the_built_in_words_would_be_accepted() {
        for name in MessageName::ALL {
            for channel in Channel::ALL {
                let words = built_in_words(name, channel);
                assert_eq!(problems(&words, channel), [], "{name:?} {channel:?}");
                let shown = preview(&words, name, "en", channel, "My shop", 5).unwrap();
                assert!(shown.text.contains(SAMPLE_CODE));
                assert_eq!(
                    shown.sms.map(|size| size.segments),
                    (channel == Channel::Sms).then_some(1)
                );
            }
        }
    }

    #[test]
    fn every_bad_field_is_named() {
        let all = mail("a\nb", "{{ nobody }}", Some("<script>{{ code }}</script>"));
        assert_eq!(fields(&all, Channel::Email), ["subject", "html", "text"]);
        assert_eq!(fields(&sms(""), Channel::Sms), ["text"]);
        assert_eq!(fields(&sms(&"x".repeat(9_000)), Channel::Sms), ["text"]);
        assert_eq!(fields(&sms("{{ code }}"), Channel::Email), ["subject"]);
        let both = mail("a", "{{ code }}", Some("{{ code }}"));
        assert_eq!(fields(&both, Channel::Sms), ["subject", "html"]);
    }

    #[test]
    fn html_that_runs_or_leaves_its_place_is_refused_and_named() {
        for (html, word) in [
            ("<p onclick=\"x\">{{ code }}</p>", "onclick="),
            (
                "<p>{{ code }}</p><a href=\"javascript:x\">x</a>",
                "javascript:",
            ),
            ("<a href={{ app_name }}>{{ code }}</a>", "Line 1: href="),
            (
                "{{ code }}<a title={% if domain %}\"{% endif %}x onclick=y{% if domain %}\"{% endif %}>",
                "Comes out wrong: onclick=",
            ),
        ] {
            let wrong = problems(&mail("a", "{{ code }}", Some(html)), Channel::Email);
            let [(field, message)] = &wrong[..] else {
                panic!("{html}: {wrong:?}");
            };
            assert!(
                *field == "html" && message.contains(word),
                "{html}: {message}"
            );
        }
    }

    #[test]
    fn without_a_domain_there_is_nothing_and_a_question_says_so() {
        let shown = |text: &str, channel| {
            let words = match channel {
                Channel::Sms => sms(text),
                Channel::Email => mail("a", text, Some(text)),
            };
            preview(&words, MessageName::ALL[0], "en", channel, "My shop", 5).unwrap()
        };
        let text = "{{ code }} [{{ domain }}]{% if domain %} yes{% endif %}{% if not domain %} no{% endif %}";
        assert_eq!(shown(text, Channel::Sms).text, "204060 [] no");
        let both = shown(text, Channel::Email);
        assert_eq!(both.text, "204060 [] no");
        assert_eq!(both.html.unwrap(), "204060 [] no");
    }

    #[test]
    fn a_message_always_has_its_code_and_its_subject_never() {
        for (words, channel, field) in [
            (sms("Hello"), Channel::Sms, "text"),
            (
                sms("{% if minutes == 5 %}{{ code }}{% endif %}"),
                Channel::Sms,
                "text",
            ),
            (
                sms("{% if domain %}{{ code }}{% endif %}"),
                Channel::Sms,
                "text",
            ),
            (mail("a", "Hello", None), Channel::Email, "text"),
            (
                mail("a", "{{ code }}", Some("<p>Hello</p>")),
                Channel::Email,
                "html",
            ),
            (
                mail("{{ code }}", "{{ code }}", None),
                Channel::Email,
                "subject",
            ),
            (
                mail("{% if domain %}a{% endif %}", "{{ code }}", None),
                Channel::Email,
                "subject",
            ),
        ] {
            assert_eq!(fields(&words, channel), [field], "{words:?}");
        }
    }

    #[test]
    fn an_sms_in_too_many_pieces_is_refused() {
        assert_eq!(
            fields(
                &sms(&format!("{{{{ code }}}}{}", "x".repeat(600))),
                Channel::Sms
            ),
            [] as [&str; 0]
        );
        assert_eq!(
            fields(
                &sms(&format!("{{{{ code }}}}{}", "x".repeat(607))),
                Channel::Sms
            ),
            ["text"]
        );
        assert_eq!(
            fields(
                &sms(&format!("{{{{ code }}}}{}", "日".repeat(270))),
                Channel::Sms
            ),
            ["text"]
        );
    }

    #[test]
    fn hostile_names_stay_in_their_place() {
        let words = mail(
            "Hello from {{ app_name }}",
            "{{ app_name }} {{ code }}",
            Some("<p title=\"{{ app_name }}\">{{ app_name }} {{ code }}</p>"),
        );
        assert_eq!(problems(&words, Channel::Email), []);
        let shown = preview(
            &words,
            MessageName::ALL[0],
            "en",
            Channel::Email,
            HOSTILE,
            5,
        )
        .unwrap();
        let (subject, html) = (shown.subject.unwrap(), shown.html.unwrap());
        assert!(!subject.contains(['\r', '\n']), "{subject:?}");
        assert_eq!(html.matches(['<', '>']).count(), 4, "{html}");
        assert_eq!(html.matches('"').count(), 2, "{html}");
        assert!(!shown.text.contains("\nBcc"), "{}", shown.text);
    }

    #[test]
    fn what_was_written_past_the_checks_does_not_render() {
        let escape = "{% autoescape false %}{{ app_name }}{{ code }}{% endautoescape %}";
        let words = mail("a", "{{ code }}", Some(escape));
        let error = preview(&words, MessageName::ALL[0], "en", Channel::Email, "x", 5).unwrap_err();
        assert_eq!((error.name.as_str(), error.line), ("otp/LOGIN.html", 1));
        let missing = sms("Hello");
        let error = preview(&missing, MessageName::ALL[0], "en", Channel::Sms, "x", 5).unwrap_err();
        assert_eq!(error.kind, "the code is missing");
    }

    #[test]
    fn a_deep_template_is_refused_and_ends_no_process() {
        let chain = format!(
            "{{{{ code }}}}{{% if code %}}{}{{% endif %}}",
            "{%elif code%}".repeat(Words::HTML_MAX / 14)
        );
        let long = format!(
            "{{{{ code }}}}{{% if code{} %}}{{% endif %}}",
            " or code".repeat(Words::HTML_MAX / 9)
        );
        for html in [chain, long] {
            let words = mail("a", "{{ code }}", Some(&html));
            assert_eq!(fields(&words, Channel::Email), ["html"]);
        }
    }
}
