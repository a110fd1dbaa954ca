DROP INDEX saml_requests_by_browser;
DROP INDEX saml_requests_by_network;
ALTER TABLE saml_requests DROP COLUMN network;
