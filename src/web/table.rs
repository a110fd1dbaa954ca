//! The macro that declares routes.

/// Declares all routes, grouped by path: as data in `ROUTES`, and as `configure`, which registers them with the checks
/// before each. A column that is misspelt does not compile.
macro_rules! routes {
    (
        ask for proof by $ask:path;
        $( $path:literal { $( $method:ident $least:ident $( ($proof:tt) )? $handler:path; )+ } )+
    ) => {
        /// Every route.
        pub const ROUTES: &[$crate::web::route::Route] =
            &[$($( $crate::web::table::routes!(@ $path $method $least $( ($proof) )?) ),+),+];

        pub(in crate::web) fn configure(config: &mut actix_web::web::ServiceConfig) {
            $({
                const HERE: &[$crate::web::route::Route] =
                    &[$( $crate::web::table::routes!(@ $path $method $least $( ($proof) )?) ),+];
                let resource = actix_web::web::resource($path)
                    $(.route(
                        actix_web::web::route()
                            .guard($crate::web::route::method(stringify!($method)))
                            .to($handler),
                    ))+
                    // The last one wrapped comes first: who asks, then whether they proved it.
                    .wrap(actix_web::middleware::from_fn(|request, next| $ask(HERE, request, next)))
                    .wrap(actix_web::middleware::from_fn(|request, next| {
                        $crate::web::guard::authorize(HERE, ROUTES, request, next)
                    }));
                config.service(resource);
            })+
        }
    };
    (@ $path:literal $method:ident $least:ident $( ($proof:tt) )?) => {
        $crate::web::route::Route {
            method: stringify!($method),
            path: $path,
            least: $crate::web::table::routes!(@least $least),
            proof: $crate::web::table::routes!(@proof $( $proof )?),
            proof_of_roles: $crate::web::table::routes!(@proof_of_roles $( $proof )?),
        }
    };
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

pub(super) use routes;
