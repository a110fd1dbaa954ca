DROP TABLE provisioning_troubles;
