use std::borrow::Cow;

use doorward_domain::contact::Contact;
use doorward_domain::otp::Purpose;
use doorward_domain::secret::SecretText;

use super::*;
use crate::message::Otp;

const EMAIL: &str = "ada@example.com";
const PHONE: &str = "+14155552671";

fn app() -> AppId {
    AppId::from_uuid(uuid::Uuid::nil())
}

fn envelope(to: &str, purpose: Purpose, app_name: &str, domain: Option<&str>) -> Envelope {
    let channel = if to.starts_with('+') {
        Channel::Sms
    } else {
        Channel::Email
    };
    Envelope::new_otp(&Otp {
        to: &Contact::from_stored(channel, to).unwrap(),
        app_name,
        language: "en",
        purpose,
        code: &SecretText::new("204060"),
        valid_minutes: 5,
        domain,
    })
}

fn render(envelope: &Envelope) -> Rendered {
    Renderer::new().render(&BuiltIn, app(), envelope).unwrap()
}

/// Replaces one part by the given text.
struct Replaced(Part, &'static str);

impl TemplateSource for Replaced {
    fn get(&self, _: AppId, template: TemplateId, _: &str) -> Option<Cow<'_, str>> {
        (template.part == self.0).then_some(Cow::Borrowed(self.1))
    }
}

fn replaced(part: Part, text: &'static str) -> Result<Rendered, TemplateError> {
    let to = if part == Part::Sms { PHONE } else { EMAIL };
    Renderer::new().render(
        &Replaced(part, text),
        app(),
        &envelope(to, Purpose::Login, "<b>", None),
    )
}

#[test]
fn every_purpose_by_email() {
    for purpose in Purpose::ALL {
        let mail = render(&envelope(EMAIL, purpose, "My shop", None));
        let (subject, html) = (mail.subject.unwrap(), mail.html.unwrap());
        assert!(subject.contains("My shop"), "{subject}");
        // Subjects are shown on locked screens and kept in the logs of mail servers.
        assert!(!subject.contains("204060"), "{subject}");
        for body in [&mail.text, &html] {
            assert!(
                body.contains("204060") && body.contains("within 5 minutes."),
                "{body}"
            );
            assert!(body.contains("Never share this code"), "{body}");
            assert!(!body.contains("{{") && !body.contains("{%"), "{body}");
        }
        assert_eq!(mail.code.unwrap().expose(), "204060");
        assert_eq!(mail.to.original(), EMAIL);
    }
}

#[test]
fn html_is_self_contained_and_follows_the_readers_colours() {
    for purpose in Purpose::ALL {
        let html = render(&envelope(EMAIL, purpose, "My shop", None))
            .html
            .unwrap();
        assert!(
            html.starts_with("<!doctype html>\n<html lang=\"en\">"),
            "{html}"
        );
        assert!(html.contains("prefers-color-scheme: dark"));
        for remote in [
            "http:", "https:", "//", "<img", "url(", "<link", "<script", "@import",
        ] {
            assert!(!html.contains(remote), "{remote}");
        }
    }
}

#[test]
fn names_are_escaped_in_html_only() {
    let mail = render(&envelope(EMAIL, Purpose::Login, "<b>\"A&B'</b>", None));
    let html = mail.html.unwrap();
    assert!(
        html.contains("&lt;b&gt;&quot;A&amp;B&#x27;&lt;&#x2f;b&gt;"),
        "{html}"
    );
    assert!(!html.contains("<b>"));
    assert!(mail.text.contains("<b>\"A&B'</b>"));
    assert!(mail.subject.unwrap().contains("<b>\"A&B'</b>"));
    let sms = render(&envelope(PHONE, Purpose::Login, "A&B", None));
    assert!(sms.text.contains("A&B"));
}

#[test]
fn a_subject_is_one_line_whatever_is_put_into_it() {
    for name in [
        "a\r\nBcc: x@y.z",
        "a\nb",
        "a\rb",
        "a\u{2028}b",
        "a\u{85}b",
        "a\0b",
        "a\u{b}b",
    ] {
        let subject = render(&envelope(EMAIL, Purpose::Login, name, None))
            .subject
            .unwrap();
        assert!(!subject.chars().any(char::is_control), "{subject:?}");
        assert!(!subject.contains(['\u{2028}', '\u{2029}']), "{subject:?}");
    }
    // Neither can a template itself break the line.
    let mail = replaced(Part::Subject, "Hello\r\nBcc: x@y.z\n\n{{ app_name }}").unwrap();
    assert_eq!(mail.subject.unwrap(), "Hello Bcc: x@y.z <b>");
    let long = render(&envelope(EMAIL, Purpose::Login, &"n".repeat(500), None))
        .subject
        .unwrap();
    assert!(long.chars().count() <= 200);
}

