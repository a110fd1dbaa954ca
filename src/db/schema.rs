//! The tables as Diesel sees them; `migrations/` is where they are made, and a test in `db` compares the two.
#![allow(missing_docs, reason = "a column means what the field of the same name in `domain` says")]

diesel::table! {
    settings (name) {
        name -> Text,
        value -> Text,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    oldest_programs (migration) {
        migration -> Text,
        program -> Text,
    }
}

diesel::table! {
    sites (id) {
        id -> Text,
        name -> Text,
        name_key -> Text,
        created_at -> Timestamp,
        headcount -> BigInt,
    }
}

diesel::table! {
    site_aliases (id) {
        id -> Text,
        site_id -> Text,
        name -> Text,
        name_key -> Text,
    }
}

diesel::table! {
    users (id) {
        id -> Text,
        scim_id -> Text,
        user_name -> Text,
        user_name_key -> Text,
        external_id -> Nullable<Text>,
        entra_object_id -> Nullable<Text>,
        display_name -> Nullable<Text>,
        given_name -> Nullable<Text>,
        family_name -> Nullable<Text>,
        sort_name -> Text,
        title -> Nullable<Text>,
        department -> Nullable<Text>,
        manager -> Nullable<Text>,
        work_phone -> Nullable<Text>,
        mobile_phone -> Nullable<Text>,
        locale -> Nullable<Text>,
        time_zone -> Nullable<Text>,
        language -> Nullable<Text>,
        phone_number -> Nullable<Text>,
        extension -> Nullable<Text>,
        site_id -> Nullable<Text>,
        site_sent -> Nullable<Text>,
        site_sent_key -> Nullable<Text>,
        site_urn -> Nullable<Text>,
        active -> Bool,
        entra_state -> Text,
        origin -> Text,
        role -> Text,
        handed_over -> Bool,
        password_hash -> Nullable<Text>,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        deactivated_at -> Nullable<Timestamp>,
        deleted_in_entra_at -> Nullable<Timestamp>,
        version -> Integer,
        more -> Text,
        search_text -> Text,
        seen -> Integer,
        held -> Nullable<Text>,
        held_at -> Nullable<Timestamp>,
        federated_id -> Nullable<Text>,
        federated_key -> Nullable<Text>,
        confirmed_name_key -> Nullable<Text>,
        confirmed_federated_key -> Nullable<Text>,
        confirmed_object_id -> Nullable<Text>,
        held_name -> Nullable<Text>,
        held_name_key -> Nullable<Text>,
        look_key -> Nullable<Text>,
        name_last_confirmed -> Nullable<Text>,
        federated_id_last_confirmed -> Nullable<Text>,
        deactivated_by_hand -> Bool,
        object_id_found_by -> Nullable<Text>,
        object_id_found_as -> Nullable<Text>,
        held_no -> Nullable<BigInt>,
        held_first_no -> Nullable<BigInt>,
        reactivated_at -> Nullable<Timestamp>,
        look_written -> Nullable<Text>,
        search_no -> Nullable<BigInt>,
    }
}

diesel::table! {
    user_emails (id) {
        id -> Text,
        user_id -> Text,
        position -> Integer,
        value -> Text,
        value_key -> Text,
        kind -> Nullable<Text>,
        is_primary -> Nullable<Bool>,
        display -> Nullable<Text>,
    }
}

diesel::table! {
    retired_scim_ids (scim_id) {
        scim_id -> Text,
        user_name -> Text,
        reason -> Text,
        retired_by -> Text,
        retired_at -> Timestamp,
    }
}

diesel::table! {
    retired_group_ids (scim_id) {
        scim_id -> Text,
        name -> Text,
        retired_by -> Text,
        retired_at -> Timestamp,
    }
}

diesel::table! {
    sessions (id) {
        id -> Text,
        user_id -> Nullable<Text>,
        state -> Text,
        created_at -> Timestamp,
        last_seen_at -> Timestamp,
        method -> Text,
        saml_name_key -> Nullable<Text>,
        saml_session_index -> Nullable<Text>,
        came_by -> Nullable<Text>,
        reserved_until -> Nullable<Timestamp>,
    }
}

diesel::table! {
    password_links (user_id) {
        user_id -> Text,
        digest -> Text,
        made_by -> Text,
        created_at -> Timestamp,
        expires_at -> Timestamp,
        maker_id -> Nullable<Text>,
        role -> Text,
    }
}

diesel::table! {
    sign_in_failures (subject) {
        subject -> Text,
        user_id -> Nullable<Text>,
        failures -> Integer,
        first_at -> Timestamp,
        last_at -> Timestamp,
        locked_until -> Nullable<Timestamp>,
    }
}

diesel::table! {
    sign_in_guesses (user_id) {
        user_id -> Text,
        failures -> Integer,
        addresses -> Integer,
        first_at -> Timestamp,
        last_at -> Timestamp,
    }
}

diesel::table! {
    sign_in_devices (id) {
        id -> Text,
        user_id -> Text,
        digest -> Text,
        failures -> Integer,
        failed_at -> Nullable<Timestamp>,
        used_at -> Timestamp,
    }
}

diesel::table! {
    license_types (id) {
        id -> Text,
        code -> Text,
        code_key -> Text,
        name -> Text,
        seats -> Integer,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        seats_taken -> BigInt,
    }
}

diesel::table! {
    license_assignments (id) {
        id -> Text,
        user_id -> Text,
        license_type_id -> Text,
        assigned_at -> Timestamp,
    }
}

diesel::table! {
    sso_settings (id) {
        id -> Text,
        enabled -> Bool,
        login_url -> Nullable<Text>,
        issuer -> Nullable<Text>,
        logout_url -> Nullable<Text>,
        updated_at -> Timestamp,
        match_claim -> Nullable<Text>,
        create_users -> Bool,
        allow_unsolicited -> Bool,
        sign_requests -> Bool,
        require_signed_response -> Bool,
        require_encryption -> Bool,
        allow_sha1 -> Bool,
        skew_s -> Integer,
        metadata_url -> Nullable<Text>,
        refresh_metadata -> Bool,
        metadata_approved -> Bool,
        metadata_read_at -> Nullable<Timestamp>,
        metadata_tried_at -> Nullable<Timestamp>,
        metadata_fault -> Nullable<Text>,
        trusted_since -> Nullable<Timestamp>,
        requirement -> Text,
        trial_until -> Nullable<Timestamp>,
    }
}

diesel::table! {
    sso_waiting (field) {
        field -> Text,
        value -> Nullable<Text>,
    }
}

diesel::table! {
    idp_certificates (id) {
        id -> Text,
        der -> Text,
        subject -> Text,
        fingerprint -> Text,
        not_before -> Timestamp,
        not_after -> Timestamp,
        created_at -> Timestamp,
        approved -> Bool,
        kept_at_upgrade -> Bool,
        withdrawn -> Bool,
        former_issuer -> Nullable<Text>,
    }
}

diesel::table! {
    idp_certificates_removed (fingerprint) {
        fingerprint -> Text,
        removed_at -> Timestamp,
        by_owner -> Bool,
    }
}

diesel::table! {
    sp_keys (id) {
        id -> Text,
        sealed_key -> Text,
        der -> Text,
        fingerprint -> Text,
        state -> Text,
        not_after -> Timestamp,
        created_at -> Timestamp,
    }
}

diesel::table! {
    saml_requests (id) {
        id -> Text,
        purpose -> Text,
        browser -> Text,
        return_to -> Text,
        started_by -> Nullable<Text>,
        created_at -> Timestamp,
        expires_at -> Timestamp,
        answered_at -> Nullable<Timestamp>,
        network -> Text,
    }
}

diesel::table! {
    saml_assertions_seen (id) {
        id -> Text,
        expires_at -> Timestamp,
    }
}

diesel::table! {
    sso_events (id) {
        id -> Text,
        at -> Timestamp,
        reference -> Text,
        purpose -> Text,
        outcome -> Text,
        cause -> Nullable<Text>,
        sentence -> Text,
        user_id -> Nullable<Text>,
        started_by -> Nullable<Text>,
        name_id -> Nullable<Text>,
        address -> Text,
        details -> Text,
        proven -> Bool,
        network -> Text,
        lasting -> Bool,
    }
}

diesel::table! {
    pending_sign_ins (id) {
        id -> Text,
        user_id -> Text,
        arrival -> Text,
        expires_at -> Timestamp,
    }
}

diesel::table! {
    alignments (id) {
        id -> Text,
        file_name -> Text,
        remarks -> Text,
        row_count -> Integer,
        created_by -> Text,
        created_at -> Timestamp,
        complete -> Bool,
    }
}

diesel::table! {
    alignment_rows (alignment_id, number) {
        alignment_id -> Text,
        number -> Integer,
        kind -> Text,
        user_id -> Nullable<Text>,
        user_name -> Nullable<Text>,
        standing -> Text,
        entra_name -> Nullable<Text>,
        entra_id -> Nullable<Text>,
        name -> Text,
        reason -> Text,
        warning -> Nullable<Text>,
        state -> Text,
        note -> Nullable<Text>,
    }
}

diesel::table! {
    api_tokens (id) {
        id -> Text,
        label -> Text,
        digest -> Text,
        sealed -> Text,
        created_by -> Text,
        created_at -> Timestamp,
        expires_at -> Nullable<Timestamp>,
        revoked_at -> Nullable<Timestamp>,
        last_used_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    provisioning_events (id) {
        id -> Text,
        at -> Timestamp,
        operation -> Text,
        outcome -> Text,
        status -> Integer,
        user_id -> Nullable<Text>,
        subject -> Nullable<Text>,
        token_id -> Nullable<Text>,
        changes -> Text,
        error -> Nullable<Text>,
        remedy -> Nullable<Text>,
        request_id -> Nullable<Text>,
        actor -> Nullable<Text>,
        group_id -> Nullable<Text>,
        request -> Nullable<Text>,
        cause -> Nullable<Text>,
    }
}

diesel::table! {
    provisioning_troubles (id) {
        id -> Text,
        thing -> Text,
        kind -> Text,
        cause -> Text,
        sentence -> Text,
        error -> Text,
        remedy -> Nullable<Text>,
        subject -> Nullable<Text>,
        attempts -> BigInt,
        first_at -> Timestamp,
        last_at -> Timestamp,
        name_key -> Nullable<Text>,
    }
}

diesel::table! {
    link_requests (id) {
        id -> Text,
        user_id -> Text,
        external_id -> Nullable<Text>,
        attempts -> Integer,
        first_at -> Timestamp,
        last_at -> Timestamp,
    }
}

diesel::table! {
    audit_events (id) {
        id -> Text,
        at -> Timestamp,
        actor_kind -> Text,
        actor_id -> Nullable<Text>,
        actor_name -> Text,
        action -> Text,
        subject_kind -> Text,
        subject_id -> Text,
        subject_name -> Text,
        changes -> Text,
    }
}

diesel::table! {
    imports (id) {
        id -> Text,
        file_name -> Text,
        state -> Text,
        take_away -> Bool,
        remarks -> Text,
        row_count -> Integer,
        fault_count -> Integer,
        counts -> Text,
        seats -> Text,
        created_by -> Text,
        created_at -> Timestamp,
        finished_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    import_rows (import_id, number) {
        import_id -> Text,
        number -> Integer,
        user_name -> Text,
        license -> Text,
        step -> Text,
        license_before -> Nullable<Text>,
        fault -> Nullable<Text>,
        remedy -> Nullable<Text>,
        user_id -> Nullable<Text>,
        license_type_id -> Nullable<Text>,
        site -> Nullable<Text>,
        site_id -> Nullable<Text>,
        remark -> Nullable<Text>,
    }
}

diesel::table! {
    census (id) {
        id -> Text,
        all_users -> BigInt,
        entra_users -> BigInt,
        active_users -> BigInt,
        shuffles -> BigInt,
        holds -> BigInt,
        everyone -> BigInt,
        everyone_active -> BigInt,
        linked -> BigInt,
    }
}

diesel::table! {
    user_groups (id) {
        id -> Text,
        scim_id -> Text,
        name -> Text,
        name_key -> Text,
        external_id -> Nullable<Text>,
        linked -> Bool,
        held_at -> Nullable<Timestamp>,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        version -> Integer,
        deleted_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    group_members (id) {
        id -> Text,
        group_id -> Text,
        user_id -> Nullable<Text>,
        subgroup_id -> Nullable<Text>,
        held -> Bool,
    }
}

diesel::table! {
    guard_people (loss, user_id) {
        loss -> Text,
        user_id -> Text,
        at -> Timestamp,
        outcome -> Text,
        kept_at -> Nullable<Timestamp>,
        came_at -> Timestamp,
    }
}

diesel::table! {
    guard_minutes (loss, minute) {
        loss -> Text,
        minute -> Timestamp,
        people -> BigInt,
        active -> BigInt,
        there_hour -> Nullable<BigInt>,
        there_day -> Nullable<BigInt>,
    }
}

diesel::table! {
    guard_arrivals (loss, minute) {
        loss -> Text,
        minute -> Timestamp,
        people -> BigInt,
    }
}

diesel::table! {
    oauth_clients (id) {
        id -> Text,
        label -> Text,
        identifier -> Text,
        created_by -> Text,
        created_at -> Timestamp,
        removed_at -> Nullable<Timestamp>,
        last_used_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    oauth_client_secrets (id) {
        id -> Text,
        client_id -> Text,
        digest -> Text,
        created_by -> Text,
        created_at -> Timestamp,
        expires_at -> Timestamp,
        revoked_at -> Nullable<Timestamp>,
        last_used_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    oauth_access_tokens (id) {
        id -> Text,
        digest -> Text,
        client_id -> Nullable<Text>,
        secret_id -> Nullable<Text>,
        label -> Text,
        created_at -> Timestamp,
        expires_at -> Timestamp,
        revoked_at -> Nullable<Timestamp>,
        last_used_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    provisioning_hours (hour) {
        hour -> Timestamp,
        requests -> BigInt,
        failures -> BigInt,
    }
}

diesel::table! {
    long_tasks (id) {
        id -> Text,
        kind -> Text,
        subject -> Text,
        what -> Text,
        state -> Text,
        total -> BigInt,
        done -> BigInt,
        left_out -> BigInt,
        position -> Nullable<Text>,
        actor_kind -> Text,
        actor_id -> Nullable<Text>,
        actor_name -> Text,
        actor_role -> Text,
        started_at -> Timestamp,
        updated_at -> Timestamp,
        ended_at -> Nullable<Timestamp>,
        fault -> Nullable<Text>,
    }
}

diesel::table! {
    form_submissions (id) {
        id -> Text,
        outcome -> Text,
        submitted_at -> Timestamp,
    }
}

diesel::joinable!(group_members -> users (user_id));
diesel::joinable!(site_aliases -> sites (site_id));
diesel::joinable!(users -> sites (site_id));
diesel::joinable!(user_emails -> users (user_id));
diesel::joinable!(sessions -> users (user_id));
diesel::joinable!(license_assignments -> users (user_id));
diesel::joinable!(license_assignments -> license_types (license_type_id));
diesel::joinable!(link_requests -> users (user_id));
diesel::joinable!(import_rows -> imports (import_id));
diesel::joinable!(oauth_client_secrets -> oauth_clients (client_id));
diesel::joinable!(oauth_access_tokens -> oauth_clients (client_id));

diesel::allow_tables_to_appear_in_same_query!(
    settings,
    sites,
    site_aliases,
    users,
    user_emails,
    retired_scim_ids,
    retired_group_ids,
    sessions,
    sign_in_failures,
    sign_in_guesses,
    sign_in_devices,
    license_types,
    license_assignments,
    sso_settings,
    sso_waiting,
    idp_certificates,
    idp_certificates_removed,
    pending_sign_ins,
    api_tokens,
    provisioning_events,
    provisioning_troubles,
    link_requests,
    audit_events,
    imports,
    import_rows,
    census,
    user_groups,
    group_members,
    guard_people,
    guard_minutes,
    guard_arrivals,
    provisioning_hours,
    oauth_clients,
    oauth_client_secrets,
    oauth_access_tokens,
    form_submissions,
);
