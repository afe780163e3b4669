"""What a run leaves behind: results.json, a report and a verdict a trial, the table on the screen."""
