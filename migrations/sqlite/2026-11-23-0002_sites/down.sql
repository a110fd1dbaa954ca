DROP TABLE site_aliases;
DROP TABLE sites;
