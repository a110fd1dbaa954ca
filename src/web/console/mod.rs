//! The pages: what an administrator sees. One table says which there are, who may use them, and which of them want a
//! proof of who sits there from within the last ten minutes: `(proof)` always, `(proof_of_roles)` where the account in
//! the path has a role. `GET (effect)` is one that does more than show something, and so does not answer HEAD.

pub use super::route::{Least, Route};
use super::sso;
use super::table::routes;

mod account;
mod activity;
mod admins;
mod attempt;
mod connection;
mod credentials;
mod groups;
mod held;
mod home;
mod identity;
mod imports;
mod licenses;
mod password_link;
mod proof;
mod retention;
mod set_up;
mod sign_in;
mod sign_ins;
mod single_sign_on;
mod sites;
mod tasks;
mod users;

routes! {
    ask for proof by proof::ask;

    "/set-up/{secret}" { GET anyone set_up::show; POST anyone set_up::claim; }
    "/sign-in" { GET anyone sign_in::show; POST anyone sign_in::enter; }
    "/password/{secret}" { GET anyone password_link::show; POST anyone password_link::choose; }
    "/sign-out" for "takes the button Sign out, which stands on every page" { POST anyone sign_in::leave; }
    "/confirm" { GET auditor sign_in::ask_again; POST auditor sign_in::prove; }
    "/confirm/form" { GET auditor sign_in::carry_on; }
    "/" { GET user home::show; }

    "/sso/metadata" { GET anyone sso::metadata; }
    "/sso/start" { GET (effect) anyone sso::start; }
    "/sso/consumer" for "takes the answers to sign-ins that Entra ID sends by way of the browser" { POST anyone sso::consume; }
    "/sso/logout" { GET (effect) anyone sso::logout; }
    "/sso/switch" { GET anyone sso::switch::ask; POST user sso::switch::agree; }
    "/sso/refused/{reference}" { GET anyone sso::switch::refused; }

    "/identity/sso" { POST administrator(proof) single_sign_on::save; }
    "/identity/sso/import" { POST administrator(proof) single_sign_on::import; }
    "/identity/sso/options" { POST administrator(proof) single_sign_on::save_options; }
    "/identity/sso/certificates" { POST administrator(proof) single_sign_on::add_certificate; }
    "/identity/sso/certificates/{id}/approve" { POST owner(proof) single_sign_on::approve_certificate; }
    "/identity/sso/certificates/{id}/remove" { POST administrator(proof) single_sign_on::remove_certificate; }
    "/identity/sso/keys" { POST owner(proof) single_sign_on::make_key; }
    "/identity/sso/keys/{id}/certificate.cer" { GET auditor single_sign_on::key_file; }
    "/identity/sso/keys/{id}/use" { POST owner(proof) single_sign_on::use_key; }
    "/identity/sso/keys/{id}/remove" { POST owner(proof) single_sign_on::remove_key; }
    "/identity/sso/test" { POST administrator single_sign_on::test; }
    "/identity/sso/tests/{reference}" { GET auditor sign_ins::show; }
    "/identity/sso/require" { POST administrator(proof) single_sign_on::require; }
    "/identity/sso/require/confirm" { POST administrator(proof) single_sign_on::confirm_requirement; }
    "/identity/sso/require/lift" { POST administrator(proof) single_sign_on::lift_requirement; }

    "/identity/trust" { GET auditor single_sign_on::show; }
    "/identity/trust/approve" { POST owner(proof) single_sign_on::approve; }
    "/identity/trust/reject" { POST owner(proof) single_sign_on::reject; }
    "/identity/trust/looked" { POST owner(proof) single_sign_on::looked; }

    "/identity" { GET auditor identity::show; }
    "/identity/provisioning" { POST administrator(proof) identity::set_provisioning; }
    "/identity/provisioning/test" { POST administrator connection::test; }
    "/identity/provisioning/reveal" { POST administrator(proof) identity::reveal; }
    "/identity/tokens" { POST owner(proof) identity::create_token; }
    "/identity/tokens/{id}/revoke" { POST owner(proof) identity::revoke_token; }
    "/identity/clients" { POST owner(proof) credentials::create_client; }
    "/identity/clients/{id}/remove" { POST owner(proof) credentials::remove_client; }
    "/identity/clients/{id}/secrets" { POST owner(proof) credentials::add_secret; }
    "/identity/clients/{id}/secrets/{secret}/revoke" { POST owner(proof) credentials::revoke_secret; }
    "/identity/federation" { POST owner(proof) credentials::save_federation; }

    "/users" { GET auditor users::list::show; POST administrator users::edit::create; }
    "/users/new" { GET administrator users::edit::new; }
    "/users/delete" {
        GET administrator users::deletion::ask;
        POST administrator(proof) users::deletion::delete;
    }

    "/users/site" { GET administrator users::placing::ask; POST administrator users::placing::place; }

    "/users/alignment" { GET auditor users::alignment::new; POST administrator users::alignment::upload; }
    "/users/alignment/{id}" { GET auditor users::alignment::show; }
    "/users/alignment/{id}/preview" { GET administrator users::alignment::preview; }
    "/users/alignment/{id}/accept" { POST administrator(proof) users::alignment::accept_all; }
    "/users/alignment/{id}/undo" { POST administrator(proof) users::alignment::undo_all; }
    "/users/alignment/{id}/discard" { POST administrator users::alignment::discard; }
    "/users/alignment/{id}/result.csv" { GET auditor(proof) users::alignment::export; }
    "/users/alignment/{id}/rows/{row}/accept" { POST administrator(proof) users::alignment::accept; }
    "/users/alignment/{id}/rows/{row}/undo" { POST administrator(proof) users::alignment::undo; }

    "/users/deleted-in-entra" { GET auditor users::worklists::deleted_in_entra; }
    "/users/inactive" { GET auditor users::worklists::inactive; }
    "/users/to-link" { GET auditor users::worklists::to_link; }
    "/users/{id}" {
        GET auditor users::show::show;
        POST administrator(proof_of_roles) users::edit::change;
    }
    "/users/{id}/telephony" { POST administrator users::edit::set_telephony; }
    "/users/{id}/site" { POST administrator users::actions::set_site; }
    "/users/{id}/license" { POST administrator users::actions::assign_license; }
    "/users/{id}/license/remove" { POST administrator users::actions::remove_license; }
    "/users/{id}/federated-id" { POST administrator(proof) users::edit::set_federated_id; }
    "/users/{id}/forget-object-id" { POST administrator(proof) users::actions::forget_object_id; }
    "/users/{id}/deactivate" { POST administrator(proof_of_roles) users::actions::deactivate; }
    "/users/{id}/reactivate" { POST administrator(proof_of_roles) users::actions::reactivate; }
    "/users/{id}/release" { POST administrator(proof) users::actions::release; }
    "/users/{id}/link" { POST administrator(proof) users::actions::link; }
    "/users/{id}/link/dismiss" { POST administrator users::worklists::dismiss; }

    "/groups" { GET auditor groups::list; }
    "/groups/{id}" { GET auditor groups::show; }
    "/groups/{id}/delete" { POST administrator(proof) groups::delete; }

    "/held" { GET auditor held::show; POST administrator(proof) held::decide; }
    "/held/limits" { POST administrator(proof) held::set_limits; }

    "/tasks/{id}" { GET auditor tasks::show; }

    "/activity" { GET auditor activity::show; }
    "/activity/sign-ins" { GET auditor sign_ins::list; }
    "/activity/sign-ins/{reference}" { GET auditor sign_ins::show; }
    "/activity/entra-errors" { GET auditor sign_ins::entra_errors; }
    "/activity/retention" { GET auditor retention::show; POST owner(proof) retention::set; }
    "/activity/provisioning" { GET auditor activity::provisioning; }
    "/activity/provisioning/{id}" { GET auditor activity::request; }

    "/administrators" { GET auditor admins::list; POST owner(proof) admins::create; }
    "/administrators/appoint" { POST owner(proof) admins::appoint; }
    "/administrators/{id}" { GET auditor admins::show; }
    "/administrators/{id}/recognition" { POST owner(proof) admins::confirm_recognition; }
    "/administrators/{id}/role" { POST owner(proof) admins::change_role; }
    "/administrators/{id}/hand-over" { POST owner(proof) admins::hand_over; }
    "/administrators/{id}/password" { POST owner(proof) admins::set_password; }

    "/account" { GET user account::show; }
    "/account/password" { POST user account::set_password; }
    "/account/sessions/end" { POST user account::end_sessions; }

    "/licenses" { GET auditor licenses::list; POST administrator licenses::create; }
    "/licenses/import" { GET administrator imports::new; POST administrator imports::validate; }
    "/licenses/import/template.csv" { GET auditor imports::template; }
    "/licenses/{id}" { GET auditor licenses::show; POST administrator licenses::change; }
    "/licenses/{id}/delete" { POST administrator licenses::delete; }

    "/imports" { GET auditor imports::list; }
    "/imports/{id}" { GET auditor imports::show; }
    "/imports/{id}/result.csv" { GET auditor(proof) imports::result; }
    "/imports/{id}/apply" { POST administrator imports::apply; }
    "/imports/{id}/discard" { POST administrator imports::discard; }

    "/sites" { GET auditor sites::list; POST administrator sites::create; }
    "/sites/settle" { POST administrator sites::resolve_waiting_name; }
    "/sites/{id}" { GET auditor sites::show; POST administrator sites::rename; }
    "/sites/{id}/aliases" { POST administrator sites::add_alias; }
    "/sites/{id}/aliases/{alias}/remove" { POST administrator sites::remove_alias; }
    "/sites/{id}/delete" { POST administrator sites::delete; }
}
