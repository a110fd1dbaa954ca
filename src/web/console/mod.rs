//! The pages: what an administrator sees. One table says which there are and who may pass.

pub use super::guard::Least;
use super::{guard, sso};
use crate::domain::Role;
use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig};

mod account;
mod activity;
mod admins;
mod connection;
mod credentials;
mod groups;
mod held;
mod home;
mod identity;
mod imports;
mod licenses;
mod set_up;
mod sign_in;
mod sign_ins;
mod single_sign_on;
mod sites;
mod users;

/// A page or a form's target, and who may pass.
#[derive(Clone, Copy, Debug)]
pub struct Door {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// The path, with its parameters in braces.
    pub path: &'static str,
    /// Who may pass.
    pub least: Least,
}

const ANYONE: Least = Least::Anyone;
const USER: Least = Least::Role(Role::None);
const AUDITOR: Least = Least::Role(Role::Auditor);
const ADMINISTRATOR: Least = Least::Role(Role::Administrator);
const OWNER: Least = Least::Role(Role::Owner);

/// Writes the table once: as data that tests walk, and as routes that the guard stands before.
macro_rules! doors {
    ($( $method:ident $path:literal $least:ident $handler:path; )+) => {
        /// Every page and every form's target.
        pub const DOORS: &[Door] =
            &[$( Door { method: stringify!($method), path: $path, least: $least } ),+];

        pub(super) fn routes(routes: &mut ServiceConfig) {
            $(
                let admit = |request: ServiceRequest, next| guard::admit($least, request, next);
                let door = web::resource($path)
                    .guard(actix_web::guard::Method(Method::$method))
                    .wrap(from_fn(admit))
                    .to($handler);
                routes.service(door);
            )+
        }
    };
}

