-- Of requests of people who are not signed in only so many may be open: of one network, and altogether. Of others, and
-- once it is answered, a request has no network.
ALTER TABLE saml_requests ADD COLUMN network TEXT NOT NULL DEFAULT '';
CREATE INDEX saml_requests_by_network ON saml_requests (network, created_at);
CREATE INDEX saml_requests_by_browser ON saml_requests (browser);
