"""Bytes to payments, remittance lines, control checks, diagnostics: nothing lost or guessed.

Only a file that is no bank file is refused (`UnrecognisedFileError`); everything else is read as
far as it goes and what is wrong with it becomes a diagnostic with line, offset, value and remedy.
"""
