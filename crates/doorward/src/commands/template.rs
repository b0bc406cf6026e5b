//! `doorward template`

use std::path::Path;

use doorward_domain::template::{TemplateKey, Words};
use doorward_domain::time::iso;
use doorward_service::messages::{self, Preview, TemplateCursor, TemplateInfo};
use doorward_service::{Core, Operator};
use serde::Serialize;

use super::{find, pages};
use crate::Outcome;
use crate::cli::{ChannelName, Global, OneTemplate, TemplateCommand, WordsArgs};
use crate::deployment;
use crate::failure::Failure;
use crate::output::{self, Done, Report, labels, table};

/// Runs it.
pub(super) async fn run(global: &Global, command: TemplateCommand) -> Outcome {
    let core = deployment::open(global).await?;
    let operator = deployment::operator(&core);
    let outcome = obey(&core, &operator, command, global.json).await;
    core.store.close().await;
    outcome
}

async fn obey(core: &Core, operator: &Operator, command: TemplateCommand, json: bool) -> Outcome {
    match command {
        TemplateCommand::List { of, page } => {
            let app = find::app(core, operator, &of.app).await?.id;
            let from = pages::cursor(page.cursor.as_deref(), str::parse::<TemplateCursor>)?;
            let found = pages::gather(page.limit, from, async |after, room| {
                let most = pages::one_more(room);
                let page = messages::templates(core, operator, app, after, most).await?;
                Ok(pages::ended_by_last(page, room, TemplateCursor::after))
            });
            let (found, next) = found.await?;
            let items = found.into_iter().map(TemplateView::from).collect();
            pages::print(json, TemplateList { items }, next)
        }
        TemplateCommand::Show { which } => {
            let app = find::app(core, operator, &which.of.app).await?.id;
            let found = messages::template(core, operator, app, key(&which)?).await?;
            output::report(json, &TemplateView::from(found))
        }
        TemplateCommand::Set {
            which,
            words,
            if_version,
        } => {
            let words = read(&words)?
                .ok_or_else(|| Failure::usage("--text or --text-file is needed.".to_owned()))?;
            let app = find::app(core, operator, &which.of.app).await?.id;
            let set = messages::set_template(core, operator, app, key(&which)?, words, if_version)
                .await?;
            output::report(json, &TemplateView::from(set))
        }
        TemplateCommand::Reset { which, against } => {
            let app = find::app(core, operator, &which.of.app).await?.id;
            let version = against.if_version;
            messages::reset_template(core, operator, app, key(&which)?, version).await?;
            output::report(json, &Done("Done. The built-in words are used again."))
        }
        TemplateCommand::Preview { which, words } => {
            let words = read(&words)?;
            let app = find::app(core, operator, &which.of.app).await?.id;
            let shown = messages::preview(core, operator, app, key(&which)?, words).await?;
            output::report(json, &PreviewView(shown))
        }
    }
}

fn key(which: &OneTemplate) -> Outcome<TemplateKey> {
    let channel = channel(which.channel).as_str();
    Ok(messages::parse_key(&which.name, &which.language, channel)?)
}

/// As the domain calls it.
pub(super) const fn channel(name: ChannelName) -> doorward_domain::contact::Channel {
    match name {
        ChannelName::Email => doorward_domain::contact::Channel::Email,
        ChannelName::Sms => doorward_domain::contact::Channel::Sms,
    }
}

/// The words given, if any were.
fn read(words: &WordsArgs) -> Outcome<Option<Words>> {
    let text = match (&words.text, &words.text_file) {
        (Some(text), _) => Some(text.clone()),
        (None, Some(path)) => Some(file(path)?),
        (None, None) => None,
    };
    let html = words.html_file.as_deref().map(file).transpose()?;
    match text {
        Some(text) => Ok(Some(Words {
            subject: words.subject.clone(),
            text,
            html,
        })),
        None if html.is_some() || words.subject.is_some() => Err(Failure::usage(
            "--text or --text-file is needed beside --subject and --html-file.".to_owned(),
        )),
        None => Ok(None),
    }
}

fn file(path: &Path) -> Outcome<String> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("Cannot read {}: {error}", path.display())))
}

/// A template.
#[derive(Serialize)]
struct TemplateView {
    name: &'static str,
    language: String,
    channel: &'static str,
    own: bool,
    subject: Option<String>,
    text: String,
    html: Option<String>,
    version: i64,
    updated_at: Option<String>,
}

impl From<TemplateInfo> for TemplateView {
    fn from(info: TemplateInfo) -> Self {
        Self {
            own: info.is_own(),
            name: info.key.name.as_str(),
            language: info.key.language.as_str().to_owned(),
            channel: info.key.channel.as_str(),
            subject: info.words.subject,
            text: info.words.text,
            html: info.words.html,
            version: info.version,
            updated_at: info.updated_at.map(iso),
        }
    }
}

impl TemplateView {
    fn kind(&self) -> String {
        if self.own { "own" } else { "built in" }.to_owned()
    }
}

impl Report for TemplateView {
    fn human(&self) -> String {
        let head = labels(&[
            ("message", self.name.to_owned()),
            ("language", self.language.clone()),
            ("channel", self.channel.to_owned()),
            ("kind", self.kind()),
            ("version", self.version.to_string()),
            ("subject", self.subject.clone().unwrap_or_default()),
        ]);
        let mut out = format!("{head}\n{}\n", self.text.trim_end());
        if let Some(html) = &self.html {
            out.push_str(&format!("\n{}\n", html.trim_end()));
        }
        out
    }
}

/// All templates of an app.
#[derive(Serialize)]
struct TemplateList {
    items: Vec<TemplateView>,
}

impl Report for TemplateList {
    fn human(&self) -> String {
        let rows: Vec<_> = self
            .items
            .iter()
            .map(|item| {
                [
                    item.name.to_owned(),
                    item.language.clone(),
                    item.channel.to_owned(),
                    item.kind(),
                    item.version.to_string(),
                ]
            })
            .collect();
        table(["MESSAGE", "LANGUAGE", "CHANNEL", "KIND", "VERSION"], &rows)
    }
}

/// A message with sample data.
#[derive(Serialize)]
struct PreviewView(Preview);

impl Report for PreviewView {
    fn human(&self) -> String {
        let Self(shown) = self;
        let mut out = String::new();
        if let Some(subject) = &shown.subject {
            out.push_str(&format!("Subject: {subject}\n\n"));
        }
        out.push_str(&format!("{}\n", shown.text.trim_end()));
        if let Some(html) = &shown.html {
            out.push_str(&format!("\n{}\n", html.trim_end()));
        }
        if let Some(size) = &shown.sms {
            out.push_str(&format!(
                "\n{} units, sent in {} piece(s)\n",
                size.units, size.segments
            ));
        }
        out
    }
}
