-- Our own tests of the connection are few: without an entry of their own, finding them would look at every request.
CREATE INDEX provisioning_events_of_own_tests ON provisioning_events (id) WHERE actor IS NOT NULL;
