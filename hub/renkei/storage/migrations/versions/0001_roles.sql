-- What the running hub may do: read, add, and change the few columns that are not facts.
DO $$
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO renkei_app', current_schema());
    EXECUTE format('GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA %I TO renkei_app', current_schema());
END $$;
GRANT UPDATE (settings, settles_from, leads, binds_holds, state, failures, open_until, last_error) ON connection TO renkei_app;
GRANT UPDATE, DELETE ON connection_token, poll, changed_object, mirror TO renkei_app;
GRANT UPDATE (disabled_at, label) ON terminal TO renkei_app;
GRANT UPDATE (valid_until) ON terminal_credential TO renkei_app;
GRANT DELETE ON terminal_nonce, member_key TO renkei_app;
GRANT UPDATE (merged_into, version, lots, chain, available, pending, held, debt) ON member TO renkei_app;
GRANT UPDATE (sealed, state) ON member_profile TO renkei_app;
GRANT UPDATE (valid_until, grade) ON identity TO renkei_app;
GRANT UPDATE (sealed_at, merkle_root, signature) ON period TO renkei_app;
GRANT UPDATE (pending, available, held, expired, netted, open) ON lot TO renkei_app;
GRANT UPDATE (used) ON quota TO renkei_app;
GRANT UPDATE (revision, clock, read_at, digest, placed_at, customer_id, member_id, same_connection, same_ref,
              program_id, program_version, facts, document) ON orders TO renkei_app;
GRANT UPDATE (earned, redeemed, lots, used) ON settled TO renkei_app;
GRANT UPDATE (state, reason, tries, due, owner) ON delivery TO renkei_app;
GRANT UPDATE (seq) ON feed_head TO renkei_app;
GRANT UPDATE (closed_at) ON alert TO renkei_app;
