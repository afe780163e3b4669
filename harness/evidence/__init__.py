"""What shows a trial or a run to a reader: reports, pages, pictures, tables."""
