//! The macros that declare routes and endpoints.

/// Declares all routes, grouped by path: as data in `ROUTES`, and as `configure`, which registers them with the checks
/// before each. A column that is misspelt does not compile. `for "…"` says what an address is for whose form stands on
/// no page.
macro_rules! routes {
    (
        ask for proof by $ask:path;
        $( $path:literal $( for $purpose:literal )? {
            $( $method:ident $( ($effect:tt) )? $least:ident $( ($proof:tt) )? $handler:path; )+
        } )+
    ) => {
        /// Every route.
        pub const ROUTES: &[$crate::web::route::Route] = &[$($(
            $crate::web::table::routes!(@ $path $method $( ($effect) )? $least $( ($proof) )?)
        ),+),+];

        pub(in crate::web) fn configure(config: &mut actix_web::web::ServiceConfig) {
            $({
                const HERE: &$crate::web::route::Resource = &$crate::web::route::Resource {
                    routes: &[$(
                        $crate::web::table::routes!(@ $path $method $( ($effect) )? $least $( ($proof) )?)
                    ),+],
                    purpose: $crate::web::table::purpose!($( $purpose )?),
                };
                let resource = actix_web::web::resource($path)
                    $(.route(
                        actix_web::web::route()
                            .guard($crate::web::route::method(stringify!($method)))
                            .to($handler),
                    ))+
                    // The last one wrapped comes first: who asks, then whether they proved it.
                    .wrap(actix_web::middleware::from_fn(|request, next| $ask(HERE.routes, request, next)))
                    .wrap(actix_web::middleware::from_fn(|request, next| {
                        $crate::web::guard::authorize(HERE, ROUTES, request, next)
                    }));
                config.service(resource);
            })+
        }
    };
    (@ $path:literal $method:ident $( ($effect:tt) )? $least:ident $( ($proof:tt) )?) => {
        $crate::web::route::Route {
            method: stringify!($method),
            effect: $crate::web::table::routes!(@effect $( $effect )?),
            path: $path,
            least: $crate::web::table::routes!(@least $least),
            proof: $crate::web::table::routes!(@proof $( $proof )?),
            proof_of_roles: $crate::web::table::routes!(@proof_of_roles $( $proof )?),
        }
    };
    (@effect) => { false };
    (@effect effect) => { true };
    (@least anyone) => { $crate::web::route::Least::Anyone };
    (@least user) => { $crate::web::route::Least::Role($crate::domain::Role::None) };
    (@least auditor) => { $crate::web::route::Least::Role($crate::domain::Role::Auditor) };
    (@least administrator) => { $crate::web::route::Least::Role($crate::domain::Role::Administrator) };
    (@least owner) => { $crate::web::route::Least::Role($crate::domain::Role::Owner) };
    (@proof) => { false };
    (@proof proof) => { true };
    (@proof proof_of_roles) => { false };
    (@proof_of_roles) => { false };
    (@proof_of_roles proof) => { false };
    (@proof_of_roles proof_of_roles) => { true };
}

/// Declares endpoints outside the console's pages, grouped by path: as data in `ENDPOINTS`, and as `configure`, which
/// registers them. GET answers HEAD too, and another method goes to the function that is named for it. `for "…"` ends the
/// sentence "It …" that says what an address is for that cannot be looked at.
macro_rules! endpoints {
    (
        wrong methods by $wrong:path;
        $( $path:literal $( for $purpose:literal )? { $( $method:ident $handler:path; )+ } )+
    ) => {
        /// Every endpoint here.
        pub const ENDPOINTS: &[$crate::web::route::Endpoint] =
            &[$( $crate::web::table::endpoints!(@ $path [$( $purpose )?] $( $method )+) ),+];

        fn configure(config: &mut actix_web::web::ServiceConfig) {
            $({
                const HERE: &$crate::web::route::Endpoint =
                    &$crate::web::table::endpoints!(@ $path [$( $purpose )?] $( $method )+);
                let resource = actix_web::web::resource($path)
                    $(.route(
                        actix_web::web::route()
                            .guard($crate::web::route::method(stringify!($method)))
                            .to($handler),
                    ))+
                    .default_service($wrong(HERE));
                config.service(resource);
            })+
        }
    };
    (@ $path:literal [$( $purpose:literal )?] $( $method:ident )+) => {
        $crate::web::route::Endpoint {
            path: $path,
            methods: &[$( stringify!($method) ),+],
            purpose: $crate::web::table::purpose!($( $purpose )?),
        }
    };
}

/// A text that may be missing.
macro_rules! purpose {
    () => {
        None
    };
    ($purpose:literal) => {
        Some($purpose)
    };
}

pub(super) use {endpoints, purpose, routes};
