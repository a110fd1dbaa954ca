DROP TABLE provisioning_hours;
