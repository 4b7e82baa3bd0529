-- The words of a few cases, to look for another word among them alone.
CREATE INDEX case_word_by_row ON case_word (row_number, word);
