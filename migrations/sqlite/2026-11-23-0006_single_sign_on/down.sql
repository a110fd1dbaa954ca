DROP TABLE idp_certificates;
DROP TABLE sso_settings;