doors! {
    GET  "/set-up/{secret}"   ANYONE  set_up::show;
    POST "/set-up/{secret}"   ANYONE  set_up::claim;
    GET  "/sign-in"           ANYONE  sign_in::show;
    POST "/sign-in"           ANYONE  sign_in::enter;
    POST "/sign-out"          ANYONE  sign_in::leave;
    GET  "/confirm"           AUDITOR sign_in::ask_again;
    POST "/confirm"           AUDITOR sign_in::prove;
    GET  "/"                  USER    home::show;

    GET  "/sso/metadata"  ANYONE sso::metadata;
    GET  "/sso/start"     ANYONE sso::start;
    POST "/sso/consumer"  ANYONE sso::consume;
    GET  "/sso/logout"    ANYONE sso::logout;

    POST "/identity/sso"                            ADMINISTRATOR single_sign_on::save;
    POST "/identity/sso/import"                     ADMINISTRATOR single_sign_on::import;
    POST "/identity/sso/options"                    ADMINISTRATOR single_sign_on::save_options;
    POST "/identity/sso/certificates"               ADMINISTRATOR single_sign_on::add_certificate;
    POST "/identity/sso/certificates/{id}/approve"  OWNER         single_sign_on::approve_certificate;
    POST "/identity/sso/certificates/{id}/remove"   ADMINISTRATOR single_sign_on::remove_certificate;
    POST "/identity/sso/keys"                       OWNER         single_sign_on::make_key;
    GET  "/identity/sso/keys/{id}/certificate.cer"  AUDITOR       single_sign_on::key_file;
    POST "/identity/sso/keys/{id}/use"              OWNER         single_sign_on::use_key;
    POST "/identity/sso/keys/{id}/remove"           OWNER         single_sign_on::remove_key;
    POST "/identity/sso/test"                       ADMINISTRATOR single_sign_on::test;
    GET  "/identity/sso/tests/{reference}"          AUDITOR       sign_ins::show;
    POST "/identity/sso/require"                    ADMINISTRATOR single_sign_on::require;
    POST "/identity/sso/require/confirm"            ADMINISTRATOR single_sign_on::confirm_requirement;
    POST "/identity/sso/require/lift"               ADMINISTRATOR single_sign_on::lift_requirement;

    GET  "/identity"                              AUDITOR       identity::show;
    POST "/identity/provisioning"                 ADMINISTRATOR identity::set_provisioning;
    POST "/identity/provisioning/test"            ADMINISTRATOR connection::test;
    POST "/identity/provisioning/reveal"          ADMINISTRATOR identity::reveal;
    POST "/identity/tokens"                       OWNER         identity::create_token;
    POST "/identity/tokens/{id}/revoke"           OWNER         identity::revoke_token;

    POST "/identity/clients"                               OWNER credentials::create_client;
    POST "/identity/clients/{id}/remove"                   OWNER credentials::remove_client;
    POST "/identity/clients/{id}/secrets"                  OWNER credentials::add_secret;
    POST "/identity/clients/{id}/secrets/{secret}/revoke"  OWNER credentials::revoke_secret;
    POST "/identity/federation"                            OWNER credentials::save_federation;

    GET  "/users"                       AUDITOR       users::list::show;
    GET  "/users/new"                   ADMINISTRATOR users::edit::new;
    POST "/users"                       ADMINISTRATOR users::edit::create;
    GET  "/users/delete"                ADMINISTRATOR users::deletion::ask;
    POST "/users/delete"                ADMINISTRATOR users::deletion::delete;
    GET  "/users/alignment"                           AUDITOR       users::alignment::new;
    POST "/users/alignment"                           ADMINISTRATOR users::alignment::upload;
    GET  "/users/alignment/{id}"                      AUDITOR       users::alignment::show;
    GET  "/users/alignment/{id}/preview"              ADMINISTRATOR users::alignment::preview;
    POST "/users/alignment/{id}/accept"               ADMINISTRATOR users::alignment::accept_all;
    POST "/users/alignment/{id}/undo"                 ADMINISTRATOR users::alignment::undo_all;
    POST "/users/alignment/{id}/discard"              ADMINISTRATOR users::alignment::discard;
    GET  "/users/alignment/{id}/result.csv"           AUDITOR       users::alignment::export;
    POST "/users/alignment/{id}/rows/{row}/accept"    ADMINISTRATOR users::alignment::accept;
    POST "/users/alignment/{id}/rows/{row}/undo"      ADMINISTRATOR users::alignment::undo;
    GET  "/users/deleted-in-entra"      AUDITOR       users::worklists::deleted_in_entra;
    GET  "/users/inactive"              AUDITOR       users::worklists::inactive;
    GET  "/users/to-link"               AUDITOR       users::worklists::to_link;
    GET  "/users/{id}"                  AUDITOR       users::show::show;
    POST "/users/{id}"                  ADMINISTRATOR users::edit::change;
    POST "/users/{id}/telephony"        ADMINISTRATOR users::edit::set_telephony;
    POST "/users/{id}/site"             ADMINISTRATOR users::actions::set_site;
    POST "/users/{id}/license"          ADMINISTRATOR users::actions::assign_license;
    POST "/users/{id}/license/remove"   ADMINISTRATOR users::actions::remove_license;
    POST "/users/{id}/federated-id"     ADMINISTRATOR users::edit::set_federated_id;
    POST "/users/{id}/forget-object-id" ADMINISTRATOR users::actions::forget_object_id;
    POST "/users/{id}/deactivate"       ADMINISTRATOR users::actions::deactivate;
    POST "/users/{id}/reactivate"       ADMINISTRATOR users::actions::reactivate;
    POST "/users/{id}/release"          ADMINISTRATOR users::actions::release;
    POST "/users/{id}/link"             ADMINISTRATOR users::actions::link;
    POST "/users/{id}/link/dismiss"     ADMINISTRATOR users::worklists::dismiss;

    GET  "/groups"              AUDITOR       groups::list;
    GET  "/groups/{id}"         AUDITOR       groups::show;
    POST "/groups/{id}/delete"  ADMINISTRATOR groups::delete;

    GET  "/held"                AUDITOR       held::show;
    POST "/held"                ADMINISTRATOR held::decide;
    POST "/held/limits"         ADMINISTRATOR held::set_limits;

    GET  "/activity"                    AUDITOR       activity::show;
    GET  "/activity/sign-ins"              AUDITOR    sign_ins::list;
    GET  "/activity/sign-ins/{reference}"  AUDITOR    sign_ins::show;
    GET  "/activity/entra-errors"          AUDITOR    sign_ins::entra_errors;
    GET  "/activity/provisioning"       AUDITOR       activity::provisioning;
    GET  "/activity/provisioning/{id}"  AUDITOR       activity::request;

    GET  "/administrators"                 AUDITOR    admins::list;
    POST "/administrators"                 OWNER      admins::create;
    POST "/administrators/appoint"         OWNER      admins::appoint;
    GET  "/administrators/{id}"            AUDITOR    admins::show;
    POST "/administrators/{id}/role"       OWNER      admins::change_role;
    POST "/administrators/{id}/hand-over"  OWNER      admins::hand_over;
    POST "/administrators/{id}/password"   OWNER      admins::set_password;

    GET  "/account"                     USER          account::show;
    POST "/account/password"            USER          account::set_password;
    POST "/account/sessions/end"        USER          account::end_sessions;

    GET  "/licenses"                      AUDITOR       licenses::list;
    POST "/licenses"                      ADMINISTRATOR licenses::create;
    GET  "/licenses/import"               ADMINISTRATOR imports::new;
    POST "/licenses/import"               ADMINISTRATOR imports::validate;
    GET  "/licenses/import/template.csv"  AUDITOR       imports::template;
    GET  "/licenses/{id}"                 AUDITOR       licenses::show;
    POST "/licenses/{id}"                 ADMINISTRATOR licenses::change;
    POST "/licenses/{id}/delete"          ADMINISTRATOR licenses::delete;
    GET  "/imports"                       AUDITOR       imports::list;
    GET  "/imports/{id}"                  AUDITOR       imports::show;
    GET  "/imports/{id}/result.csv"       AUDITOR       imports::result;
    POST "/imports/{id}/apply"            ADMINISTRATOR imports::apply;
    POST "/imports/{id}/discard"          ADMINISTRATOR imports::discard;

    GET  "/sites"                              AUDITOR       sites::list;
    POST "/sites"                              ADMINISTRATOR sites::create;
    POST "/sites/settle"                       ADMINISTRATOR sites::settle;
    GET  "/sites/{id}"                         AUDITOR       sites::show;
    POST "/sites/{id}"                         ADMINISTRATOR sites::rename;
    POST "/sites/{id}/aliases"                 ADMINISTRATOR sites::add_alias;
    POST "/sites/{id}/aliases/{alias}/remove"  ADMINISTRATOR sites::remove_alias;
    POST "/sites/{id}/delete"                  ADMINISTRATOR sites::delete;
}
