DROP TABLE license_assignments;
DROP TABLE license_types;
