DROP TABLE link_requests;
DROP TABLE provisioning_events;
DROP TABLE api_tokens;