#[test]
fn an_sms_begins_with_the_code_and_fits_into_one() {
    for purpose in Purpose::ALL {
        for name in [
            "My shop",
            "Grüße & Söhne",
            "A name of exactly thirty chars",
            &"W".repeat(100),
        ] {
            let sms = render(&envelope(PHONE, purpose, name, None));
            assert!(sms.text.starts_with("204060 is your code"), "{}", sms.text);
            assert!(sms.text.contains("in 5 minutes"), "{}", sms.text);
            assert!(text::gsm_units(&sms.text).unwrap() <= 160, "{}", sms.text);
            assert!(
                !sms.text.contains('@') && !sms.text.ends_with('\n'),
                "{:?}",
                sms.text
            );
            assert!(sms.subject.is_none() && sms.html.is_none());
        }
        let cut = render(&envelope(PHONE, purpose, &"W".repeat(100), None)).text;
        assert!(
            cut.contains("WWW...") && !cut.contains(&"W".repeat(31)),
            "{cut}"
        );
    }
}

#[test]
fn an_sms_for_a_domain_ends_in_the_line_that_phones_look_for() {
    for purpose in Purpose::ALL {
        for name in ["My shop", &"W".repeat(100), &"€".repeat(100)] {
            let sms = render(&envelope(
                PHONE,
                purpose,
                name,
                Some("login.my-shop.example"),
            ));
            assert!(
                sms.text.ends_with("\n\n@login.my-shop.example #204060"),
                "{:?}",
                sms.text
            );
            assert!(
                text::gsm_units(&sms.text).unwrap() <= 160,
                "{} {}",
                sms.text.len(),
                sms.text
            );
        }
    }
    let injected = render(&envelope(
        PHONE,
        Purpose::Login,
        "A\n\n@evil.example #1",
        Some("a b\n@c"),
    ));
    assert!(!injected.text.contains('\n'), "{:?}", injected.text);
}

#[test]
fn one_minute_is_singular() {
    let mut one = envelope(PHONE, Purpose::Login, "A", None);
    one.valid_minutes = 1;
    assert!(render(&one).text.contains("in 1 minute."));
}

#[test]
fn a_replaced_part_leaves_the_others_built_in() {
    let mail = replaced(Part::Text, "Code: {{ code }} {{ app_name }}").unwrap();
    assert_eq!(mail.text, "Code: 204060 <b>");
    assert!(mail.html.unwrap().contains("Sign in to &lt;b&gt;"));
    let mail = replaced(
        Part::Html,
        "{% extends \"layout.html\" %}{% block content %}{{ app_name }}{% endblock %}",
    );
    assert!(
        mail.unwrap()
            .html
            .unwrap()
            .contains("<main>\n&lt;b&gt;\n</main>")
    );
}

#[test]
fn the_sandbox_holds() {
    let failing = [
        ("{{ nobody_knows }}", "undefined value"),
        ("{% if nobody_knows %}{% endif %}", "undefined value"),
        ("{{ app_name.x.y }}", "undefined value"),
        ("{% include \"/etc/passwd\" %}", "template not found"),
        ("{% include \"../layout.html\" %}", "template not found"),
        ("{% import \"x\" as y %}", "template not found"),
        ("{{ app_name|safe }}", "unknown filter"),
        ("{{ range(10) }}", "unknown function"),
        ("{{ code", "syntax error"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", ""),
        (
            "{% for a in 'aaaaaaaaaaaaaaaaaaaa' %}{% for b in 'aaaaaaaaaaaaaaaaaaaa' %}\
             {% for c in 'aaaaaaaaaaaaaaaaaaaa' %}{{ app_name }}{% endfor %}{% endfor %}{% endfor %}",
            "",
        ),
    ];
    for (text, kind) in failing {
        let error = replaced(Part::Html, text)
            .map(|mail| mail.html)
            .unwrap_err();
        assert!(error.kind.contains(kind), "{text}: {error}");
        assert_eq!(error.name, "otp/LOGIN.html");
        assert!(!error.to_string().contains("204060"), "{error}");
    }
}

#[test]
fn output_is_bounded() {
    let doubling = "{% set a = 'xxxxxxxxxxxxxxxx' %}{% set b = a~a~a~a~a~a~a~a %}{% set c = b~b~b~b~b~b~b~b %}\
                    {% set d = c~c~c~c~c~c~c~c %}{% set e = d~d~d~d~d~d~d~d %}{% set f = e~e~e~e~e~e~e~e %}{{ f }}";
    assert!(replaced(Part::Text, doubling).is_err());
}

#[test]
fn secrets_do_not_show() {
    let mail = render(&envelope(EMAIL, Purpose::Login, "My shop", None));
    let debug = format!("{mail:?}");
    assert!(
        !debug.contains("204060") && !debug.contains(EMAIL),
        "{debug}"
    );
}
