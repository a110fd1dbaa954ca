//! Single sign-on from the command line: what to enter in Entra ID, what Entra ID says, and the switch.

use super::{Failure, say};
use crate::address;
use crate::config::Settings;
use crate::domain::sso::metadata::{self, Document};
use crate::domain::sso::policy::{self, Requirement};
use crate::domain::sso::{Here, certificates, keys, settings};
use crate::domain::{Actor, Org, rfc3339};
use crate::error::Result;
use clap::Subcommand;
use std::io::Read;
use std::path::Path;
use url::Url;

const ACTOR: Actor = Actor::CommandLine;

#[derive(Debug, Subcommand)]
pub(super) enum Sso {
    /// Show what must be entered in Entra ID about this service provider
    ServiceProvider {
        /// Print our metadata as XML instead, to be uploaded there
        #[arg(long, conflicts_with = "certificate")]
        metadata: bool,
        /// Print our certificate in PEM instead
        #[arg(long)]
        certificate: bool,
    },
    /// Take over Entra ID's federation metadata
    ImportMetadata {
        /// The file, - for standard input, or its https address
        #[arg(value_name = "FILE")]
        source: String,
        /// For an address: read it again every day
        #[arg(long)]
        refresh: bool,
    },
    /// Let users sign in with Entra ID
    Enable,
    /// Stop it: passwords are good again for all who have one
    Disable,
    /// Show whether single sign-on is on, whom it trusts, and until when
    Status,
}

impl Sso {
    /// Whether it shows something and changes nothing. Our own keys are made when they are first shown.
    pub(super) fn only_reads(&self) -> bool {
        matches!(self, Self::Status)
    }

    pub(super) fn run(self, org: &Org, program: &Settings) -> Result<(), Failure> {
        match self {
            Self::ServiceProvider { metadata, certificate } => {
                let here = Here::under(&program.reachable_at());
                match (metadata, certificate) {
                    (false, false) => say([
                        format!("Identifier (Entity ID): {}", here.entity_id),
                        format!("Reply URL (Assertion Consumer Service URL): {}", here.consumer),
                        format!("Sign-on URL: {}", here.sign_on),
                        format!("Logout URL: {}", here.logout),
                    ]),
                    (true, _) => {
                        keys::own(org, &here)?;
                        say([org.read(|conn| keys::describe(conn, &here))?]);
                    }
                    (_, true) => {
                        let keys = keys::own(org, &here)?;
                        say(keys.first().map(|key| key.pem().trim_end().to_owned()));
                    }
                }
            }
            Self::ImportMetadata { source, refresh } => {
                let imported = import(org, program, &source, refresh)?;
                say([
                    format!("The metadata of {} was taken over.", address::as_read(&imported.issuer)),
                    format!(
                        "New certificates: {}; known ones that waited and are approved of now: {}; expired and left \
                         out: {}.",
                        imported.added, imported.approved, imported.expired
                    ),
                ]);
                if imported.removed_before > 0 {
                    let count = imported.removed_before;
                    say([format!("Removed here before, waiting for an owner's approval: {count}.")]);
                }
                say(imported.useless.into_iter().map(|why| format!("Left out: {why}")));
            }
            Self::Enable => {
                org.write(&ACTOR, |tx| settings::switch(tx, true))?;
                say(["Single sign-on is on.".to_owned()]);
            }
            Self::Disable => {
                org.write(&ACTOR, |tx| settings::switch(tx, false))?;
                say(["Single sign-on is off.".to_owned()]);
            }
            Self::Status => say(status(org)?),
        }
        Ok(())
    }
}

fn import(org: &Org, program: &Settings, source: &str, refresh: bool) -> Result<metadata::Imported, Failure> {
    let url = Url::parse(source).ok().filter(|url| matches!(url.scheme(), "https" | "http"));
    if let Some(url) = url {
        let private = program.metadata_from_private_networks;
        let file = actix_web::rt::System::new().block_on(metadata::fetch(&url, private))?;
        let document = Document::of_file(&file)?;
        return Ok(org.write(&ACTOR, move |tx| metadata::take_from(tx, &url, document, refresh))?);
    }
    let file = read(source).map_err(|cause| Failure::Start(format!("{source} cannot be read: {cause}")))?;
    let document = Document::of_file(&file)?;
    Ok(org.write(&ACTOR, move |tx| metadata::take(tx, document))?)
}

fn read(source: &str) -> std::io::Result<Vec<u8>> {
    if source != "-" {
        return std::fs::read(Path::new(source));
    }
    let mut file = Vec::new();
    let most = crate::saml::metadata::LARGEST as u64 + 1;
    std::io::stdin().take(most).read_to_end(&mut file)?;
    Ok(file)
}

fn status(org: &Org) -> Result<Vec<String>> {
    let now = org.now();
    org.read(|conn| {
        let settings = settings::read(conn)?;
        let text = |value: Option<String>| value.unwrap_or_else(|| "(not set)".to_owned());
        let required = match policy::requirement_status(conn, now)?.requirement {
            Requirement::Off => "no",
            Requirement::Trial => "on trial",
            Requirement::On => "of everybody but owners",
        };
        let mut lines = vec![
            format!("state: {}", if settings.enabled { "on" } else { "off" }),
            format!("required: {required}"),
            format!("issuer: {}", text(settings.issuer.as_deref().map(address::as_read))),
            format!("login URL: {}", text(settings.login_url)),
            format!("logout URL: {}", text(settings.logout_url)),
        ];
        if let Some(waiting) = settings::waiting(conn)? {
            let changes = settings::changes(&settings::read(conn)?, &waiting);
            lines.extend(changes.into_iter().map(|change| {
                let value = change.after.unwrap_or_else(|| "(not set)".to_owned());
                format!("waits for an owner: {}: {value}", change.attribute)
            }));
        }
        let shown = settings::entered(conn, false)?;
        lines.extend(shown.remarks().into_iter().map(|(what, remark)| format!("{what}: {remark}")));
        for certificate in certificates::list(conn)? {
            let (until, print) = (rfc3339(certificate.not_after), &certificate.fingerprint);
            let thumbprint = certificate.thumbprint();
            let state = if certificate.not_after <= now { "expired" } else { "valid" };
            let approved = match &certificate {
                one if one.approved && one.former_issuer.is_some() => {
                    "\ttrusted since before the issuer was changed"
                }
                one if one.approved => "",
                one if one.kept_at_upgrade => "\twaits for an owner, signs in auditors and administrators",
                one if one.withdrawn => "\twaits for an owner, removed before, signs in nobody",
                _ => "\twaits for an owner",
            };
            lines.push(format!(
                "certificate: {print}\t{state}\tuntil {until}\tthumbprint {thumbprint}{approved}"
            ));
        }
        Ok(lines)
    })
}
