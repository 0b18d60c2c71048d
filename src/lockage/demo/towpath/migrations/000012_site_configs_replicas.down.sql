DROP TABLE replicas;
DROP TABLE site_configs;
