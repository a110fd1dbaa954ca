DROP TABLE alignment_rows;
DROP TABLE alignments;
