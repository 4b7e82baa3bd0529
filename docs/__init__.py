"""What writes the generated pages; the pages stand beside it."""
