//! `doorward template`

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{Against, InApp, Paging};

/// `doorward template`
#[derive(Debug, Subcommand)]
#[command(
    after_help = "Messages: otp_login, otp_email_verify, otp_phone_change, otp_password_reset. \
                        Permitted are {{ app_name }}, {{ code }}, {{ minutes }}, {{ domain }}, \
                        {{ language }} and questions such as {% if domain %}…{% endif %}."
)]
pub(crate) enum TemplateCommand {
    /// List the templates of an app; those that are not its own are built in
    #[command(after_help = "Example:\n  doorward template list --app shop")]
    List {
        #[command(flatten)]
        of: InApp,
        #[command(flatten)]
        page: Paging,
    },
    /// Show a template
    #[command(after_help = "Example:\n  doorward template show otp_login --app shop")]
    Show {
        #[command(flatten)]
        which: OneTemplate,
    },
    /// Set an app's own words for a message
    #[command(
        after_help = "Examples:\n  doorward template set otp_login --language de --channel sms \\\n      \
                            --text '{{ code }} ist Ihr Code für {{ app_name }}.' --app shop\n  \
                            doorward template set otp_login --language de --subject 'Ihr Code' \\\n      \
                            --text-file mail.txt --html-file mail.html --app shop"
    )]
    Set {
        #[command(flatten)]
        which: OneTemplate,
        #[command(flatten)]
        words: WordsArgs,
        /// Only if the template still has this version; 0: only where the app has none yet
        #[arg(long, value_name = "VERSION")]
        if_version: Option<i64>,
    },
    /// Delete an app's own words: the built-in ones are used again
    #[command(
        after_help = "Example:\n  doorward template reset otp_login --language de --app shop"
    )]
    Reset {
        #[command(flatten)]
        which: OneTemplate,
        #[command(flatten)]
        against: Against,
    },
    /// Show a message with sample data; sends nothing and stores nothing
    #[command(
        after_help = "Without words of its own: as it is set now.\n\nExample:\n  \
                            doorward template preview otp_login --language de --channel sms --app shop"
    )]
    Preview {
        #[command(flatten)]
        which: OneTemplate,
        #[command(flatten)]
        words: WordsArgs,
    },
}

/// How a message travels.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ChannelName {
    /// By e-mail
    Email,
    /// By SMS
    Sms,
}

/// One template of an app.
#[derive(Debug, Args)]
pub(crate) struct OneTemplate {
    /// The message
    #[arg(value_name = "MESSAGE")]
    pub(crate) name: String,
    /// The language, e.g. de or pt-BR
    #[arg(long, default_value = "en")]
    pub(crate) language: String,
    /// How it travels
    #[arg(long, default_value = "email")]
    pub(crate) channel: ChannelName,
    #[command(flatten)]
    pub(crate) of: InApp,
}

/// The words of a message.
#[derive(Debug, Args)]
pub(crate) struct WordsArgs {
    /// Subject line (e-mail only)
    #[arg(long)]
    pub(crate) subject: Option<String>,
    /// Plain text
    #[arg(long, conflicts_with = "text_file")]
    pub(crate) text: Option<String>,
    /// Plain text, from a file
    #[arg(long, value_name = "FILE")]
    pub(crate) text_file: Option<PathBuf>,
    /// HTML, from a file (e-mail only)
    #[arg(long, value_name = "FILE")]
    pub(crate) html_file: Option<PathBuf>,
}
