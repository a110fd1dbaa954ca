DELETE FROM oldest_programs WHERE migration = '202611260083';
DROP TABLE form_submissions;
